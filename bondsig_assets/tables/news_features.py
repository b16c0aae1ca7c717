"""Credit news of each issuer and day: the table, and each of its features declared once.

Belongs here: what a news feature means. Not here: how it is computed (`features/news/`), the
features of `issuer_days` (`issuer_features.py`). These have a unit, the issuer's own daily
volatility, and are never standardised across a day: rare, heavy-tailed news must keep its size.
A missing one is 0, "no news", with `credit_news_missing` beside it.
"""

from __future__ import annotations

from bondsig_assets.tables.issuer_features import Feature
from bondsig_assets.tables.schema import KNOWN, C, R, Table

#: Ages of news in trading days that are kept apart, today's first.
NEWS_AGES = range(6)
#: Trading days of the past that the state of a day rests on.
_WINDOW = 290
#: Trading days before a quarter on which its chain begins: with the quarter's own days no more than
#: issuer features look back.
CHAIN_DAYS = 224
#: Most trading days before a quarter that its parameters are estimated on: five years.
ESTIMATION_DAYS = 1260
#: Trading days before a day that the stock's own volatility is taken over.
VOLATILITY_DAYS = 252
#: Trading days before the first of them in which a CDS curve may have been quoted last.
MARGIN_DAYS = 10
#: Trading days that a day rests on with its quarter's parameters; a quarter has at most 66.
NEWS_LOOKBACK_DAYS = 66 + ESTIMATION_DAYS + VOLATILITY_DAYS + MARGIN_DAYS
_BONDS = ("bond_analytics.oas_bps", "bond_analytics.spread_duration_years")
_CREDIT = (*_BONDS, "cds_quotes.par_spread_bps")
_STOCK = ("equity_prices.total_return_pct",)
_ALL = (*_CREDIT, *_STOCK)
_SIGMA = "own daily volatility (daily_volatility_pct)"


def _credit(
    name: str, meaning: str, formula: str, unit: str, inputs: tuple[str, ...] = _ALL
) -> Feature:
    return Feature(name, "credit", meaning, formula, unit, _WINDOW, 1, "", inputs)


NEWS_FEATURES: tuple[Feature, ...] = (
    *(
        _credit(
            f"credit_news_{k}",
            f"Credit news of age {k} as known today, good is positive",
            f"expected jump of the log credit level {k} days ago beyond market and sector, own"
            f" stock netted, sign turned, divided by {_SIGMA}",
            "sd",
        )
        for k in NEWS_AGES
    ),
    *(
        _credit(
            f"credit_news_probability_{k}",
            f"Probability that credit jumped {k} days ago",
            "posterior probability of a jump under a sparse prior",
            "ratio",
        )
        for k in NEWS_AGES
    ),
    _credit(
        "credit_quiet_5d",
        "What credit moved without a jump, good is positive",
        f"sum over the six ages of the move's quiet part, sign turned, divided by {_SIGMA}",
        "sd",
    ),
    *(
        _credit(
            f"news_unanswered_{k}",
            f"What the stock has done since the news of age {k}, along the news",
            f"excess log return since that day divided by {_SIGMA}, times tanh(credit_news_{k})",
            "sd",
        )
        for k in NEWS_AGES
    ),
    _credit(
        "expected_reaction",
        "Stock return that credit news lets expect",
        "expected excess log return over the label's five days from the delayed reaction learned"
        f" on earlier days, divided by {_SIGMA}",
        "sd",
    ),
    _credit(
        "credit_news_missing",
        "Whether neither a bond nor a CDS spoke, 1 or 0",
        "1 where the news features are 0 for want of any observation",
        "flag",
        _CREDIT,
    ),
    *(
        Feature(
            f"stock_return_{k}",
            "equity",
            f"Stock's excess return {k} days ago in own volatilities",
            f"excess log return over the sector ETF of the day {k} days ago divided by {_SIGMA}",
            "sd",
            63,
            1,
            "",
            _STOCK,
        )
        for k in NEWS_AGES
    ),
)

#: Names in order, all and those that say nothing of credit.
NEWS_INPUTS: tuple[str, ...] = tuple(f.name for f in NEWS_FEATURES)
EQUITY_NEWS_INPUTS: tuple[str, ...] = tuple(f.name for f in NEWS_FEATURES if f.block == "equity")
MISSING_FLAG = "credit_news_missing"

CREDIT_NEWS = Table(
    "credit_news",
    "features",
    "One row per parent and trading day: what bonds and CDS have newly said of it, by age, as known"
    " at that day's cutoff.",
    (
        R("parent_id", "VARCHAR", "Ultimate parent"),
        R("trade_date", "DATE", "Trading day"),
        C(
            "daily_volatility_pct",
            "DOUBLE",
            "Exponentially weighted volatility of the stock's daily excess log return over its"
            " sector ETF, half-life 63 days, of the days before this one: the unit of the features"
            " and of the label",
            "pct",
        ),
        *(C(f.name, "DOUBLE", f.description, f.unit) for f in NEWS_FEATURES),
        KNOWN,
    ),
    key=("parent_id", "trade_date"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
)
