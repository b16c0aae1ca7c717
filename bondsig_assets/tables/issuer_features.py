"""Every issuer-day feature, declared once: formula, unit, window, minimum observations, source.

From here come the columns of `issuer_days`, their comments, the models' inputs and the
feature pages. Belongs here: what a feature means. Not here: how it is computed (the modules
beside this one; a test holds the two together). Windows and minimums are trading days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Block = Literal["credit", "equity"]


#: Features that quotes tell as well as trades, though they are made of a bond day's trades.
_OF_QUOTES = {"staleness_days": "A quote counts like a trade."}


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
    def of_trades(self) -> Literal["", "reports", "par", "trades"]:
        """Who has to tell of trades for it: reports alone, or quotes too that give their par or
        their number; empty where nobody has to.

        A price from a panel says nothing of who traded, how often and at which prices.
        """
        columns = {
            name.partition(".")[2] for name in self.inputs if name.startswith("bond_day_revisions.")
        }
        if self.name in _OF_QUOTES or not columns:
            return ""
        if columns == {"par_usd"}:
            return "par"
        return "trades" if columns == {"n_trades"} else "reports"

    @property
    def of_quotes(self) -> str:
        """What becomes of it where bond days are quoted and not traded; empty where nothing does.
        What only trades tell is null, never zero.
        """
        if self.name in _OF_QUOTES:
            return _OF_QUOTES[self.name]
        if self.of_trades == "reports":
            return "Null where only quotes tell of the bonds."
        if self.of_trades:
            return "Of quoted days what the panel tells; null where no panel tells it."
        if any(name.startswith("bond_analytics.") for name in self.inputs):
            return "A quoted day weighs like one trade, or like as many as its panel tells."
        return ""

    @property
    def description(self) -> str:
        """The column comment: meaning, formula, window, source, what becomes of it on quoted days,
        and the columns it is made of.
        """
        notes = "".join(
            f" {note}" for note in (self.source and f"{self.source}.", self.of_quotes) if note
        )
        return (
            f"{self.meaning}: {self.formula}; {self.window} trading days, at least {self.minimum}"
            f" observation(s).{notes} From {', '.join(self.inputs)}"
        )


#: Every spread here is restated over the Treasury curve of its own day (decision 0012).
_RESTATED = ("bond_analytics.maturity_years", "treasury_yields.par_yield_pct")
_OAS = ("bond_analytics.oas_bps", "bond_analytics.weight", *_RESTATED)
_CURVE = _OAS
_YIELD = ("bond_analytics.yield_pct", "bond_analytics.weight", "bond_analytics.maturity_years")
_CDS = ("cds_quotes.par_spread_bps",)
_BASIS = (
    *_CDS,
    "bond_analytics.cds_equivalent_spread_bps",
    "bond_analytics.weight",
    *_RESTATED,
)
_RETURN = ("equity_prices.total_return_pct", "equity_prices.adjusted_close_usd")
_SIZE = ("equity_prices.close_usd", "equity_prices.shares_outstanding")
_DEBT = ("fundamentals.short_term_debt_usd", "fundamentals.long_term_debt_usd")
_TOTAL = ("fundamentals.total_debt_usd",)
_RATE = ("treasury_yields.par_yield_pct",)
_VOLUME = ("bond_day_revisions.par_usd",)
_TRADES = ("bond_day_revisions.n_trades",)
_CUSTOMERS = ("bond_day_revisions.customer_buy_par_usd", "bond_day_revisions.customer_sell_par_usd")
_BIG = (
    "bond_day_revisions.institutional_buy_par_usd",
    "bond_day_revisions.institutional_sell_par_usd",
)
_BID_ASK = ("bond_day_revisions.customer_buy_price", "bond_day_revisions.customer_sell_price")
_AMIHUD = ("bond_day_revisions.price", "bond_day_revisions.par_usd")
_ROUND_TRIP = ("bond_day_revisions.round_trip_cost_bps",)
_MATCHED = "matched bonds, w = outstanding par x 1/price variance"
_OWN = "minus the own median of the 63 days before"

FEATURES: tuple[Feature, ...] = (
    # Credit spread.
    Feature(
        "spread_bps",
        "credit",
        "Issuer credit spread level",
        "OAS at 5 years on the issuer's Nelson-Siegel curve through its bonds' latest OAS no older"
        " than 10 days, each over the Treasury curve of its own day, drawn to its group's curve"
        " where bonds are few; their weighted mean without a curve",
        "bps",
        10,
        1,
        "Nelson-Siegel 1987; Gilchrist-Zakrajsek 2012",
        _CURVE,
    ),
    Feature(
        "oas_1d_change_bps",
        "credit",
        "Spread change since the bonds' previous trading day",
        "sum_b w_b (s_b,t - s_b,t'), t' at most 5 days before t, each OAS over the Treasury curve"
        f" of its own day; {_MATCHED}",
        "bps",
        5,
        1,
        "matched-bond change, never a difference of averages over different bonds",
        _OAS,
    ),
    Feature(
        "oas_5d_change_bps",
        "credit",
        "Spread change over five days",
        "sum of the last 5 oas_1d_change_bps as known on each day",
        "bps",
        5,
        2,
        "matched-bond change, chained",
        _OAS,
    ),
    Feature(
        "oas_21d_change_bps",
        "credit",
        "Spread change over 21 days",
        "sum of the last 21 oas_1d_change_bps",
        "bps",
        21,
        5,
        "matched-bond change, chained",
        _OAS,
    ),
    Feature(
        "oas_5d_change_pct",
        "credit",
        "Relative spread change over five days",
        "100 ln(s_t / (s_t - oas_5d_change_bps))",
        "pct",
        5,
        2,
        "comparable across ratings",
        _CURVE,
    ),
    Feature(
        "oas_5d_change_zscore",
        "credit",
        "Five-day change in units of its own variability",
        "oas_5d_change_bps / max(sd_63(oas_1d_change_bps) sqrt(5), 1 bp), the window ending before"
        " the five days",
        "zscore",
        68,
        20,
        "the event stays out of its own baseline",
        _OAS,
    ),
    Feature(
        "spread_velocity_bps",
        "credit",
        "Spread velocity per day",
        "oas_5d_change_bps / 5",
        "bps",
        5,
        2,
        "first difference",
        _OAS,
    ),
    Feature(
        "spread_acceleration_bps",
        "credit",
        "Spread acceleration",
        "velocity_t - velocity_t-5",
        "bps",
        10,
        4,
        "second difference",
        _OAS,
    ),
    Feature(
        "oas_1d_change_vs_sector_bps",
        "credit",
        "One-day spread change net of its sector",
        "oas_1d_change_bps - median over the other issuers of the sector",
        "bps",
        5,
        5,
        "idiosyncratic change",
        _OAS,
    ),
    Feature(
        "oas_5d_change_vs_sector_bps",
        "credit",
        "Five-day spread change net of its sector",
        "oas_5d_change_bps - median over the other issuers of the sector",
        "bps",
        5,
        5,
        "idiosyncratic change",
        _OAS,
    ),
    Feature(
        "filtered_spread_bps",
        "credit",
        "Spread level after a local-level filter",
        "posterior mean of s_t = s_t-1 + beta ds_sector + eta, y_t = s_t + e_t, var e ="
        " (half-spread / duration)^2 / trades, over 126 days; only where a level is no older than"
        " 10 days",
        "bps",
        126,
        10,
        "Harvey 1989",
        (*_CURVE, "bond_analytics.spread_duration_years"),
    ),
    Feature(
        "filtered_spread_sd_bps",
        "credit",
        "How sure the filtered level is",
        "posterior standard deviation of the same filter",
        "bps",
        126,
        10,
        "Harvey 1989",
        (*_CURVE, "bond_analytics.spread_duration_years"),
    ),
    Feature(
        "filtered_spread_innovation",
        "credit",
        "Surprise in the day's spread",
        "(y_t - prediction) / its sd, on days with a trade",
        "zscore",
        126,
        10,
        "Harvey 1989",
        (*_CURVE, "bond_analytics.spread_duration_years"),
    ),
    # Term structure.
    Feature(
        "corp_curve_slope_10y2y",
        "credit",
        "Slope of the issuer's yield curve",
        "yield at 10y - yield at 2y on its fitted curve",
        "pct",
        10,
        1,
        "Nelson-Siegel 1987; Han-Subrahmanyam-Zhou 2017",
        _YIELD,
    ),
    Feature(
        "curve_inversion_flag",
        "credit",
        "Inverted yield curve",
        "1 where corp_curve_slope_10y2y < 0, else 0",
        "0 or 1",
        10,
        1,
        "",
        _YIELD,
    ),
    Feature(
        "spread_slope_10y2y",
        "credit",
        "Slope of the issuer's spread curve",
        "OAS at 10y - OAS at 2y on its fitted curve",
        "bps",
        10,
        1,
        "Han-Subrahmanyam-Zhou 2017",
        _CURVE,
    ),
    Feature(
        "spread_curvature_bps",
        "credit",
        "Curvature of the issuer's spread curve",
        "2 s(5) - s(2) - s(10)",
        "bps",
        10,
        1,
        "Nelson-Siegel 1987",
        _CURVE,
    ),
    Feature(
        "curve_extrapolation_flag",
        "credit",
        "Slope beyond the issuer's own bonds",
        "1 where it has no bond of 1 to 3.5 years or none of 7 to 15",
        "0 or 1",
        10,
        1,
        "",
        _CURVE,
    ),
    # Relative value.
    Feature(
        "spread_vs_sector_median",
        "credit",
        "Spread against sector and rating",
        "spread_bps - median spread_bps of the other issuers of sector and grade (all of the sector"
        " when fewer than 5)",
        "bps",
        10,
        5,
        "relative value",
        _CURVE,
    ),
    Feature(
        "sector_spread_beta",
        "credit",
        "Sensitivity to the sector's spread",
        "slope of weekly issuer on weekly leave-one-out sector change, shrunk to 1 by Vasicek",
        "ratio",
        126,
        12,
        "Vasicek 1973; weekly because staleness biases daily betas to zero",
        _OAS,
    ),
    Feature(
        "spread_volatility_ratio",
        "credit",
        "Spread volatility against the sector's",
        "sd_126(oas_5d_change_bps) / max(sd_126 of the sector's median five-day change, 1 bp)",
        "ratio",
        131,
        40,
        "beta divided by correlation",
        _OAS,
    ),
    # Volume and order flow.
    Feature(
        "trace_volume_zscore_5d",
        "credit",
        "Abnormal traded par",
        "z of ln(1 + par over 5 days) against the 63 windows that ended before those 5 days; sd at"
        " least 0.25",
        "zscore",
        73,
        40,
        "the five days stay out of their own baseline",
        _VOLUME,
    ),
    Feature(
        "volume_spike_zscore",
        "credit",
        "Abnormal number of trades",
        "(n - mu) / sd of a negative binomial whose mean is an average of the 126 days before,"
        " half-life 21, times the weekday's factor",
        "zscore",
        127,
        40,
        "negative binomial counts",
        _TRADES,
    ),
    Feature(
        "volume_spike_direction",
        "credit",
        "Volume spike and its direction",
        "0 without a spike, else the sign of the customers' imbalance; a spike has P(N >= n) <"
        " 0.001, z > 2.5 and survives a false discovery rate of 5 % over the day's issuers",
        "-1, 0 or 1",
        127,
        40,
        "Benjamini-Hochberg 1995",
        (*_TRADES, *_CUSTOMERS),
    ),
    Feature(
        "turnover_21d_pct",
        "credit",
        "Turnover",
        "sum over 21 days of par traded / par outstanding; a lower bound where par is capped",
        "pct",
        21,
        21,
        "Amihud-Mendelson 1986",
        (*_VOLUME, "amounts_outstanding.amount_usd"),
    ),
    Feature(
        "order_imbalance_1d",
        "credit",
        "Customer order imbalance of the day",
        "(customer buys - customer sells) / (customer buys + customer sells), par as disseminated",
        "ratio",
        1,
        1,
        "Wei-Zhou 2016",
        _CUSTOMERS,
    ),
    Feature(
        "order_imbalance_5d",
        "credit",
        "Customer order imbalance over 5 days",
        "(customer buys - customer sells) / (customer buys + customer sells), par as disseminated",
        "ratio",
        5,
        1,
        "Wei-Zhou 2016",
        _CUSTOMERS,
    ),
    Feature(
        "order_imbalance_institutional_5d",
        "credit",
        "Institutional order imbalance over 5 days",
        "the same of trades of $100,000 par or more",
        "ratio",
        5,
        1,
        "Wei-Zhou 2016; Ronen-Zhou 2013",
        _BIG,
    ),
    Feature(
        "interdealer_share_21d",
        "credit",
        "Share of trades between dealers",
        "inter-dealer trades / trades over 21 days",
        "share",
        21,
        1,
        "proxy for the number of dealers, which the feed does not tell",
        ("bond_day_revisions.n_interdealer", *_TRADES),
    ),
    Feature(
        "riskless_share_21d",
        "credit",
        "Share of customers' par in riskless-principal chains",
        "par that another trade of equal par follows or precedes within a minute / customers' par,"
        " 21 days",
        "share",
        21,
        1,
        "Harris 2015",
        ("bond_day_revisions.riskless_share", *_CUSTOMERS),
    ),
    Feature(
        "n_dealers",
        "credit",
        "Different dealers in the issuer's busiest bond",
        "dealers on either side of the day's trades, the largest number among its bonds; null where"
        " the feed names none (all but Academic TRACE)",
        "count",
        1,
        1,
        "",
        ("bond_day_revisions.n_dealers",),
    ),
    # Liquidity.
    Feature(
        "customer_bid_ask_pct",
        "credit",
        "Realised customer bid-ask",
        "median over 21 days of (mean customer buy price - mean customer sell price) / mid, bonds"
        " with both on a day",
        "pct",
        21,
        3,
        "Hong-Warga 2000",
        _BID_ASK,
    ),
    Feature(
        "customer_bid_ask_vs_own_median_pct",
        "credit",
        "Change of the realised bid-ask",
        f"customer_bid_ask_pct {_OWN}",
        "pct",
        84,
        20,
        "sudden loss of liquidity",
        _BID_ASK,
    ),
    Feature(
        "round_trip_cost_21d_bps",
        "credit",
        "Imputed round-trip cost",
        "mean over 21 days of the daily mean over bonds of (highest - lowest) / highest price in"
        " sets of 2 or 3 trades of equal par within 15 minutes",
        "bps",
        21,
        3,
        "Feldhütter 2012",
        _ROUND_TRIP,
    ),
    Feature(
        "round_trip_cost_vs_own_median_bps",
        "credit",
        "Change of the round-trip cost",
        f"round_trip_cost_21d_bps {_OWN}",
        "bps",
        84,
        20,
        "sudden loss of liquidity",
        _ROUND_TRIP,
    ),
    Feature(
        "roll_21d_pct",
        "credit",
        "Roll's spread",
        "mean over bonds of 2 sqrt(-cov(dp_k, dp_k-1)) over 21 days; null where the covariance is"
        " not negative",
        "pct",
        21,
        4,
        "Roll 1984",
        ("bond_day_revisions.price",),
    ),
    Feature(
        "price_reversal_42d",
        "credit",
        "Gamma of Bao, Pan and Wang",
        "mean over bonds of -cov(dp_t, dp_t+1) of log prices in percent over 42 days, dated at the"
        " second change",
        "pct^2",
        47,
        10,
        "Bao-Pan-Wang 2011",
        ("bond_day_revisions.price",),
    ),
    Feature(
        "amihud_21d",
        "credit",
        "Amihud illiquidity",
        "median over 21 days of |price change| in percent per million of par",
        "pct per $mm",
        21,
        5,
        "Amihud 2002",
        _AMIHUD,
    ),
    Feature(
        "amihud_vs_own_median",
        "credit",
        "Change of Amihud's measure",
        f"amihud_21d {_OWN}",
        "pct per $mm",
        84,
        20,
        "sudden loss of liquidity",
        _AMIHUD,
    ),
    Feature(
        "high_low_spread_21d_pct",
        "credit",
        "Corwin-Schultz spread",
        "mean over bonds of the two-day high-low estimates over 21 days, negative ones as 0",
        "pct",
        26,
        5,
        "Corwin-Schultz 2012",
        (
            "bond_day_revisions.price_high",
            "bond_day_revisions.price_low",
            "bond_day_revisions.price_last",
        ),
    ),
    Feature(
        "price_dispersion_21d_bps",
        "credit",
        "Price dispersion",
        "mean over 21 days of the par-weighted sd of a bond day's prices, days with 3 trades or"
        " more",
        "bps",
        21,
        5,
        "Jankowitsch-Nashikkar-Subrahmanyam 2011",
        ("bond_day_revisions.price_dispersion_bps",),
    ),
    Feature(
        "zero_trading_share_63d",
        "credit",
        "Share of bond-days without a trade",
        "1 - traded bond-days / (outstanding bonds x days) over 63 days",
        "share",
        63,
        40,
        "Lesmond-Ogden-Trzcinka 1999",
        _TRADES,
    ),
    Feature(
        "liquidity_lambda",
        "credit",
        "Composite illiquidity",
        "sum of the day's cross-sectional z-scores of Amihud, round-trip cost and the sd of each"
        " over 63 days",
        "zscore",
        63,
        10,
        "Dick-Nielsen-Feldhütter-Lando 2012",
        (*_AMIHUD, *_ROUND_TRIP),
    ),
    Feature(
        "liquidity_lambda_vs_own_median",
        "credit",
        "Change of the composite",
        f"liquidity_lambda {_OWN}",
        "zscore",
        126,
        20,
        "sudden loss of liquidity",
        (*_AMIHUD, *_ROUND_TRIP),
    ),
    # Staleness.
    Feature(
        "staleness_days",
        "credit",
        "Days since the issuer's bonds last traded",
        "trading days since the last bond day with an accepted price",
        "days",
        63,
        1,
        "",
        _TRADES,
    ),
    Feature(
        "n_trades_21d",
        "credit",
        "Trades in 21 days",
        "number of trades of all the issuer's bonds",
        "count",
        21,
        1,
        "",
        _TRADES,
    ),
    # CDS and its basis.
    Feature(
        "cds_quote_flag",
        "credit",
        "CDS quoted",
        "1 with a 5-year quote no older than 5 days, else 0",
        "0 or 1",
        5,
        0,
        "",
        _CDS,
    ),
    Feature(
        "cds_spread_bps",
        "credit",
        "5-year CDS par spread",
        "latest quote no older than 5 days",
        "bps",
        5,
        1,
        "",
        _CDS,
    ),
    Feature(
        "cds_1d_change_bps",
        "credit",
        "CDS change over one day",
        "s_t - s_t-1",
        "bps",
        1,
        2,
        "",
        _CDS,
    ),
    Feature(
        "cds_5d_change_bps",
        "credit",
        "CDS change over five days",
        "s_t - s_t-5",
        "bps",
        5,
        2,
        "",
        _CDS,
    ),
    Feature(
        "cds_5d_change_pct",
        "credit",
        "Relative CDS change over five days",
        "100 ln(s_t / s_t-5)",
        "pct",
        5,
        2,
        "",
        _CDS,
    ),
    Feature(
        "cds_5d_change_vs_sector_bps",
        "credit",
        "Five-day CDS change net of its sector",
        "cds_5d_change_bps - median over the other issuers of the sector",
        "bps",
        5,
        5,
        "",
        _CDS,
    ),
    Feature(
        "cds_bond_basis_bps",
        "credit",
        "CDS-bond basis, negative when the bond is wider",
        "CDS par spread interpolated at the bonds' mean maturity - their weighted mean"
        " CDS-equivalent spread",
        "bps",
        10,
        1,
        "Bai-Collin-Dufresne 2019",
        _BASIS,
    ),
    Feature(
        "cds_bond_basis_5d_change_bps",
        "credit",
        "Change of the basis over five days",
        "b_t - b_t-5",
        "bps",
        15,
        2,
        "Bai-Collin-Dufresne 2019",
        _BASIS,
    ),
    Feature(
        "cds_bond_basis_zscore",
        "credit",
        "Basis against its own year",
        "(b_t - mean_252) / max(sd_252, 1 bp), the window ending the day before",
        "zscore",
        263,
        60,
        "Bai-Collin-Dufresne 2019",
        _BASIS,
    ),
    # Where bonds and stock disagree.
    Feature(
        "capital_structure_divergence",
        "credit",
        "Market spread against the stock's",
        "residual of the day's regression over issuers of ln spread_bps on ln"
        " creditgrades_spread_bps, rating and sector",
        "ln",
        63,
        30,
        "Huang-Huang 2012",
        (*_CURVE, *_SIZE, *_RETURN, *_TOTAL),
    ),
    Feature(
        "capital_structure_divergence_5d_pct",
        "credit",
        "What bonds earned beyond the stock's moves",
        "sum of -D ds over days t-5 to t-1 less that of h r_stock, h Merton's hedge ratio drawn"
        " half-way to its rating's mean; today is skipped so that the stock's reversal stays out",
        "pct",
        281,
        2,
        "Schaefer-Strebulaev 2008",
        (*_OAS, *_RETURN, *_SIZE, *_DEBT),
    ),
    # Equity controls.
    Feature(
        "distance_to_default",
        "equity",
        "Merton's distance to default, iterated",
        "[ln(V/F) + (r - s^2/2)] / s, V and s by iteration over 252 days, F = short-term + half of"
        " long-term debt as filed; s is found anew every 21 trading days",
        "sd",
        273,
        120,
        "Crosbie-Bohn 2003; Vassalou-Xing 2004",
        (*_SIZE, *_DEBT, *_RATE),
    ),
    Feature(
        "naive_distance_to_default",
        "equity",
        "Distance to default without solving",
        "[ln((E+F)/F) + (mu - s^2/2)] / s, s = E/(E+F) s_E + F/(E+F) (0.05 + 0.25 s_E), mu the past"
        " year's return",
        "sd",
        252,
        230,
        "Bharath-Shumway 2008",
        (*_SIZE, *_RETURN, *_DEBT),
    ),
    Feature(
        "creditgrades_spread_bps",
        "equity",
        "Spread that stock and debt imply",
        "CreditGrades 5-year par spread, barrier 0.5 (sd 0.3) of debt, recovery 0.4",
        "bps",
        63,
        40,
        "Finger et al. 2002",
        (*_SIZE, *_RETURN, *_TOTAL, *_RATE),
    ),
    Feature(
        "equity_return_1d_pct",
        "equity",
        "Stock return over one day",
        "100 (close_t / close_t-1 - 1), dividends included",
        "pct",
        1,
        1,
        "control",
        _RETURN,
    ),
    Feature(
        "equity_return_5d_pct",
        "equity",
        "Stock return over 5 days",
        "compounded",
        "pct",
        5,
        5,
        "control: short-term reversal",
        _RETURN,
    ),
    Feature(
        "equity_return_21d_pct",
        "equity",
        "Stock return over 21 days",
        "compounded",
        "pct",
        21,
        21,
        "control",
        _RETURN,
    ),
    Feature(
        "equity_return_63d_pct",
        "equity",
        "Stock return over 63 days",
        "compounded",
        "pct",
        63,
        63,
        "control: momentum",
        _RETURN,
    ),
    Feature(
        "equity_excess_return_5d_pct",
        "equity",
        "Stock return over 5 days minus its sector ETF's",
        "compounded stock - compounded ETF",
        "pct",
        5,
        5,
        "control: residual reversal",
        _RETURN,
    ),
    Feature(
        "equity_volatility_21d_pct",
        "equity",
        "Stock volatility",
        "sd of daily returns over 21 days x sqrt(252)",
        "pct",
        21,
        15,
        "control",
        _RETURN,
    ),
    Feature(
        "equity_volatility_63d_pct",
        "equity",
        "Stock volatility",
        "sd of daily returns over 63 days x sqrt(252)",
        "pct",
        63,
        40,
        "control",
        _RETURN,
    ),
    Feature(
        "equity_turnover_21d_pct",
        "equity",
        "Stock turnover",
        "mean of shares traded / shares outstanding over 21 days",
        "pct",
        21,
        15,
        "control",
        ("equity_prices.volume_shares", "equity_prices.shares_outstanding"),
    ),
    Feature(
        "equity_beta_63d",
        "equity",
        "Beta to the sector ETF",
        "slope of daily returns on the ETF's over 63 days",
        "ratio",
        63,
        40,
        "control",
        _RETURN,
    ),
    Feature(
        "log_market_cap",
        "equity",
        "Size",
        "ln(close x shares outstanding)",
        "ln usd",
        1,
        1,
        "control",
        _SIZE,
    ),
    Feature(
        "leverage_ratio",
        "equity",
        "Leverage",
        "total debt as last filed / (total debt + market value of equity)",
        "ratio",
        1,
        1,
        "control",
        (*_TOTAL, "equity_prices.close_usd"),
    ),
)

CREDIT_FEATURES: tuple[str, ...] = tuple(f.name for f in FEATURES if f.block == "credit")
EQUITY_FEATURES: tuple[str, ...] = tuple(f.name for f in FEATURES if f.block == "equity")
ALL_FEATURES: tuple[str, ...] = CREDIT_FEATURES + EQUITY_FEATURES

#: Trading days before the first day of a range that its features can look back to.
LOOKBACK_DAYS = 290
#: Trading days that an intraday feature may look back.
INTRADAY_LOOKBACK_DAYS = 63
#: Trading days within which a bond's last day with a trade counts as the one before.
MATCH_DAYS = 5
