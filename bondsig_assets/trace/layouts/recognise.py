"""Which layout a header is.

Belongs here: choosing a layout by the names in the header, and saying what is missing when none
fits. Not here: the names (`declared.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from bondsig_assets.errors import LayoutError
from bondsig_assets.trace.layouts.declared import LAYOUTS, VARIANTS, WORDS, Layout, fold

AUTO = "auto"


def variant_of(header: Sequence[str], layout: str = AUTO) -> Layout:
    """The layout of `header`: of the one named, the set of columns that fits best, or whichever can
    be known (`auto`).

    Raises LayoutError when a required column is missing, when two layouts could be meant or none
    is.
    """
    folded = {fold(name) for name in header}
    if layout == AUTO:
        return _recognised(folded)
    if "," in layout:
        return _one_of(header, [name.strip() for name in layout.split(",") if name.strip()])
    if layout not in LAYOUTS:
        raise LayoutError(f"no layout is called {layout}: take {', '.join(LAYOUTS)} or {AUTO}")
    fits = _nearest(folded, [variant for variant in VARIANTS if variant.name == layout])
    if _missing(folded, fits):
        raise LayoutError(
            f"read as {layout} it lacks {_described(folded, fits)}: deliver it with them, or name"
            " another layout"
        )
    return fits


def _one_of(header: Sequence[str], layouts: list[str]) -> Layout:
    """The one of several layouts that fits: for files of different layouts in one call."""
    fits, complaints = [], []
    for name in layouts:
        try:
            found = variant_of(header, name)
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


def _recognised(folded: set[str]) -> Layout:
    found = [
        variant
        for variant in VARIANTS
        if folded.intersection(variant.marks)
        and not folded.intersection(variant.strange)
        and not _missing(folded, variant)
    ]
    if not found:
        nearest = _nearest(folded, VARIANTS)
        lacks = (
            f"lacks {_described(folded, nearest)}"
            if _missing(folded, nearest)
            else "has other columns"
        )
        raise LayoutError(
            f"its columns are those of no layout; the nearest is {nearest.name}, for which it"
            f" {lacks}: deliver it with its own header"
        )
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
    return [
        column for column in variant.required if not folded.intersection(variant.columns[column])
    ]


def _described(folded: set[str], variant: Layout) -> str:
    words = [
        f"{WORDS[column]} ({variant.columns[column][0]})" for column in _missing(folded, variant)
    ]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
