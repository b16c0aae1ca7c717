"""Reports as arrays of whole numbers: what matching compares.

Belongs here: how each term becomes a number, so that equality is exact and null equals null.
Not here: any rule (`lifecycle.py`, `interdealer.py`, `prices.py`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from bondsig_assets.trace.reports import POINTING_FEEDS, REGIME_CUT

#: Stands for null in every encoded term.
NULL = np.iinfo(np.int64).min
#: What a report does, by its status, as-of code and regime.
OPENS, CANCELS, CORRECTS, REVERSES, POINTED_CANCEL, POINTED_CORRECTION, REPLACES, AGAINST = range(8)


class Encoded(NamedTuple):
    """Arrays [position] in order of knowledge; NULL where the report has no value.

    `bond`: hash of the CUSIP; `cusip`: the same within one feed, so that nothing of one feed is
    ever matched with another feed's copy of it; `corrects`: whether it is a W; `feed`: 0 for the
    best, then 1, 2, ...

    `role`: one of the constants above (CORRECTS is the C of today, POINTED_CORRECTION the W,
    AGAINST the as-of reversal of before 2012, REPLACES the R); `opens`: whether it opens a trade;
    prices in millionths of par, par in cents, moments in microseconds, days since 1970. A named
    tuple, because compiled code takes one whole.
    """

    role: np.ndarray
    opens: np.ndarray
    bond: np.ndarray
    cusip: np.ndarray
    number: np.ndarray
    original: np.ndarray
    report_day: np.ndarray
    execution_day: np.ndarray
    executed: np.ndarray
    price: np.ndarray
    par: np.ndarray
    side: np.ndarray
    contra: np.ndarray
    prior_day: np.ndarray
    first_day: np.ndarray
    first_number: np.ndarray
    feed: np.ndarray
    corrects: np.ndarray


#: Feeds from best to worst: the better one stands for a bond and day.
FEED_RANK = {"academic": 1, "standard": 2, "144a": 3, "web": 4}


def points() -> pl.Expr:
    """Whether a report's C and W point at what they change: before the cut, and in the
    dissemination feeds.
    """
    return (pl.col("report_date") < REGIME_CUT) | pl.col("feed").is_in(POINTING_FEEDS).fill_null(
        False
    )


def role() -> pl.Expr:
    """What a report does. A status nobody knows does nothing: it is no opening (see `opens`)."""
    status, old = pl.col("status"), points()
    against = (
        old & status.is_in(["T", "W"]) & pl.col("asof_code").is_in(["R", "X"]).fill_null(False)
    )
    return (
        pl.when(against)
        .then(AGAINST)
        .when(status == "T")
        .then(OPENS)
        .when(old & (status == "C"))
        .then(POINTED_CANCEL)
        .when(status == "W")
        .then(POINTED_CORRECTION)
        .when(status == "X")
        .then(CANCELS)
        .when(status == "C")
        .then(CORRECTS)
        .when(status == "Y")
        .then(REVERSES)
        .when(status == "R")
        .then(REPLACES)
        .otherwise(-1)
        .cast(pl.Int8)
    )


def encode(reports: pl.DataFrame, order: np.ndarray) -> Encoded:
    """The arrays of `reports`, with the columns of REPORT_SCHEMA; `order` holds their rows in order
    of knowledge.
    """
    numbers = reports.select(
        role=role(),
        corrects=pl.col("status") == "W",
        bond=pl.col("cusip").hash().reinterpret(signed=True),
        feed=pl.col("feed").replace_strict(FEED_RANK, default=0, return_dtype=pl.Int8),
        number=_number("message_number"),
        original=_number("original_message_number"),
        first_number=_number("first_control_number"),
        report_day=_day("report_date"),
        execution_day=_day("execution_date"),
        prior_day=_day("prior_report_date"),
        first_day=_day("first_control_date"),
        executed=pl.col("executed_at").cast(pl.Int64).fill_null(NULL),
        price=(pl.col("price") * 1e6).round().cast(pl.Int64, strict=False).fill_null(NULL),
        par=(pl.col("par_usd") * 100).round().cast(pl.Int64, strict=False).fill_null(NULL),
        side=_letter("side"),
        contra=_letter("contra"),
    )
    arrays = {name: numbers[name].to_numpy()[order] for name in numbers.columns}
    opens = np.isin(arrays["role"], (OPENS, POINTED_CORRECTION, REPLACES))
    return Encoded(opens=opens, cusip=arrays["bond"] + arrays["feed"], **arrays)


def mix(*terms: np.ndarray) -> np.ndarray:
    """One 64-bit key of several terms; equal terms give equal keys, unequal ones almost never.

    Matching compares the terms themselves again, so an unlucky pair costs time, not truth.
    """
    key = np.zeros(terms[0].shape, dtype=np.uint64)
    for term in terms:
        key = (key ^ term.astype(np.int64, copy=False).view(np.uint64)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        key ^= key >> np.uint64(29)
    return key


def stable_order(keys: np.ndarray) -> np.ndarray:
    """Positions that sort `keys`, equal ones as they come; twice as fast as numpy's."""
    return (
        pl.DataFrame({"key": keys})
        .with_row_index("at")
        .sort("key", maintain_order=True)["at"]
        .to_numpy()
        .astype(np.int64)
    )


def _number(column: str) -> pl.Expr:
    """A message number as a whole number: leading zeros do not matter; other text by its hash."""
    text = pl.col(column)
    hashed = text.hash().reinterpret(signed=True) | pl.lit(1 << 62, dtype=pl.Int64)
    return pl.coalesce(
        text.cast(pl.Int64, strict=False), pl.when(text.is_not_null()).then(hashed)
    ).fill_null(NULL)


def _day(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Int32).cast(pl.Int64).fill_null(NULL)


def _letter(column: str) -> pl.Expr:
    """A code of one letter: its first byte, null as -1."""
    return pl.col(column).replace_strict(
        {"B": 0, "S": 1, "C": 0, "D": 1, "A": 2}, default=-1, return_dtype=pl.Int8
    )
