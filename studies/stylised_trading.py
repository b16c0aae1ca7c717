"""What the trade reports of a simulated market look like, beside what is known of real ones.

Belongs here: facts counted from reports, trades and their truth. Not here: facts about paths
(`stylised_credit.py`) and the page (`stylised_facts.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.market_rules import HIGH_YIELD_RATING, INSTITUTIONAL_PAR_USD
from bondsig_assets.sources.base import Source

#: fact, target, simulated, source of the target
Fact = tuple[str, str, str, str]

ASSUMED = "assumed"
DESIGN = "assumed (chosen)"
HARRIS = "Harris 2015"


@dataclass(frozen=True)
class Reports:
    """All reports of a window with their truth, the trades that stand, and the bond days on which a
    trade was possible.
    """

    reports: pl.DataFrame
    trades: pl.DataFrame
    bond_days: pl.DataFrame


def read_reports(source: Source, days: list[date], mids: pl.DataFrame) -> Reports:
    """Reports of `days`; `source` must deliver the regulatory view with its truth."""
    delivery = source.daily("trace_reports", days[0], days[-1])
    if not delivery.rows.is_empty() and delivery.rows["view"][0] != "regulatory":
        raise ValueError("the facts need the regulatory view: both legs, uncapped par")
    reports = delivery.rows.join(
        delivery.truth["report_truths"],
        on=["delivery_date", "record_number"],
        maintain_order="left",
    )
    grade = (
        source.reference("ratings", days[-1])
        .rows.sort("rating_date")
        .select("issuer_id", "rating_date", "rating_number")
    )
    issuer = (
        source.reference("bonds", days[-1])
        .rows.select("cusip", "issuer_id")
        .unique("cusip", keep="first")
    )
    reports = (
        reports.join(issuer, on="cusip")
        .sort("execution_date")
        .join_asof(
            grade,
            left_on="execution_date",
            right_on="rating_date",
            by="issuer_id",
            check_sortedness=False,
        )
        .with_columns(is_high_yield=pl.col("rating_number") >= HIGH_YIELD_RATING)
    )
    stands = (
        pl.col("status").is_in(["T", "R"])
        & pl.col("dead_from_date").is_null()
        & (pl.col("trading_market") == "S1")
        & (pl.col("contra") != "A")
        & ~((pl.col("contra") == "D") & (pl.col("side") == "B"))
    )
    trades = reports.filter(stands & pl.col("execution_date").is_between(days[0], days[-1])).sort(
        "cusip", "executed_at", "record_number"
    )
    counts = trades.group_by("cusip", "execution_date").agg(
        n_trades=pl.len(), price_last=pl.col("price").last()
    )
    alive = (
        mids.filter(pl.col("trade_date").is_between(days[0], days[-1]))
        .select("cusip", "trade_date")
        .unique()
    )
    bond_days = alive.join(
        counts, left_on=["cusip", "trade_date"], right_on=["cusip", "execution_date"], how="left"
    )
    return Reports(
        reports,
        trades,
        bond_days.with_columns(pl.col("n_trades").fill_null(0)).sort("cusip", "trade_date"),
    )


def trading_facts(window: Reports, news: pl.DataFrame) -> list[Fact]:
    """Activity, sizes, counterparties, costs and messages, in that order."""
    return [
        *_activity(window, news),
        *_sizes(window.trades),
        *_counterparties(window.trades),
        *_costs(window),
        *_messages(window.reports),
    ]


def _activity(window: Reports, news: pl.DataFrame) -> list[Fact]:
    bond_days = window.bond_days
    traded = bond_days.filter(pl.col("n_trades") > 0)["n_trades"]
    idle = bond_days.group_by("cusip").agg((pl.col("n_trades") == 0).mean())["n_trades"]
    # Months a bond was outstanding for whole, or almost.
    months = (
        bond_days.group_by("cusip", pl.col("trade_date").dt.truncate("1mo"))
        .agg(pl.len(), pl.col("n_trades").sum())
        .filter(pl.col("len") >= 18)
    )
    on_news = bond_days.join(news, on=["cusip", "trade_date"], how="semi")["n_trades"]
    return [
        ("trades per traded bond day, mean", "8–12", f"{traded.mean():.1f}", ASSUMED),
        ("trades per traded bond day, median", "3–4", f"{traded.median():.0f}", ASSUMED),
        (
            "trades per traded bond day, 99th percentile",
            "heavy right tail",
            f"{traded.quantile(0.99):.0f}",
            ASSUMED,
        ),
        ("days without a trade, median bond", "≈ 60 %", f"{idle.median():.0%}", ASSUMED),
        (
            "bond months without a trade",
            "35 % (early TRACE, all issues)",
            f"{(months['n_trades'] == 0).mean():.0%}",
            ASSUMED,
        ),
        (
            "trades on days of credit news ÷ all days",
            "above 1 (news and earnings days)",
            f"{on_news.mean() / bond_days['n_trades'].mean():.1f}",
            "Easton, Monahan and Vasvari 2009 (direction)",
        ),
    ]


def _sizes(trades: pl.DataFrame) -> list[Fact]:
    par = trades["par_usd"]
    big = par >= 1e6
    cap = pl.when("is_high_yield").then(1e6).otherwise(5e6)
    capped = trades.filter(pl.col("par_usd") > cap)["par_usd"].sum() / par.sum()
    return [
        (
            "trade size, mean",
            "$378 k (June 2023)",
            f"${par.mean() / 1e3:,.0f} k",
            "Coalition Greenwich",
        ),
        ("trade size, median", "$20–30 k", f"${par.median() / 1e3:,.0f} k", ASSUMED),
        ("trades below $100 k", "70–75 %", f"{(par < INSTITUTIONAL_PAR_USD).mean():.0%}", ASSUMED),
        ("trades of $1 MM or more", "5–8 %", f"{big.mean():.1%}", ASSUMED),
        ("their share of par", "≥ 75 %", f"{par.filter(big).sum() / par.sum():.0%}", ASSUMED),
        ("par in trades above the dissemination cap", "about half", f"{capped:.0%}", ASSUMED),
    ]


def _counterparties(trades: pl.DataFrame) -> list[Fact]:
    customers = trades.filter(pl.col("contra") == "C")
    # Two customer trades of one bond and par, opposite sides, within a minute: one dealer between
    # two customers.
    key = ["cusip", "execution_date", "par_usd"]
    ordered = customers.sort([*key, "executed_at", "record_number"])
    near = (pl.col("executed_at").diff().over(key) <= pl.duration(seconds=60)) & (
        pl.col("side") != pl.col("side").shift(1).over(key)
    )
    second = ordered.select(near.fill_null(False))["executed_at"]
    return [
        (
            "inter-dealer share of trades, each counted once",
            "35–45 %",
            f"{(trades['contra'] == 'D').mean():.0%}",
            ASSUMED,
        ),
        (
            "riskless principal share of customer trades",
            "19 % rising to 37 % over 15 years; 42 % in 2014–15",
            f"{2 * second.mean():.0%}",
            HARRIS,
        ),
    ]


def _costs(window: Reports) -> list[Fact]:
    customers = window.trades.filter((pl.col("contra") == "C") & pl.col("error_kind").is_null())
    sign = pl.when(pl.col("side") == "S").then(1.0).otherwise(-1.0)
    customers = customers.with_columns(half=1e4 * sign * (pl.col("price") / pl.col("true_mid") - 1))

    def half(low: float, high: float, *more: pl.Expr) -> str:
        of_size = pl.col("par_usd").is_between(low, high, closed="left")
        return f"{customers.filter(of_size, *more)['half'].mean():.0f} bp"

    return [
        (
            "customer half-spread, below $100 k",
            "85 bp (year to March 2015)",
            half(0, INSTITUTIONAL_PAR_USD),
            HARRIS,
        ),
        (
            "customer half-spread, $100 k and above",
            "52 bp (year to March 2015)",
            half(INSTITUTIONAL_PAR_USD, 1e12),
            HARRIS,
        ),
        ("customer half-spread near $5 k", "≈ 75 bp", half(3e3, 8e3), ASSUMED),
        ("customer half-spread near $100 k", "20–30 bp", half(8e4, 1.25e5), ASSUMED),
        ("customer half-spread, $1 MM and above", "5–10 bp", half(1e6, 1e12), ASSUMED),
        (
            "half-spread falls with size",
            "decreasing",
            f"{half(3e3, 8e3)} → {half(8e4, 1.25e5)} → {half(1e6, 1e12)}",
            "Edwards, Harris and Piwowar 2007 (direction)",
        ),
        (
            "Bao–Pan–Wang γ of daily last prices, median bond",
            "0.5–1.2 %²",
            f"{_roll(window.bond_days):.2f} %²",
            "Bao, Pan and Wang 2011 (direction); size assumed",
        ),
    ]


def _roll(bond_days: pl.DataFrame) -> float:
    """Minus the autocovariance of log price changes between days with trades, in %², median over
    bonds with 30 of them.
    """
    change = pl.col("price_last").log().diff().over("cusip") * 100
    # Mistyped prices are screened from any real sample of this statistic, so they are here.
    moves = (
        bond_days.filter(pl.col("n_trades") > 0)
        .with_columns(move=change)
        .filter(pl.col("move").abs() < 10)
    )
    moves = moves.with_columns(before=pl.col("move").shift(1).over("cusip")).drop_nulls("before")
    gamma = (
        moves.group_by("cusip")
        .agg(n=pl.len(), gamma=-pl.cov("move", "before"))
        .filter(pl.col("n") >= 30)["gamma"]
    )
    return float(gamma.median() or np.nan)


def _messages(reports: pl.DataFrame) -> list[Fact]:
    """Shares of first reports (status T), and of all disseminated reports those that do not
    stand.
    """
    first = reports.filter(pl.col("status") == "T")
    share = {status: (reports["status"] == status).sum() / first.height for status in "XCY"}
    on_the_day = first.filter(pl.col("asof_code").is_null())
    late = (
        on_the_day.select(
            (pl.col("reported_at") > pl.col("executed_at") + pl.duration(minutes=15)).sum()
        ).item()
        / first.height
    )
    shown = reports.filter("is_disseminated")
    gone = (
        1
        - shown.select(
            (pl.col("status").is_in(["T", "R"]) & pl.col("dead_from_date").is_null()).mean()
        ).item()
    )
    return [
        ("cancels per trade report", "1.5 %", f"{share['X']:.2%}", DESIGN),
        ("corrections per trade report", "2.0 %", f"{share['C']:.2%}", DESIGN),
        ("reversals per trade report", "0.4 %", f"{share['Y']:.2%}", DESIGN),
        (
            "disseminated reports to delete",
            "7.7 %, up to 18 % in some uses (before 2009)",
            f"{gone:.1%}",
            "Dick-Nielsen 2009",
        ),
        ("reported late on the same day", "1 %", f"{late:.2%}", DESIGN),
        (
            "reported on a later day",
            "0.3 %",
            f"{(first['asof_code'] == 'A').fill_null(False).mean():.2%}",
            DESIGN,
        ),
        (
            "decimal shifts and fat fingers",
            "0.03 %",
            f"{first['error_kind'].is_not_null().mean():.3%}",
            DESIGN,
        ),
    ]
