"""Histories with another future: all that became known after the cutoff of a day is dropped
(truncate), replaced by nonsense (poison), or told again and otherwise (append).

Belongs here: such futures of a source (`LaterKnowledge`), of panels (`with_later`), of issuer days
and labels (`with_later_days`). Not here: comparing what comes out (`known_past.py`), tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl

from bondsig_assets.calendar import cutoff, offset
from bondsig_assets.features.panels import Panels
from bondsig_assets.securities.cusips import with_check_digit
from bondsig_assets.securities.master import build_master
from bondsig_assets.sources.base import Delivery, Source
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.issuer_features import ALL_FEATURES

Later = Literal["truncate", "poison", "append"]
LATER: tuple[Later, ...] = ("truncate", "poison", "append")


def _shuffled(column: str, factor: float = 1.0) -> pl.Expr:
    """The values of a day, dealt out anew; the same for every piece of days that is asked for."""
    return pl.col(column).shuffle(seed=3).over("trade_date") * factor


def _swapped(column: str) -> pl.Expr:
    return pl.col(column).reverse()


def _other_cusip() -> pl.Expr:
    """Another bond of the same issuer, with a serial that no simulated bond has."""
    serial = pl.concat_str(
        pl.col("cusip").str.slice(0, 6), pl.lit("Z"), pl.col("cusip").str.slice(7, 1)
    )
    return pl.coalesce(serial.map_batches(with_check_digit, pl.String), pl.col("cusip") + "Z")


#: What is said instead of what became known later: table → columns.
NONSENSE: dict[str, dict[str, pl.Expr]] = {
    "equity_prices": {
        "close_usd": _shuffled("close_usd", 10),
        "adjusted_close_usd": _shuffled("adjusted_close_usd", 10),
        "volume_shares": _shuffled("volume_shares", 1e3),
        "total_return_pct": (_shuffled("total_return_pct", -6)).clip(-90, 300),
        "shares_outstanding": pl.col("shares_outstanding") * 7,
        "open_usd": _shuffled("open_usd", 10),
        "dividend_usd": pl.lit(3.0),
        "split_ratio": pl.lit(7.0),
    },
    "borrow_rates": {"annual_rate_pct": _shuffled("annual_rate_pct", 9)},
    "macro_series": {"value": pl.col("value") * 2},
    "cds_quotes": {"par_spread_bps": _shuffled("par_spread_bps", 9)},
    "treasury_yields": {"par_yield_pct": 15 + _shuffled("par_yield_pct", 2)},
    "issuers": {"parent_id": _swapped("parent_id")},
    "equities": {"sector": pl.lit("Nonsense"), "sector_etf": pl.col("sector_etf").min()},
    "equity_links": {"ticker": _swapped("ticker"), "confidence": pl.lit(1.0)},
    "bonds": {
        "coupon_pct": pl.col("coupon_pct") + 9,
        "offering_amount_usd": pl.col("offering_amount_usd") * 1e3,
    },
    "call_schedules": {"call_price": pl.lit(55.0)},
    "amounts_outstanding": {"amount_usd": pl.col("amount_usd") * 1e3},
    "ratings": {"rating": pl.lit("D"), "rating_number": pl.lit(22, pl.Int64)},
    "fundamentals": {
        name: pl.col(name) * 1e4
        for name in (
            "short_term_debt_usd",
            "long_term_debt_usd",
            "total_debt_usd",
            "total_assets_usd",
        )
    },
    "delistings": {"delisting_return_pct": pl.lit(-99.0), "reason": pl.lit("dropped")},
    "revisions": {
        "oas_bps": pl.lit(1e6),
        "par_usd": pl.lit(1e12),
        "price": pl.lit(1.0),
        "price_high": pl.lit(1e4),
        "yield_pct": pl.lit(99.0),
        "n_trades": pl.lit(999, pl.Int64),
        "customer_buy_par_usd": pl.lit(1e12),
    },
}
#: Rows that are told once more and otherwise after the cut, of days before it: table → columns,
#: made of what was known.
_TOLD_ANEW: dict[str, Callable[[date], dict[str, pl.Expr]]] = {
    "issuers": lambda cut: {
        "parent_id": _swapped("parent_id"),
        "valid_from_date": pl.lit(offset(cut, -20)),
        "valid_to_date": pl.lit(None, pl.Date),
    },
    "equities": lambda cut: {
        "sector": _swapped("sector"),
        "sector_etf": _swapped("sector_etf"),
        "valid_from_date": pl.lit(offset(cut, -30)),
        "valid_to_date": pl.lit(None, pl.Date),
    },
    "equity_links": lambda cut: {
        "ticker": _swapped("ticker"),
        "valid_from_date": pl.lit(offset(cut, -40)),
        "valid_to_date": pl.lit(None, pl.Date),
    },
    # A bond sold two months ago of which nobody had told.
    "bonds": lambda cut: {
        "cusip": _other_cusip(),
        "offering_date": pl.lit(offset(cut, -42)),
        "offering_amount_usd": pl.col("offering_amount_usd") * 4,
    },
    "call_schedules": lambda _: {"call_price": pl.col("call_price") + 1.5},
    "amounts_outstanding": lambda cut: {
        "amount_usd": pl.col("amount_usd") / 8,
        "effective_date": pl.lit(offset(cut, -25)),
    },
    "ratings": lambda cut: {
        "rating": pl.lit("CC"),
        "rating_number": pl.lit(20, pl.Int64),
        "rating_date": pl.lit(cut),
    },
    # The key has no room for a quarter filed twice: the restatement is of the day after its end.
    "fundamentals": lambda _: {
        "total_debt_usd": pl.col("total_debt_usd") * 3,
        "short_term_debt_usd": pl.col("short_term_debt_usd") * 5,
        "period_end_date": pl.col("period_end_date").dt.offset_by("1d"),
    },
    "treasury_yields": lambda _: {"par_yield_pct": pl.col("par_yield_pct") + 4},
    "equity_prices": lambda _: {"total_return_pct": pl.lit(40.0), "close_usd": pl.lit(1.0)},
    "cds_quotes": lambda _: {"par_spread_bps": pl.col("par_spread_bps") * 4},
    "borrow_rates": lambda _: {"annual_rate_pct": pl.col("annual_rate_pct") * 4},
    "macro_series": lambda _: {"value": pl.col("value") * 3},
    "revisions": lambda _: {
        "oas_bps": pl.col("oas_bps") + 500,
        "par_usd": pl.lit(1e11),
        "n_trades": pl.lit(0, pl.Int64),
    },
}
#: Tables of which a source delivers a day once: what of them comes late is left to `with_later`.
_DELIVERED_ONCE = (
    "treasury_yields",
    "equity_prices",
    "cds_quotes",
    "borrow_rates",
    "macro_series",
)
_TOLD_ROWS = 40


def _is_later(name: str, cut: date) -> pl.Expr:
    return pl.col("known_date") > cut if name == "revisions" else pl.col("known_at") > cutoff(cut)


def poisoned(name: str, frame: pl.DataFrame, cut: date) -> pl.DataFrame:
    """`frame` with nonsense in every row that became known after `cut`; the rows keep their
    order.
    """
    columns = {
        column: value for column, value in NONSENSE.get(name, {}).items() if column in frame.columns
    }
    numbered = frame.with_row_index("_row")
    later = numbered.filter(_is_later(name, cut)).with_columns(**columns)
    later = later.select(pl.col(column).cast(dtype) for column, dtype in numbered.schema.items())
    return pl.concat([numbered.filter(~_is_later(name, cut)), later]).sort("_row").drop("_row")


def told_anew(name: str, frame: pl.DataFrame, cut: date, seed: int) -> pl.DataFrame:
    """Later statements about rows of `frame` that were known by `cut`, drawn by `seed`: known on
    one of the six trading days after it.
    """
    known = frame.filter(~_is_later(name, cut))
    if name not in _TOLD_ANEW or known.is_empty():
        return frame.clear()
    rng = np.random.default_rng([seed, *name.encode()])
    # The newest are those that still matter.
    chosen = np.sort(
        rng.choice(
            np.arange(max(0, known.height - 600), known.height),
            min(_TOLD_ROWS, known.height),
            replace=False,
        )
    )
    rows = known[chosen]
    days = [offset(cut, int(step)) for step in rng.integers(1, 7, rows.height)]
    moments = pl.Series(
        [datetime(d.year, d.month, d.day, 16) for d in days], dtype=pl.Datetime("us")
    )
    when = {"known_date": pl.Series(days)} if name == "revisions" else {"known_at": moments}
    more = (
        {"claim_number": pl.int_range(10**6, 10**6 + rows.height)} if name == "equity_links" else {}
    )
    rows = rows.with_columns(**_TOLD_ANEW[name](cut), **when, **more).select(
        pl.col(column).cast(dtype) for column, dtype in frame.schema.items()
    )
    key = ["cusip", "trade_date", "known_date"] if name == "revisions" else list(TABLES[name].key)
    if name in _DELIVERED_ONCE:
        return rows
    return rows.unique(key, keep="first", maintain_order=True).join(frame, on=key, how="anti")


_OF_PANELS = {
    "revisions": "revisions",
    "equities": "equities",
    "issuers": "issuers",
    "bonds": "bonds",
    "prices": "equity_prices",
    "cds": "cds_quotes",
    "fundamentals": "fundamentals",
    "ratings": "ratings",
    "amounts": "amounts_outstanding",
    "yields": "treasury_yields",
    "delistings": "delistings",
}


def with_later(panels: Panels, cut: date, later: Later, seed: int = 0) -> Panels:
    """`panels` in which everything that became known after `cut` is dropped, poisoned, or told once
    more and otherwise.
    """
    changed: dict[str, Any] = {}
    for field, name in _OF_PANELS.items():
        frame: pl.DataFrame | None = getattr(panels, field)
        if frame is not None:
            changed[field] = {
                "truncate": lambda name, frame: frame.filter(~_is_later(name, cut)),
                "poison": lambda name, frame: poisoned(name, frame, cut),
                "append": lambda name, frame: pl.concat([frame, told_anew(name, frame, cut, seed)]),
            }[later](name, frame)
    return replace(
        panels,
        **changed,
        master=build_master(changed["bonds"], changed["issuers"], changed["equities"]),
    )


class LaterKnowledge:
    """A simulated source whose every day after `cut`, and everything known after its cutoff, is
    another one; what was known by then is delivered as it was.

    Prices, quotes, returns, curves, ratings, filings, amounts and terms are nonsense (`poisoned`).
    More is told of earlier days (`told_anew`): ratings, restatements, links, sectors, amounts and
    call prices; cancels, corrections and reversals of trades reported by the cut, late reports of
    older trades; and a stock that is delisted on the day after the cut.
    """

    #: Message numbers from here on are those of reports that `LaterKnowledge` adds.
    OWN_NUMBERS = 9_000_000

    def __init__(self, source: Source, cut: date, seed: int) -> None:
        self.source, self.cut, self.seed = source, cut, seed

    def date_range(self) -> tuple[date, date]:
        """That of the source."""
        return self.source.date_range()

    def truth(self) -> dict[str, pl.DataFrame]:
        """That of the source."""
        return self.source.truth()

    def daily(self, table: str, start: date, end: date) -> Delivery:
        """The source's days, those after the cut with nonsense and with what is told of earlier
        days.
        """
        delivery = self.source.daily(table, start, end)
        rows = (
            self._reports(delivery.rows, start, end)
            if table == "trace_reports"
            else poisoned(table, delivery.rows, self.cut)
        )
        if table == "equity_prices":
            rows = rows.filter(
                (pl.col("ticker") != self.delisted) | (pl.col("trade_date") <= self.cut)
            )
        return replace(delivery, rows=rows)

    def reference(self, table: str, through: date) -> Delivery:
        """The source's rows, those known after the cut with nonsense, and what is told of earlier
        days by `through`.
        """
        delivery = self.source.reference(table, through)
        rows = poisoned(table, delivery.rows, self.cut)
        told = (
            rows.clear()
            if table in _DELIVERED_ONCE
            else told_anew(table, rows, self.cut, self.seed)
        )
        if table == "delistings":
            row = {
                "ticker": self.delisted,
                "last_trade_date": self.cut,
                "delisting_return_pct": -60.0,
                "reason": "liquidation",
                "known_at": datetime.combine(
                    offset(self.cut, 1), datetime.min.time().replace(hour=9)
                ),
            }
            told = pl.DataFrame([row], schema=rows.schema)
        return replace(
            delivery, rows=pl.concat([rows, told.filter(pl.col("known_at").dt.date() <= through)])
        )

    @cached_property
    def delisted(self) -> str:
        """The stock that leaves after the cut."""
        listed = (
            self.source.daily("equity_prices", self.cut, self.cut)
            .rows.filter(~pl.col("is_etf"))["ticker"]
            .sort()
        )
        return str(listed[int(np.random.default_rng(self.seed).integers(len(listed)))])

    def _reports(self, rows: pl.DataFrame, start: date, end: date) -> pl.DataFrame:
        """Trades executed after the cut at other prices and sizes, and the added reports; what ends
        an older trade still ends it.
        """
        is_other = (pl.col("execution_date") > self.cut) & pl.col("status").is_in(["T", "R"])
        factor = (
            pl.when(pl.col("record_number") % 3 == 0)
            .then(10.0)
            .when(pl.col("record_number") % 3 == 1)
            .then(0.8)
            .otherwise(1.25)
        )
        other = rows.with_columns(
            price=pl.when(is_other).then(pl.col("price") * factor).otherwise("price"),
            par_usd=pl.when(is_other & (pl.col("record_number") % 2 == 0))
            .then(pl.col("par_usd") * 50)
            .otherwise("par_usd"),
        )
        last = rows.group_by("delivery_date").agg(last=pl.col("record_number").max())
        added = self.added_reports.filter(pl.col("delivery_date").is_between(start, end)).join(
            last, on="delivery_date", how="left"
        )
        added = added.with_columns(
            record_number=pl.col("record_number") + pl.col("last").fill_null(0)
        ).drop("last")
        return pl.concat([other, added.select(rows.columns)]).sort("delivery_date", "record_number")

    @cached_property
    def added_reports(self) -> pl.DataFrame:
        """Reports of the ten days after the cut about trades executed by then; `record_number`
        counts within a day, after those of the source.

        A third of the trades are cancelled (X), a third corrected (C and R) and a third, old enough
        for it, reversed (Y); beside them late reports of trades nobody had heard of.
        """
        since = offset(self.cut, -45)
        reports = self.source.daily("trace_reports", since, self.cut)
        truth = reports.truth["report_truths"].select(
            "delivery_date", "record_number", "dead_reason"
        )
        standing = (
            reports.rows.join(truth, on=["delivery_date", "record_number"], how="left")
            .filter(
                (pl.col("status") == "T")
                & pl.col("dead_reason").is_null()
                & (pl.col("contra") == "C")
                & (pl.col("par_usd") >= 1e5)
            )
            .drop("dead_reason")
        )
        rng = np.random.default_rng([self.seed, 1])
        old = standing.filter(pl.col("report_date") <= offset(self.cut, -21)).sample(
            40, seed=self.seed
        )
        young = standing.filter(pl.col("report_date") > offset(self.cut, -9)).sample(
            160, seed=self.seed
        )
        cancelled, corrected, copied = young[:60], young[60:110], young[110:]
        ended = {
            "prior_report_date": pl.col("report_date"),
            "first_control_date": pl.col("report_date"),
            "first_control_number": pl.col("message_number"),
            "original_message_number": pl.lit(None, pl.String),
        }
        fresh = self._numbers
        days_of_corrections = self._days(rng, corrected.height)
        parts = [
            self._told(
                cancelled.with_columns(status=pl.lit("X"), **ended),
                self._days(rng, cancelled.height),
            ),
            self._told(corrected.with_columns(status=pl.lit("C"), **ended), days_of_corrections),
            self._told(
                corrected.with_columns(
                    status=pl.lit("R"), price=pl.col("price") * 1.03, **ended
                ).with_columns(message_number=fresh(corrected.height, 0)),
                days_of_corrections,
            ),
            self._told(
                old.with_columns(status=pl.lit("Y"), **ended).with_columns(
                    original_message_number="message_number", message_number=fresh(old.height, 1)
                ),
                self._days(rng, old.height),
            ),
            self._told(
                copied.with_columns(
                    price=pl.col("price") * 0.97, message_number=fresh(copied.height, 2)
                ),
                self._days(rng, copied.height),
            ),
        ]
        added = pl.concat(parts).sort("delivery_date", maintain_order=True)
        return added.with_columns(record_number=pl.int_range(1, pl.len() + 1).over("delivery_date"))

    def _numbers(self, n: int, kind: int) -> pl.Series:
        first = self.OWN_NUMBERS + 1000 * kind
        return pl.Series([str(number) for number in range(first, first + n)])

    def _days(self, rng: np.random.Generator, n: int) -> list[date]:
        return [offset(self.cut, int(step)) for step in rng.integers(1, 11, n)]

    @staticmethod
    def _told(rows: pl.DataFrame, days: list[date]) -> pl.DataFrame:
        """`rows` as reported on `days`, just before the system closes."""
        moment = pl.Series(
            [datetime(d.year, d.month, d.day, 18, 29, 40) for d in days], dtype=pl.Datetime("us")
        )
        reported = dict.fromkeys(("reported_at", "delivered_at", "known_at"), moment)
        return rows.with_columns(
            delivery_date=pl.Series(days),
            report_date=pl.Series(days),
            asof_code=pl.lit("A"),
            **reported,
        )


def with_later_days(
    issuer_days: pl.DataFrame, labels: pl.DataFrame, cut: date, later: Later
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Issuer days and labels in which all that became known after `cut` is dropped, poisoned, or
    joined by an issuer nobody had heard of.
    """
    is_day, is_label = pl.col("trade_date") > cut, pl.col("label_end_date") > cut
    if later == "truncate":
        return issuer_days.filter(~is_day), labels.filter(~is_label)
    if later == "append":
        new = pl.lit("A0").alias("parent_id"), pl.lit("A0").alias("ticker")
        one = pl.col("parent_id") == pl.col("parent_id").min()
        grown = [
            pl.concat([frame, frame.filter(after & one).with_columns(*new)])
            for frame, after in ((issuer_days, is_day), (labels, is_label))
        ]
        told_otherwise = (
            pl.when(is_label).then(pl.col("excess_return_pct") * -2).otherwise("excess_return_pct")
        )
        return grown[0], grown[1].with_columns(told_otherwise.alias("excess_return_pct"))
    numbers = pl.col(list(ALL_FEATURES))
    nonsense = 1e6 * (1 + pl.int_range(pl.len()) % 7)
    return (
        issuer_days.with_columns(pl.when(is_day).then(nonsense).otherwise(numbers).name.keep()),
        labels.with_columns(
            pl.when(is_label)
            .then(nonsense)
            .otherwise(pl.col("excess_return_pct", "beta_adjusted_return_pct"))
            .name.keep()
        ),
    )
