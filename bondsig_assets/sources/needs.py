"""What each stage of the graph needs of the raw tables, and what its absence costs.

Belongs here: one entry an input, with how to see that it is lacking. Not here: reading the tables
(`commands/inputs.py`), whether what is there is right (`tables/ranges.py`, `checks/`).
`docs/files.md` has the same table for people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

#: Raw table → the columns that tell what is lacking. Of trade reports one row of each kind will do.
ASKED: dict[str, tuple[str, ...]] = {
    "trace_reports": ("view", "is_disseminated"),
    "bond_day_quotes": ("cusip",),
    "equity_prices": ("ticker", "total_return_pct", "adjusted_close_usd", "shares_outstanding"),
    "cds_quotes": ("ticker",),
    "issuers": ("issuer_id", "parent_id"),
    "equities": ("parent_id", "ticker", "sector_etf"),
    "equity_links": ("link_source",),
    "bonds": ("cusip", "issuer_id", "is_callable"),
    "call_schedules": ("cusip",),
    "ratings": ("issuer_id",),
    "fundamentals": ("parent_id",),
    "treasury_yields": ("trade_date",),
    "delistings": ("ticker",),
}
#: Raw tables as far as ASKED, each without a row where nothing was delivered.
Held = Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class Need:
    """An input of a stage: `lacking` says what of it is not there, empty where all is."""

    stage: str
    lacking: Callable[[Held], str]
    costs: str


def _no_rows(*tables: str) -> Callable[[Held], str]:
    """Lacking where none of the tables has a row."""

    def lacking(held: Held) -> str:
        return "" if any(held[name].height for name in tables) else f"no {' and no '.join(tables)}"

    return lacking


def _but(first: Callable[[Held], bool], then: Callable[[Held], str]) -> Callable[[Held], str]:
    """Lacking as `then` says, where `first` holds."""
    return lambda held: then(held) if first(held) else ""


def _has(table: str) -> Callable[[Held], bool]:
    return lambda held: held[table].height > 0


def _stocks_and_etfs(held: Held) -> bool:
    return held["equities"].height > 0 and held["equity_prices"].height > 0


def _unpriced(column: str, what: str) -> Callable[[Held], str]:
    """Tickers of `equities.column` without any return to go by."""

    def lacking(held: Held) -> str:
        can_tell = pl.any_horizontal(pl.col("total_return_pct", "adjusted_close_usd").is_not_null())
        priced = held["equity_prices"].filter(can_tell)["ticker"].unique()
        wanted = held["equities"][column].drop_nulls().unique()
        gone = wanted.filter(~wanted.is_in(priced.implode())).sort()
        if gone.is_empty():
            return ""
        named = ", ".join(gone.head(5)) + (" …" if gone.len() > 5 else "")
        return f"no returns of {gone.len()} of {wanted.len()} {what} ({named})"

    return lacking


def _no_returns(held: Held) -> str:
    """Neither of the two columns that returns come from has a value."""
    prices = held["equity_prices"].select("total_return_pct", "adjusted_close_usd")
    is_empty = all(column.null_count() == prices.height for column in prices)
    return "no total_return_pct and no adjusted_close_usd in equity_prices" if is_empty else ""


def _has_returns(held: Held) -> bool:
    return _stocks_and_etfs(held) and not _no_returns(held)


def _no_shares(held: Held) -> str:
    prices = held["equity_prices"]
    is_empty = prices["shares_outstanding"].null_count() == prices.height
    return "no shares_outstanding in equity_prices" if is_empty else ""


def _strangers(table: str, column: str, other: str, what: str) -> Callable[[Held], str]:
    """Not one of the names of a table stands in another."""

    def lacking(held: Held) -> str:
        names = held[table][column].drop_nulls()
        met = names.is_in(held[other][column].unique().implode()).any()
        return "" if met or names.is_empty() else what

    return lacking


def _unflagged(held: Held) -> str:
    """Reports shown as disseminated of which none says whether it was."""
    live = held["trace_reports"].filter(pl.col("view") == "live")
    unknown = live.height > 0 and live["is_disseminated"].null_count() == live.height
    return "no is_disseminated in trace_reports" if unknown else ""


#: In the order of the stages.
NEEDS: tuple[Need, ...] = (
    Need(
        "trades",
        _but(lambda held: not _has("bond_day_quotes")(held), _no_rows("trace_reports")),
        "no trades, no bond days, no spreads: features are those of CDS and stocks",
    ),
    Need(
        "trades",
        _but(_has("bond_day_quotes"), _no_rows("trace_reports")),
        "bond days are those of bond_day_quotes: what is made of sides, sizes, dealers, times and"
        " moves between trades is null, and volume is what the quotes tell",
    ),
    Need(
        "bond analytics",
        _but(_has("bond_day_quotes"), _no_rows("bonds")),
        "quotes have no terms (no_terms): no yields, no spreads",
    ),
    Need("trades", _unflagged, "the live view takes every report for disseminated"),
    Need(
        "trades",
        _but(_has("trace_reports"), _no_rows("bonds")),
        "every report is set aside as unknown_bond: no bond days, no spreads",
    ),
    Need(
        "trades",
        _but(
            lambda held: (
                held["trace_reports"].height > 0 and (held["trace_reports"]["view"] == "live").any()
            ),
            _no_rows("ratings"),
        ),
        "the live view caps every par at $1m, as if all bonds were of high yield",
    ),
    Need(
        "bond analytics",
        _but(_has("bonds"), _no_rows("treasury_yields")),
        "yields and durations, but no spread",
    ),
    Need(
        "links",
        _no_rows("equities"),
        "no bond leads to a stock: no issuer days, no labels, no scores",
    ),
    Need(
        "links",
        _but(_has("bonds"), _no_rows("issuers", "equity_links")),
        "no bond leads to a parent: every feature of bonds is null",
    ),
    Need(
        "links",
        _but(
            lambda held: held["issuers"].height > 0 and held["bonds"].height > 0,
            _strangers(
                "bonds", "issuer_id", "issuers", "issuer_id of bonds and issuers never meet"
            ),
        ),
        "no bond finds its parent through issuers",
    ),
    Need(
        "links",
        _but(
            lambda held: held["issuers"].height > 0 and held["equities"].height > 0,
            _strangers(
                "issuers", "parent_id", "equities", "parent_id of issuers and equities never meet"
            ),
        ),
        "no parent finds its stock through issuers",
    ),
    Need(
        "features",
        _but(_has("ratings"), _no_rows("issuers")),
        "ratings reach no parent: no rating of issuer days, though `bondsig issuer` has one",
    ),
    Need("features", _no_rows("ratings"), "the rating of issuer days is null"),
    Need("features", _no_rows("cds_quotes"), "every feature of CDS and of the basis is null"),
    Need(
        "features",
        _no_rows("fundamentals"),
        "distance to default, leverage and CreditGrades spread are null",
    ),
    Need(
        "features",
        _but(_has("equity_prices"), _no_shares),
        "market cap, turnover of the stock and distance to default are null",
    ),
    Need(
        "labels",
        _no_rows("equity_prices"),
        "no labels: no model is trained, nothing is scored",
    ),
    Need(
        "labels",
        _but(_stocks_and_etfs, _no_returns),
        "no labels and no features of stocks: no model is trained, nothing is scored",
    ),
    Need(
        "labels",
        _but(_has_returns, _unpriced("ticker", "stocks")),
        "no label and no stock features for these",
    ),
    Need(
        "labels",
        _but(_has_returns, _unpriced("sector_etf", "sector ETFs")),
        "no label for their sectors, because a label is the stock's return minus its ETF's; without"
        " any, no model is trained",
    ),
    Need(
        "labels",
        _but(_has("equity_prices"), _no_rows("delistings")),
        "labels that a stock's last day lies in are left out, and a stock that is gone stays until"
        " equities ends it",
    ),
)


def lacking(held: Held) -> list[str]:
    """A line for each input that is lacking: the stage, what is not there, and what that costs."""
    found = [(need, need.lacking(held)) for need in NEEDS]
    return [f"{need.stage}: {what}: {need.costs}" for need, what in found if what]
