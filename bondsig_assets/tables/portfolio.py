"""Tables from scores to target positions.

Belongs here: declarations of the group portfolio. Not here: signals (`learning.py`), orders and
ledger.
"""

from __future__ import annotations

from functools import partial

from bondsig_assets.tables.schema import KNOWN, C, R, daily

_PARENT = R("parent_id", "VARCHAR", "Ultimate parent; the ticker itself for a sector ETF")
_DAY = R("trade_date", "DATE", "Trading day")
_TICKER = R("ticker", "VARCHAR", "Stock on that day, as known")
_POLICY = R(
    "policy",
    "VARCHAR",
    "optimised, tranches (a fifth of the outer fifths of each of the last five days' scores),"
    " long_only (against the equal-weighted universe) or equity_only (optimised on the control)",
)
_FACTOR = R(
    "factor",
    "VARCHAR",
    "market, rates, volatility, credit, oil, or a sector",
)


_daily = partial(daily, "portfolio")


UNIVERSE = _daily(
    "universe",
    "Which names may be held on a day, and every reason why the others may not. A name enters by"
    " stricter rules than it stays by. A name stands here for 21 days after its last issuer day, as"
    " long as it may take to sell it; sector ETFs stand beside the names, for hedges.",
    (
        _PARENT,
        _DAY,
        _TICKER,
        R("is_in", "BOOLEAN", "May be held; a name that is held and out is sold"),
        R(
            "reasons",
            "VARCHAR[]",
            "Every rule that keeps it out, in the order in which they are asked: link, delisting,"
            " excluded, not_included, price, dollar_volume, history, gap, bond_trades,"
            " bond_staleness, liquidation, borrow",
        ),
        R("is_hedge", "BOOLEAN", "A sector ETF, which no rule is asked of"),
        R("is_shortable", "BOOLEAN", "Nobody says that there is nothing to borrow"),
        C("borrow_rate_pct", "DOUBLE", "Annual fee of borrowing, as quoted within 5 days", "pct"),
        C("price_usd", "DOUBLE", "Close", "usd"),
        C("dollar_volume_usd", "DOUBLE", "Median of 21 daily dollar volumes", "usd"),
        C("n_returns", "BIGINT", "Returns in the last 252 days"),
        C("gap_days", "BIGINT", "Most trading days in a row without one among them", "days"),
        C("n_trades_21d", "DOUBLE", "Bond trades in 21 days"),
        C("staleness_days", "DOUBLE", "Trading days since its bonds last traded", "days"),
        C(
            "liquidation_days",
            "DOUBLE",
            "Days it takes to sell the position, or the largest one allowed where none is held",
            "days",
        ),
        KNOWN,
    ),
    key=("parent_id", "trade_date"),
)

FACTOR_RETURNS = _daily(
    "factor_returns",
    "What each factor of the risk model did on a day: a macro factor's change in its own standard"
    " deviations, a sector's mean return beyond macro factors.",
    (
        _DAY,
        _FACTOR,
        R("is_macro", "BOOLEAN", "A macro factor, not a sector"),
        C(
            "factor_return",
            "DOUBLE",
            "Change in standard deviations of a macro factor, a share of the price for a sector;"
            " null where it was not known at the cutoff, or has no data at all (state)",
        ),
        C(
            "unit_change",
            "DOUBLE",
            "The change of a macro factor that is one standard deviation, in the series' own unit",
        ),
        R("state", "VARCHAR", "known, unknown (on this day) or no_data (left out of the model)"),
        KNOWN,
    ),
    key=("trade_date", "factor"),
)

FACTOR_EXPOSURES = _daily(
    "factor_exposures",
    "What each name loses or gains with each macro factor; its exposure to its sector is 1.",
    (
        _PARENT,
        _DAY,
        _TICKER,
        R("sector", "VARCHAR", "Sector, whose mean it is part of"),
        *(
            C(
                f"{factor}_beta",
                "DOUBLE",
                f"Return, as a share, for one standard deviation of {what}; null where the factor"
                " has no data",
            )
            for factor, what in (
                ("market", "the market"),
                ("rates", "the change of the ten-year yield"),
                ("volatility", "the log change of volatility"),
                ("credit", "the median log change of issuers' spreads"),
                ("oil", "the energy ETF less the market"),
            )
        ),
        R("has_own", "BOOLEAN", "From its own returns; else the median of its sector and size"),
        KNOWN,
    ),
    key=("parent_id", "trade_date"),
)

