"""From reports to trades, rejected reports and bond days: `clean`.

Belongs here: the one call that puts the steps together for somebody's own reports, and what it
returns. Not here: the steps (`outcomes.py` and what it calls), files (`layouts/`), more rows than
fit into memory (`partitions.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl

from bondsig_assets.errors import ReportsError
from bondsig_assets.trace.bond_days import aggregate, reported_settlement
from bondsig_assets.trace.options import Screens, screens_named
from bondsig_assets.trace.order import Positions, order_of_knowledge, with_known_at
from bondsig_assets.trace.outcomes import FAULT, TRADE, Outcomes, decide
from bondsig_assets.trace.reports import REQUIRED, as_reports
from bondsig_assets.trace.screens import is_portfolio_trade
from bondsig_assets.trace.states import States, known_until, now
from bondsig_assets.trace.view import View, as_seen

#: Columns of a trade and of a rejected report, beside what is derived here.
_KEPT = (
    "row",
    "feed",
    "cusip",
    "bond_symbol",
    "execution_date",
    "executed_at",
    "report_date",
    "reported_at",
    "message_number",
    "status",
    "asof_code",
    "price",
    "par_usd",
    "is_par_capped",
    "yield_pct",
    "side",
    "contra",
    "reporting_party",
    "contra_party",
    "settlement_date",
    "commission_code",
    "is_ats",
    "trade_modifier_3",
    "trade_modifier_4",
    "buyer_capacity",
    "seller_capacity",
    "known_at",
)
NO_TIMES = (
    "as of a moment needs report times, and these reports have none: leave --as-of out, or use a"
    " layout with the times of report"
)


@dataclass(frozen=True)
class CleanResult:
    """What became of the reports: in = trades + rejected, always.

    - `trades`: a row a report that stands, by issuer and in order of knowledge: what was reported
      (`price` in % of par, `par_usd`, moments of New York, `is_ats`, the modifiers), `row`, its
      position in what was given, `is_portfolio_trade`, and `price_as_reported` where a price was
      put right.
    - `rejected`: every other report, a row each, with `reason`; `cause_row`, `cause_report_date`
      and `cause_message_number` name the report that caused it. `known_until` is when it was known
      to be no trade, if it had been one.
    - `bond_days`: a row a bond and execution date (`trade_date`) with a trade: prices in % of par,
      volumes in US dollars, counts.
    - `waterfall`: `step, reports, share`: from reports in, reason by reason, to trades that stand;
      shares of the reports in, 0 to 1.

    Examples:
        >>> from datetime import date
        >>> import polars as pl
        >>> from bondsig_assets import clean
        >>> result = clean(
        ...     pl.DataFrame(
        ...         {
        ...             "cusip": ["037833AK6", "037833AK6"],
        ...             "execution_date": [date(2024, 3, 5), date(2024, 3, 5)],
        ...             "report_date": [date(2024, 3, 5), date(2024, 3, 5)],
        ...             "status": ["T", "T"],
        ...             "message_number": ["0000001", "0000002"],
        ...             "price": [98.5, 98.6],
        ...             "par_usd": [250_000.0, 5_000.0],
        ...         }
        ...     )
        ... )
        >>> result.waterfall.select("step", "reports").rows()
        [('reports in', 2), ('rejected: small_par', -1), ('trades that stand', 1)]
        >>> result.bond_days.select("cusip", "n_trades", "price", "par_usd").rows()
        [('037833AK6', 1, 98.5, 250000.0)]
    """

    trades: pl.DataFrame
    rejected: pl.DataFrame
    bond_days: pl.DataFrame
    waterfall: pl.DataFrame


def clean(
    reports: pl.DataFrame | pl.LazyFrame,
    bonds: pl.DataFrame | None = None,
    as_of: datetime | None = None,
    screens: str | Path | Screens = "research",
    view: View = "regulatory",
) -> CleanResult:
    """Clean TRACE reports: message lifecycle, double counting, screens, price errors, bond days.

    - `reports`: a row a report, in any order, with columns as in `trace.reports.REPORT_SCHEMA`: at
      least `cusip, execution_date, report_date, status, message_number, price` (% of par) and
      `par_usd`. Or the columns of a layout of `trace.layouts` (a frame from WRDS, say);
      `scan_reports` reads files. Moments are New York wall clock, without a zone.
    - `bonds`: a row a bond, `cusip` and any of `maturity_date, offering_date, offering_amount_usd,
      is_convertible, is_high_yield`; screens on terms that are not given do nothing.
    - `as_of`: only what was reported by that moment counts; None counts everything.
    - `screens`: a preset of `trace.options.PRESETS`, a TOML file, or Screens.
    - `view`: `regulatory` is everything, `live` what was disseminated.

    Raises ReportsError when the reports cannot be cleaned as they are: a column missing or of
    another type, a `row` twice, no times of report for `as_of`, an unknown preset or view.

    Examples:
        Two trades, and the message that cancels the first of them nine minutes past ten:

        >>> from datetime import date, datetime
        >>> import polars as pl
        >>> from bondsig_assets import clean
        >>> reports = pl.DataFrame(
        ...     {
        ...         "cusip": ["037833AK6"] * 3,
        ...         "execution_date": [date(2024, 3, 5)] * 3,
        ...         "executed_at": [datetime(2024, 3, 5, 10, 0)] * 3,
        ...         "report_date": [date(2024, 3, 5)] * 3,
        ...         "reported_at": [datetime(2024, 3, 5, 10, minute) for minute in (1, 2, 9)],
        ...         "message_number": ["0000001", "0000002", "0000001"],
        ...         "status": ["T", "T", "X"],
        ...         "price": [98.5, 99.0, 98.5],
        ...         "par_usd": [250_000.0] * 3,
        ...     }
        ... )
        >>> result = clean(reports)
        >>> result.trades["price"].to_list()
        [99.0]
        >>> result.rejected.select("row", "reason", "cause_row").rows()
        [(0, 'ended_by_cancel', 2), (2, 'cancel_message', 0)]

        Five past ten nobody knew of the cancel:

        >>> clean(reports, as_of=datetime(2024, 3, 5, 10, 5)).trades["price"].to_list()
        [98.5, 99.0]
    """
    chosen = screens_named(screens)
    frame = _sound(as_reports(_canonical(reports)).collect())
    if view not in get_args(View):
        raise ReportsError(f"no view '{view}'; views are {', '.join(get_args(View))}")
    if bonds is not None and "cusip" not in bonds.columns:
        raise ReportsError("bonds lack the column cusip")
    if as_of is not None and not isinstance(as_of, datetime):
        raise ReportsError(f"as_of {as_of!r} is no datetime")
    if as_of is not None:
        if frame.height and frame["reported_at"].null_count() == frame.height:
            raise ReportsError(NO_TIMES)
        frame = known_by(frame, as_of)
    return clean_part(frame, bonds, chosen, view)


def _sound(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with a fault on what cannot be cleaned, as the readers of files set it. Raises
    ReportsError when a `row` is there twice.
    """
    if frame["row"].is_duplicated().any():
        raise ReportsError(
            "two reports have the same row: number them over all frames, or leave row out"
        )
    checks = (
        ("no_cusip", pl.col("cusip").is_null()),
        ("impossible_date", pl.col("execution_date").is_null() | pl.col("report_date").is_null()),
        ("price_not_a_number", ~pl.col("price").is_finite().fill_null(False)),
        ("par_not_a_number", ~pl.col("par_usd").is_finite().fill_null(False)),
    )
    return frame.with_columns(
        fault=pl.coalesce("fault", *(pl.when(wrong).then(pl.lit(name)) for name, wrong in checks))
    )


