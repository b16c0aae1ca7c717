"""Why a score, in words that a person can check against bonds and stock.

Belongs here: what is asked of each scored name, and the sentence made of it. Not here: where it is
shown (`today.py`, `issuer.py`), the model's own contributions (`issuer.py`).
"""

from __future__ import annotations

from typing import Any

from bondsig_assets.reporting.site.questions import ANY_PARENT, LAST_DAYS, Evening, links
from bondsig_assets.tables.news_features import NEWS_AGES

#: News less sure than this is not told; a stock that moved less than this many of its own standard
#: deviations has not moved.
_LEAST_PROBABILITY, _STILL = 0.5, 0.5
#: Basis points below which a spread has not moved.
_QUIET_BPS = 1.0


def reasons_sql(evening: Evening) -> str:
    """A row per scored name: score, probability, what its bonds and its stock did in the last days,
    its surest news, and the input that moved the score most.

    A bond has changed by its newest OAS of the last days less its newest of the days before, as
    known on the evening.
    """
    news = ", ".join(f"credit_news_{age}" for age in NEWS_AGES)
    sure = ", ".join(f"credit_news_probability_{age}" for age in NEWS_AGES)
    ages = ", ".join(str(age) for age in NEWS_AGES)
    since, first = evening.before(LAST_DAYS), evening.before(2 * LAST_DAYS)
    return f"""WITH {links(evening)}, seen AS (
  SELECT cusip, arg_max(oas_bps, trade_date) FILTER (WHERE trade_date > {since}) AS oas_now,
    arg_max(oas_bps, trade_date) FILTER (WHERE trade_date <= {since}) AS oas_then
  FROM bond_days_as_of({evening.known})
  WHERE trade_date BETWEEN {first} AND {evening.at} AND oas_bps IS NOT NULL GROUP BY cusip
), moved AS (
  SELECT l.parent_id, count(*) AS n_bonds,
    count(*) FILTER (WHERE s.oas_now > s.oas_then) AS n_wider,
    median(s.oas_now - s.oas_then) AS median_change_bps
  FROM links l JOIN seen s ON s.cusip = l.cusip
  WHERE s.oas_now IS NOT NULL AND s.oas_then IS NOT NULL GROUP BY l.parent_id
), news AS (
  SELECT parent_id, max(chance) AS news_probability, arg_max(size, chance) AS news_size,
    arg_max(age, chance) AS news_age
  FROM (
    SELECT parent_id, unnest([{sure}]) AS chance, unnest([{news}]) AS size,
      unnest([{ages}]) AS age
    FROM credit_news WHERE trade_date = {evening.at}
  ) GROUP BY parent_id
)
SELECT s.parent_id, s.ticker, d.sector, s.score,
  100 * s.probability_underperform AS probability_pct, s.is_informed, m.n_bonds, m.n_wider,
  m.median_change_bps, d.oas_5d_change_bps, d.equity_return_5d_pct,
  d.equity_excess_return_5d_pct,
  d.equity_volatility_21d_pct * sqrt({LAST_DAYS} / 252.0) AS usual_move_pct,
  n.news_probability, n.news_size, n.news_age, s.top_features[1] AS top_feature,
  s.top_contributions[1] AS top_contribution
FROM (SELECT * FROM scores WHERE {ANY_PARENT}) s
LEFT JOIN issuer_days d ON d.parent_id = s.parent_id AND d.trade_date = s.trade_date
LEFT JOIN moved m ON m.parent_id = s.parent_id
LEFT JOIN news n ON n.parent_id = s.parent_id
WHERE s.trade_date = {evening.at} ORDER BY s.score DESC, s.ticker"""


def reasons(row: dict[str, Any]) -> str:
    """A row of `reasons_sql` in a sentence: bonds, stock, news, and what moved the model."""
    parts = [_bonds(row), _stock(row)]
    if news := _news(row):
        parts.append(news)
    said = "; ".join(parts)
    if row["is_informed"] is False:
        return f"{said}. The model was not sure of itself: its probability is the base rate"
    if row["top_feature"] is not None:
        way = "up" if row["top_contribution"] > 0 else "down"
        said += f". {row['top_feature']} moved the score {way} most"
    return said


def _bonds(row: dict[str, Any]) -> str:
    n, change = row["n_bonds"], row["median_change_bps"]
    if not n or change is None:
        return "no bond has a spread now and five days ago"
    if abs(change) < _QUIET_BPS:
        if n == 1:
            return "the spread of its one bond has not moved"
        return f"the middle one of {n} spreads has not moved"
    n_along = row["n_wider"] if change > 0 else n - row["n_wider"]
    way = "wider" if change > 0 else "tighter"
    if n == 1:
        return f"the spread of its one bond is {way} by {abs(change):.0f} bp"
    middle = f"the middle one {way} by {abs(change):.0f} bp"
    if n_along == n:
        return f"spreads of all {n} bonds are {way}, {middle}"
    if n_along == 1:
        return f"the spread of 1 of {n} bonds is {way}, {middle}"
    return f"spreads of {n_along} of {n} bonds are {way}, {middle}"


def _stock(row: dict[str, Any]) -> str:
    beyond, usual = row["equity_excess_return_5d_pct"], row["usual_move_pct"]
    if beyond is None:
        return "the stock has no price"
    if usual is not None and abs(beyond) < _STILL * usual:
        return "the stock has not moved against its sector"
    way = "risen" if beyond > 0 else "fallen"
    return f"the stock has {way} {abs(beyond):.1f} % against its sector"


def _news(row: dict[str, Any]) -> str:
    chance, size, age = row["news_probability"], row["news_size"], row["news_age"]
    if chance is None or size is None or chance < _LEAST_PROBABILITY:
        return ""
    kind = "good" if size > 0 else "bad"
    when = "today" if age == 0 else f"{age} {_plural('day', age)} ago"
    return f"{kind} credit news {when} with probability {chance:.2f}"


def _plural(word: str, n: int) -> str:
    return word if n == 1 else f"{word}s"
