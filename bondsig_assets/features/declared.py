"""Every issuer-day feature, declared once: formula, unit, window, minimum observations, source.

From here come the columns of `issuer_days`, their comments, the models' inputs and the
feature pages. Belongs here: what a feature means. Not here: how it is computed (the modules
beside this one; a test holds the two together). Windows and minimums are trading days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Block = Literal["credit", "equity"]


@dataclass(frozen=True)
class Feature:
    """One feature. `block` keeps what credit markets say apart from the equity controls."""

    name: str
    block: Block
    meaning: str
    formula: str
    unit: str
    window: int
    minimum: int
    source: str
    inputs: tuple[str, ...]

    @property
    def description(self) -> str:
        """The column comment: meaning, formula and window in one sentence."""
        return f"{self.meaning}: {self.formula}; {self.window} trading days, at least {self.minimum} observation(s). {self.source}"


_BOND = ("bond_analytics.spread_bps", "bond_analytics.weight")
_CDS = ("cds_quotes.par_spread_bps",)
_EQUITY = ("equity_prices.total_return_pct", "equity_prices.adjusted_close_usd")
_MATCHED = "matched bonds, w = outstanding par x 1/price variance"

FEATURES: tuple[Feature, ...] = (
    Feature("spread_bps", "credit", "Issuer credit spread level", "weighted mean of its bonds' latest z-spreads no older than 10 days", "bps", 10, 1, "Gilchrist-Zakrajsek 2012", _BOND),
    Feature("oas_1d_change_bps", "credit", "Spread change since the bonds' previous trading day", f"sum_b w_b (s_b,t - s_b,t'), t' at most 5 days before t; {_MATCHED}", "bps", 5, 1, "matched-bond change, never a difference of averages over different bonds", _BOND),
    Feature("oas_5d_change_bps", "credit", "Spread change over five days", "sum of the last 5 oas_1d_change_bps as known on each day", "bps", 5, 2, "matched-bond change, chained", _BOND),
    Feature("oas_21d_change_bps", "credit", "Spread change over 21 days", "sum of the last 21 oas_1d_change_bps", "bps", 21, 5, "matched-bond change, chained", _BOND),
    Feature("oas_5d_change_pct", "credit", "Relative spread change over five days", "100 ln(s_t / (s_t - oas_5d_change_bps))", "pct", 5, 2, "comparable across ratings", _BOND),
    Feature("oas_5d_change_zscore", "credit", "Five-day change in units of its own variability", "oas_5d_change_bps / max(sd_63(oas_1d_change_bps) sqrt(5), 1 bp), the window ending before the five days", "zscore", 68, 20, "the event stays out of its own baseline", _BOND),
    Feature("spread_velocity_bps", "credit", "Spread velocity per day", "oas_5d_change_bps / 5", "bps", 5, 2, "first difference", _BOND),
    Feature("spread_acceleration_bps", "credit", "Spread acceleration", "velocity_t - velocity_t-5", "bps", 10, 4, "second difference", _BOND),
    Feature("oas_1d_change_vs_sector_bps", "credit", "One-day spread change net of its sector", "oas_1d_change_bps - median over the other issuers of the sector", "bps", 5, 5, "idiosyncratic change", _BOND),
    Feature("oas_5d_change_vs_sector_bps", "credit", "Five-day spread change net of its sector", "oas_5d_change_bps - median over the other issuers of the sector", "bps", 5, 5, "idiosyncratic change", _BOND),
    Feature("spread_vs_sector_median", "credit", "Spread against the sector", "spread_bps - median spread_bps of the other issuers of sector and grade (all of the sector when fewer than 5)", "bps", 10, 5, "relative value", _BOND),
    Feature("sector_spread_beta", "credit", "Sensitivity to the sector's spread", "slope of weekly issuer on weekly leave-one-out sector change, shrunk to 1 by Vasicek", "ratio", 126, 12, "Vasicek 1973; weekly because staleness biases daily betas to zero", _BOND),
    Feature("corp_curve_slope_10y2y", "credit", "Slope of the issuer's yield curve", "yield at 10y - yield at 2y on the issuer's fitted line in ln(1 + maturity)", "pct", 10, 2, "Han-Subrahmanyam-Zhou 2017 (slope of credit curves)", ("bond_analytics.yield_pct", "bond_analytics.maturity_years")),
    Feature("trace_volume_zscore_5d", "credit", "Abnormal traded par", "z of ln(1 + par over 5 days) against the 63 windows that ended before those 5 days; sd at least 0.25", "zscore", 73, 40, "the five days stay out of their own baseline", ("bond_days.par_usd",)),
    Feature("order_imbalance_5d", "credit", "Customer order imbalance over 5 days", "(customer buys - customer sells) / (customer buys + customer sells), par as disseminated", "ratio", 5, 1, "Wei-Zhou 2016", ("bond_days.customer_buy_par_usd", "bond_days.customer_sell_par_usd")),
    Feature("customer_bid_ask_pct", "credit", "Realised customer bid-ask", "median over 21 days of (mean customer buy price - mean customer sell price) / mid, bonds with both on a day", "pct", 21, 3, "Hong-Warga 2000", ("bond_days.customer_buy_price", "bond_days.customer_sell_price")),
    Feature("amihud_21d", "credit", "Amihud illiquidity", "median over 21 days of |price change| in percent per million of par", "pct per $mm", 21, 5, "Amihud 2002", ("bond_days.price", "bond_days.par_usd")),
    Feature("zero_trading_share_63d", "credit", "Share of bond-days without a trade", "1 - traded bond-days / (outstanding bonds x days) over 63 days", "share", 63, 40, "Lesmond-Ogden-Trzcinka 1999", ("bond_days.n_trades",)),
    Feature("staleness_days", "credit", "Days since the issuer's bonds last traded", "trading days since the last bond day with an accepted price", "days", 63, 1, "", ("bond_days.n_trades",)),
    Feature("n_trades_21d", "credit", "Trades in 21 days", "number of trades of all the issuer's bonds", "count", 21, 1, "", ("bond_days.n_trades",)),
    Feature("cds_spread_bps", "credit", "5-year CDS par spread", "latest quote no older than 5 days", "bps", 5, 1, "", _CDS),
    Feature("cds_1d_change_bps", "credit", "CDS change over one day", "s_t - s_t-1", "bps", 1, 2, "", _CDS),
    Feature("cds_5d_change_bps", "credit", "CDS change over five days", "s_t - s_t-5", "bps", 5, 2, "", _CDS),
    Feature("cds_5d_change_pct", "credit", "Relative CDS change over five days", "100 ln(s_t / s_t-5)", "pct", 5, 2, "", _CDS),
    Feature("cds_5d_change_vs_sector_bps", "credit", "Five-day CDS change net of its sector", "cds_5d_change_bps - median over the other issuers of the sector", "bps", 5, 5, "", _CDS),
    Feature("cds_bond_basis_bps", "credit", "CDS-bond basis, negative when the bond is wider", "CDS par spread interpolated at the bonds' mean maturity - spread_bps", "bps", 10, 1, "Bai-Collin-Dufresne 2019", (*_CDS, *_BOND)),
    Feature("equity_return_1d_pct", "equity", "Stock return over one day", "100 (close_t / close_t-1 - 1), dividends included", "pct", 1, 1, "control", _EQUITY),
    Feature("equity_return_5d_pct", "equity", "Stock return over 5 days", "compounded", "pct", 5, 5, "control: short-term reversal", _EQUITY),
    Feature("equity_return_21d_pct", "equity", "Stock return over 21 days", "compounded", "pct", 21, 21, "control", _EQUITY),
    Feature("equity_return_63d_pct", "equity", "Stock return over 63 days", "compounded", "pct", 63, 63, "control: momentum", _EQUITY),
    Feature("equity_excess_return_5d_pct", "equity", "Stock return over 5 days minus its sector ETF's", "compounded stock - compounded ETF", "pct", 5, 5, "control: residual reversal", _EQUITY),
    Feature("equity_volatility_21d_pct", "equity", "Stock volatility", "sd of daily returns over 21 days x sqrt(252)", "pct", 21, 15, "control", _EQUITY),
    Feature("equity_volatility_63d_pct", "equity", "Stock volatility", "sd of daily returns over 63 days x sqrt(252)", "pct", 63, 40, "control", _EQUITY),
    Feature("log_market_cap", "equity", "Size", "ln(close x shares outstanding)", "ln usd", 1, 1, "control", ("equity_prices.close_usd", "equity_prices.shares_outstanding")),
    Feature("leverage_ratio", "equity", "Leverage", "total debt as last filed / (total debt + market value of equity)", "ratio", 1, 1, "control", ("fundamentals.total_debt_usd", "equity_prices.close_usd")),
)

CREDIT_FEATURES: tuple[str, ...] = tuple(f.name for f in FEATURES if f.block == "credit")
EQUITY_FEATURES: tuple[str, ...] = tuple(f.name for f in FEATURES if f.block == "equity")
ALL_FEATURES: tuple[str, ...] = CREDIT_FEATURES + EQUITY_FEATURES

#: Trading days before the first day of a range that its features can look back to.
LOOKBACK_DAYS = 140
