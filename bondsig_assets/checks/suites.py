"""What is expected of each table, one suite a table: the expectation, what it means, what to do
when it fails.

Belongs here: the declared expectations and their thresholds. Not here: how they are run
(`run_suite.py`), the kinds there are (`expectations.py`), structure that blocks a run
(`structural.py`). Thresholds are such that the simulated market passes without favour;
where a share is asked for, a single bad row of a small day may already break it: these
checks warn, they never stop.
"""

from __future__ import annotations

import polars as pl

from bondsig_assets.checks.expectations import (
    Between,
    Expectation,
    HasRows,
    InSet,
    MeanBetween,
    Ordered,
    Present,
    Share,
)
from bondsig_assets.market_rules import HORIZONS
from bondsig_assets.tables.monitoring import STATES
from bondsig_assets.tables.news_features import NEWS_AGES

_STATUSES = ("T", "C", "W", "R", "X", "Y")
_ENDINGS = tuple(
    f"{ending}_message{end}"
    for ending in ("cancel", "correction", "reversal")
    for end in ("", "_without_trade")
)
#: Reasons why a bond day has no spread by its nature, not because solving failed.
_NOT_SOLVABLE = (
    "no_terms",
    "convertible",
    "no_float_start",
    "floating",
    "no_price",
    "matured",
    "no_curve",
    "deep_call",
)
_ROUNDING = 1e-6
_NEWS = tuple(f"credit_news_{k}" for k in NEWS_AGES)
_PROBABILITIES = tuple(f"credit_news_probability_{k}" for k in NEWS_AGES)


def _is_not(column: str, value: str) -> pl.Expr:
    return pl.col(column).ne_missing(pl.lit(value))


def _within_session(column: str) -> pl.Expr:
    """Whether a price lies in the session's range, to a rounding; null where one is missing."""
    room = _ROUNDING * pl.col("close_usd").abs()
    return pl.col(column).is_between(pl.col("low_usd") - room, pl.col("high_usd") + room)


def _one_share() -> pl.Expr:
    """What one share of a target weighs, and a rounding; 0 where nothing is held."""
    held = pl.col("shares").abs()
    return pl.when(held > 0).then(pl.col("weight").abs() / held).otherwise(0.0) + _ROUNDING


TRACE_REPORTS: tuple[Expectation, ...] = (
    HasRows(
        "has_reports",
        "The delivery brought reports.",
        "Ask the source whether the day's file was empty, then materialize the day again.",
    ),
    InSet(
        "status_known",
        "Every message is a trade, correction, cancel or reversal.",
        "Look for a status code of another TRACE layout (pre-2012 has T, C, W) in the source's"
        " mapping.",
        value=pl.col("status"),
        values=_STATUSES,
        mostly=0.999,
    ),
    InSet(
        "side_known",
        "The reporting side is B or S.",
        "Check the mapping of rpt_side_cd.",
        value=pl.col("side"),
        values=("B", "S"),
        mostly=0.999,
    ),
    InSet(
        "contra_known",
        "The contra party is a customer, dealer or affiliate.",
        "Check the mapping of cntra_mp_id.",
        value=pl.col("contra"),
        values=("C", "D", "A"),
        mostly=0.999,
    ),
    Between(
        "price_plausible",
        "Prices are percentages of par between 0.1 and 1000.",
        "Look at the sample: prices in dollars or yields in the price column point to the source's"
        " mapping.",
        value=pl.col("price"),
        low=0.1,
        high=1000,
        mostly=0.995,
    ),
    Between(
        "par_plausible",
        "Par is between one dollar and ten billion.",
        "Check the unit of entrd_vol_qt: thousands instead of dollars show here.",
        value=pl.col("par_usd"),
        low=1,
        high=1e10,
        mostly=0.999,
    ),
    Share(
        "cusip_complete",
        "CUSIPs have nine characters.",
        "Eight characters: the check digit is missing. Fewer: leading zeros were lost in a"
        " spreadsheet.",
        holds=pl.col("cusip").str.len_bytes() == 9,
        mostly=0.999,
    ),
    Share(
        "executed_before_reported",
        "A trade is executed before it is reported.",
        "Check time zones and which column is the report's time.",
        holds=pl.col("executed_at") <= pl.col("reported_at"),
        mostly=0.995,
    ),
)

