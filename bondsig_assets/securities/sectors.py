"""Which sector ETF a company is measured against on a day.

Belongs here: the dated map from GICS sector to Select Sector SPDR. Not here: which sector a company
is in (`equities` says so, with validity).

Launches: nine funds traded from 1998-12-22, XLRE from 2015-10-08, XLC from 2018-06-19 (State
Street's inception dates plus a day). Before XLRE, real estate was in XLF. Before XLC there was no
one fund for what is now called communication services: media were consumer discretionary (XLY);
telecom services, and the internet and game companies of information technology, were in XLK.
"""

from __future__ import annotations

from datetime import date, time
from typing import overload

import polars as pl

FIRST_DAY = date(1998, 12, 22)
XLRE_DAY = date(2015, 10, 8)
XLC_DAY = date(2018, 6, 19)
_OPENS = time(9)
#: Sector names in small letters → fund that has always been theirs.
_STEADY = {
    "energy": "XLE",
    "materials": "XLB",
    "industrials": "XLI",
    "consumer discretionary": "XLY",
    "consumer staples": "XLP",
    "health care": "XLV",
    "healthcare": "XLV",
    "financials": "XLF",
    "financial": "XLF",
    "information technology": "XLK",
    "technology": "XLK",
    "utilities": "XLU",
}
_REAL_ESTATE = ("real estate",)
_COMMUNICATION = (
    "communication services",
    "communications",
    "telecommunication services",
    "telecommunications",
    "telecom",
    "media",
)
#: Industries of communication services whose stocks were in XLY before XLC, unless the second
#: pattern fits.
_MEDIA = "media|broadcast|publish|advertis|cable|movie|film|entertainment"
_WAS_TECHNOLOGY = "interactive|internet|game|telecom|wireless"


def with_sector_etfs(equities: pl.DataFrame) -> pl.DataFrame:
    """Rows of `equities` with `sector_etf` filled from their sector, one more where a new fund
    takes a sector over.

    The added row begins on the fund's first day and is known at 09:00 of it, no earlier than the
    row it comes from; as everywhere in `equities` it replaces that one from its own first day on.
    Null for an unknown sector.
    """
    begins = [FIRST_DAY, XLRE_DAY, XLC_DAY]
    pieces = [
        equities.with_columns(
            valid_from_date=pl.when(pl.lit(place) == 0)
            .then("valid_from_date")
            .otherwise(pl.max_horizontal("valid_from_date", pl.lit(begin))),
            known_at=(
                pl.when(pl.col("valid_from_date") < begin)
                .then(pl.max_horizontal("known_at", pl.lit(begin).dt.combine(_OPENS)))
                .otherwise("known_at")
                if place
                else pl.col("known_at")
            ),
            sector_etf=sector_etf(
                pl.col("sector"), pl.max_horizontal("valid_from_date", pl.lit(begin))
            ),
            _row=pl.int_range(pl.len()),
            _piece=pl.lit(place),
        )
        for place, begin in enumerate(begins)
    ]
    found = (
        pl.concat(pieces)
        .filter(
            pl.col("valid_to_date").is_null()
            | (pl.col("valid_from_date") <= pl.col("valid_to_date"))
        )
        .sort("_row", "_piece")
    )
    changes = pl.col("sector_etf").ne_missing(pl.col("sector_etf").shift(1)) | (
        pl.col("_row") != pl.col("_row").shift(1)
    ).fill_null(True)
    return found.filter(changes).select(equities.columns)


@overload
def sector_etf(
    sector: pl.Series, day: pl.Series | date, industry: pl.Series | None = None
) -> pl.Series: ...
@overload
def sector_etf(
    sector: pl.Expr, day: pl.Expr | date, industry: pl.Expr | None = None
) -> pl.Expr: ...
def sector_etf(
    sector: pl.Series | pl.Expr,
    day: pl.Series | pl.Expr | date,
    industry: pl.Series | pl.Expr | None = None,
) -> pl.Series | pl.Expr:
    """Ticker of the sector ETF of a sector on a day; null for an unknown sector and before
    1998-12-22.

    `sector`: GICS sector name (capitals do not matter), a Series or an expression; `day` a column
    of dates or one date; `industry`: GICS industry name, which before 2018-06-19 decides for
    communication services: media XLY, all else XLK. Without one a sector named 'Media' is XLY and
    the rest XLK: telecoms are most of that sector's bonds.
    """
    if isinstance(sector, pl.Series):
        frame = (
            sector.alias("sector")
            .to_frame()
            .with_columns(
                day=pl.lit(day) if isinstance(day, date) else day,
                industry=pl.lit(None, pl.String) if industry is None else industry,
            )
        )
        return frame.select(
            _etf(pl.col("sector"), pl.col("day"), pl.col("industry")).alias("sector_etf")
        ).to_series()
    return _etf(
        sector,
        day if isinstance(day, pl.Expr) else pl.lit(day),
        industry if isinstance(industry, pl.Expr) else pl.lit(None, pl.String),
    )


def _etf(sector: pl.Expr, day: pl.Expr, industry: pl.Expr) -> pl.Expr:
    name = sector.str.strip_chars().str.to_lowercase()
    kind = industry.str.to_lowercase()
    is_media = (kind.str.contains(_MEDIA) & ~kind.str.contains(_WAS_TECHNOLOGY)).fill_null(
        name == "media"
    )
    before = pl.when(is_media).then(pl.lit("XLY")).otherwise(pl.lit("XLK"))
    return (
        pl.when(day.is_null() | (day < FIRST_DAY))
        .then(pl.lit(None, pl.String))
        .when(name.is_in(_REAL_ESTATE))
        .then(pl.when(day < XLRE_DAY).then(pl.lit("XLF")).otherwise(pl.lit("XLRE")))
        .when(name.is_in(_COMMUNICATION))
        .then(pl.when(day < XLC_DAY).then(before).otherwise(pl.lit("XLC")))
        .otherwise(name.replace_strict(_STEADY, default=None, return_dtype=pl.String))
    )