def _canonical(reports: pl.DataFrame | pl.LazyFrame) -> pl.LazyFrame:
    """`reports` as they are if they have our columns, else read by the layout that their header is
    of.
    """
    from bondsig_assets.trace.layouts import normalise

    names = set(reports.collect_schema().names())
    return reports.lazy() if names.issuperset(REQUIRED) else normalise(reports.lazy(), "auto")


def known_by(reports: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """`reports` with the fault reported_later on those that were not known by a moment, so that
    they take no part.
    """
    later = with_known_at(reports)["known_at"] > as_of
    return reports.with_columns(
        fault=pl.coalesce("fault", pl.when(later).then(pl.lit("reported_later")))
    )


def clean_part(
    frame: pl.DataFrame, bonds: pl.DataFrame | None, screens: Screens, view: View
) -> CleanResult:
    """`clean` for reports of whole issuers, with all columns of REPORT_SCHEMA."""
    # What is alike in all that orders reports keeps the order of `row`, whatever order they come
    # in.
    frame = frame if frame["row"].is_sorted() else frame.sort("row")
    # Reports come in the pieces they were read in; taking rows out of many pieces takes four times
    # as long as out of one.
    frame = frame.rechunk()
    trades, rejected = judged(with_known_at(as_seen(frame, view, bonds)), bonds, screens)
    days = days_of(trades, rejected)
    return CleanResult(
        trades, rejected, days, waterfall(rejected["reason"].value_counts(), trades.height)
    )


def judged(
    reports: pl.DataFrame, bonds: pl.DataFrame | None, screens: Screens
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Trades that stand and every other report, each by issuer and in order of knowledge."""
    outcomes = decide(reports, order_of_knowledge(reports), screens, bonds)
    trades, rejected = _split(outcomes)
    if screens.price_errors == "ex_post":
        return _in_hindsight(trades, rejected)
    return trades, rejected


def _split(outcomes: Outcomes) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What stands after the last report, and everything else."""
    last = now(outcomes)
    stands = Positions(np.flatnonzero(last.code == TRADE))
    fallen = Positions(np.flatnonzero(last.code != TRADE))
    return _trades(outcomes, last, stands), _rejected(outcomes, last, fallen)


def _trades(outcomes: Outcomes, last: States, stands: Positions) -> pl.DataFrame:
    as_reported = np.where(last.price != outcomes.price, outcomes.price, np.nan)
    prices = pl.DataFrame(
        {"price": last.price[stands], "price_as_reported": as_reported[stands]}
    ).with_columns(pl.col("price_as_reported").fill_nan(None))
    others = outcomes.reports.select(name for name in _KEPT if name != "price")
    return others[outcomes.order[stands]].with_columns(
        *prices,
        is_portfolio_trade().fill_null(False).alias("is_portfolio_trade"),
        pl.lit(None, dtype=pl.Datetime("us")).alias("known_until"),
    )


def _rejected(outcomes: Outcomes, last: States, fallen: Positions) -> pl.DataFrame:
    until = known_until(outcomes)
    rejected = outcomes.reports.select(*_KEPT, "fault")[outcomes.order[fallen]].with_columns(
        _reasons(outcomes.names, last.code[fallen]),
        _moments(outcomes.known, Positions(until[fallen])).alias("known_until"),
        *_causes(outcomes, Positions(last.cause[fallen])),
    )
    return rejected.with_columns(pl.coalesce("fault", "reason").alias("reason")).drop("fault")


def _reasons(names: tuple[str, ...], code: np.ndarray) -> pl.Series:
    table = pl.Series(
        "reason",
        [None if code in (TRADE, FAULT) else name for code, name in enumerate(names)],
        dtype=pl.String,
    )
    return table.gather(pl.Series(code, dtype=pl.UInt32))


def _positions(positions: Positions) -> pl.Series:
    """Positions as indexes, null where there is none."""
    return (
        pl.DataFrame({"at": positions})
        .select(pl.when(pl.col("at") >= 0).then("at").cast(pl.UInt32))
        .to_series()
    )


def _moments(known: np.ndarray, positions: Positions) -> pl.Series:
    return pl.Series(known).cast(pl.Datetime("us")).gather(_positions(positions))


def _causes(outcomes: Outcomes, cause: Positions) -> list[pl.Series]:
    """The report that caused a rejection, by row, report date and number."""
    rows = pl.Series(outcomes.order, dtype=pl.UInt32).gather(_positions(cause))
    return [
        outcomes.reports[name].gather(rows).alias(f"cause_{name}")
        for name in ("row", "report_date", "message_number")
    ]


def _in_hindsight(
    trades: pl.DataFrame, rejected: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The usual filters over the whole history: what only later prints show."""
    from bondsig_assets.trace.recipes.osbap import price_errors_in_hindsight

    found = price_errors_in_hindsight(trades).select("row", corrected="price", error="reason")
    marked = trades.join(found, on="row", how="left", maintain_order="left").with_columns(
        price=pl.coalesce("corrected", "price"),
        price_as_reported=pl.when(pl.col("corrected") != pl.col("price")).then("price"),
    )
    wrong = marked.filter(pl.col("error").is_not_null()).with_columns(
        reason=pl.lit("price_error"),
        cause_row=pl.lit(None, pl.Int64),
        cause_report_date=pl.lit(None, pl.Date),
        cause_message_number=pl.lit(None, pl.String),
    )
    return marked.filter(pl.col("error").is_null()).select(trades.columns), pl.concat(
        [rejected, wrong.select(rejected.columns)]
    )


def days_of(trades: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """Bond days of the trades; prints with reason `price_error` are counted with weight zero, and
    make no day by themselves (as in the view `bond_days`).
    """
    columns = [
        "row",
        "cusip",
        "execution_date",
        "executed_at",
        "price",
        "par_usd",
        "is_par_capped",
        "side",
        "contra",
        "settlement_date",
        "reporting_party",
        "contra_party",
    ]
    doubted = rejected.filter(pl.col("reason") == "price_error")
    both = pl.concat(
        [
            trades.select(*columns, is_quarantined=pl.lit(False)),
            doubted.select(*columns, is_quarantined=pl.lit(True)),
        ]
    )
    days = aggregate(
        both.rename({"execution_date": "trade_date"}).with_columns(
            pl.col("is_par_capped").fill_null(False), reported_settlement("trade_date")
        ),
        ["cusip", "trade_date"],
    )
    return days.filter(pl.col("n_trades") > 0)


def waterfall(reasons: pl.DataFrame, n_trades: int) -> pl.DataFrame:
    """`step, reports, share`: reports in, each reason from the most frequent, trades that stand."""
    reasons = (
        reasons.group_by("reason")
        .agg(pl.col("count").sum().cast(pl.Int64))
        .sort("count", "reason", descending=[True, False])
    )
    total = int(reasons["count"].sum()) + n_trades
    steps = [
        "reports in",
        *(f"rejected: {reason}" for reason in reasons["reason"]),
        "trades that stand",
    ]
    counts = [total, *(-n for n in reasons["count"]), n_trades]
    columns = {
        "step": steps,
        "reports": counts,
        "share": [n / total if total else None for n in counts],
    }
    return pl.DataFrame(
        columns, schema={"step": pl.String, "reports": pl.Int64, "share": pl.Float64}
    )