TRADE_EVENTS: tuple[Expectation, ...] = (
    MeanBetween(
        "share_of_trades",
        "Between 30 % and 98 % of the reports stand as trades when delivered.",
        "Group trade_events by reason: one that has grown names the cause.",
        value=pl.when(pl.col("revision") == 0).then(pl.col("reason").is_null()),
        low=0.30,
        high=0.98,
    ),
    Share(
        "price_errors_rare",
        "At most 1 % of the reports are quarantined for their price.",
        "Compare the sampled bonds with their earlier days: a real jump of a whole market needs no"
        " mending.",
        holds=_is_not("reason", "price_error"),
        mostly=0.99,
    ),
    Share(
        "decimal_shifts_rare",
        "At most 1 % of the prices had to be put right by a power of ten.",
        "Many in one delivery: the source changed its price unit.",
        holds=pl.col("price_as_reported").is_null(),
        mostly=0.99,
    ),
    Share(
        "endings_find_their_trade",
        "At least 90 % of cancels, corrections and reversals find the trade they end.",
        "Expected in the first weeks of a data set; later, look for a missing delivery before the"
        " sampled ones.",
        holds=~pl.col("reason").str.ends_with("_without_trade"),
        among=pl.col("reason").is_in(_ENDINGS),
        mostly=0.90,
    ),
    Share(
        "bonds_known",
        "At least 98 % of the reports are about bonds whose terms are known.",
        "Update the table of bonds, then materialize the day again.",
        holds=_is_not("reason", "unknown_bond"),
        mostly=0.98,
    ),
    Share(
        "on_trading_days",
        "At least 99 % of the reports are about executions on trading days.",
        "Check the execution date's column and format, then the holidays shipped with the package.",
        holds=_is_not("reason", "off_calendar"),
        mostly=0.99,
    ),
    Share(
        "trade_price_plausible",
        "Prices of trades lie between 1 and 250.",
        "Look at the sample: bonds without earlier prices are believed at first sight.",
        holds=pl.col("price").is_between(1, 250),
        among=pl.col("reason").is_null(),
        mostly=0.999,
    ),
)

BOND_DAY_REVISIONS: tuple[Expectation, ...] = (
    Between(
        "n_trades_counted",
        "The number of trades is never negative.",
        "A defect of the aggregation: report it with the sample.",
        value=pl.col("n_trades"),
        low=0,
        high=1e7,
    ),
    Share(
        "price_only_with_trades",
        "A bond day has a price exactly when it has trades, or a quote.",
        "A defect of the aggregation: report it with the sample.",
        holds=pl.col("price").is_not_null() == (pl.col("n_trades") > 0),
        among=_is_not("source", "quotes"),
    ),
    Share(
        "price_within_range",
        "The par-weighted price lies between the lowest and the highest, which is not below it.",
        "Look for negative par among the day's trades; without any, report it with the sample.",
        holds=pl.col("price").is_between(
            pl.col("price_low") - _ROUNDING, pl.col("price_high") + _ROUNDING
        ),
    ),
    Between(
        "price_plausible",
        "Prices lie between 1 and 250.",
        "Follow a sampled bond day to its trades: the screens let a wrong print through.",
        value=pl.col("price"),
        low=1,
        high=250,
        mostly=0.999,
    ),
    Share(
        "customer_par_within_par",
        "Customers trade no more than all of the par.",
        "A defect of the aggregation: report it with the sample.",
        holds=pl.col("customer_buy_par_usd") + pl.col("customer_sell_par_usd")
        <= pl.col("par_usd") * (1 + 1e-9) + 1,
    ),
    Ordered(
        "customers_buy_higher",
        "Customers buy above the price they sell at on 70 % of the days with both.",
        "Below one half: the sides are swapped in the source's mapping.",
        lower=pl.col("customer_sell_price"),
        upper=pl.col("customer_buy_price"),
        mostly=0.70,
    ),
    Between(
        "traded_by_day",
        "The mean time of a bond day's trades lies between 7:00 and 19:00 New York on 99 %.",
        "Check the time zone of the execution times: news within a day rests on them.",
        value=pl.col("mean_trade_second"),
        low=7 * 3600,
        high=19 * 3600,
        mostly=0.99,
    ),
    Share(
        "withdrawn_rare",
        "At most 10 % of the revisions withdraw the last trade of a bond day.",
        "Look in trade_events for a delivery with many cancels.",
        holds=pl.col("n_trades") > 0,
        among=_is_not("source", "quotes"),
        mostly=0.90,
    ),
)

