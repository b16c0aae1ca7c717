"""The order in which reports became known.

Belongs here: sorting reports by issuer and knowledge, fast. Not here: what follows from it.
"""

from __future__ import annotations

from typing import NewType

import numpy as np
import polars as pl

from bondsig_assets.calendar import CUTOFF
from bondsig_assets.trace.reports import POINTING_FEEDS

#: A report has a row, its place in the frame as given, and a position, its place in the order of
#: knowledge. These are arrays of the one and of the other, and one position: mypy takes none for
#: another, nor for any array or whole number.
Rows = NewType("Rows", np.ndarray)
Positions = NewType("Positions", np.ndarray)
Position = NewType("Position", int)
_RANK = {"T": 0, "R": 1, "W": 1}


def with_known_at(reports: pl.DataFrame) -> pl.DataFrame:
    """`reports` with `known_at`: the report time, without one the end of the report date."""
    return reports.with_columns(
        known_at=pl.coalesce("reported_at", pl.col("report_date").dt.combine(CUTOFF))
    )


def order_of_knowledge(reports: pl.DataFrame) -> Rows:
    """Rows of `reports` by issuer (six characters of the CUSIP), then `known_at`, message number, T
    before what ends it.

    A dissemination feed without times may lack the dissemination date too: there, what ends a trade
    comes after it whatever their numbers. What is alike in all of these keeps the order of `row`.
    """
    # A report without a readable date takes no part; it only has to lie somewhere.
    known, *others = knowledge_keys("known_at")
    known = known.cast(pl.Int64)
    return order_by(
        reports, known.fill_null(known.min()).fill_null(0), *others, scales=(1_000_000, 1, 1, 1)
    )


def knowledge_keys(known: str | pl.Expr) -> list[pl.Expr]:
    """What reports are sorted by where `known` says when each became known."""
    rank = pl.col("status").replace_strict(_RANK, default=2, return_dtype=pl.Int64)
    undated = (
        pl.col("feed").is_in(POINTING_FEEDS).fill_null(False) & pl.col("reported_at").is_null()
    )
    number = pl.col("message_number").cast(pl.Int64, strict=False).fill_null(-1)
    return [
        pl.col(known) if isinstance(known, str) else known,
        pl.when(undated).then(rank).otherwise(0),
        number,
        rank,
    ]


def order_of_delivery(reports: pl.DataFrame) -> Rows:
    """Rows of `reports` by issuer, then `delivery_date` and `record_number`."""
    return order_by(
        reports,
        pl.col("delivery_date").cast(pl.Int32).cast(pl.Int64),
        pl.col("record_number"),
        scales=(1, 1),
    )


def order_by(reports: pl.DataFrame, *keys: pl.Expr, scales: tuple[int, ...]) -> Rows:
    """Rows by issuer and then by `keys`, stable.

    `scales`: a key that is a multiple of its scale throughout is divided by it. Where all keys fit
    into 64 bits one packed number is sorted, six times as fast as a sort by several columns.
    """
    issuer = reports["cusip"].str.slice(0, 6).fill_null("")
    names = issuer.unique().sort()
    code = issuer.replace_strict(
        names, pl.int_range(names.len(), eager=True), return_dtype=pl.Int64
    ).alias("issuer")
    frame = reports.select(code, *(key.alias(f"key{k}") for k, key in enumerate(keys)))
    packed = _packed([frame[name].to_numpy() for name in frame.columns], (1, *scales))
    frame = frame if packed is None else pl.DataFrame({"key": packed})
    order = frame.with_row_index("_row").sort(frame.columns, maintain_order=True)["_row"]
    return Rows(order.to_numpy().astype(np.int64))


def _packed(keys: list[np.ndarray], scales: tuple[int, ...]) -> np.ndarray | None:
    """The keys as one unsigned number each, most significant first; null when they do not fit."""
    if not keys[0].size:
        return None
    parts, bits = [], 0
    for key, scale in zip(keys, scales, strict=True):
        low = int(key.min())
        part = key - low
        if scale > 1 and not (part % scale).any():
            part = part // scale
        width = int(part.max()).bit_length()
        parts.append((part.astype(np.uint64), width))
        bits += width
    if bits > 64:
        return None
    packed = np.zeros(keys[0].size, dtype=np.uint64)
    for part, width in parts:
        packed = (packed << np.uint64(width)) | part if width < 64 else part
    return packed
