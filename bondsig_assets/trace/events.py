"""From the reports of some deliveries to what they taught: the rows of `trade_events`.

Belongs here: the knowledge of deliveries, appended to what was known before. Not here: the rules
(`fates.py`), reading what came before (`assets/`).

Deliveries are taken in their order, so a range teaches exactly what its single days teach.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import cast

import numpy as np
import polars as pl

from bondsig_assets.calendar import CUTOFF
from bondsig_assets.trace.fates import Fates, decide
from bondsig_assets.trace.options import RESEARCH, Screens
from bondsig_assets.trace.order import order_of_delivery
from bondsig_assets.trace.prices import (
    BELIEVED,
    CONFIRMATION_DAYS,
    MEMORY_DAYS,
    SHIFTED,
    UNJUDGED,
    VERDICTS,
)
from bondsig_assets.trace.reports import POINTING_FEEDS, REGIME_CUT, REPORT_SCHEMA
from bondsig_assets.trace.screens import BOND_TERMS
from bondsig_assets.trace.states import history

#: The screens of the graph: research, and bonds whose terms are known.
GRAPH = replace(RESEARCH, name="graph", unknown_bond=True, convertible=True)
CONFIRMED = "confirmed"
ID = ["delivery_date", "record_number"]
#: What is remembered of a report of an earlier delivery beside the report itself: `price_verdict`
#: and `price_told` on arrival, whether later prints confirmed it, how many rows of `trade_events`
#: it has, and whether its lifecycle may be asked about (false: only its price is).
REMEMBERED: dict[str, pl.DataType] = {
    "price_verdict": pl.String(),
    "price_told": pl.Float64(),
    "is_confirmed": pl.Boolean(),
    "n_told": pl.Int64(),
    "is_touched": pl.Boolean(),
}
#: Columns of `trade_events` that `remembered` reads.
TOLD_COLUMNS = (*ID, "revision", "price_verdict", "price")
PRINT_COLUMNS = (
    *TOLD_COLUMNS,
    "price_as_reported",
    "cusip",
    "execution_date",
    "executed_at",
    "report_date",
    "reported_at",
    "message_number",
    "status",
    "par_usd",
    "known_at",
)
_KEPT = (
    "feed",
    "cusip",
    "execution_date",
    "executed_at",
    "report_date",
    "reported_at",
    "message_number",
    "status",
    "asof_code",
    "par_usd",
    "is_par_capped",
    "yield_pct",
    "side",
    "contra",
    "reporting_party",
    "contra_party",
)
_UNTOUCHED = "untouched"


def touched_by(reports: pl.DataFrame) -> tuple[list[date], list[date]]:
    """Execution dates and report dates on which earlier reports may be meant by `reports`.

    What ends a trade repeats its execution date or names its report date; inter-dealer legs and
    duplicates share the execution date.
    """
    points = (pl.col("report_date") < REGIME_CUT) | pl.col("feed").is_in(POINTING_FEEDS).fill_null(
        False
    )
    plain = (
        (pl.col("status") == "T")
        & pl.col("asof_code").is_null()
        & (pl.col("contra") != "D").fill_null(True)
    )
    # What is delivered long after its report date may complete what a faster feed has told.
    late = (pl.col("execution_date") < pl.col("report_date")) | (
        pl.col("delivery_date") > pl.col("report_date").dt.offset_by("4d")
    )
    asked = reports.filter(~plain | late)
    named = pl.concat(
        [
            asked["prior_report_date"],
            asked["first_control_date"],
            asked.filter(points & (pl.col("status") != "T"))["report_date"],
        ]
    )
    return (
        asked["execution_date"].unique().sort().to_list(),
        named.drop_nulls().unique().sort().to_list(),
    )


def memory_since(start: date) -> date:
    """First day whose prints still matter to what is thought of a price on `start`."""
    return date.fromordinal(start.toordinal() - MEMORY_DAYS)


def may_be_confirmed_since(start: date) -> date:
    """First day whose quarantined prints may still be confirmed on `start`."""
    return date.fromordinal(start.toordinal() - CONFIRMATION_DAYS)


def remembered(touched: pl.DataFrame, told: pl.DataFrame, prints: pl.DataFrame) -> pl.DataFrame:
    """Reports of earlier deliveries as `learn` wants them.

    `touched`: trace_reports that new ones may be about; `told`: all rows of `trade_events` about
    them (TOLD_COLUMNS); `prints`: rows of `trade_events` with a price verdict and revision 0 that
    were known since `memory_since` (PRINT_COLUMNS).
    """
    summary = (
        told.group_by(ID)
        .agg(
            pl.col("price_verdict", "price").filter(pl.col("revision") == 0).first(),
            n_told=pl.len().cast(pl.Int64),
            is_confirmed=(pl.col("price_verdict") == CONFIRMED).any(),
        )
        .rename({"price": "price_told"})
    )
    about = touched.join(summary, on=ID, how="left", maintain_order="left").with_columns(
        is_touched=pl.lit(True)
    )
    others = (
        prints.join(touched, on=ID, how="anti")
        .drop("revision")
        .rename({"price": "price_told"})
        .with_columns(
            price=pl.coalesce("price_as_reported", "price_told"),
            n_told=pl.lit(None, pl.Int64),
            is_confirmed=pl.lit(False),
            is_touched=pl.lit(False),
        )
    )
    return pl.concat([about, others.drop("price_as_reported")], how="diagonal")


def learn(
    reports: pl.DataFrame, earlier: pl.DataFrame, bonds: pl.DataFrame, screens: Screens = GRAPH
) -> pl.DataFrame:
    """The rows of `trade_events` that the deliveries of `reports` taught.

    `reports`: trace_reports of the deliveries at hand; `earlier`: trace_reports of deliveries
    before them that they may be about, with REMEMBERED (`assets/clean.py` reads them); `bonds`:
    terms with `known_at`. Every report gets a row on its arrival (in = trades + rejected, always),
    and every report, earlier ones too, one more whenever a report of these deliveries changed what
    it is.
    """
    both = _with_terms(
        pl.concat([_framed(reports, is_new=True), _framed(earlier, is_new=False)]), bonds
    )
    both = both.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    order = order_of_delivery(both)
    placed = both.select("delivery_date", "price_verdict", "price_told", "is_confirmed", "is_new")[
        order
    ]
    given = _given(placed)
    fates = decide(
        both,
        order,
        screens,
        given=given,
        known_day=placed["delivery_date"].cast(pl.Int32).cast(pl.Int64).to_numpy(),
    )
    shifted = given == SHIFTED
    fates.judgement.price[shifted] = placed["price_told"].to_numpy()[shifted]
    return _told(fates, placed["is_new"].to_numpy())


def _framed(reports: pl.DataFrame, is_new: bool) -> pl.DataFrame:
    """Reports with the columns `decide` needs; remembered ones whose lifecycle nobody asks about
    take no part in it.
    """
    remembered = {
        name: pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in REMEMBERED.items()
        if name not in reports.columns
    }
    frame = reports.with_columns(remembered.values())
    fault = (
        pl.lit(None, dtype=pl.String)
        if is_new
        else pl.when(~pl.col("is_touched")).then(pl.lit(_UNTOUCHED))
    )
    columns = [name for name in REPORT_SCHEMA if name not in ("row", "fault")]
    return frame.select(*ID, "known_at", *columns, *REMEMBERED, fault=fault, is_new=pl.lit(is_new))


def _with_terms(reports: pl.DataFrame, bonds: pl.DataFrame) -> pl.DataFrame:
    """Terms of the bond where they were known at the cutoff of the report's own delivery."""
    terms = bonds.select(
        "cusip",
        *(pl.col(name).cast(dtype) for name, dtype in BOND_TERMS.items()),
        terms_known_at="known_at",
    )
    joined = reports.join(terms, on="cusip", how="left", maintain_order="left")
    known = pl.col("terms_known_at") <= pl.col("delivery_date").dt.combine(CUTOFF)
    return joined.with_columns(pl.when(known).then(pl.col(list(BOND_TERMS)))).drop("terms_known_at")


