"""The bitemporal security master: which stock a bond leads to on a day, as known on that day.

Belongs here: building the chain CUSIP → issuer → parent → ticker with validity and knowledge
time, and reading it as of each day. Not here: where the raw links come from (`sources/`).
"""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl

from bondsig_assets.trading_calendar import CUTOFF

_DAY = pl.duration(days=1)


def bitemporal(rows: pl.DataFrame, entity: str) -> pl.DataFrame:
    """`rows` as rectangles of validity and knowledge, so that on any day at most one is seen.

    Takes dated rows of one `entity` column with `valid_from_date, valid_to_date, known_at`, where a
    later row replaces an earlier one from its own first day on. An earlier row is therefore
    seen open until a later one is known, and closed the day before it from then on, in whatever
    order they become known. Adds `known_until`.
    """
    ordered = rows.sort(entity, "valid_from_date", "known_at").with_row_index("row")
    successors = ordered.select(entity, successor="row", next_from="valid_from_date", next_known="known_at")
    closed = ordered.join(successors, on=entity).filter(pl.col("successor") > pl.col("row")).with_columns(
        known_at=pl.max_horizontal("known_at", "next_known")
    ).sort("row", "known_at", "successor").with_columns(pl.col("next_from").cum_min().over("row"))
    versions = pl.concat([ordered.with_columns(next_from=pl.lit(None, pl.Date)), closed.drop("successor", "next_known")])
    versions = versions.sort("row", "known_at", maintain_order=True)
    versions = versions.with_columns(
        valid_to_date=pl.min_horizontal("valid_to_date", pl.col("next_from") - _DAY), known_until=pl.col("known_at").shift(-1).over("row"),
    )
    return _lasting(versions.drop("row", "next_from")).sort(entity, "valid_from_date", "known_at")


def _lasting(versions: pl.DataFrame) -> pl.DataFrame:
    """The rectangles that are valid for at least a day and known for at least a moment."""
    valid = pl.col("valid_to_date").is_null() | (pl.col("valid_to_date") >= pl.col("valid_from_date"))
    return versions.filter(valid & (pl.col("known_until").is_null() | (pl.col("known_until") > pl.col("known_at"))))


def build_master(bonds: pl.DataFrame, issuers: pl.DataFrame, equities: pl.DataFrame) -> pl.DataFrame:
    """Rows of `security_master` from the raw tables of the same names.

    A chain holds where all of its links hold and is known while all of them are. An issuer without
    a parent's stock has no row: its bonds stay in the bond tables. Each link is settled before they
    are chained, so that what a former parent does later, or a new parent without a stock, is seen right.
    """
    links = bitemporal(issuers.select("issuer_id", "issuer_cusip", "parent_id", "valid_from_date", "valid_to_date", "known_at"), "issuer_id")
    stocks = bitemporal(equities.select("parent_id", "ticker", "sector", "sector_etf", "valid_from_date", "valid_to_date", "known_at"), "parent_id")
    chain = links.join(stocks, on="parent_id", suffix="_stock").join(
        bonds.select("cusip", "issuer_id", known_at_bond="known_at"), on="issuer_id"
    )
    chain = chain.with_columns(
        valid_from_date=pl.max_horizontal("valid_from_date", "valid_from_date_stock"),
        valid_to_date=pl.min_horizontal("valid_to_date", "valid_to_date_stock"),
        known_at=pl.max_horizontal("known_at", "known_at_stock", "known_at_bond"),
        known_until=pl.min_horizontal("known_until", "known_until_stock"),
    )
    columns = [
        "cusip", "issuer_id", "issuer_cusip", "parent_id", "ticker", "sector", "sector_etf", "valid_from_date", "valid_to_date", "known_at",
        "known_until",
    ]
    return _lasting(chain.select(columns)).sort("cusip", "valid_from_date", "known_at")


def positions_as_of(rows: pl.DataFrame, entity: str, entities: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Position in `rows` of the row seen for each entity on each day, -1 where there is none.

    `rows` as from `bitemporal`; `entities` sorted ids; `days` datetime64[D] ascending. Returns an
    int array [day, entity]. A row is seen on a day if it is valid then and known by its cutoff.
    """
    seen = np.full((days.size, entities.size), -1, dtype=np.int32)
    cutoffs = days.astype("datetime64[us]") + np.timedelta64(datetime.combine(datetime.min, CUTOFF) - datetime.min)
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
    return pl.select(values.fill_null(date(9999, 1, 1))).to_series().to_numpy().astype("datetime64[D]")


def _moments(values: pl.Series) -> np.ndarray:
    """Moments as datetime64[us], null as the far future."""
    return pl.select(values.fill_null(datetime(9999, 1, 1))).to_series().to_numpy().astype("datetime64[us]")
