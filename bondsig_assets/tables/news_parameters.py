"""Parameters of the credit-news model: the table.

Belongs here: its declaration. Not here: what they do (`features/news/parameters.py`,
`docs/credit_news.md`).
"""

from __future__ import annotations

from bondsig_assets.tables.schema import KNOWN, C, R, Table

CREDIT_NEWS_PARAMETERS = Table(
    "credit_news_parameters",
    "features",
    "What the credit-news model believed in each quarter, a row a grade: estimated once, on the"
    " days before the quarter, and the same for all its days.",
    (
        R("quarter", "DATE", "First calendar day of the quarter"),
        R("grade", "VARCHAR", "investment_grade (unrated counts as it) or high_yield"),
        R("valid_from_date", "DATE", "First trading day they are used for"),
        R("valid_to_date", "DATE", "Last trading day they are used for"),
        C(
            "estimated_from_date",
            "DATE",
            "First day they were estimated on; null: too few days, the prior's stand",
        ),
        C("estimated_to_date", "DATE", "Last day they were estimated on"),
        R("quiet_variance", "DOUBLE", "Daily variance of the log credit level without news"),
        R("news_chance", "DOUBLE", "Chance of news on a day", "ratio"),
        R("news_variance", "DOUBLE", "Variance that news adds to the log credit level"),
        R(
            "fixed_noise",
            "DOUBLE",
            "Variance of a bond day's price, however many trades",
            "points²",
        ),
        R("small_noise", "DOUBLE", "What a trade adds on days of small trades, over n", "points²"),
        R("big_noise", "DOUBLE", "The same on days of institutional trades", "points²"),
        R(
            "small_bounce",
            "DOUBLE",
            "Day's mean price above the mid where all customers buy, days of small trades",
            "% of par",
        ),
        R("big_bounce", "DOUBLE", "The same on days of institutional trades", "% of par"),
        R(
            "stock_beta",
            "DOUBLE[]",
            "Move of the log credit level for the stock's own excess log return of today and the"
            " three days before",
        ),
        R(
            "reaction",
            "DOUBLE[]",
            "Share of a piece of credit news, in daily volatilities, that the stock gives back 1 …"
            " 10 days later, shrunk",
        ),
        R("reaction_error", "DOUBLE[]", "Standard errors of it before it was shrunk, by day"),
        R("bond_drift", "DOUBLE", "Daily sd of a bond's log offset from its issuer's level"),
        R("cds_drift", "DOUBLE", "The same of a CDS curve"),
        R("cds_noise", "DOUBLE", "Sd of a day's log CDS curve"),
        R("within_day", "DOUBLE", "Share of news variance that a day's mean price scatters by"),
        R("market_sd", "DOUBLE", "Prior sd of the day's common move of log credit levels"),
        R("sector_sd", "DOUBLE", "Prior sd of a sector's"),
        R("curve_sd", "DOUBLE", "Prior sd of the Treasury curve's move not yet known", "bps"),
        R("known_curve_sd", "DOUBLE", "Prior sd of what is left of it once it is known", "bps"),
        R("adaptation", "DOUBLE", "Speed at which an instrument's noise follows its surprises"),
        KNOWN,
    ),
    key=("quarter", "grade"),
    event_time="valid_from_date",
    known_time="known_at",
    partition="quarter",
)
