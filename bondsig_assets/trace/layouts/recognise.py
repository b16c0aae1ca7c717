"""Which layout a header is.

Belongs here: choosing a layout by the names in the header, and saying what is missing when none
fits. Not here: the names (`declared.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

import polars as pl

from bondsig_assets.errors import LayoutError
from bondsig_assets.securities.cusips import is_valid_cusip
from bondsig_assets.trace.layouts.declared import (
    LAYOUTS,
    NAMED_PRODUCTS,
    VARIANTS,
    WORDS,
    Layout,
    fold,
)
from bondsig_assets.trace.layouts.mapping import Mapped, Mapping, laid_over, own_layout

AUTO = "auto"


def variant_of(
    header: Sequence[str], layout: str = AUTO, label: str = "", mapping: Mapping | None = None
) -> Layout:
    """The layout of `header`: of the one named, the set of columns that fits best, or whichever can
    be known (`auto`).

    `label`: the file's name, which may say which of two layouts that look alike is meant, or of
    which bond a file without CUSIPs is; `mapping`: columns of a user's own choice, in place of a
    layout's and for what no layout is. Raises LayoutError when a required column is missing, when
    two layouts could be meant or none is.
    """
    folded = {fold(name) for name in header}
    if mapping:
        try:
            return _variant_of(header, folded, layout, label, mapping)
        except LayoutError:
            if layout != AUTO:
                raise
        own = own_layout(mapping, folded)
        missing = _missing(folded, own)
        if not missing and not _has_bond(folded, own):
            own = _with_bond_of_name(own, label, "a CUSIP (--map cusip=…)")
        if missing:
            raise LayoutError(
                f"lacks {' and '.join(WORDS[name] for name in missing)}: say where it is with"
                f" --map {missing[0]}=COLUMN"
            )
        return own
    return _variant_of(header, folded, layout, label, {})


def _variant_of(
    header: Sequence[str], folded: set[str], layout: str, label: str, mapping: Mapping
) -> Layout:
    found = _declared(header, folded, layout, label, mapping)
    if _has_bond(folded, found):
        return found
    return _with_bond_of_name(found, label, f"a CUSIP ({found.columns['cusip'][0]})")


def _has_bond(folded: set[str], layout: Layout) -> bool:
    """Whether a column, or the user, says which bond a report is of."""
    known = {*folded, *map(fold, layout.constants)}
    return any(known.intersection(layout.columns.get(c, ())) for c in ("cusip", "bond_symbol"))


def _with_bond_of_name(layout: Layout, label: str, what: str) -> Layout:
    """`layout` with the CUSIP in the name of the file, of a bond's own trade history."""
    words = re.split(r"[^0-9A-Za-z]+", PurePath(label).stem.upper())
    found = [word for word in words if re.fullmatch(r"[0-9A-Z]{9}", word)]
    valid = [word for word in found if is_valid_cusip(pl.Series([word]))[0]]
    if len(set(valid)) != 1:
        raise LayoutError(
            f"read as {layout.name} it lacks {what}: say of which bond it is with"
            " --map cusip=value:CUSIP, or name the file by it"
        )
    return laid_over(layout, {"cusip": Mapped(value=valid[0])})


def _declared(
    header: Sequence[str], folded: set[str], layout: str, label: str, mapping: Mapping
) -> Layout:
    variants = [laid_over(variant, mapping) for variant in VARIANTS] if mapping else VARIANTS
    if layout == AUTO:
        return _recognised(folded, label, variants)
    if "," in layout:
        names = [name.strip() for name in layout.split(",") if name.strip()]
        return _one_of(header, folded, names, label, mapping)
    if layout not in LAYOUTS:
        raise LayoutError(f"no layout is called {layout}: take {', '.join(LAYOUTS)} or {AUTO}")
    fits = _nearest(folded, [variant for variant in variants if variant.name == layout])
    if _missing(folded, fits):
        raise LayoutError(
            f"read as {layout} it lacks {_described(folded, fits)}: deliver it with them, say where"
            " they are with --map, or name another layout"
        )
    return fits


def _one_of(
    header: Sequence[str], folded: set[str], layouts: list[str], label: str, mapping: Mapping
) -> Layout:
    """The one of several layouts that fits: for files of different layouts in one call."""
    fits, complaints = [], []
    for name in layouts:
        try:
            found = _declared(header, folded, name, label, mapping)
        except LayoutError as error:
            complaints.append(str(error))
            continue
        if {fold(column) for column in header}.intersection(found.marks):
            fits.append(found)
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise LayoutError(
            f"its columns are those of {' and of '.join(fit.name for fit in fits)} alike: name one"
            " of them only"
        )
    raise LayoutError(
        complaints[0] if complaints else f"its columns are those of none of {', '.join(layouts)}"
    )


def _recognised(folded: set[str], label: str, variants: Sequence[Layout]) -> Layout:
    found = [
        variant
        for variant in variants
        if folded.intersection(variant.marks)
        and not folded.intersection(variant.strange)
        and not _missing(folded, variant)
    ]
    if not found:
        nearest = _nearest(folded, variants)
        lacks = (
            f"lacks {_described(folded, nearest)}"
            if _missing(folded, nearest)
            else "has other columns"
        )
        raise LayoutError(
            f"its columns are those of no layout; the nearest is {nearest.name}, for which it"
            f" {lacks}: deliver it with its own header, or say with --map which column is which"
        )
    meant = next((name for part, name in NAMED_PRODUCTS.items() if part in label.lower()), "")
    found = [variant for variant in found if variant.name == meant] or found
    names = list(dict.fromkeys(variant.name for variant in found))
    if len(names) > 1:
        raise LayoutError(
            f"its columns are those of {' and of '.join(names)} alike: say which with"
            f" {' or '.join(f'--layout {name}' for name in names)}"
        )
    return _nearest(folded, found)


def _nearest(folded: set[str], variants: Sequence[Layout]) -> Layout:
    """The variant with the most of its names there; the fewest required missing among equals."""
    return max(
        variants,
        key=lambda variant: (len(folded & _names(variant)), -len(_missing(folded, variant))),
    )


def _names(variant: Layout) -> set[str]:
    return {name for names in variant.columns.values() for name in names}.union(
        variant.others, variant.marks
    )


def _missing(folded: set[str], variant: Layout) -> list[str]:
    known = {*folded, *map(fold, variant.constants)}
    return [
        column
        for column in variant.required
        if not known.intersection(variant.columns[column])
        # The name of the file may say it, where the file is of one bond.
        and not (column == "cusip" and variant.feed == "web")
    ]


def _described(folded: set[str], variant: Layout) -> str:
    words = [
        f"{WORDS[column]} ({variant.columns[column][0]})" for column in _missing(folded, variant)
    ]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
