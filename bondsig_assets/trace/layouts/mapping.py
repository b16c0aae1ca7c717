"""Columns of a user's own choice: what stands where in a file whose header is no layout's.

Belongs here: laying a mapping over the declared layouts, and the layout of files that are none of
them. Not here: how a user writes a mapping (`commands/report_columns.py`), the layouts
(`declared.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bondsig_assets.errors import LayoutError
from bondsig_assets.trace.layouts.declared import VARIANTS, Layout, Names, fold

#: Moments that one column or two hold → canonical columns of their date and time.
MOMENTS = {
    "executed_at": ("execution_date", "execution_time"),
    "reported_at": ("report_date", "report_time"),
}


@dataclass(frozen=True)
class Mapped:
    """Where one canonical column is: `column` of the file, or `value`, the same in every row.
    `letters`: value in the file → ours; `factor`: to our unit.
    """

    column: str = ""
    value: str = ""
    letters: dict[str, str] = field(default_factory=dict)
    factor: float = 1.0


#: Canonical column → where it is.
Mapping = dict[str, Mapped]


def canonical_names() -> list[str]:
    """What may be mapped: the columns of the layouts, and the two moments."""
    return [*dict.fromkeys(name for variant in VARIANTS for name in variant.columns), *MOMENTS]


def laid_over(layout: Layout, mapping: Mapping) -> Layout:
    """`layout` with the columns of `mapping` in place of its own."""
    columns, constants = dict(layout.columns), dict(layout.constants)
    for canonical, of in mapping.items():
        name = of.column or f"value of {canonical}"
        columns[canonical] = (fold(name),)
        if not of.column:
            constants[name] = of.value
    return replace(
        layout,
        columns=columns,
        constants=constants,
        letters={**layout.letters, **{c: of.letters for c, of in mapping.items() if of.letters}},
        factors={**layout.factors, **{c: of.factor for c, of in mapping.items()}},
    )


def own_layout(mapping: Mapping, header: set[str]) -> Layout:
    """The layout of a file that is none of the declared ones: every name that a column goes by
    anywhere, and those of `mapping`. Raises LayoutError where a mapped column is not in the
    (folded) header.
    """
    for canonical, of in mapping.items():
        if of.column and fold(of.column) not in header:
            raise LayoutError(
                f"has no column '{of.column}', which is to hold {canonical}; its columns are"
                f" {', '.join(sorted(header)[:12])}"
            )
    names: Names = {}
    for variant in VARIANTS:
        # A dealer's hash stands where others have the kind of the contra party.
        if variant.feed != "academic":
            for canonical, known in variant.columns.items():
                names[canonical] = tuple(dict.fromkeys((*names.get(canonical, ()), *known)))
    names = {canonical: (canonical, *known) for canonical, known in names.items()}
    layout = Layout(
        "own columns",
        "own",
        names,
        ("execution_date", "price", "par_usd"),
        (),
        statuses={"TRADE": "T", "CANCEL": "X", "CORRECTION": "R"},
        nulls=("_", "-"),
    )
    layout = laid_over(layout, mapping)

    def held(canonical: str) -> bool:
        known = {*header, *map(fold, layout.constants)}
        return bool(known.intersection(layout.columns.get(canonical, ())))

    return replace(
        layout,
        has_report_time=held("report_date") and held("report_time"),
        has_message_number=held("message_number"),
    )