BOND_ANALYTICS: tuple[Expectation, ...] = (
    Share(
        "solvable_solved",
        "95 % of the fixed-coupon bond days with price, terms and curve have a spread.",
        "Look at price, coupon and maturity of the sample: terms that contradict the price cannot"
        " be solved.",
        holds=pl.col("oas_bps").is_not_null(),
        among=pl.col("reason").is_null() | ~pl.col("reason").is_in(_NOT_SOLVABLE),
        mostly=0.95,
    ),
    Share(
        "terms_known",
        "98 % of the bond days are of bonds whose terms were known.",
        "Update the table of bonds; a bond listed after its first trades stays unknown for those"
        " days.",
        holds=_is_not("reason", "no_terms"),
        mostly=0.98,
    ),
    Present(
        "curve_known",
        "A Treasury curve was known on 98 % of the bond days.",
        "Bring treasury_yields up to date; before its first day nothing can be done.",
        value=pl.col("curve_date"),
        mostly=0.98,
    ),
    Between(
        "yield_plausible",
        "Yields lie between -5 % and 100 %.",
        "Sampled bonds close to maturity are expected; others point to wrong terms.",
        value=pl.col("yield_pct"),
        low=-5,
        high=100,
        mostly=0.99,
    ),
    Between(
        "spread_plausible",
        "Spreads lie between -300 and 5000 basis points.",
        "Sampled bonds close to maturity are expected; others point to wrong terms or curve.",
        value=pl.col("oas_bps"),
        low=-300,
        high=5000,
        mostly=0.99,
    ),
    Share(
        "spreads_agree",
        "G-spread and Z-spread differ by less than 100 bps or a quarter.",
        "A wide gap means the two were solved on different curves or the curve is broken: compare"
        " treasury_yields.",
        holds=(pl.col("g_spread_bps") - pl.col("z_spread_bps")).abs()
        <= 100 + 0.25 * pl.col("z_spread_bps").abs(),
        mostly=0.98,
    ),
    Share(
        "duration_within_maturity",
        "Duration is positive and no longer than maturity.",
        "Check coupon frequency and maturity of the sample.",
        holds=(pl.col("duration_years") > 0)
        & (pl.col("duration_years") <= pl.col("maturity_years") * 1.05 + 0.01),
        mostly=0.99,
    ),
)

ISSUER_DAYS: tuple[Expectation, ...] = (
    HasRows(
        "has_issuers",
        "The day has issuers.",
        "Check that security_master and equities reach the day.",
    ),
    Present(
        "spread_present",
        "60 % of the issuer days have a spread.",
        "Look at bond_analytics of the day: curve, terms and trades come first.",
        value=pl.col("spread_bps"),
        mostly=0.60,
    ),
    Between(
        "spread_plausible",
        "Issuer spreads lie between -100 and 4000 basis points.",
        "Follow the sample to its bonds in bond_analytics.",
        value=pl.col("spread_bps"),
        low=-100,
        high=4000,
        mostly=0.99,
    ),
    Between(
        "spread_change_plausible",
        "Spreads move less than 500 basis points a day.",
        "Follow the sample to its bonds: a wrong print that passed the screens, or news.",
        value=pl.col("oas_1d_change_bps"),
        low=-500,
        high=500,
        mostly=0.995,
    ),
    Between(
        "order_imbalance_bounded",
        "Order imbalance lies between -1 and +1.",
        "It cannot lie outside: report a defect of the feature with the sample.",
        value=pl.col("order_imbalance_5d"),
        low=-1,
        high=1,
        mostly=1.0,
    ),
    Present(
        "equity_return_present",
        "85 % of the issuer days have a stock return over five days.",
        "Expected in the first week of a data set; later, bring equity_prices up to date.",
        value=pl.col("equity_return_5d_pct"),
        mostly=0.85,
    ),
    Between(
        "volatility_plausible",
        "Stock volatility lies between 1 % and 400 % a year.",
        "Zeros: the stock's price does not move, so look at equity_prices of the sample for stale"
        " closes.",
        value=pl.col("equity_volatility_21d_pct"),
        low=1,
        high=400,
        mostly=0.99,
    ),
    Between(
        "leverage_bounded",
        "Leverage lies between 0 and 1.",
        "Check the units of total_debt_usd and shares_outstanding.",
        value=pl.col("leverage_ratio"),
        low=0,
        high=1,
        mostly=0.999,
    ),
)

