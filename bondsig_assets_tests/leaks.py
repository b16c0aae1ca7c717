"""Nothing shown for a day may rest on what was known later: what every leak test is made of.

A history is cut at a day, all that became known after the cutoff of that day is dropped (truncate), replaced by
nonsense (poison) or told again and otherwise (append), and what was known by then has to come out bit for bit the same.

Belongs here: what of each table was known on a day (`known_by`), comparing two histories (`assert_same_past`), histories
with another future (`LaterKnowledge` for a source, `with_later` for panels), and what a label may rest on
(`assert_label_looks_at`). Not here: tests, running the graph (`graph/homes.py`), the leaks that are planted
(`test_planted_leaks.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl

from bondsig_assets.assets.model_rows import holdout_rows, importance_rows, model_rows
from bondsig_assets.features.declared import ALL_FEATURES
from bondsig_assets.features.panels import Panels
from bondsig_assets.learning.dataset import make_dataset
from bondsig_assets.learning.folds import Fold, folds_between
from bondsig_assets.learning.gate import Candidate, decide
from bondsig_assets.learning.labels import labels as compute_labels
from bondsig_assets.learning.scoring import Scorer, score
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.learning.training import FoldError, FoldModel, daily_ics, judged_rows, train_folds
from bondsig_assets.learning.walk_forward import predict_quarter
from bondsig_assets.portfolio.signals import SignalSettings, select_signals
from bondsig_assets.schema import Table
from bondsig_assets.securities.cusips import with_check_digit
from bondsig_assets.securities.master import build_master
from bondsig_assets.securities.rectangles import SIDES, cells, edges, merged, sides
from bondsig_assets.sources.base import Delivery, Source
from bondsig_assets.tables import TABLES
from bondsig_assets.trading_calendar import cutoff, offset
from bondsig_assets_tests.rows_of import rows_of

Later = Literal["truncate", "poison", "append"]
LATER: tuple[Later, ...] = ("truncate", "poison", "append")
#: The day between a score and the first close at which anybody can act on it. Said here once more: the harness asks, and does not believe.
SKIP_DAYS = 1

# What was known

_TRUTH = "truth of the simulated market, which nobody knew: the fate of a report is known when it comes. Nothing in the graph reads it"
_JUDGEMENT = "a judgement over all days there are, newer ones included; nothing that is shown for a day reads it"
_HINDSIGHT = "hindsight on purpose, made on asking alone; nothing reads it"
#: Tables whose rows were known on no day: name → why nothing is asked of them. Every other table has to hold still.
EXEMPT: dict[str, str] = {
    "ex_post_trades": _HINDSIGHT, "ex_post_bond_days": _HINDSIGHT,
    "evaluations": _JUDGEMENT, "probability_evaluations": _JUDGEMENT, "reliability_bins": _JUDGEMENT, "thresholds": _JUDGEMENT,
    "overfitting": _JUDGEMENT + ". Its trials come from MLflow",
    "report_truths": _TRUTH, "credit_news": _TRUTH, "bond_mids": _TRUTH,
}
#: Tables without a knowledge time whose rows are known from a day on all the same.
_KNOWN_ON: dict[str, Callable[[date], pl.Expr]] = {
    "quarantined_rows": lambda cut: pl.col("partition_date") <= cut,
    # A month is covered once its last day is over. What is linked stands; why the rest is not is told with hindsight: the reason
    # 'not_yet_known' looks ahead (`securities/coverage.py` says so), and a bond that becomes known later is counted with it.
    "security_coverage": lambda cut: (pl.col("month_end_date") <= cut) & (pl.col("reason") == "linked"),
    "feature_coverage": lambda cut: pl.col("trade_date") <= cut,
    # An IC is known when the labels of its day are.
    "information_coefficients": lambda cut: pl.col("trade_date") <= pl.col("horizon_days").replace_strict({h: offset(cut, -h - SKIP_DAYS) for h in (1, 5, 10, 21)}),
}
#: Ends that only a later row tells: until that is known they are still open.
_ENDS: dict[str, Callable[[date], dict[str, pl.Expr]]] = {
    # A champion's last day is the day on whose cutoff its successor is named.
    "champions": lambda cut: {"valid_to_date": pl.col("valid_to_date") <= cut},
}
#: Columns that later rows move: numbers of rows, for one that comes later may stand in between, and shares of a sum with what was not known.
_MOVED = {"link_conflicts": ["conflict_number"], "security_coverage": ["bonds_pct", "outstanding_pct", "trades_pct", "traded_pct"]}


def unhandled() -> list[str]:
    """Declared tables of which nobody said what of them is known on a day."""
    return [name for name, table in TABLES.items() if not table.known_time and name not in _KNOWN_ON and name not in EXEMPT]


def known_by(tables: Mapping[str, pl.DataFrame], cut: date) -> dict[str, pl.DataFrame]:
    """The rows of each table that were known at the cutoff of `cut`, as they looked then; without the tables in EXEMPT.

    What was withdrawn or closed later still stands. Links are rectangles of validity and knowledge, which later knowledge
    may cut into more pieces: they are put together again, so that what says the same looks the same.
    """
    return {name: _known(TABLES[name], frame, cut) for name, frame in tables.items() if name not in EXEMPT}


def _known(table: Table, frame: pl.DataFrame, cut: date) -> pl.DataFrame:
    if table.known_time:
        known = frame.filter(pl.col(table.known_time) <= cutoff(cut))
    elif table.name in _KNOWN_ON:
        known = frame.filter(_KNOWN_ON[table.name](cut))
    else:
        raise AssertionError(f"nobody said what of table {table.name} is known on a day: give it a known_time, or a line in leaks.py")
    known = known.drop(_MOVED.get(table.name, []))
    if "known_until" in known.columns:
        known = known.with_columns(pl.when(pl.col("known_until") <= cutoff(cut)).then("known_until"))
        known = _whole(known) if set(SIDES) <= set(known.columns) else known
    for column, is_known in _ENDS.get(table.name, lambda _: {})(cut).items():
        known = known.with_columns(pl.when(is_known).then(column).alias(column))
    return known


def _whole(rows: pl.DataFrame) -> pl.DataFrame:
    """Rectangles that say the same, put together as far as they touch, in an order of their own."""
    said = [name for name in rows.columns if name not in SIDES]
    if rows.is_empty():
        return rows
    numbered = rows.with_columns(pl.struct(said).hash().rank("dense").cast(pl.Int64).alias("_key"), *edges())
    pieces = cells(numbered.select("_key", "v0", "v1", "k0", "k1"), "_key").unique(["_key", "v0", "v1", "k0", "k1"])
    together = merged(pieces, "_key").with_columns(*sides()).select("_key", *SIDES)
    return numbered.select("_key", *said).unique("_key").join(together, on="_key").select(rows.columns).sort(rows.columns, nulls_last=True)


# Comparing

def assert_same_past(one: Mapping[str, pl.DataFrame], other: Mapping[str, pl.DataFrame], cut: date) -> None:
    """What was known at the cutoff of `cut` is bit for bit the same in two histories; tables and columns are named that differ."""
    assert one.keys() == other.keys()
    mine, theirs = known_by(one, cut), known_by(other, cut)
    told = [difference for name in mine if (difference := _difference(name, mine[name], theirs[name]))]
    assert not told, f"what was known on {cut} is not what it was: " + "; ".join(told)


def _difference(name: str, one: pl.DataFrame, other: pl.DataFrame) -> str:
    if one.height != other.height:
        return f"{name} has {one.height} and {other.height} rows"
    columns = [column for column in one.columns if not _same_bits(one[column], other[column])]
    if not columns:
        return ""
    rows = np.flatnonzero(~np.logical_and.reduce([one[column].eq_missing(other[column]).to_numpy() for column in columns]))
    where = {key: one[key][int(rows[0])] for key in TABLES[name].key if key in one.columns} if rows.size else "signs of zeros"
    return f"{name} differs in {', '.join(columns[:8])} of {rows.size} of {one.height} rows, first {where}"


def _same_bits(one: pl.Series, other: pl.Series) -> bool:
    """Equal as bytes: a zero of the other sign is not the same."""
    if not one.equals(other, null_equal=True):
        return False
    one, other = (part.explode() if isinstance(part.dtype, pl.List) else part for part in (one, other))
    return not one.dtype.is_float() or one.fill_null(0.0).to_numpy().tobytes() == other.fill_null(0.0).to_numpy().tobytes()


# Another future

def _shuffled(column: str, factor: float = 1.0) -> pl.Expr:
    """The values of a day, dealt out anew; the same for every piece of days that is asked for."""
    return pl.col(column).shuffle(seed=3).over("trade_date") * factor


def _swapped(column: str) -> pl.Expr:
    return pl.col(column).reverse()


def _other_cusip() -> pl.Expr:
    """Another bond of the same issuer, with a serial that no simulated bond has."""
    serial = pl.concat_str(pl.col("cusip").str.slice(0, 6), pl.lit("Z"), pl.col("cusip").str.slice(7, 1))
    return pl.coalesce(serial.map_batches(with_check_digit, pl.String), pl.col("cusip") + "Z")


#: What is said instead of what became known later: table → columns.
NONSENSE: dict[str, dict[str, pl.Expr]] = {
    "equity_prices": {
        "close_usd": _shuffled("close_usd", 10), "adjusted_close_usd": _shuffled("adjusted_close_usd", 10), "volume_shares": _shuffled("volume_shares", 1e3),
        "total_return_pct": (_shuffled("total_return_pct", -6)).clip(-90, 300), "shares_outstanding": pl.col("shares_outstanding") * 7,
    },
    "cds_quotes": {"par_spread_bps": _shuffled("par_spread_bps", 9)},
    "treasury_yields": {"par_yield_pct": 15 + _shuffled("par_yield_pct", 2)},
    "issuers": {"parent_id": _swapped("parent_id")},
    "equities": {"sector": pl.lit("Nonsense"), "sector_etf": pl.col("sector_etf").min()},
    "equity_links": {"ticker": _swapped("ticker"), "confidence": pl.lit(1.0)},
    "bonds": {"coupon_pct": pl.col("coupon_pct") + 9, "offering_amount_usd": pl.col("offering_amount_usd") * 1e3},
    "call_schedules": {"call_price": pl.lit(55.0)},
    "amounts_outstanding": {"amount_usd": pl.col("amount_usd") * 1e3},
    "ratings": {"rating": pl.lit("D"), "rating_number": pl.lit(22, pl.Int64)},
    "fundamentals": {name: pl.col(name) * 1e4 for name in ("short_term_debt_usd", "long_term_debt_usd", "total_debt_usd", "total_assets_usd")},
    "delistings": {"delisting_return_pct": pl.lit(-99.0), "reason": pl.lit("dropped")},
    "revisions": {
        "oas_bps": pl.lit(1e6), "par_usd": pl.lit(1e12), "price": pl.lit(1.0), "price_high": pl.lit(1e4), "yield_pct": pl.lit(99.0), "n_trades": pl.lit(999, pl.Int64),
        "customer_buy_par_usd": pl.lit(1e12),
    },
}
#: Rows that are told once more and otherwise after the cut, of days before it: table → columns, made of what was known.
_TOLD_ANEW: dict[str, Callable[[date], dict[str, pl.Expr]]] = {
    "issuers": lambda cut: {"parent_id": _swapped("parent_id"), "valid_from_date": pl.lit(offset(cut, -20)), "valid_to_date": pl.lit(None, pl.Date)},
    "equities": lambda cut: {
        "sector": _swapped("sector"), "sector_etf": _swapped("sector_etf"), "valid_from_date": pl.lit(offset(cut, -30)), "valid_to_date": pl.lit(None, pl.Date),
    },
    "equity_links": lambda cut: {"ticker": _swapped("ticker"), "valid_from_date": pl.lit(offset(cut, -40)), "valid_to_date": pl.lit(None, pl.Date)},
    # A bond sold two months ago of which nobody had told.
    "bonds": lambda cut: {"cusip": _other_cusip(), "offering_date": pl.lit(offset(cut, -42)), "offering_amount_usd": pl.col("offering_amount_usd") * 4},
    "call_schedules": lambda _: {"call_price": pl.col("call_price") + 1.5},
    "amounts_outstanding": lambda cut: {"amount_usd": pl.col("amount_usd") / 8, "effective_date": pl.lit(offset(cut, -25))},
    "ratings": lambda cut: {"rating": pl.lit("CC"), "rating_number": pl.lit(20, pl.Int64), "rating_date": pl.lit(cut)},
    # The key has no room for a quarter filed twice: the restatement is of the day after its end.
    "fundamentals": lambda _: {"total_debt_usd": pl.col("total_debt_usd") * 3, "short_term_debt_usd": pl.col("short_term_debt_usd") * 5,
                               "period_end_date": pl.col("period_end_date").dt.offset_by("1d")},
    "treasury_yields": lambda _: {"par_yield_pct": pl.col("par_yield_pct") + 4},
    "equity_prices": lambda _: {"total_return_pct": pl.lit(40.0), "close_usd": pl.lit(1.0)},
    "cds_quotes": lambda _: {"par_spread_bps": pl.col("par_spread_bps") * 4},
    "revisions": lambda _: {"oas_bps": pl.col("oas_bps") + 500, "par_usd": pl.lit(1e11), "n_trades": pl.lit(0, pl.Int64)},
}
#: Tables of which a source delivers a day once: what of them comes late is left to `with_later`.
_DELIVERED_ONCE = ("treasury_yields", "equity_prices", "cds_quotes")
_TOLD_ROWS = 40


def _is_later(name: str, cut: date) -> pl.Expr:
    return pl.col("known_date") > cut if name == "revisions" else pl.col("known_at") > cutoff(cut)


def poisoned(name: str, frame: pl.DataFrame, cut: date) -> pl.DataFrame:
    """`frame` with nonsense in every row that became known after `cut`; the rows keep their order."""
    columns = {column: value for column, value in NONSENSE.get(name, {}).items() if column in frame.columns}
    numbered = frame.with_row_index("_row")
    later = numbered.filter(_is_later(name, cut)).with_columns(**columns)
    later = later.select(pl.col(column).cast(dtype) for column, dtype in numbered.schema.items())
    return pl.concat([numbered.filter(~_is_later(name, cut)), later]).sort("_row").drop("_row")


def told_anew(name: str, frame: pl.DataFrame, cut: date, seed: int) -> pl.DataFrame:
    """Later statements about rows of `frame` that were known by `cut`, drawn by `seed`: known on one of the six trading days after it."""
    known = frame.filter(~_is_later(name, cut))
    if name not in _TOLD_ANEW or known.is_empty():
        return frame.clear()
    rng = np.random.default_rng([seed, *name.encode()])
    # The newest are those that still matter.
    chosen = np.sort(rng.choice(np.arange(max(0, known.height - 600), known.height), min(_TOLD_ROWS, known.height), replace=False))
    rows = known[chosen]
    days = [offset(cut, int(step)) for step in rng.integers(1, 7, rows.height)]
    moments = pl.Series([datetime(d.year, d.month, d.day, 16) for d in days], dtype=pl.Datetime("us"))
    when = {"known_date": pl.Series(days)} if name == "revisions" else {"known_at": moments}
    more = {"claim_number": pl.int_range(10**6, 10**6 + rows.height)} if name == "equity_links" else {}
    rows = rows.with_columns(**_TOLD_ANEW[name](cut), **when, **more).select(pl.col(column).cast(dtype) for column, dtype in frame.schema.items())
    key = ["cusip", "trade_date", "known_date"] if name == "revisions" else list(TABLES[name].key)
    if name in _DELIVERED_ONCE:
        return rows
    return rows.unique(key, keep="first", maintain_order=True).join(frame, on=key, how="anti")


_OF_PANELS = {
    "revisions": "revisions", "equities": "equities", "issuers": "issuers", "bonds": "bonds", "prices": "equity_prices", "cds": "cds_quotes",
    "fundamentals": "fundamentals", "ratings": "ratings", "amounts": "amounts_outstanding", "yields": "treasury_yields", "delistings": "delistings",
}


def with_later(panels: Panels, cut: date, later: Later, seed: int = 0) -> Panels:
    """`panels` in which everything that became known after `cut` is dropped, poisoned, or told once more and otherwise."""
    changed: dict[str, Any] = {}
    for field, name in _OF_PANELS.items():
        frame: pl.DataFrame | None = getattr(panels, field)
        if frame is not None:
            changed[field] = {
                "truncate": lambda name, frame: frame.filter(~_is_later(name, cut)), "poison": lambda name, frame: poisoned(name, frame, cut),
                "append": lambda name, frame: pl.concat([frame, told_anew(name, frame, cut, seed)]),
            }[later](name, frame)
    return replace(panels, **changed, master=build_master(changed["bonds"], changed["issuers"], changed["equities"]))


class LaterKnowledge:
    """A simulated source whose every day after `cut`, and everything known after its cutoff, is another one; what was known by then is delivered as it was.

    Prices, quotes, returns, curves, ratings, filings, amounts and terms are nonsense (`poisoned`). More is told of earlier
    days (`told_anew`): ratings, restatements, links, sectors, amounts and call prices; cancels, corrections and reversals
    of trades reported by the cut, late reports of older trades; and a stock that is delisted on the day after the cut.
    """

    #: Message numbers from here on are those of reports that `LaterKnowledge` adds.
    OWN_NUMBERS = 9_000_000

    def __init__(self, source: Source, cut: date, seed: int) -> None:
        self.source, self.cut, self.seed = source, cut, seed

    def span(self) -> tuple[date, date]:
        """That of the source."""
        return self.source.span()

    def truth(self) -> dict[str, pl.DataFrame]:
        """That of the source."""
        return self.source.truth()

    def daily(self, table: str, start: date, end: date) -> Delivery:
        """The source's days, those after the cut with nonsense and with what is told of earlier days."""
        delivery = self.source.daily(table, start, end)
        rows = self._reports(delivery.rows, start, end) if table == "trace_reports" else poisoned(table, delivery.rows, self.cut)
        if table == "equity_prices":
            rows = rows.filter((pl.col("ticker") != self.delisted) | (pl.col("trade_date") <= self.cut))
        return replace(delivery, rows=rows)

    def reference(self, table: str, through: date) -> Delivery:
        """The source's rows, those known after the cut with nonsense, and what is told of earlier days by `through`."""
        delivery = self.source.reference(table, through)
        rows = poisoned(table, delivery.rows, self.cut)
        told = rows.clear() if table in _DELIVERED_ONCE else told_anew(table, rows, self.cut, self.seed)
        if table == "delistings":
            row = {"ticker": self.delisted, "last_trade_date": self.cut, "delisting_return_pct": -60.0, "reason": "liquidation",
                   "known_at": datetime.combine(offset(self.cut, 1), datetime.min.time().replace(hour=9))}
            told = pl.DataFrame([row], schema=rows.schema)
        return replace(delivery, rows=pl.concat([rows, told.filter(pl.col("known_at").dt.date() <= through)]))

    @cached_property
    def delisted(self) -> str:
        """The stock that leaves after the cut."""
        listed = self.source.daily("equity_prices", self.cut, self.cut).rows.filter(~pl.col("is_etf"))["ticker"].sort()
        return str(listed[int(np.random.default_rng(self.seed).integers(len(listed)))])

    def _reports(self, rows: pl.DataFrame, start: date, end: date) -> pl.DataFrame:
        """Trades executed after the cut at other prices and sizes, and the added reports; what ends an older trade still ends it."""
        is_other = (pl.col("execution_date") > self.cut) & pl.col("status").is_in(["T", "R"])
        factor = pl.when(pl.col("record_number") % 3 == 0).then(10.0).when(pl.col("record_number") % 3 == 1).then(0.8).otherwise(1.25)
        other = rows.with_columns(
            price=pl.when(is_other).then(pl.col("price") * factor).otherwise("price"),
            par_usd=pl.when(is_other & (pl.col("record_number") % 2 == 0)).then(pl.col("par_usd") * 50).otherwise("par_usd"),
        )
        last = rows.group_by("delivery_date").agg(last=pl.col("record_number").max())
        added = self.added_reports.filter(pl.col("delivery_date").is_between(start, end)).join(last, on="delivery_date", how="left")
        added = added.with_columns(record_number=pl.col("record_number") + pl.col("last").fill_null(0)).drop("last")
        return pl.concat([other, added.select(rows.columns)]).sort("delivery_date", "record_number")

    @cached_property
    def added_reports(self) -> pl.DataFrame:
        """Reports of the ten days after the cut about trades executed by then; `record_number` counts within a day, after those of the source.

        A third of the trades are cancelled (X), a third corrected (C and R) and a third, old enough for it, reversed (Y);
        beside them late reports of trades nobody had heard of.
        """
        since = offset(self.cut, -45)
        reports = self.source.daily("trace_reports", since, self.cut)
        truth = reports.truth["report_truths"].select("delivery_date", "record_number", "dead_reason")
        standing = reports.rows.join(truth, on=["delivery_date", "record_number"], how="left").filter(
            (pl.col("status") == "T") & pl.col("dead_reason").is_null() & (pl.col("contra") == "C") & (pl.col("par_usd") >= 1e5)
        ).drop("dead_reason")
        rng = np.random.default_rng([self.seed, 1])
        old = standing.filter(pl.col("report_date") <= offset(self.cut, -21)).sample(40, seed=self.seed)
        young = standing.filter(pl.col("report_date") > offset(self.cut, -9)).sample(160, seed=self.seed)
        cancelled, corrected, copied = young[:60], young[60:110], young[110:]
        ended = {
            "prior_report_date": pl.col("report_date"), "first_control_date": pl.col("report_date"), "first_control_number": pl.col("message_number"),
            "original_message_number": pl.lit(None, pl.String),
        }
        fresh = self._numbers
        days_of_corrections = self._days(rng, corrected.height)
        parts = [
            self._told(cancelled.with_columns(status=pl.lit("X"), **ended), self._days(rng, cancelled.height)),
            self._told(corrected.with_columns(status=pl.lit("C"), **ended), days_of_corrections),
            self._told(
                corrected.with_columns(status=pl.lit("R"), price=pl.col("price") * 1.03, **ended).with_columns(message_number=fresh(corrected.height, 0)),
                days_of_corrections,
            ),
            self._told(
                old.with_columns(status=pl.lit("Y"), **ended).with_columns(original_message_number="message_number", message_number=fresh(old.height, 1)),
                self._days(rng, old.height),
            ),
            self._told(copied.with_columns(price=pl.col("price") * 0.97, message_number=fresh(copied.height, 2)), self._days(rng, copied.height)),
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
        moment = pl.Series([datetime(d.year, d.month, d.day, 18, 29, 40) for d in days], dtype=pl.Datetime("us"))
        reported = dict.fromkeys(("reported_at", "delivered_at", "known_at"), moment)
        return rows.with_columns(delivery_date=pl.Series(days), report_date=pl.Series(days), asof_code=pl.lit("A"), **reported)


# What is learned

def learned(
    issuer_days: pl.DataFrame, labels: pl.DataFrame, settings: LearningSettings, through: date, fold_of_quarter: Callable[[Fold], Fold] = lambda fold: fold,
) -> dict[str, pl.DataFrame]:
    """What the graph makes of issuer days and labels for the folds that begin by the trading day after `through`, in memory.

    Rows of models, holdout_ics, feature_importances, champions, predictions, scores, explanations and signals.
    `fold_of_quarter` may replace a fold by another.
    """
    data = make_dataset(issuer_days, labels, settings.walk_forward)
    first, last = data.keys["trade_date"][0], data.keys["trade_date"][-1]
    folds = [fold_of_quarter(fold) for fold in folds_between(first, offset(through, 1), settings.walk_forward)]
    raw = issuer_days.sort("trade_date", "parent_id")
    rows: dict[str, list[pl.DataFrame]] = {name: [] for name in LEARNED}
    trained: dict[str, FoldModel] = {}
    champion: Candidate | None = None

    def incumbent_ics(incumbent: Candidate, quarter: date) -> pl.DataFrame:
        fold = next(fold for fold in folds if fold.quarter == quarter)
        found, held = trained[incumbent.version], judged_rows(data, fold.calibration_start, fold.train_end)
        return daily_ics(data, held, found.model.predict(data.inputs(held, found.specification)))  # type: ignore[union-attr]

    for fold, models in train_folds(data, folds, settings.specifications(), settings, 2):
        if isinstance(models, FoldError):
            raise models
        trained |= {model.version: model for model in models}
        known = cutoff(offset(fold.first_day, -1))
        rows["models"].append(pl.DataFrame(model_rows(data, models, settings, 1, "run"), schema=TABLES["models"].polars_schema, orient="row"))
        rows["holdout_ics"].append(holdout_rows(data, models))
        rows["feature_importances"].append(importance_rows(models))
        # As `assets/champions.py` replays the gate, with frames for a warehouse.
        eligible = set(rows["models"][-1].filter("is_eligible")["model_name"])
        candidates = [Candidate(fold.quarter, fold.first_day, model.name, model.specification.hash) for model in models if model.name in eligible]
        hashes = pl.concat([part.select("fold", "model_name", "specification_hash") for part in rows["models"]])
        siblings = pl.concat(rows["holdout_ics"]).join(hashes, on=["fold", "model_name"]).sort("fold", "trade_date")
        siblings = siblings.unique(["specification_hash", "trade_date"], keep="last", maintain_order=True)
        verdict = decide(fold.quarter, candidates, siblings, champion, incumbent_ics, settings.walk_forward.horizon_days, settings.gate)
        champion, chosen = verdict.champion, trained[verdict.champion.version]
        rows["champions"].append(rows_of("champions", {
            "valid_from_date": verdict.valid_from, "model_version": champion.version, "model_name": champion.name, "trained_fold": champion.fold,
            "decision": verdict.decision, "data_hash": chosen.data_hash, "n_holdout_days": verdict.n_days, "ic_difference": verdict.difference, "standard_error": verdict.error,
            "threshold": verdict.threshold, "reason": verdict.reason, "known_at": known,
        }))
        rows["predictions"].append(predict_quarter(data, fold, models, last))
        scored = data.between(fold.first_day, min(fold.last_day, last))
        scored = scored[data.scorable[scored]]
        scorer = Scorer(chosen.name, chosen.version, chosen.model, chosen.specification, chosen.calibration)
        for name, frame in zip(("scores", "explanations"), score(data, scored, scorer, "1", raw[scored]), strict=True):
            rows[name].append(frame)
        rows["signals"].append(select_signals(rows["scores"][-1], raw.select("parent_id", "trade_date", "staleness_days", "n_trades_21d"), _EVERYONE))
    return {name: TABLES[name].conform(pl.concat([TABLES[name].empty(), *(TABLES[name].conform(part) for part in parts)])) for name, parts in rows.items()}


LEARNED = ("models", "holdout_ics", "feature_importances", "champions", "predictions", "scores", "explanations", "signals")
#: Synthetic issuers hardly trade.
_EVERYONE = SignalSettings(margin=0.0, minimum_trades_21d=-100, quantile=0.3)


def with_later_days(issuer_days: pl.DataFrame, labels: pl.DataFrame, cut: date, later: Later) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Issuer days and labels in which all that became known after `cut` is dropped, poisoned, or joined by an issuer nobody had heard of."""
    is_day, is_label = pl.col("trade_date") > cut, pl.col("label_end_date") > cut
    if later == "truncate":
        return issuer_days.filter(~is_day), labels.filter(~is_label)
    if later == "append":
        new = pl.lit("A0").alias("parent_id"), pl.lit("A0").alias("ticker")
        one = pl.col("parent_id") == pl.col("parent_id").min()
        grown = [pl.concat([frame, frame.filter(after & one).with_columns(*new)]) for frame, after in ((issuer_days, is_day), (labels, is_label))]
        told_otherwise = pl.when(is_label).then(pl.col("excess_return_pct") * -2).otherwise("excess_return_pct")
        return grown[0], grown[1].with_columns(told_otherwise.alias("excess_return_pct"))
    numbers = pl.col(list(ALL_FEATURES))
    nonsense = 1e6 * (1 + pl.int_range(pl.len()) % 7)
    return (
        issuer_days.with_columns(pl.when(is_day).then(nonsense).otherwise(numbers).name.keep()),
        labels.with_columns(pl.when(is_label).then(nonsense).otherwise(pl.col("excess_return_pct", "beta_adjusted_return_pct")).name.keep()),
    )


# What a label may rest on

def assert_label_looks_at(panels: Panels, day: date, horizon: int, make: Callable[[Panels, date, date], pl.DataFrame] = compute_labels) -> None:
    """The label of `day` rests on the returns of the days t+2 … t+1+h, on each of them, and on no other.

    A score is known at 18:30 of day t, after its close: whoever acts on it can at best have the close of t+1, so that a
    return up to t+1 in the label would be one that nobody could earn.
    """
    first, last = offset(day, SKIP_DAYS + 1), offset(day, SKIP_DAYS + horizon)

    def label(market: Panels) -> pl.DataFrame:
        made = make(market, market.days[0].item(), market.days[-1].item())
        return made.filter((pl.col("trade_date") == day) & (pl.col("horizon_days") == horizon)).select(
            "parent_id", "ticker", "label_end_date", "stock_return_pct", "sector_return_pct", "excess_return_pct"
        )

    def moved(where: pl.Expr) -> Panels:
        move = pl.when(where & pl.col("total_return_pct").is_not_null())
        return replace(panels, prices=panels.prices.with_columns(
            move.then(pl.col("total_return_pct") / 2 + 3 + pl.col("ticker").hash(1) % 5).otherwise("total_return_pct").alias("total_return_pct"),
            pl.when(where).then(pl.col("close_usd") * 1.7).otherwise("close_usd").alias("close_usd"),
        ))

    when, told = pl.col("trade_date"), label(panels)
    assert told.height > 3, f"{day} has no labels of {horizon} days"
    assert told["label_end_date"].unique().to_list() == [last], f"the label of {day} ends on {told['label_end_date'][0]}, not on {last}"
    assert label(moved(when < first)).equals(told), f"the label of {day} rests on a price before the close of {offset(day, SKIP_DAYS)} or on the move to it"
    assert label(moved(when > last)).equals(told), f"the label of {day} rests on a price after {last}"
    for step in range(SKIP_DAYS + 1, SKIP_DAYS + horizon + 1):
        other = label(moved(when == offset(day, step)))
        assert (other["excess_return_pct"] != told["excess_return_pct"]).any(), f"the label of {day} does not rest on the return of {offset(day, step)}"
