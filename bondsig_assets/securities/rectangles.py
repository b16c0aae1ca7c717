"""Rectangles of validity and knowledge: split where they overlap, laid over each other, merged
again.

Belongs here: arithmetic on frames with `valid_from_date, valid_to_date, known_at, known_until`,
whatever they say. Days are inclusive, null is open; knowledge holds from `known_at` up to, not at,
`known_until`. Not here: what the rows mean (`claims.py`, `amounts.py`), and how later rows close
earlier ones (`master.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import polars as pl

from bondsig_assets.calendar import cutoff

#: The four sides of a rectangle, as columns.
SIDES = ("valid_from_date", "valid_to_date", "known_at", "known_until")
_FAR_DAY = 4_000_000
_FAR_MOMENT = 2**62
_EDGES = ("v0", "v1", "k0", "k1")


def is_seen(day: date, moment: datetime | None = None) -> pl.Expr:
    """Whether a row is valid on `day` and known at `moment`, which is the day's own cutoff when not
    given.
    """
    moment = cutoff(day) if moment is None else moment
    valid = (pl.col("valid_from_date") <= day) & (
        pl.col("valid_to_date").is_null() | (pl.col("valid_to_date") >= day)
    )
    return (
        valid
        & (pl.col("known_at") <= moment)
        & (pl.col("known_until").is_null() | (pl.col("known_until") > moment))
    )


def is_lasting() -> pl.Expr:
    """Whether a rectangle is valid for at least a day and known for at least a moment."""
    valid = pl.col("valid_to_date").is_null() | (
        pl.col("valid_to_date") >= pl.col("valid_from_date")
    )
    return valid & (pl.col("known_until").is_null() | (pl.col("known_until") > pl.col("known_at")))


def edges() -> list[pl.Expr]:
    """The sides as half-open whole numbers: days `v0, v1` and microseconds `k0, k1`."""
    until = pl.col("known_until").cast(pl.Datetime("us")).to_physical()
    return [
        pl.col("valid_from_date").to_physical().cast(pl.Int64).alias("v0"),
        (pl.col("valid_to_date").to_physical().cast(pl.Int64) + 1).fill_null(_FAR_DAY).alias("v1"),
        pl.col("known_at").cast(pl.Datetime("us")).to_physical().alias("k0"),
        until.fill_null(_FAR_MOMENT).alias("k1"),
    ]


def sides() -> list[pl.Expr]:
    """The reverse of `edges`."""
    last, until = pl.col("v1") - 1, pl.col("k1")
    return [
        pl.col("v0").cast(pl.Int32).cast(pl.Date).alias("valid_from_date"),
        pl.when(pl.col("v1") < _FAR_DAY)
        .then(last)
        .cast(pl.Int32)
        .cast(pl.Date)
        .alias("valid_to_date"),
        pl.col("k0").cast(pl.Datetime("us")).alias("known_at"),
        pl.when(until < _FAR_MOMENT).then(until).cast(pl.Datetime("us")).alias("known_until"),
    ]


def cells(rows: pl.DataFrame, group: str) -> pl.DataFrame:
    """Rows split so that any two of a group either fill the same cell or share nothing.

    Takes an integer `group` and `v0, v1, k0, k1` beside any columns; returns a row for each row and
    cell it covers, the four edges now the cell's, with its number in `cell`. First validity is
    split, then knowledge within each slab of days: the work grows with what overlaps, not with all
    edges of a group.
    """
    slabs = _split(rows, group, "v0", "v1", "slab")
    return _split(slabs, "slab", "k0", "k1", "cell").drop("slab")


def _split(rows: pl.DataFrame, group: str, start: str, stop: str, name: str) -> pl.DataFrame:
    """Rows split along one axis at every edge of their group; `name` numbers the pieces."""
    found = (
        pl.concat([rows.select(group, edge=start), rows.select(group, edge=stop)])
        .unique()
        .sort(group, "edge")
        .with_row_index(name)
    )
    place = found.select(group, "edge", pl.col(name).cast(pl.Int64))
    split = (
        rows.join(place.rename({"edge": start, name: "_first"}), on=[group, start])
        .join(place.rename({"edge": stop, name: "_last"}), on=[group, stop])
        .with_columns(pl.int_ranges("_first", "_last").alias(name))
        .drop("_first", "_last", start, stop)
        .explode(name)
    )
    edge = found["edge"]
    return split.with_columns(
        edge.gather(split[name]).alias(start), edge.gather(split[name] + 1).alias(stop)
    )


def merged(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """Disjoint rectangles of one `key` joined where they touch: `key, v0, v1, k0, k1`, still
    disjoint.
    """
    along_knowledge = _runs(rows.select(key, *_EDGES), [key, "v0", "v1"], "k0", "k1")
    return _runs(along_knowledge, [key, "k0", "k1"], "v0", "v1").select(key, *_EDGES)


def _runs(rows: pl.DataFrame, same: list[str], start: str, stop: str) -> pl.DataFrame:
    ordered = rows.sort(*same, start)
    breaks = (pl.col(start) != pl.col(stop).shift(1)) | pl.any_horizontal(
        pl.col(name) != pl.col(name).shift(1) for name in same
    )
    run = breaks.fill_null(True).cum_sum().alias("_run")
    return (
        ordered.with_columns(run)
        .group_by("_run", maintain_order=True)
        .agg(*(pl.col(name).first() for name in same), pl.col(start).first(), pl.col(stop).last())
        .drop("_run")
    )


def overlay(base: pl.DataFrame, extra: pl.DataFrame, on: str | Sequence[str]) -> pl.DataFrame:
    """`base` cut into pieces that each say what `extra` says of them, null where it says nothing.

    Both have `SIDES`; `on` are columns of both. No day or moment of a base row is lost; where
    several extra rows hold at once there is a piece for each. Columns that both have, beside `on`
    and the sides, come from `extra` with the suffix `_extra`.
    """
    on = [on] if isinstance(on, str) else list(on)
    base = base.with_row_index("_base").with_columns(pl.col("_base").cast(pl.Int64), *edges())
    extra = extra.with_row_index("_extra").with_columns(pl.col("_extra").cast(pl.Int64), *edges())
    pairs = (
        base.select("_base", *on, *_EDGES)
        .join(extra.select("_extra", *on, *_EDGES), on=on, suffix="_x")
        .select(
            "_base",
            "_extra",
            v0=pl.max_horizontal("v0", "v0_x"),
            v1=pl.min_horizontal("v1", "v1_x"),
            k0=pl.max_horizontal("k0", "k0_x"),
            k1=pl.min_horizontal("k1", "k1_x"),
        )
        .filter((pl.col("v0") < pl.col("v1")) & (pl.col("k0") < pl.col("k1")))
    )
    columns = ["_base", "_extra", *_EDGES]
    # Most rows are told of once, from end to end: nothing to cut.
    one = (
        pairs.filter(pl.len().over("_base") == 1)
        .join(base.select("_base", *_EDGES), on=["_base", *_EDGES], how="semi")
        .select(columns)
    )
    pairs = pairs.join(one, on="_base", how="anti").select(columns)
    lone = base.select("_base", pl.lit(-1, pl.Int64).alias("_extra"), *_EDGES)
    touched = lone.join(pairs, on="_base", how="semi")
    pieces = cells(pl.concat([touched, pairs]), "_base")
    pieces = pieces.filter((pl.col("_extra") >= 0) | (pl.len().over("cell") == 1))
    pieces = pieces.with_columns(_pair=pl.col("_base") * (extra.height + 1) + pl.col("_extra") + 1)
    said_by = {
        "_base": pl.col("_pair") // (extra.height + 1),
        "_extra": pl.col("_pair") % (extra.height + 1) - 1,
    }
    pieces = merged(pieces, "_pair").with_columns(**said_by).select(columns)
    alone = pl.concat(
        [one, lone.join(one, on="_base", how="anti").join(touched, on="_base", how="anti")]
    )
    both = (
        pl.concat([alone, pieces])
        .sort("_base", "v0", "k0", "_extra")
        .with_columns(*sides())
        .drop(_EDGES)
    )
    base_columns = base.drop(*_EDGES, *SIDES)
    extra_columns = extra.drop(*_EDGES, *SIDES, *on)
    return (
        both.join(base_columns, on="_base", how="left", maintain_order="left")
        .join(extra_columns, on="_extra", how="left", maintain_order="left", suffix="_extra")
        .drop("_base", "_extra")
        .select(
            *[name for name in base.columns if name not in ("_base", *_EDGES)],
            pl.exclude(base.columns),
        )
    )