EQUITY_PRICES: tuple[Expectation, ...] = (
    Share(
        "close_within_range",
        "The close lies between the session's lowest and highest price on 99.5 %.",
        "Check which columns are low, high and close, and whether all are unadjusted prices of the"
        " day.",
        holds=_within_session("close_usd"),
        mostly=0.995,
    ),
    Share(
        "open_within_range",
        "The open lies between the session's lowest and highest price on 99 %.",
        "Check which column is the open; an opening auction that is not in the range is rare.",
        holds=_within_session("open_usd"),
        mostly=0.99,
    ),
    Share(
        "dividend_plausible",
        "A dividend is not negative and no more than a quarter of the close.",
        "Check the unit of dividend_usd: dollars a share, not cents or percent. A liquidating"
        " dividend may be larger.",
        holds=pl.col("dividend_usd").is_between(0.0, 0.25 * pl.col("close_usd")),
        mostly=0.999,
    ),
    Between(
        "split_plausible",
        "Split ratios lie between 1/100 and 100.",
        "Check the convention: new shares for one old share, 2 for a 2:1 split.",
        value=pl.col("split_ratio"),
        low=0.01,
        high=100,
        mostly=0.9999,
    ),
    Share(
        "splits_rare",
        "At most 3 % of the rows are splits.",
        "A cumulative adjustment factor stands where the day's split belongs: take its change.",
        holds=pl.col("split_ratio") == 1,
        mostly=0.97,
    ),
)

BORROW_RATES: tuple[Expectation, ...] = (
    Between(
        "borrow_rate_plausible",
        "Borrow fees lie between 0 and 300 % a year.",
        "Check the unit of annual_rate_pct: percent a year, not basis points or a fraction; a"
        " negative one is a rebate quoted with its sign.",
        value=pl.col("annual_rate_pct"),
        low=0,
        high=300,
        mostly=0.995,
    ),
    MeanBetween(
        "borrow_usually_available",
        "Stock can be borrowed for half of the names or more.",
        "Check the mapping of is_available: it may say that a name is hard to borrow.",
        value=pl.col("is_available").cast(pl.Float64),
        low=0.5,
        high=1.0,
    ),
)

MACRO_SERIES: tuple[Expectation, ...] = (
    Share(
        "macro_finite",
        "Every value is a number.",
        "Look at the source's sign for a missing value: a day without one has no row.",
        holds=pl.col("value").is_finite(),
    ),
    Share(
        "vix_plausible",
        "The VIX lies between 3 and 150.",
        "Check the unit: index points, not a fraction.",
        holds=pl.col("value").is_between(3, 150),
        among=pl.col("series") == "vix",
        mostly=0.999,
    ),
    Share(
        "oil_plausible",
        "Oil lies between -50 and 300 dollars a barrel.",
        "Check the unit of oil_usd; it closed below zero once, on 2020-04-20.",
        holds=pl.col("value").is_between(-50, 300),
        among=pl.col("series") == "oil_usd",
        mostly=0.999,
    ),
    Share(
        "treasury_plausible",
        "Treasury yields lie between -3 and 25 %.",
        "Check the unit of treasury_…_pct: percent, not a fraction or basis points.",
        holds=pl.col("value").is_between(-3, 25),
        among=pl.col("series").is_in(["treasury_2y_pct", "treasury_10y_pct"]),
        mostly=0.999,
    ),
    Share(
        "credit_index_plausible",
        "The credit index lies between 5 and 1000 basis points.",
        "Check the unit of credit_index_bps: basis points, not percent.",
        holds=pl.col("value").is_between(5, 1000),
        among=pl.col("series") == "credit_index_bps",
        mostly=0.999,
    ),
)

