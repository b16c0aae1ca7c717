"""Small dated stories about securities, written by hand: days are numbers counted from one first
day.

Belongs here: what several test modules of this folder build their frames with. Not here: tests.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl

from bondsig_assets.securities.claims import CLAIM_SCHEMA

START = date(2020, 1, 1)


def on(day: int) -> date:
    """Day number `day` of a story."""
    return START + timedelta(days=day)


def at(day: int, hour: int = 16) -> datetime:
    """An hour of that day."""
    return datetime.combine(on(day), time(hour))


def issuer(
    name: str, parent: str, first: int, known: int, last: int | None = None, **more: Any
) -> dict:
    """An issuer's link to its parent."""
    return {
        "issuer_id": name,
        "issuer_cusip": name * 6,
        "parent_id": parent,
        "valid_from_date": on(first),
        "known_at": at(known),
        "valid_to_date": None if last is None else on(last),
    } | more


def stock(
    parent: str, ticker: str, first: int, known: int, last: int | None = None, **more: Any
) -> dict:
    """A parent's link to its stock."""
    return {
        "parent_id": parent,
        "ticker": ticker,
        "sector": "Energy",
        "sector_etf": "XLE",
        "valid_from_date": on(first),
        "known_at": at(known),
        "valid_to_date": None if last is None else on(last),
    } | more


def claim(
    entity: str,
    first: int,
    known: int,
    last: int | None = None,
    until: int | None = None,
    **said: Any,
) -> dict:
    """A claim about `entity` (a CUSIP unless said), open where `last` and `until` are not given."""
    return {
        "link_source": "s1",
        "entity_kind": "cusip",
        "entity": entity,
        "confidence": 1.0,
        "valid_from_date": on(first),
        "valid_to_date": None if last is None else on(last),
        "known_at": at(known),
        "known_until": None if until is None else at(until),
    } | said


def claims_of(*rows: dict) -> pl.DataFrame:
    """Claims as a frame."""
    return pl.DataFrame(list(rows), schema=CLAIM_SCHEMA, orient="row")


def seen(rows: pl.DataFrame | list[dict], day: int, moment: datetime) -> list[dict]:
    """Rows valid on the day and known at the moment, found by plain Python."""
    return [
        row
        for row in (rows.to_dicts() if isinstance(rows, pl.DataFrame) else rows)
        if row["valid_from_date"] <= on(day)
        and (row["valid_to_date"] is None or row["valid_to_date"] >= on(day))
        and row["known_at"] <= moment
        and (row["known_until"] is None or row["known_until"] > moment)
    ]