def _given(placed: pl.DataFrame) -> np.ndarray:
    """Verdicts of earlier reports; what was confirmed so long ago that its confirmation is not here
    is believed.
    """
    codes = {name: code for code, name in enumerate(VERDICTS)}
    oldest_new = cast("date | None", placed.filter("is_new")["delivery_date"].min())
    verdict = pl.col("price_verdict").replace_strict(codes, default=UNJUDGED, return_dtype=pl.Int8)
    if oldest_new is None:
        return placed.select(verdict).to_series().to_numpy().copy()
    forgotten = pl.col("is_confirmed").fill_null(False) & (
        pl.col("delivery_date") < memory_since(oldest_new)
    )
    return (
        placed.select(
            pl.when(forgotten & ~pl.col("is_new"))
            .then(pl.lit(BELIEVED, dtype=pl.Int8))
            .otherwise(verdict)
        )
        .to_series()
        .to_numpy()
        .copy()
    )


def _told(fates: Fates, is_new: np.ndarray) -> pl.DataFrame:
    """Rows of `trade_events` for the states that new reports brought about."""
    states = history(fates)
    frame = pl.DataFrame(
        {name: getattr(states, name) for name in ("row", "at", "code", "cause", "price", "verdict")}
    )
    frame = frame.filter(pl.Series(is_new[frame["at"].to_numpy()])).sort("row", "at")
    told_before = (
        fates.reports["n_told"].fill_null(0).gather(pl.Series(fates.order[frame["row"].to_numpy()]))
    )
    frame = frame.with_columns(revision=pl.int_range(pl.len()).over("row") + told_before)
    row, at, cause = (frame[name].to_numpy() for name in ("row", "at", "cause"))
    ids = fates.reports.select(*ID)
    told = fates.reports.select(*ID, *_KEPT)[fates.order[row]]
    taught = fates.reports.select("delivery_date", "known_at")[fates.order[at]]
    no_cause = pl.Series(cause < 0)
    named = ids[fates.order[np.maximum(cause, 0)]]
    verdicts = pl.Series([CONFIRMED, None, *VERDICTS], dtype=pl.String)
    reasons = pl.Series([None, *fates.names[1:]], dtype=pl.String)
    raw = pl.Series(fates.price[row])
    return told.with_columns(
        frame["revision"],
        taught["delivery_date"].alias("known_date"),
        taught["known_at"],
        frame["price"],
        pl.when(frame["price"] != raw).then(raw).alias("price_as_reported"),
        reasons.gather(frame["code"].cast(pl.UInt32)).alias("reason"),
        verdicts.gather((frame["verdict"] + 2).cast(pl.UInt32)).alias("price_verdict"),
        *(pl.when(~no_cause).then(named[name]).alias(f"cause_{name}") for name in ID),
        pl.col("is_par_capped").fill_null(False),
    ).sort("known_date", *ID, "revision")