CREDIT_NEWS: tuple[Expectation, ...] = (
    Share(
        "credit_heard",
        "Bonds or a CDS spoke on half of the issuer days.",
        "Expected in the first weeks of a data set; later, look at bond_analytics and cds_quotes of"
        " the sampled days.",
        holds=pl.col("credit_news_missing") == 0,
        mostly=0.50,
    ),
    Share(
        "news_probability_bounded",
        "Probabilities of news lie between 0 and 1.",
        "A defect of the posterior: report it with the sample.",
        holds=pl.all_horizontal(pl.col(name).is_between(0, 1) for name in _PROBABILITIES),
    ),
    MeanBetween(
        "news_rare",
        "The chance of news on a day is at most 15 % in the mean.",
        "Look at news_chance and quiet_variance of the quarter in credit_news_parameters: moves"
        " that belong to the market are taken for news, or noise for moves.",
        value=pl.col("credit_news_probability_0"),
        low=0.0,
        high=0.15,
    ),
    Share(
        "news_plausible",
        "News is smaller than 60 daily volatilities.",
        "Follow the sample with bondsig explain: a wrong print that several instruments share, or a"
        " stock that does not move.",
        holds=pl.all_horizontal(pl.col(name).abs() <= 60 for name in _NEWS),
        mostly=0.9999,
    ),
    Share(
        "silence_is_no_news",
        "Where neither bond nor CDS spoke there is no news.",
        "A defect of the features: report it with the sample.",
        holds=pl.all_horizontal(pl.col(name).fill_null(0.0) == 0 for name in _NEWS),
        among=pl.col("credit_news_missing") == 1,
    ),
    Between(
        "stock_volatility_plausible",
        "Daily volatility of stocks beyond their sector lies between 0.1 and 25 %.",
        "Zeros: the stock's price does not move, so look at equity_prices of the sample for stale"
        " closes; large ones: for a split without adjustment.",
        value=pl.col("daily_volatility_pct"),
        low=0.1,
        high=25,
        mostly=0.99,
    ),
    Between(
        "expected_reaction_plausible",
        "Expected reactions are smaller than 10 daily volatilities on 99.9 %.",
        "Look at reaction of the quarter in credit_news_parameters.",
        value=pl.col("expected_reaction"),
        low=-10,
        high=10,
        mostly=0.999,
    ),
)

DELISTINGS: tuple[Expectation, ...] = (
    InSet(
        "delisting_reason_known",
        "Every reason is one of merger, exchange, liquidation, dropped, other.",
        "Check the mapping of reason: a missing return of a dropped stock becomes -30 %, of any"
        " other it costs the label.",
        value=pl.col("reason"),
        values=("merger", "exchange", "liquidation", "dropped", "other"),
    ),
    Between(
        "delisting_return_plausible",
        "Delisting returns lie between -100 % and +300 %.",
        "Check the unit: CRSP's dlret is a fraction.",
        value=pl.col("delisting_return_pct"),
        low=-100,
        high=300,
        mostly=0.99,
    ),
    Present(
        "delisting_return_present",
        "80 % of the delistings have a return.",
        "Labels that a delisting without one ends are lost, unless the stock was dropped: look for"
        " a table of what holders got.",
        value=pl.col("delisting_return_pct"),
        mostly=0.80,
    ),
    Share(
        "delisting_known_after",
        "A delisting return is known on the last day of trading or later.",
        "Check known_at: nobody knows what holders get before they get it.",
        holds=pl.col("known_at").dt.date() >= pl.col("last_trade_date"),
    ),
)

LABELS: tuple[Expectation, ...] = (
    Share(
        "label_is_difference",
        "The label is the stock's return minus the ETF's.",
        "A defect of the labels: report it with the sample.",
        holds=(
            pl.col("excess_return_pct") - pl.col("stock_return_pct") + pl.col("sector_return_pct")
        ).abs()
        < 1e-9,
    ),
    Share(
        "horizon_known",
        "Horizons are 1, 5, 10 and 21 days.",
        "A defect of the labels: report it with the sample.",
        holds=pl.col("horizon_days").is_in(HORIZONS),
    ),
    Share(
        "label_ends_later",
        "A label ends after the day of its features.",
        "A defect of the labels: report it with the sample.",
        holds=pl.col("label_end_date") > pl.col("trade_date"),
    ),
    Between(
        "label_plausible",
        "Labels lie between -150 and +150 %.",
        "Look at equity_prices of the sample for a split without adjustment; -691 % is a delisting"
        " that left nothing.",
        value=pl.col("excess_return_pct"),
        low=-150,
        high=150,
        mostly=0.99,
    ),
    MeanBetween(
        "label_centred",
        "Labels average to between -10 and +10 %.",
        "The stocks of a whole day moved away from their ETFs: look at the ETFs' rows in"
        " equity_prices.",
        value=pl.col("excess_return_pct"),
        low=-10,
        high=10,
    ),
    Between(
        "beta_plausible",
        "Betas lie between -1 and +4.",
        "Look at the sample's returns in equity_prices: one wrong close makes such a beta.",
        value=pl.col("beta"),
        low=-1,
        high=4,
        mostly=0.99,
    ),
    Share(
        "delistings_rare",
        "At most 5 % of the labels end with a delisting.",
        "More: the last days of the sampled tickers in delistings are no delistings.",
        holds=~pl.col("is_delisted"),
        mostly=0.95,
    ),
)