FACTOR_COVARIANCES = _daily(
    "factor_covariances",
    "Daily covariance of the factors of the risk model, each pair once.",
    (
        _DAY,
        _FACTOR,
        R("other_factor", "VARCHAR", "The other one, the same or a later one in the model's order"),
        R("covariance", "DOUBLE", "Daily covariance of factor returns"),
        KNOWN,
    ),
    key=("trade_date", "factor", "other_factor"),
)

SPECIFIC_RISKS = _daily(
    "specific_risks",
    "Daily risk of each name: its own, and all of it.",
    (
        _PARENT,
        _DAY,
        _TICKER,
        R("specific_risk_pct", "DOUBLE", "Daily standard deviation beyond all factors", "pct"),
        R("total_risk_pct", "DOUBLE", "Daily standard deviation", "pct"),
        R("n_returns", "BIGINT", "Returns in the window"),
        R("has_own", "BOOLEAN", "From its own returns; else the median of its sector and size"),
        KNOWN,
    ),
    key=("parent_id", "trade_date"),
)

ALPHAS = _daily(
    "alphas",
    "What each name of the universe is expected to earn over five days beyond its sector, in simple"
    " returns, and how that follows from its score. Rows of a policy go by the same scores, but for"
    " equity_only.",
    (
        _DAY,
        _PARENT,
        _TICKER,
        _POLICY,
        C("model_name", "VARCHAR", "Whose prediction it is"),
        C("fold", "DATE", "Fold of that model"),
        C("prediction", "DOUBLE", "Its prediction, in own volatilities"),
        C("probability_underperform", "DOUBLE", "Its calibrated probability of underperforming"),
        C("base_rate", "DOUBLE", "That probability where nothing is known", "share"),
        C("volatility_pct", "DOUBLE", "Specific standard deviation over five days", "pct"),
        C("measured_ic", "DOUBLE", "Rank IC that the model's sibling had on days it had not seen"),
        R("believed_ic", "DOUBLE", "That IC shrunk by its error; 0 where nothing was measured"),
        C(
            "payoff_slope",
            "DOUBLE",
            "What the model's published scores had earned by the quarter, simple return for a unit"
            " of what they promised; null before there are 63 days; at or below 0 nothing is"
            " believed",
        ),
        C("probability_alpha_bps", "DOUBLE", "-volatility x (Φ⁻¹(p) - Φ⁻¹(base rate))", "bps"),
        C("ic_alpha_bps", "DOUBLE", "Believed IC x volatility x normal score", "bps"),
        C("raw_alpha_bps", "DOUBLE", "The one that portfolio.toml's alpha.route names", "bps"),
        C(
            "alpha_bps",
            "DOUBLE",
            "It, less what the cross-section pays for volatility, beta and sectors",
            "bps",
        ),
        R(
            "alpha_state",
            "VARCHAR",
            "known, or why it is 0: no_score, no_volatility, uninformed, no_payoff",
        ),
        KNOWN,
    ),
    key=("trade_date", "parent_id", "policy"),
)

TARGET_POSITIONS = _daily(
    "target_positions",
    "What a policy wants to hold after a day, and why: where each name's expected return went. The"
    " parts and the alpha are in bp over five days; risk, trade, holding, exposure and box add up"
    " to alpha.",
    (
        _DAY,
        _PARENT,
        _TICKER,
        _POLICY,
        R(
            "state",
            "VARCHAR",
            "in, out (not in the universe: sold as fast as volume allows), frozen (no price or"
            " volume: nothing is done), hedge (a sector ETF)",
        ),
        R("weight", "DOUBLE", "Target in shares of the net asset value, whole shares", "share"),
        R("shares", "BIGINT", "Target in shares of stock, below 0 short", "shares"),
        C("price_usd", "DOUBLE", "Close it was made at", "usd"),
        R("held_weight", "DOUBLE", "Held before, at today's prices", "share"),
        R("held_shares", "BIGINT", "Held before", "shares"),
        R("wished_weight", "DOUBLE", "Before rounding to whole shares", "share"),
        C(
            "unconstrained_weight",
            "DOUBLE",
            "What alpha and risk alone would hold, without costs and bounds",
            "share",
        ),
        R("low", "DOUBLE", "Least weight of the name's own bounds", "share"),
        R("high", "DOUBLE", "Most", "share"),
        C("alpha_bps", "DOUBLE", "Expected simple excess return over five days", "bps"),
        C("risk_bps", "DOUBLE", "Of it, what risk takes at the margin", "bps"),
        C("trade_bps", "DOUBLE", "Spread, commission, impact and the bound on turnover", "bps"),
        C("holding_bps", "DOUBLE", "Borrow and the bound on gross", "bps"),
        C("exposure_bps", "DOUBLE", "Bounds on net, sectors, factors, beta and volatility", "bps"),
        C("box_bps", "DOUBLE", "The name's own bounds: size, volume, borrow", "bps"),
        KNOWN,
    ),
    key=("trade_date", "parent_id", "policy"),
)

