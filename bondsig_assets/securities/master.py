"""The bitemporal security master: which stock a bond leads to on a day, as known on that day.

Belongs here: building the chain CUSIP → issuer → parent → ticker with validity and knowledge
time, and reading it as of each day. Not here: where the raw links come from (`sources/`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
import polars as pl

from bondsig_assets.calendar import CUTOFF
from bondsig_assets.securities.delisted import ended
from bondsig_assets.securities.rectangles import is_lasting, overlay

_MASTER_COLUMNS = [
    "cusip",
    "issuer_id",
    "issuer_cusip",
    "parent_id",
    "ticker",
    "sector",
    "sector_etf",
    "valid_from_date",
    "valid_to_date",
    "known_at",
    "known_until",
]
#: What is kept of the claim that won, where links were settled.
LINK_COLUMNS = ["link_source", "confidence", "permno", "permco", "figi"]
_DAY = pl.duration(days=1)


def bitemporal(rows: pl.DataFrame, entity: str) -> pl.DataFrame:
    """`rows` as rectangles of validity and knowledge, so that on any day at most one is seen.

    Takes dated rows of one `entity` column with `valid_from_date, valid_to_date, known_at`, where a
    later row replaces an earlier one from its own first day on. An earlier row is therefore
    seen open until a later one is known, and closed the day before it from then on, in whatever
    order they become known. Adds `known_until`.
    """
    ordered = rows.sort(entity, "valid_from_date", "known_at").with_row_index("row")
    successors = ordered.select(
        entity, successor="row", next_from="valid_from_date", next_known="known_at"
    )
    closed = (
        ordered.join(successors, on=entity)
        .filter(pl.col("successor") > pl.col("row"))
        .with_columns(known_at=pl.max_horizontal("known_at", "next_known"))
        .sort("row", "known_at", "successor")
        .with_columns(pl.col("next_from").cum_min().over("row"))
    )
    versions = pl.concat(
        [
            ordered.with_columns(next_from=pl.lit(None, pl.Date)),
            closed.drop("successor", "next_known"),
        ]
    )
    versions = versions.sort("row", "known_at", maintain_order=True)
    versions = versions.with_columns(
        valid_to_date=pl.min_horizontal("valid_to_date", pl.col("next_from") - _DAY),
        known_until=pl.col("known_at").shift(-1).over("row"),
    )
    return (
        versions.drop("row", "next_from")
        .filter(is_lasting())
        .sort(entity, "valid_from_date", "known_at")
    )


def replaced(rows: pl.DataFrame, entity: str, *, corrects: bool = True) -> pl.DataFrame:
    """`bitemporal` for rows of which several may be one statement about their `entity`, and for
    long histories.

    Rows with one first day (and, where a later row of the same first day `corrects` the earlier,
    one moment of knowledge) stay beside each other, so that a contradiction is not settled by the
    order of rows. Entities whose statements became known in the order of their first days, nearly
    all, take linear time and no more than two rectangles a row. Adds `known_until`.
    """
    keys = [entity, "valid_from_date", "said_at"] if corrects else [entity, "valid_from_date"]
    said = (
        rows.rename({"known_at": "said_at"})
        .group_by(keys)
        .agg(known_at=pl.col("said_at").min())
        .sort(*keys)
    )
    said = said.with_columns(
        next_from=pl.col("valid_from_date").shift(-1).over(entity),
        next_known=pl.col("known_at").shift(-1).over(entity),
    )
    orderly = (pl.col("next_known") >= pl.col("known_at")).fill_null(True).all().over(entity)
    quick, slow = (
        said.filter(orderly),
        said.filter(~orderly)
        .drop("next_from", "next_known")
        .with_columns(valid_to_date=pl.lit(None, pl.Date)),
    )
    closed = quick.filter(pl.col("next_from").is_not_null()).with_columns(
        known_at="next_known",
        known_until=pl.lit(None, pl.Datetime("us")),
        valid_to_date=pl.col("next_from") - _DAY,
    )
    parts = [
        quick.with_columns(known_until="next_known", valid_to_date=pl.lit(None, pl.Date)),
        closed,
        bitemporal(slow, entity),
    ]
    columns = [*keys, "known_at", "known_until", "valid_to_date"]
    versions = pl.concat([part.select(columns) for part in parts])
    both = (
        rows.with_columns(said_at="known_at")
        .join(versions, on=keys, suffix="_version")
        .with_columns(
            known_at=pl.max_horizontal("known_at", "known_at_version"),
            valid_to_date=pl.min_horizontal("valid_to_date", "valid_to_date_version"),
        )
    )
    return (
        both.filter(is_lasting())
        .select(*rows.columns, "known_until")
        .sort(entity, "valid_from_date", "known_at", maintain_order=True)
    )


def stock_links(
    equities: pl.DataFrame, columns: Sequence[str] = (), delistings: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Links of the raw table `equities` as rectangles: parent, ticker, `columns` and the sides.

    `delistings`, as from `delisted.standing_delistings`, end the links of their tickers.
    """
    dated = ("valid_from_date", "valid_to_date", "known_at")
    rows = equities.select("parent_id", "ticker", *columns, *dated)
    return ended(bitemporal(rows, "parent_id"), delistings)