SCORES: tuple[Expectation, ...] = (
    Between(
        "score_bounded",
        "Scores lie between -1 and +1.",
        "A defect of the scoring: report it with the sample.",
        value=pl.col("score"),
        low=-1,
        high=1,
    ),
    Between(
        "probability_bounded",
        "Probabilities lie between 0 and 1.",
        "A defect of the calibration: report it with the sample.",
        value=pl.col("probability_underperform"),
        low=0,
        high=1,
    ),
    Share(
        "score_is_probability",
        "The score is 1 - 2 P(underperform).",
        "A defect of the scoring: report it with the sample.",
        holds=(pl.col("score") - 1 + 2 * pl.col("probability_underperform")).abs() < 1e-9,
    ),
    Between(
        "score_rank_bounded",
        "Ranks lie between -1 and +1.",
        "A defect of the scoring: report it with the sample.",
        value=pl.col("score_rank"),
        low=-1,
        high=1,
    ),
    MeanBetween(
        "score_rank_centred",
        "Ranks average to zero.",
        "Ranks were not taken over whole days: materialize the range again.",
        value=pl.col("score_rank"),
        low=-0.01,
        high=0.01,
    ),
    MeanBetween(
        "probability_calibrated",
        "Probabilities average to between 0.35 and 0.65.",
        "The calibration has a base rate that no market has: look at calibration_intercept in"
        " models.",
        value=pl.col("probability_underperform"),
        low=0.35,
        high=0.65,
    ),
    Share(
        "score_explained",
        "Every score has its five largest contributions.",
        "A defect of the explanation: report it with the sample.",
        holds=(pl.col("top_features").list.len() == 5)
        & (pl.col("top_contributions").list.len() == 5),
    ),
)

PREDICTIONS: tuple[Expectation, ...] = (
    Present(
        "prediction_present",
        "Every prediction is a number.",
        "Look for infinite features of the sampled issuer in issuer_days.",
        value=pl.col("prediction"),
    ),
    Between(
        "prediction_plausible",
        "Predictions are normal scores between -4 and +4.",
        "A linear model extrapolates: look for features far outside their training range.",
        value=pl.col("prediction"),
        low=-4,
        high=4,
        mostly=0.999,
    ),
    Share(
        "predictions_differ",
        "A model tells the issuers of a day apart on 95 % of the rows.",
        "The model learned nothing but a constant: look at its run in MLflow and at the fold's"
        " features.",
        holds=pl.col("prediction").max().over("model_name", "trade_date")
        > pl.col("prediction").min().over("model_name", "trade_date"),
        mostly=0.95,
    ),
)

UNIVERSE: tuple[Expectation, ...] = (
    MeanBetween(
        "universe_holds_names",
        "Between 20 % and 100 % of the issuers may be held.",
        "Count reasons in universe: a rule that removes nearly all of them points to a unit"
        " (volumes in thousands, prices in cents) or to portfolio.toml.",
        value=pl.when(~pl.col("is_hedge")).then(pl.col("is_in").cast(pl.Float64)),
        low=0.2,
        high=1.0,
    ),
    Share(
        "universe_out_has_reasons",
        "Every name that is out has a reason, and none that is in.",
        "A defect of the universe: report it with the sample.",
        holds=pl.col("is_hedge") | (pl.col("is_in") == (pl.col("reasons").list.len() == 0)),
    ),
)

