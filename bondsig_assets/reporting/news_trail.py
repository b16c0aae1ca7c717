"""The credit news behind a score, in words a person can check: which bonds moved, when, by how
much, how sure it is that it was news, and what the stock has answered.

Belongs here: queries and sentences. Not here: the model (`features/news/`), the rest of a score's
way back (`score_trail.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median
from typing import Any

import polars as pl

from bondsig_assets.calendar import offset, quarter_of
from bondsig_assets.market_rules import HIGH_YIELD_RATING
from bondsig_assets.tables.news_features import NEWS_AGES

Read = Callable[..., pl.DataFrame]
#: News less sure than this is not told.
LEAST_PROBABILITY = 0.5
#: Days between two prices of a bond of which a change is made.
_GAP = 5
#: Bonds of other issuers of a sector that say what the sector did.
_LEAST_BONDS = 5


@dataclass(frozen=True)
class News:
    """One piece of news as known on a score's day: its day, size in the stock's daily volatilities
    (good is positive), probability, the part the stock has answered since (None where no answer is
    believed), and what its bonds did: how many have a change that day, how many of them moved the
    way of the news, and their median change beyond that of other issuers' bonds, bps: those of the
    sector where it has enough (is_beyond_sector), else all.
    """

    day: date
    size: float
    probability: float
    answered: float | None
    n_bonds: int
    n_along: int
    change_bps: float | None
    is_beyond_sector: bool = False

    def sentence(self) -> str:
        """What a person is told of it."""
        kind = "good" if self.size > 0 else "bad"
        bonds = "no bond with a price before it traded that day"
        if self.n_bonds and self.change_bps is not None:
            wide = "wider" if self.change_bps > 0 else "tighter"
            beyond = "market and sector" if self.is_beyond_sector else "the market"
            bonds = (
                f"spreads of {self.n_along} of {self.n_bonds} bonds moved that way, the middle one"
                f" {abs(self.change_bps):.0f} bp {wide} beyond {beyond}"
            )
        stock = "no answer of stocks is believed"
        if self.answered is not None:
            stock = (
                f"the stock has answered {round(100 * self.answered)} % of what stocks give back"
            )
        return (
            f"{self.day}: {kind} news of {abs(self.size):.1f} daily volatilities, probability"
            f" {self.probability:.2f}; {bonds}; {stock}"
        )


def news_behind(
    read: Read, parent_id: str, day: date, known_at: datetime, cusips: Sequence[str]
) -> list[News]:
    """Pieces of news of the last days that are more likely than not, the newest first."""
    rows = read(
        "SELECT * FROM credit_news WHERE parent_id = ? AND trade_date = ?", [parent_id, day]
    ).to_dicts()
    if not rows:
        return []
    row = rows[0]
    whole = _whole_reaction(read, parent_id, day)
    found = []
    for age in NEWS_AGES:
        probability, size = row[f"credit_news_probability_{age}"], row[f"credit_news_{age}"]
        if probability is None or size is None or probability < LEAST_PROBABILITY:
            continue
        when = offset(day, -age)
        moved = sum(row[f"stock_return_{k}"] or 0.0 for k in range(age))
        owed = whole * size / probability
        changes, is_beyond_sector = _changes(read, cusips, parent_id, when, known_at)
        along = [c for c in changes if c * size < 0]
        found.append(
            News(
                when,
                size,
                probability,
                moved / owed if owed else None,
                len(changes),
                len(along),
                median(changes) if changes else None,
                is_beyond_sector,
            )
        )
    return found


def _whole_reaction(read: Read, parent_id: str, day: date) -> float:
    """Share of news that stocks of the issuer's grade give back in the end, as believed then."""
    rating = read(
        "SELECT rating_number FROM issuer_days WHERE parent_id = ? AND trade_date = ?",
        [parent_id, day],
    )["rating_number"].to_list()
    is_high_yield = bool(rating and rating[0] is not None and rating[0] >= HIGH_YIELD_RATING)
    grade = "high_yield" if is_high_yield else "investment_grade"
    found: list[Any] = read(
        "SELECT list_sum(reaction) AS whole FROM credit_news_parameters WHERE quarter = ? AND"
        " grade = ?",
        [quarter_of(day), grade],
    )["whole"].to_list()
    return float(found[0] or 0.0) if found else 0.0


def _changes(
    read: Read, cusips: Sequence[str], parent_id: str, day: date, known_at: datetime
) -> tuple[list[float], bool]:
    """Change of each bond's OAS on `day` since its last day before, less the median change of other
    issuers' bonds, as known at `known_at`, bps; and whether these are the sector's: what moved the
    sector has moved the market's share of it too. With fewer than _LEAST_BONDS in the sector the
    whole market is the measure.
    """
    moment = f"TIMESTAMP '{known_at:%Y-%m-%d %H:%M:%S}'"
    changes = read(
        f"""
        WITH days AS (
          SELECT cusip, trade_date, oas_bps, lag(oas_bps) OVER (PARTITION BY cusip ORDER BY
            trade_date) AS before
          FROM bond_days_as_of({moment})
          WHERE trade_date BETWEEN $1 AND $2 AND oas_bps IS NOT NULL AND n_trades > 0
        ), linked AS (
          SELECT cusip, parent_id, sector FROM security_master WHERE valid_from_date <= $2 AND
            coalesce(valid_to_date, DATE '9999-12-31') >= $2 AND known_at <= {moment} AND
            coalesce(known_until, TIMESTAMP '9999-12-31') > {moment}
          QUALIFY row_number() OVER (PARTITION BY cusip ORDER BY valid_from_date DESC, known_at
            DESC) = 1
        )
        SELECT cusip, oas_bps - before AS change, parent_id, sector FROM days LEFT JOIN linked
          USING (cusip) WHERE trade_date = $2 AND before IS NOT NULL ORDER BY cusip
        """,
        [offset(day, -_GAP), day],
    )
    is_own = pl.col("cusip").is_in(list(cusips))
    own = changes.filter(is_own)
    if own.is_empty():
        return [], False
    others = changes.filter(~is_own & pl.col("parent_id").ne_missing(pl.lit(parent_id)))
    sector = others.filter(pl.col("sector").is_in(own["sector"].drop_nulls().to_list()))
    is_beyond_sector = sector.height >= _LEAST_BONDS
    measure = (sector if is_beyond_sector else others)["change"].to_list()
    common = median(measure) if measure else 0.0
    return [change - common for change in own["change"].to_list()], is_beyond_sector
