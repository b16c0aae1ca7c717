"""What arrived on a day, and what was missing: counts and shares as series of days.

Belongs here: reports, what became of them on arrival, late and capped ones, bonds nobody knows,
issuers; features that issuers lack, by feature and by reason. Not here: what is usual (`jumps.py`),
slow changes (`drift.py`), when a source last came (`freshness.py`).
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from bondsig_assets.calendar import day_number
from bondsig_assets.monitoring.jumps import DAY_SERIES, counts, shares

#: Reasons that are part of what a market does every day, and others that are rare one by one.
#: Reports that should be there where none is.
_SURE = 10
_REASONS = "reason_"
#: Columns of `feature_coverage` that say why a feature is missing.
MISSING_REASONS = (
    "n_no_bond_spread",
    "n_no_bonds_outstanding",
    "n_no_cds_quote",
    "n_no_stock_price",
    "n_no_filing",
    "n_no_treasury_curve",
    "n_no_trade_reports",
    "n_too_few_observations",
)


#: Series of arrivals that are there whatever arrives.
ARRIVALS = ("reports", "rejected", "late", "amending", "unknown_bond", "capped", "leading_to_stock")
#: What the names of series begin with that are rare: one for each reason, one for each table.
_RARE = (f"volumes.{_REASONS}", "volumes.rows_")


def arrivals(
    trade_events: pl.DataFrame, days: pl.Series | None = None, reasons: Iterable[str] | None = None
) -> pl.DataFrame:
    """Series `volumes.…` (DAY_SERIES) of the days on which reports arrived: how many, and the
    shares of them that were rejected on arrival (in all, and by each reason), executed before the
    day's own date (late), messages that end or correct (amending), of bonds without terms
    (unknown_bond), and capped.

    `trade_events`: rows of that table; only revision 0, what a report was on arrival, is counted.
    `days`: days on which something was to arrive; one without a report has 0 of them, and no
    shares. With a boolean column `leads_to_stock`, also the share of reports whose bond does; with
    a column `n`, each row stands for so many reports. `reasons`: those that have a series, whether
    they came or not; where None, those that came.
    """
    there = trade_events.filter(pl.col("revision") == 0)
    if "n" not in there.columns:
        there = there.with_columns(n=1)
    wanted = there["reason"].drop_nulls().unique().sort() if reasons is None else sorted(reasons)
    is_rejected = pl.col("reason").is_not_null()
    asked = {
        "rejected": is_rejected,
        "late": pl.col("execution_date") < pl.col("known_date"),
        "amending": pl.col("status").is_in(["T", "R"]).not_(),
        "unknown_bond": pl.col("reason").eq_missing("unknown_bond"),
        "capped": pl.col("is_par_capped"),
    }
    if "leads_to_stock" in there.columns:
        asked["leading_to_stock"] = pl.col("leads_to_stock")
    asked |= {
        f"{_REASONS}{reason}": pl.col("reason").eq_missing(reason)
        for reason in wanted
        if reason not in asked
    }
    daily = there.group_by(trade_date="known_date").agg(
        of=pl.col("n").sum(), **{name: (flag * pl.col("n")).sum() for name, flag in asked.items()}
    )
    if days is not None:
        every = pl.DataFrame({"trade_date": days.unique().cast(pl.Date)})
        daily = every.join(daily, on="trade_date", how="left").with_columns(
            pl.exclude("trade_date").fill_null(0)
        )
    daily = daily.sort("trade_date")
    long = daily.unpivot(
        list(asked), index=["trade_date", "of"], variable_name="part", value_name="n"
    ).with_columns(monitor=pl.lit("volumes.") + pl.col("part"), is_flat=_has_stopped())
    reports = daily.with_columns(monitor=pl.lit("volumes.reports"))
    return _sorted(
        reports.select("monitor", "trade_date", *counts("of")),
        long.select("monitor", "trade_date", *shares("n", "of"), "is_flat"),
    )


def _has_stopped() -> pl.Expr:
    """Whether a part has come to nothing though the day's reports should hold _SURE of it at the
    least, by the share that nineteen in twenty days of the last year had: by Poisson's law such a
    day comes once in 22,000. A share cannot fall far below a small one, so its distance says
    little.
    """
    share = pl.when(pl.col("of") > 0).then(pl.col("n") / pl.col("of"))
    least = share.shift(1).rolling_quantile(0.05, window_size=252, min_samples=126).over("part")
    return ((pl.col("n") == 0) & (pl.col("of") * least >= _SURE)).fill_null(False)


def rows_of(table: str, n_by_day: pl.DataFrame) -> pl.DataFrame:
    """Series `volumes.rows_TABLE` of a delivered or made table: `n_by_day` has `trade_date` and
    `n`, with a row of 0 for a day on which nothing came.
    """
    return _sorted(
        n_by_day.sort("trade_date").select(
            pl.lit(f"volumes.rows_{table}").alias("monitor"), "trade_date", *counts("n")
        )
    )


def missing(feature_coverage: pl.DataFrame) -> pl.DataFrame:
    """Series `missing.FEATURE`, the share of a day's issuers without it, and `missing.for_REASON`,
    the share of all issuers times features that is missing for that reason.

    `feature_coverage`: rows of that table. A reason that an older home does not have counts as
    never.
    """
    by_feature = feature_coverage.with_columns(
        monitor=pl.lit("missing.") + pl.col("feature"),
        n=pl.col("n_issuers") - pl.col("n_present"),
    )
    there = [name for name in MISSING_REASONS if name in feature_coverage.columns]
    by_reason = (
        feature_coverage.group_by("trade_date")
        .agg(pl.col("n_issuers").sum(), *(pl.col(name).fill_null(0).sum() for name in there))
        .unpivot(there, index=["trade_date", "n_issuers"], variable_name="why", value_name="n")
        # Features of one issuer miss together: counting noise is that of issuers.
        .with_columns(monitor=pl.lit("missing.for_") + pl.col("why").str.strip_prefix("n_"))
    )
    n_features = feature_coverage.group_by("trade_date").agg(features=pl.len())
    of_reasons = by_reason.join(n_features, on="trade_date").with_columns(
        pl.col("n") / pl.col("features"), pl.col("n_issuers") / pl.col("features")
    )
    return _sorted(
        by_feature.select("monitor", "trade_date", *shares("n", "n_issuers")),
        of_reasons.select("monitor", "trade_date", *shares("n", "n_issuers")),
    )


def parts_of(series: pl.DataFrame) -> dict[str, list[str]]:
    """Monitor → the series of it there are, as `budget.split` wants them."""
    named = series.select(
        pl.col("monitor").str.split_exact(".", 1).struct.rename_fields(["head", "part"])
    ).unnest("monitor")
    return {
        head: sorted(parts)
        for head, parts in named.unique().group_by("head").agg("part").iter_rows()
    }


def series_of_reason(reason: str) -> str:
    """Name of the series of arrivals for `reason`."""
    return reason if reason in ARRIVALS else f"{_REASONS}{reason}"


def without_unheard(monitors: pl.DataFrame, series: pl.DataFrame, days: int) -> pl.DataFrame:
    """Rows of `monitors` but those of a reason or a table of which nothing came on the evening or
    on the `days` trading days before it: there are dozens, and most markets never see most of them.
    The budget counts them all the same, so the first that comes is judged as any other.
    """
    is_rare = pl.any_horizontal(pl.col("monitor").str.starts_with(head) for head in _RARE)
    heard = series.filter(is_rare, pl.col("value") > 0).select("monitor", heard="trade_date")
    rows = monitors.with_columns(number=day_number(monitors["trade_date"])).sort("trade_date")
    newest = rows.join_asof(
        heard.with_columns(heard_number=day_number(heard["heard"])).sort("heard"),
        left_on="trade_date",
        right_on="heard",
        by="monitor",
        check_sortedness=False,
    )
    return newest.filter(
        ~is_rare | (pl.col("number") - pl.col("heard_number") <= days).fill_null(False)
    ).select(monitors.columns)


def _sorted(*parts: pl.DataFrame) -> pl.DataFrame:
    whole = [
        part if "is_flat" in part.columns else part.with_columns(is_flat=pl.lit(False))
        for part in parts
    ]
    typed = [
        part.select(pl.col(name).cast(kind) for name, kind in DAY_SERIES.items()) for part in whole
    ]
    return pl.concat([pl.DataFrame(schema=DAY_SERIES), *typed]).sort("monitor", "trade_date")
