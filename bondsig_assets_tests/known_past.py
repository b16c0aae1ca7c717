"""Nothing shown for a day may rest on what was known later: what was known, and comparing two
pasts.

Belongs here: what of each table was known on a day (`known_by`), comparing two histories bit for
bit (`assert_same_past`). Not here: histories with another future (`other_futures.py`), tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.calendar import cutoff, offset
from bondsig_assets.securities.rectangles import SIDES, cells, edges, merged, sides
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.schema import Table

#: The day between a score and the first close at which anybody can act on it. Said here once more:
#: the harness asks, and does not believe.
SKIP_DAYS = 1

_TRUTH = (
    "truth of the simulated market, which nobody knew: the fate of a report is known when it comes."
    " Nothing in the graph reads it"
)
_JUDGEMENT = (
    "a judgement over all days there are, newer ones included; nothing that is shown for a day"
    " reads it"
)
_HINDSIGHT = "hindsight on purpose, made on asking alone; nothing reads it"
_OPERATIONS = "who runs the platform and how, of no day of the market; no feature or score reads it"
#: Tables whose rows were known on no day: name → why nothing is asked of them. Every other table
#: has to hold still.
EXEMPT: dict[str, str] = {
    "ex_post_trades": _HINDSIGHT,
    "ex_post_bond_days": _HINDSIGHT,
    "evaluations": _JUDGEMENT,
    "probability_evaluations": _JUDGEMENT,
    "probability_tails": _JUDGEMENT,
    "news_events": _JUDGEMENT,
    "reliability_bins": _JUDGEMENT,
    "thresholds": _JUDGEMENT,
    "performance": _JUDGEMENT,
    "pnl_slices": _JUDGEMENT,
    "overfitting": _JUDGEMENT + ". Its trials come from MLflow",
    "report_truths": _TRUTH,
    "planted_news": _TRUTH,
    "news_landings": _TRUTH,
    "macro_exposures": _TRUTH,
    "bond_mids": _TRUTH,
    "settings": _OPERATIONS,
    "audit": _OPERATIONS,
}
#: Tables without a knowledge time whose rows are known from a day on all the same.
_KNOWN_ON: dict[str, Callable[[date], pl.Expr]] = {
    "quarantined_rows": lambda cut: pl.col("partition_date") <= cut,
    # A month is covered once its last day is over. What is linked stands; why the rest is not is
    # told with hindsight: the reason 'not_yet_known' looks ahead (`securities/coverage.py` says
    # so), and a bond that becomes known later is counted with it.
    "security_coverage": lambda cut: (
        (pl.col("month_end_date") <= cut) & (pl.col("reason") == "linked")
    ),
    "feature_coverage": lambda cut: pl.col("trade_date") <= cut,
    # An IC is known when the labels of its day are.
    "information_coefficients": lambda cut: (
        pl.col("trade_date")
        <= pl.col("horizon_days").replace_strict(
            {h: offset(cut, -h - SKIP_DAYS) for h in (1, 5, 10, 21)}
        )
    ),
}
#: Ends that only a later row tells: until that is known they are still open.
_ENDS: dict[str, Callable[[date], dict[str, pl.Expr]]] = {
    # A champion's last day is the day on whose cutoff its successor is named.
    "champions": lambda cut: {"valid_to_date": pl.col("valid_to_date") <= cut},
}
#: Columns that later rows move: numbers of rows, for one that comes later may stand in between, and
#: shares of a sum with what was not known.
_MOVED = {
    "link_conflicts": ["conflict_number"],
    "security_coverage": ["bonds_pct", "outstanding_pct", "trades_pct", "traded_pct"],
}


def unhandled() -> list[str]:
    """Declared tables of which nobody said what of them is known on a day."""
    return [
        name
        for name, table in TABLES.items()
        if not table.known_time and name not in _KNOWN_ON and name not in EXEMPT
    ]


def known_by(tables: Mapping[str, pl.DataFrame], cut: date) -> dict[str, pl.DataFrame]:
    """The rows of each table that were known at the cutoff of `cut`, as they looked then; without
    the tables in EXEMPT.

    What was withdrawn or closed later still stands. Links are rectangles of validity and knowledge,
    which later knowledge may cut into more pieces: they are put together again, so that what says
    the same looks the same.
    """
    return {
        name: _known(TABLES[name], frame, cut)
        for name, frame in tables.items()
        if name not in EXEMPT
    }


def _known(table: Table, frame: pl.DataFrame, cut: date) -> pl.DataFrame:
    if table.known_time:
        known = frame.filter(pl.col(table.known_time) <= cutoff(cut))
    elif table.name in _KNOWN_ON:
        known = frame.filter(_KNOWN_ON[table.name](cut))
    else:
        raise AssertionError(
            f"nobody said what of table {table.name} is known on a day: give it a known_time, or a"
            " line in known_past.py"
        )
    known = known.drop(_MOVED.get(table.name, []))
    if "known_until" in known.columns:
        known = known.with_columns(
            pl.when(pl.col("known_until") <= cutoff(cut)).then("known_until")
        )
        known = _whole(known) if set(SIDES) <= set(known.columns) else known
    for column, is_known in _ENDS.get(table.name, lambda _: {})(cut).items():
        known = known.with_columns(pl.when(is_known).then(column).alias(column))
    return known


def _whole(rows: pl.DataFrame) -> pl.DataFrame:
    """Rectangles that say the same, put together as far as they touch, in an order of their own."""
    said = [name for name in rows.columns if name not in SIDES]
    if rows.is_empty():
        return rows
    numbered = rows.with_columns(
        pl.struct(said).hash().rank("dense").cast(pl.Int64).alias("_key"), *edges()
    )
    pieces = cells(numbered.select("_key", "v0", "v1", "k0", "k1"), "_key").unique(
        ["_key", "v0", "v1", "k0", "k1"]
    )
    together = merged(pieces, "_key").with_columns(*sides()).select("_key", *SIDES)
    return (
        numbered.select("_key", *said)
        .unique("_key")
        .join(together, on="_key")
        .select(rows.columns)
        .sort(rows.columns, nulls_last=True)
    )


def assert_same_past(
    one: Mapping[str, pl.DataFrame], other: Mapping[str, pl.DataFrame], cut: date
) -> None:
    """What was known at the cutoff of `cut` is bit for bit the same in two histories; tables and
    columns are named that differ.
    """
    assert one.keys() == other.keys()
    mine, theirs = known_by(one, cut), known_by(other, cut)
    told = [
        difference for name in mine if (difference := _difference(name, mine[name], theirs[name]))
    ]
    assert not told, f"what was known on {cut} is not what it was: " + "; ".join(told)


def _difference(name: str, one: pl.DataFrame, other: pl.DataFrame) -> str:
    if one.height != other.height:
        return f"{name} has {one.height} and {other.height} rows"
    columns = [column for column in one.columns if not _same_bits(one[column], other[column])]
    if not columns:
        return ""
    rows = np.flatnonzero(
        ~np.logical_and.reduce(
            [one[column].eq_missing(other[column]).to_numpy() for column in columns]
        )
    )
    where = (
        {key: one[key][int(rows[0])] for key in TABLES[name].key if key in one.columns}
        if rows.size
        else "signs of zeros"
    )
    return (
        f"{name} differs in {', '.join(columns[:8])} of {rows.size} of {one.height} rows, first"
        f" {where}"
    )


def _same_bits(one: pl.Series, other: pl.Series) -> bool:
    """Equal as bytes: a zero of the other sign is not the same."""
    if not one.equals(other, null_equal=True):
        return False
    one, other = (
        part.explode() if isinstance(part.dtype, pl.List) else part for part in (one, other)
    )
    return (
        not one.dtype.is_float()
        or one.fill_null(0.0).to_numpy().tobytes() == other.fill_null(0.0).to_numpy().tobytes()
    )