def build_master(
    bonds: pl.DataFrame,
    issuers: pl.DataFrame,
    equities: pl.DataFrame,
    links: pl.DataFrame | None = None,
    delistings: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Rows of `security_master` from the raw tables of the same names.

    A chain holds where all of its links hold and is known while all of them are. An issuer without
    a parent's stock has no row: its bonds stay in the bond tables. Each link is settled before they
    are chained, so that what a former parent does later, or a new parent without a stock, is seen
    right.

    With `links`, as `links.resolve` settled them, a bond's parent comes from them instead of
    `issuers` (put `claims.issuer_chain` among the claims to keep it), and the rows say which claim
    it was (LINK_COLUMNS); ticker and sector remain those of `equities`. A link without a parent has
    no row. `delistings`, as from `delisted.standing_delistings`, end chains on the stock's last day
    from when they are known.
    """
    stocks = stock_links(equities, ("sector", "sector_etf"), delistings)
    if links is not None:
        return _chained(_linked_issuers(bonds, issuers, links), stocks, LINK_COLUMNS)
    owned = bitemporal(
        issuers.select(
            "issuer_id", "issuer_cusip", "parent_id", "valid_from_date", "valid_to_date", "known_at"
        ),
        "issuer_id",
    )
    return _chained(
        owned.join(bonds.select("cusip", "issuer_id", known_at_bond="known_at"), on="issuer_id"),
        stocks,
    )


def _linked_issuers(
    bonds: pl.DataFrame, issuers: pl.DataFrame, links: pl.DataFrame
) -> pl.DataFrame:
    """Links with the issuer of each bond and the issuer's own CUSIP, the bond's where the issuer is
    not known.
    """
    known = links.filter(pl.col("parent_id").is_not_null()).select(
        "cusip",
        "parent_id",
        *LINK_COLUMNS,
        "valid_from_date",
        "valid_to_date",
        "known_at",
        "known_until",
    )
    known = known.join(bonds.select("cusip", "issuer_id", known_at_bond="known_at"), on="cusip")
    named = bitemporal(
        issuers.select("issuer_id", "issuer_cusip", "valid_from_date", "valid_to_date", "known_at"),
        "issuer_id",
    )
    return overlay(known, named, "issuer_id").with_columns(
        pl.col("issuer_cusip").fill_null(pl.col("cusip").str.slice(0, 6))
    )


def _chained(owned: pl.DataFrame, stocks: pl.DataFrame, more: Sequence[str] = ()) -> pl.DataFrame:
    """Bonds with their parents joined to the parents' stocks, where and while both hold."""
    chain = owned.join(stocks, on="parent_id", suffix="_stock").with_columns(
        valid_from_date=pl.max_horizontal("valid_from_date", "valid_from_date_stock"),
        valid_to_date=pl.min_horizontal("valid_to_date", "valid_to_date_stock"),
        known_at=pl.max_horizontal("known_at", "known_at_stock", "known_at_bond"),
        known_until=pl.min_horizontal("known_until", "known_until_stock"),
    )
    return (
        chain.select(*_MASTER_COLUMNS, *more)
        .filter(is_lasting())
        .sort("cusip", "valid_from_date", "known_at")
    )


def positions_as_of(
    rows: pl.DataFrame, entity: str, entities: np.ndarray, days: np.ndarray
) -> np.ndarray:
    """Position in `rows` of the row seen for each entity on each day, -1 where there is none.

    `rows` as from `bitemporal`; `entities` sorted ids; `days` datetime64[D] ascending. Returns an
    int array [day, entity]. A row is seen on a day if it is valid then and known by its cutoff.
    """
    seen = np.full((days.size, entities.size), -1, dtype=np.int32)
    cutoffs = days.astype("datetime64[us]") + np.timedelta64(
        datetime.combine(datetime.min, CUTOFF) - datetime.min
    )
    column = np.searchsorted(entities, rows[entity].to_numpy())
    known = np.searchsorted(cutoffs, _moments(rows["known_at"]), side="left")
    until = np.searchsorted(cutoffs, _moments(rows["known_until"]), side="left")
    start = np.searchsorted(days, _days(rows["valid_from_date"]), side="left")
    stop = np.searchsorted(days, _days(rows["valid_to_date"]), side="right")
    for k in range(rows.height):
        if column[k] < entities.size and entities[column[k]] == rows[entity][k]:
            seen[max(start[k], known[k]) : min(stop[k], until[k]), column[k]] = k
    return seen


def _days(values: pl.Series) -> np.ndarray:
    """Dates as datetime64[D], null as the far future."""
    return (
        pl.select(values.fill_null(date(9999, 1, 1))).to_series().to_numpy().astype("datetime64[D]")
    )


def _moments(values: pl.Series) -> np.ndarray:
    """Moments as datetime64[us], null as the far future."""
    return (
        pl.select(values.fill_null(datetime(9999, 1, 1)))
        .to_series()
        .to_numpy()
        .astype("datetime64[us]")
    )
