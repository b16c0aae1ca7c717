"""Tables that a backtest makes of several books, which no home holds.

Belongs here: declarations of what `bondsig backtest` compares. Not here: what stands in the
warehouse of the one book that is run every day (`performance.py`).
"""

from __future__ import annotations

from bondsig_assets.tables.performance import DAY, POLICY, SPAN, usd
from bondsig_assets.tables.schema import KNOWN, C, R, Table

CREDIT_MONEY = Table(
    "credit_money",
    "performance",
    "What bonds paid: the book optimised on credit less the same optimiser's book on the"
    " equity-only control, a row a day that both have.",
    (
        DAY,
        usd("credit_pnl_usd", "What the book with bonds earned on the day"),
        usd("control_pnl_usd", "What the control's earned"),
        usd("difference_usd", "The one less the other"),
        usd("cumulative_usd", "Sum of differences so far"),
        C("difference_bps", "DOUBLE", "Difference of the two returns", "bps"),
        KNOWN,
    ),
    key=("trade_date",),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
)

CAPACITY = Table(
    "capacity",
    "performance",
    "The same policy over the same days at several sizes, and the size at which net dollars are"
    " most.",
    (
        POLICY,
        R("nav_usd", "DOUBLE", "Net asset value the book began with", "usd"),
        C("net_usd", "DOUBLE", "Net dollars a year: 252 times the mean day", "usd"),
        C("error_usd", "DOUBLE", "Newey-West error of that", "usd"),
        C("gross_usd", "DOUBLE", "The same before trading costs and borrow", "usd"),
        C("net_return_pct", "DOUBLE", "252 times the mean daily return", "pct"),
        C("sharpe_ratio", "DOUBLE", "Net Sharpe ratio, √252"),
        C("sharpe_error", "DOUBLE", "Its error with autocorrelation"),
        C("cost_bps", "DOUBLE", "Trading costs over traded value", "bps"),
        C("turnover", "DOUBLE", "Two-way, a day", "share"),
        R("is_capacity", "BOOLEAN", "Most net dollars of all, and more than none"),
        R("is_last", "BOOLEAN", "The largest size tried: capacity there may be larger"),
        C(
            "t_below_best",
            "DOUBLE",
            "t of how much less it earns than the best, day by day; below 2: cannot be told apart",
        ),
        *SPAN,
    ),
    key=("policy", "nav_usd"),
)