SOLUTIONS = _daily(
    "solutions",
    "How a day's targets were found, with the certificate that nothing better exists.",
    (
        _DAY,
        _POLICY,
        R(
            "state",
            "VARCHAR",
            "optimal (certified), held (not certified: forced exits alone), empty (no names) or"
            " rule (tranches: nothing is optimised)",
        ),
        R("status", "VARCHAR", "What the solver said"),
        R("n_names", "BIGINT", "Names in the problem"),
        R("n_in", "BIGINT", "Of those, in the universe"),
        R("n_known", "BIGINT", "Of those, with an expected return"),
        R("n_repaired", "BIGINT", "Shares traded beyond rounding so that bounds are kept"),
        R("n_breaches", "BIGINT", "Bounds that gave way"),
        R("nav_usd", "DOUBLE", "Net asset value that weights are taken of", "usd"),
        R("multiplier", "DOUBLE", "How often the cost of a trade counted"),
        R("gross", "DOUBLE", "Longs and shorts together", "share"),
        R("net", "DOUBLE", "Longs less shorts", "share"),
        R("turnover", "DOUBLE", "Buys and sells together", "share"),
        C("forecast_risk_pct", "DOUBLE", "Daily standard deviation of the book", "pct"),
        R("expected_bps", "DOUBLE", "Expected return of the book over five days", "bps"),
        R("expected_cost_bps", "DOUBLE", "Cost of the trades, counted once", "bps"),
        C("primal_residual", "DOUBLE", "Largest violation of the solver's constraints, scaled"),
        C("dual_residual", "DOUBLE", "Largest gap of its stationarity, scaled"),
        C("gap_bps", "DOUBLE", "What the weights fall short of the dual bound", "bps"),
        R("iterations", "BIGINT", "Steps of the interior point method"),
        R("settings_hash", "VARCHAR", "Fingerprint of the settings in portfolio.toml"),
        KNOWN,
    ),
    key=("trade_date", "policy"),
)

EXPOSURES = _daily(
    "exposures",
    "What a day's targets add up to: net, gross, turnover, sectors, market beta, macro factors and"
    " volatility, each with its bounds.",
    (
        _DAY,
        _POLICY,
        R("bound", "VARCHAR", "net, gross, turnover, a sector, a factor, beta, volatility …"),
        R("kind", "VARCHAR", "Kind of bound"),
        R("low", "DOUBLE", "Least value allowed", "share"),
        R("high", "DOUBLE", "Most value allowed", "share"),
        R("value", "DOUBLE", "Value of the targets, in whole shares", "share"),
        C(
            "shadow_price_bps",
            "DOUBLE",
            "What one more percent of the net asset value would bring over five days: 0 where it"
            " binds nobody, null where nothing was solved",
            "bps",
        ),
        KNOWN,
    ),
    key=("trade_date", "policy", "bound"),
)

BREACHES = _daily(
    "breaches",
    "Bounds that could not be kept on a day, by the solution or after rounding to whole shares.",
    (
        _DAY,
        _POLICY,
        R("bound", "VARCHAR", "net, gross, turnover, a sector, a factor, beta, volatility …"),
        R("kind", "VARCHAR", "Kind of bound, which says how much a breach costs"),
        R("low", "DOUBLE", "Least value allowed", "share"),
        R("high", "DOUBLE", "Most value allowed", "share"),
        R("value", "DOUBLE", "Value of the targets", "share"),
        R("slack", "DOUBLE", "How far beyond", "share"),
        C(
            "shadow_price_bps",
            "DOUBLE",
            "What one more percent of the net asset value would bring over five days",
            "bps",
        ),
        R("is_rounding", "BOOLEAN", "Kept before rounding to whole shares"),
        KNOWN,
    ),
    key=("trade_date", "policy", "bound"),
)
