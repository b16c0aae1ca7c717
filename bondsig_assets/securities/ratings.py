"""Ratings: letters to numbers, and the composite of an issuer and of a parent as it was known.

Belongs here: the scale, withdrawals, and what several agencies and several issuers of a parent come
to. Not here: aligning the steps with trading days (`features/panels.py`).
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from bondsig_assets.securities.master import bitemporal
from bondsig_assets.securities.rectangles import edges

#: How several numbers become one; 'worst' is the highest number.
How = Literal["mean", "median", "worst"]
_SP = (
    "AAA",
    "AA+",
    "AA",
    "AA-",
    "A+",
    "A",
    "A-",
    "BBB+",
    "BBB",
    "BBB-",
    "BB+",
    "BB",
    "BB-",
    "B+",
    "B",
    "B-",
    "CCC+",
    "CCC",
    "CCC-",
    "CC",
    "C",
    "D",
)
_MOODYS = (
    "AAA",
    "AA1",
    "AA2",
    "AA3",
    "A1",
    "A2",
    "A3",
    "BAA1",
    "BAA2",
    "BAA3",
    "BA1",
    "BA2",
    "BA3",
    "B1",
    "B2",
    "B3",
    "CAA1",
    "CAA2",
    "CAA3",
    "CA",
    "C",
)
#: Letter in capitals → number. The agencies' scales never contradict each other in capitals, so one
#: table serves all; Moody's letters of before 1982 and S&P's and Fitch's ways to say default are in
#: it.
NUMBERS: dict[str, int] = {
    **{letter: place for place, letter in enumerate(_MOODYS, 1)},
    **{letter: place for place, letter in enumerate(_SP, 1)},
    "BAA": 9,
    "BA": 12,
    "CAA": 18,
    "SD": 22,
    "RD": 22,
    "DD": 22,
    "DDD": 22,
}
#: What an agency writes when it no longer rates.
WITHDRAWN = ("NR", "WR", "WD", "W/D", "NA", "N/A", "SUSP", "WITHDRAWN", "NONE", "NULL")
_DEFAULT, _MOODYS_LOWEST = 22, 21
_MOODYS_NAMES = ("MDY", "MR", "MOODYS", "MOODY'S")


def letter(number: float) -> str:
    """The S&P letter nearest to a number from 1 to 22. Raises ValueError outside."""
    if not 1 <= number <= _DEFAULT:
        raise ValueError(f"no letter for rating number {number}: it runs from 1 to {_DEFAULT}")
    return _SP[int(number + 0.5) - 1]


def letter_number(letters: pl.Expr) -> pl.Expr:
    """1 = AAA … 22 = D (Moody's: 20 = Ca, 21 = C) from letters of S&P, Moody's or Fitch; null where
    withdrawn or unreadable.

    Capitals do not matter; watch signs (`*-`), unsolicited (`u`), structured (`sf`) and provisional
    (`(P)`) marks are ignored.
    """
    return _plain(letters).replace_strict(NUMBERS, default=None, return_dtype=pl.Int64)


def is_withdrawn(letters: pl.Expr) -> pl.Expr:
    """Whether an agency says that it no longer rates; an empty or missing letter counts."""
    return _plain(letters).is_in(["", *WITHDRAWN]).fill_null(True)


def _plain(letters: pl.Expr) -> pl.Expr:
    marks = r"^\(P\)|\s*\*\s*[+-]?$|(SF|U)$|\s"
    return (
        letters.str.strip_chars()
        .str.to_uppercase()
        .str.replace_all(marks, "")
        .str.replace("−", "-")
    )


def composite(ratings: pl.DataFrame, how: How = "mean") -> pl.DataFrame:
    """Composite rating of each issuer as steps of knowledge: `issuer_id, known_at, rating_number`,
    a row for each change.

    `ratings`: the raw table of that name, of which `issuer_id, agency, rating_date, rating,
    rating_number, known_at`. Of each agency the action of the newest date counts, known at its
    `known_at` (its own day, if it was known ahead); one heard of after a newer one changes nothing.
    A withdrawal ends the agency's rating. Where a letter says nothing the row's number counts.
    Moody's C (21) is default (22), as S&P's D. The number is null where no agency rates any more.
    Steps depend on nothing known later. Raises ValueError for an unknown `how`.
    """
    actions = _actions(ratings)
    moments = actions.select("issuer_id", "known_at").unique()
    asked = moments.join(actions.select("issuer_id", "agency").unique(), on="issuer_id").sort(
        "known_at", "issuer_id", "agency"
    )
    current = asked.join_asof(
        actions.sort("known_at"), on="known_at", by=["issuer_id", "agency"], check_sortedness=False
    )
    return _changes(
        _together(current.sort("issuer_id", "known_at", "agency"), ["issuer_id", "known_at"], how),
        "issuer_id",
    )


def parent_ratings(ratings: pl.DataFrame, issuers: pl.DataFrame, how: How = "mean") -> pl.DataFrame:
    """Rating of each parent as steps of knowledge: `parent_id, known_at, rating_number`, a row for
    each change.

    The mean (or what `how` says) of the composites of the issuers that lead to the parent, on the
    day of the moment as known at it; `issuers`: the raw table. An issuer taken over counts with its
    new parent from when that has both begun and become known. The newest row at or before a moment
    is the parent's rating at it; a null number says that there is none any more. Steps depend on
    nothing known later.
    """
    steps = composite(ratings, how).with_columns(
        k0=pl.col("known_at").to_physical(),
        k1=pl.col("known_at").shift(-1).over("issuer_id").to_physical(),
    )
    both = (
        steps.filter(pl.col("rating_number").is_not_null())
        .join(_memberships(issuers), on="issuer_id")
        .select(
            "parent_id",
            "issuer_id",
            "rating_number",
            start=pl.max_horizontal("k0", "from"),
            stop=pl.min_horizontal("k1", "until"),
        )
        .filter(pl.col("stop").is_null() | (pl.col("start") < pl.col("stop")))
    )
    moments = (
        pl.concat(
            [both.select("parent_id", at="start"), both.select("parent_id", at="stop").drop_nulls()]
        )
        .unique()
        .sort("parent_id", "at")
    )
    moments = moments.with_row_index("place").with_columns(pl.col("place").cast(pl.Int64))
    ends = moments.group_by("parent_id").agg(end=pl.col("place").max() + 1)
    intervals = (
        both.join(moments.rename({"at": "start", "place": "first"}), on=["parent_id", "start"])
        .join(moments.rename({"at": "stop", "place": "last"}), on=["parent_id", "stop"], how="left")
        .join(ends, on="parent_id")
    )
    intervals = intervals.select(
        "issuer_id",
        "rating_number",
        place=pl.int_ranges("first", pl.col("last").fill_null(pl.col("end"))),
    ).explode("place")
    numbers = _together(intervals.sort("place", "issuer_id"), ["place"], how)
    found = moments.join(numbers, on="place", how="left").select(
        "parent_id", pl.col("at").cast(pl.Datetime("us")).alias("known_at"), "rating_number"
    )
    return _changes(found, "parent_id")


def _actions(ratings: pl.DataFrame) -> pl.DataFrame:
    """`issuer_id, agency, known_at, number`: the actions that changed what was known of an agency's
    rating, null where it ended.
    """
    moment = pl.max_horizontal(
        pl.col("known_at").cast(pl.Datetime("us")), pl.col("rating_date").cast(pl.Datetime("us"))
    )
    by = ["issuer_id", "agency"]
    known = ratings.select(*by, "rating_date", "rating", "rating_number", known_at=moment).sort(
        *by, "known_at", "rating_date"
    )
    known = known.filter(pl.col("rating_date") >= pl.col("rating_date").cum_max().over(by))
    given = pl.col("rating_number").cast(pl.Int64)
    number = pl.coalesce(
        letter_number(pl.col("rating")),
        pl.when(~_says_withdrawn() & given.is_between(1, _DEFAULT)).then(given),
    )
    lowest = pl.col("agency").str.to_uppercase().is_in(_MOODYS_NAMES) & (number >= _MOODYS_LOWEST)
    known = known.with_columns(
        number=pl.when(lowest).then(pl.lit(_DEFAULT, pl.Int64)).otherwise(number)
    )
    return known.unique([*by, "known_at"], keep="last", maintain_order=True).select(
        *by, "known_at", "number"
    )


def _says_withdrawn() -> pl.Expr:
    """Withdrawn by its letter; a row that has a number and no letter is a rating."""
    rating = pl.col("rating")
    return is_withdrawn(rating) & rating.is_not_null() & (rating.str.strip_chars() != "")


def _memberships(issuers: pl.DataFrame) -> pl.DataFrame:
    """`issuer_id, parent_id, from, until`: when an issuer was seen to lead to a parent on the very
    day, in microseconds.
    """
    rows = bitemporal(
        issuers.select("issuer_id", "parent_id", "valid_from_date", "valid_to_date", "known_at"),
        "issuer_id",
    )
    midnight = pl.col("valid_from_date").cast(pl.Datetime("us")).to_physical()
    after = (pl.col("valid_to_date").cast(pl.Datetime("us")) + pl.duration(days=1)).to_physical()
    until = pl.col("known_until").cast(pl.Datetime("us")).to_physical()
    seen = rows.select(
        "issuer_id",
        "parent_id",
        pl.max_horizontal(midnight, edges()[2]).alias("from"),
        pl.min_horizontal(after, until).alias("until"),
    )
    return seen.filter(pl.col("until").is_null() | (pl.col("from") < pl.col("until")))


def _together(rows: pl.DataFrame, by: list[str], how: How) -> pl.DataFrame:
    """One `rating_number` a group, of its numbers that are not null, summed in the order of the
    rows.
    """
    name = "rating_number" if "rating_number" in rows.columns else "number"
    value = pl.col(name).cast(pl.Float64)
    ways = {"mean": value.mean(), "median": value.median(), "worst": value.max()}
    if how not in ways:
        raise ValueError(
            f"no way {how!r} to make one rating of several: it is one of {', '.join(ways)}"
        )
    return rows.group_by(by, maintain_order=True).agg(ways[how].alias("rating_number"))


def _changes(steps: pl.DataFrame, entity: str) -> pl.DataFrame:
    """The steps that change an entity's number, the first of them not null."""
    ordered = steps.sort(entity, "known_at")
    before = pl.col("rating_number").shift(1).over(entity)
    return ordered.filter(pl.col("rating_number").ne_missing(before)).select(
        entity, "known_at", "rating_number"
    )