SPECIFIC_RISKS: tuple[Expectation, ...] = (
    Between(
        "specific_risk_plausible",
        "Daily risk beyond all factors lies between 0.02 % and 20 %.",
        "Look at the sampled name's returns: a split that the source does not tell of shows here.",
        value=pl.col("specific_risk_pct"),
        low=0.02,
        high=20,
        mostly=0.995,
    ),
    MeanBetween(
        "risk_of_their_own",
        "At least half of the names have returns enough for a risk of their own.",
        "A young market, or tickers that do not match: others' medians stand in until then.",
        value=pl.col("has_own").cast(pl.Float64),
        low=0.5,
        high=1.0,
    ),
)

TARGET_POSITIONS: tuple[Expectation, ...] = (
    Share(
        "targets_within_own_bounds",
        "Every target lies within its name's own bounds, to a share.",
        "A defect of the optimiser or of rounding: report it with the sample.",
        holds=(pl.col("weight") >= pl.col("low") - _one_share())
        & (pl.col("weight") <= pl.col("high") + _one_share()),
        mostly=0.999,
    ),
    Share(
        "alpha_accounted_for",
        "What risk, costs and bounds took adds up to the expected return, to a hundredth of a bp.",
        "A solution that is not certified, or a defect: look at the day in solutions.",
        holds=pl.col("risk_bps").is_null()
        | (
            (
                pl.col("alpha_bps")
                - pl.sum_horizontal(
                    "risk_bps", "trade_bps", "holding_bps", "exposure_bps", "box_bps"
                )
            ).abs()
            < 0.01
        ),
        mostly=0.999,
    ),
)

MONITORS: tuple[Expectation, ...] = (
    Share(
        "state_known",
        "Every monitor stands in a state that docs/monitoring.md explains.",
        "A defect of monitoring: report it with the sample.",
        holds=pl.col("state").is_in(STATES),
    ),
    Share(
        "judged_has_threshold",
        "A monitor that is quiet or watched has a threshold, and one of the budget the days between"
        " its false alarms. A day on which all scores are alike needs none to be told.",
        "A defect of monitoring: report it with the sample.",
        holds=~pl.col("state").is_in(["quiet", "watch"])
        | (pl.col("family") == "freshness")
        | ((pl.col("state") == "watch") & (pl.col("family") == "before_labels"))
        | (pl.col("threshold").is_not_null() & (pl.col("run_length_days") > 0)),
    ),
    Share(
        "most_are_watched",
        "At least half of the monitors are watched.",
        "A young home (the first half year), or sources that never came: `bondsig monitor --all`.",
        holds=~pl.col("state").is_in(["no_value", "waiting"]),
        mostly=0.5,
    ),
)

DRIFT: tuple[Expectation, ...] = (
    Share(
        "drift_share_bounded",
        "The rank of a window is a share, or nothing is said and why.",
        "A defect of drift: report it with the sample.",
        holds=pl.when(pl.col("share").is_null())
        .then(pl.col("reason").is_not_null())
        .otherwise((pl.col("share") > 0) & (pl.col("share") <= 1)),
    ),
    Share(
        "drift_warns_seldom",
        "At most a quarter of features and kinds warn; 5 % of quiet ones do.",
        "The market moved, or a source changed: the largest distances over their largest earlier"
        " ones say where; compare a feature's level before and now.",
        holds=~pl.col("is_warning"),
        mostly=0.75,
    ),
)

#: Table → its suite.
SUITES: dict[str, tuple[Expectation, ...]] = {
    "trace_reports": TRACE_REPORTS,
    "trade_events": TRADE_EVENTS,
    "bond_day_revisions": BOND_DAY_REVISIONS,
    "bond_analytics": BOND_ANALYTICS,
    "equity_prices": EQUITY_PRICES,
    "borrow_rates": BORROW_RATES,
    "macro_series": MACRO_SERIES,
    "issuer_days": ISSUER_DAYS,
    "credit_news": CREDIT_NEWS,
    "delistings": DELISTINGS,
    "labels": LABELS,
    "scores": SCORES,
    "predictions": PREDICTIONS,
    "universe": UNIVERSE,
    "specific_risks": SPECIFIC_RISKS,
    "target_positions": TARGET_POSITIONS,
    "monitors": MONITORS,
    "drift": DRIFT,
}
