"""From the reports of some deliveries to the rows of `trade_events` that follow from them.

Belongs here: the event log: every state of a report and when it became known, appended to the state
before. Not here: the rules (`outcomes.py`), reading what came before (`reading/reports.py`).

Deliveries are taken in their order, so a range gives exactly the events of its single days.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import cast

import numpy as np
import polars as pl

from bondsig_assets.calendar import CUTOFF
from bondsig_assets.trace.options import RESEARCH, Screens
from bondsig_assets.trace.order import order_of_delivery
from bondsig_assets.trace.outcomes import Outcomes, decide
from bondsig_assets.trace.prices import (
    BELIEVED,
    CONFIRMATION_DAYS,
    LOOK_BACK_DAYS,
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
#: State of a report of an earlier delivery, beside the report itself: `price_verdict` and price on
#: arrival, whether later prints confirmed it, how many rows of `trade_events` it has, and whether
#: its lifecycle may be asked about (false: only its price is).
PRIOR_STATE: dict[str, pl.DataType] = {
    "price_verdict": pl.String(),
    "price_on_arrival": pl.Float64(),
    "is_confirmed": pl.Boolean(),
    "n_events": pl.Int64(),
    "is_touched": pl.Boolean(),
}
#: Columns of `trade_events` that `prior_reports` reads.
PRIOR_EVENT_COLUMNS = (*ID, "revision", "price_verdict", "price")
PRINT_COLUMNS = (
    *PRIOR_EVENT_COLUMNS,
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
    "settlement_date",
    "reporting_party",
    "contra_party",
)
_UNTOUCHED = "untouched"


def touched_by(reports: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bonds with the execution dates (`cusip`, `execution_date`), and bonds with the report dates
    (`cusip`, `report_date`), on which earlier reports may be meant by `reports`.

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
    # What is delivered long after its report date may complete what a faster feed reported.
    late = (pl.col("execution_date") < pl.col("report_date")) | (
        pl.col("delivery_date") > pl.col("report_date").dt.offset_by("4d")
    )
    asked = reports.filter(~plain | late)
    ends = asked.filter(points & (pl.col("status") != "T"))
    named = pl.concat(
        [
            asked.select("cusip", report_date="prior_report_date"),
            asked.select("cusip", report_date="first_control_date"),
            ends.select("cusip", "report_date"),
        ]
    )
    return (
        asked.select("cusip", "execution_date").unique(),
        named.drop_nulls().unique(),
    )


def look_back_start(start: date) -> date:
    """First day whose prints still matter to what is thought of a price on `start`."""
    return date.fromordinal(start.toordinal() - LOOK_BACK_DAYS)


def may_be_confirmed_since(start: date) -> date:
    """First day whose quarantined prints may still be confirmed on `start`."""
    return date.fromordinal(start.toordinal() - CONFIRMATION_DAYS)


def prior_reports(
    touched: pl.DataFrame, events: pl.DataFrame, prints: pl.DataFrame
) -> pl.DataFrame:
    """Reports of earlier deliveries as `events_of_deliveries` wants them.

    `touched`: trace_reports that new ones may be about; `events`: all rows of `trade_events` about
    them (PRIOR_EVENT_COLUMNS); `prints`: rows of `trade_events` with a price verdict and revision 0
    that were known since `look_back_start` (PRINT_COLUMNS).
    """
    summary = (
        events.group_by(ID)
        .agg(
            pl.col("price_verdict", "price").filter(pl.col("revision") == 0).first(),
            n_events=pl.len().cast(pl.Int64),
            is_confirmed=(pl.col("price_verdict") == CONFIRMED).any(),
        )
        .rename({"price": "price_on_arrival"})
    )
    about = touched.join(summary, on=ID, how="left", maintain_order="left").with_columns(
        is_touched=pl.lit(True)
    )
    others = (
        prints.join(touched, on=ID, how="anti")
        .drop("revision")
        .rename({"price": "price_on_arrival"})
        .with_columns(
            price=pl.coalesce("price_as_reported", "price_on_arrival"),
            n_events=pl.lit(None, pl.Int64),
            is_confirmed=pl.lit(False),
            is_touched=pl.lit(False),
        )
    )
    return pl.concat([about, others.drop("price_as_reported")], how="diagonal")


def events_of_deliveries(
    reports: pl.DataFrame, earlier: pl.DataFrame, bonds: pl.DataFrame, screens: Screens = GRAPH
) -> pl.DataFrame:
    """The rows of `trade_events` that follow from the deliveries of `reports`.

    `reports`: trace_reports of the deliveries at hand; `earlier`: trace_reports of deliveries
    before them that they may be about, with PRIOR_STATE (`reading/reports.py` reads them); `bonds`:
    terms with `known_at`. Every report gets a row on its arrival (in = trades + rejected, always),
    and every report, earlier ones too, one more whenever a report of these deliveries changed what
    it is.
    """
    both = _with_terms(
        pl.concat([_framed(reports, is_new=True), _framed(earlier, is_new=False)]), bonds
    )
    both = both.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    order = order_of_delivery(both)
    placed = both.select(
        "delivery_date", "price_verdict", "price_on_arrival", "is_confirmed", "is_new"
    )[order]
    given = _given(placed)
    outcomes = decide(
        both,
        order,
        screens,
        given=given,
        known_day=placed["delivery_date"].cast(pl.Int32).cast(pl.Int64).to_numpy(),
    )
    shifted = given == SHIFTED
    outcomes.judgement.price[shifted] = placed["price_on_arrival"].to_numpy()[shifted]
    return _event_rows(outcomes, placed["is_new"].to_numpy())


def _framed(reports: pl.DataFrame, is_new: bool) -> pl.DataFrame:
    """Reports with the columns `decide` needs; earlier ones whose lifecycle nobody asks about take
    no part in it.
    """
    unknown = {
        name: pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in PRIOR_STATE.items()
        if name not in reports.columns
    }
    frame = reports.with_columns(unknown.values())
    fault = (
        pl.lit(None, dtype=pl.String)
        if is_new
        else pl.when(~pl.col("is_touched")).then(pl.lit(_UNTOUCHED))
    )
    columns = [name for name in REPORT_SCHEMA if name not in ("row", "fault")]
    return frame.select(*ID, "known_at", *columns, *PRIOR_STATE, fault=fault, is_new=pl.lit(is_new))


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
    is_beyond_look_back = pl.col("is_confirmed").fill_null(False) & (
        pl.col("delivery_date") < look_back_start(oldest_new)
    )
    return (
        placed.select(
            pl.when(is_beyond_look_back & ~pl.col("is_new"))
            .then(pl.lit(BELIEVED, dtype=pl.Int8))
            .otherwise(verdict)
        )
        .to_series()
        .to_numpy()
        .copy()
    )


def _event_rows(outcomes: Outcomes, is_new: np.ndarray) -> pl.DataFrame:
    """Rows of `trade_events` for the states that new reports brought about."""
    states = history(outcomes)
    brought_about = is_new[states.at]
    frame = pl.DataFrame(
        {
            name: getattr(states, name)[brought_about]
            for name in ("position", "at", "code", "cause", "price", "verdict")
        }
    ).sort("position", "at")
    position, at, cause = (frame[name].to_numpy() for name in ("position", "at", "cause"))
    reports, order = outcomes.reports, outcomes.order
    events_before = reports["n_events"].fill_null(0).gather(pl.Series(order[position]))
    arrival = reports.select("delivery_date", "known_at")[order[at]]
    causes = reports.select(*ID)[order[np.maximum(cause, 0)]]
    has_cause = pl.Series(cause >= 0)
    verdicts = pl.Series([CONFIRMED, None, *VERDICTS], dtype=pl.String)
    reasons = pl.Series([None, *outcomes.names[1:]], dtype=pl.String)
    as_reported = pl.Series(outcomes.price[position])
    revision = frame.select(pl.int_range(pl.len()).over("position") + events_before).to_series()
    arrived: pl.DataFrame = reports.select(*ID, *_KEPT)[order[position]]
    return arrived.with_columns(
        revision.alias("revision"),
        arrival["delivery_date"].alias("known_date"),
        arrival["known_at"],
        frame["price"],
        pl.when(frame["price"] != as_reported).then(as_reported).alias("price_as_reported"),
        reasons.gather(frame["code"].cast(pl.UInt32)).alias("reason"),
        verdicts.gather((frame["verdict"] + 2).cast(pl.UInt32)).alias("price_verdict"),
        *(pl.when(has_cause).then(causes[name]).alias(f"cause_{name}") for name in ID),
        pl.col("is_par_capped").fill_null(False),
    ).sort("known_date", *ID, "revision")
