"""Small good frames of the tables that are checked, and how to break each expectation.

Belongs here: data that more than one test module of this folder needs. Not here: tests.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 3)
#: Rows of every good frame, half of them on each day.
ROWS = 40
#: Broken frames are broken from this row on.
BROKEN_FROM = 2

_VALUES: dict[str, object] = {
    "VARCHAR": "X",
    "BIGINT": 1,
    "DOUBLE": 1.0,
    "BOOLEAN": False,
    "DATE": FIRST,
    "TIMESTAMP": datetime(2024, 1, 2, 10),
    "VARCHAR[]": ["a", "b", "c", "d", "e"],
    "DOUBLE[]": [5.0, 4.0, 3.0, 2.0, 1.0],
}
_INDEX = pl.int_range(ROWS)
_DAY = pl.when(_INDEX < ROWS // 2).then(pl.lit(FIRST)).otherwise(pl.lit(LAST))
_NAME = pl.format("N{}", (_INDEX % (ROWS // 2)).cast(pl.String).str.zfill(2))
_BOND = {
    "cusip": pl.format("0000000{}", (_INDEX % (ROWS // 2)).cast(pl.String).str.zfill(2)),
    "trade_date": _DAY,
    "known_date": _DAY,
}
_REPORT = {
    "delivery_date": _DAY,
    "record_number": _INDEX + 1,
    "cusip": pl.lit("000000018"),
    "status": pl.lit("T"),
    "side": pl.lit("B"),
    "contra": pl.lit("C"),
    "price": pl.lit(100.0),
    "par_usd": pl.lit(1e6),
    "reported_at": pl.lit(datetime(2024, 1, 2, 10, 1)),
}
_GOOD: dict[str, dict[str, pl.Expr]] = {
    "trace_reports": _REPORT,
    "trade_events": _REPORT
    | {
        "revision": pl.lit(0),
        "known_date": _DAY,
        "status": pl.when(_INDEX % 2 == 0).then(pl.lit("T")).otherwise(pl.lit("X")),
        "reason": pl.when(_INDEX % 2 == 1).then(pl.lit("cancel_message")),
        "price_as_reported": pl.lit(None, pl.Float64),
    },
    "bond_day_revisions": _BOND
    | {
        "n_trades": pl.lit(2),
        "price": pl.lit(100.0),
        "price_low": pl.lit(99.0),
        "price_high": pl.lit(101.0),
        "par_usd": pl.lit(3e6),
        "customer_buy_par_usd": pl.lit(1e6),
        "customer_sell_par_usd": pl.lit(1e6),
        "customer_buy_price": pl.lit(100.5),
        "customer_sell_price": pl.lit(99.5),
        "mean_trade_second": pl.lit(12.0 * 3600),
    },
    "bond_analytics": _BOND
    | {
        "oas_bps": pl.lit(150.0),
        "z_spread_bps": pl.lit(150.0),
        "g_spread_bps": pl.lit(155.0),
        "yield_pct": pl.lit(5.0),
        "duration_years": pl.lit(4.0),
        "maturity_years": pl.lit(5.0),
        "reason": pl.lit(None, pl.String),
    },
    "equity_prices": {
        "ticker": _NAME,
        "trade_date": _DAY,
        "open_usd": pl.lit(50.0),
        "high_usd": pl.lit(52.0),
        "low_usd": pl.lit(49.0),
        "close_usd": pl.lit(51.0),
        "dividend_usd": pl.lit(0.2),
        "split_ratio": pl.lit(1.0),
    },
    "borrow_rates": {
        "ticker": _NAME,
        "trade_date": _DAY,
        "annual_rate_pct": pl.lit(0.4),
        "is_available": pl.lit(True),
    },
    "macro_series": {
        "series": pl.concat_str(pl.lit("series_"), _NAME),
        "trade_date": _DAY,
        "value": pl.lit(20.0),
    },
    "universe": {
        "parent_id": _NAME,
        "trade_date": _DAY,
        "is_in": _INDEX % 2 == 0,
        "reasons": pl.when(_INDEX % 2 == 0)
        .then(pl.lit([], pl.List(pl.String)))
        .otherwise(pl.lit(["price"], pl.List(pl.String))),
    },
    "specific_risks": {
        "parent_id": _NAME,
        "trade_date": _DAY,
        "specific_risk_pct": pl.lit(1.5),
        "has_own": pl.lit(True),
    },
    "target_positions": {
        "parent_id": _NAME,
        "trade_date": _DAY,
        "weight": pl.lit(0.01),
        "shares": pl.lit(100),
        "low": pl.lit(-0.04),
        "high": pl.lit(0.04),
        "alpha_bps": pl.lit(5.0),
    },
    "credit_news": {
        "parent_id": _NAME,
        "trade_date": _DAY,
        "daily_volatility_pct": pl.lit(1.5),
        "credit_news_missing": pl.lit(0.0),
        "credit_news_probability_0": pl.lit(0.02),
    },
    "issuer_days": {
        "parent_id": _NAME,
        "trade_date": _DAY,
        "spread_bps": pl.lit(150.0),
        "oas_1d_change_bps": pl.lit(1.0),
        "order_imbalance_5d": pl.lit(0.5),
        "equity_volatility_21d_pct": pl.lit(30.0),
        "leverage_ratio": pl.lit(0.4),
    },
    "delistings": {
        "ticker": _NAME,
        "last_trade_date": _DAY,
        "delisting_return_pct": pl.lit(-3.0),
        "reason": pl.lit("merger"),
        "known_at": pl.lit(datetime(2024, 1, 4, 9)),
    },
    "labels": {
        "parent_id": _NAME,
        "trade_date": _DAY - pl.duration(days=9),
        "horizon_days": pl.lit(5),
        "label_end_date": _DAY,
        "stock_return_pct": pl.lit(3.0),
        "sector_return_pct": pl.lit(1.0),
        "excess_return_pct": pl.lit(2.0),
        "beta": pl.lit(1.1),
    },
    "scores": {
        "ticker": _NAME,
        "parent_id": _NAME,
        "trade_date": _DAY,
        "score": pl.lit(0.2),
        "probability_underperform": pl.lit(0.4),
        "score_rank": ((_INDEX % (ROWS // 2)) + 0.5) / (ROWS // 2) * 2 - 1,
    },
    "predictions": {"parent_id": _NAME, "trade_date": _DAY, "prediction": 0.1 * (_INDEX % 7)},
    "monitors": {
        "trade_date": _DAY,
        "monitor": _NAME,
        "family": pl.lit("accuracy"),
        "state": pl.lit("quiet"),
        "run_length_days": pl.lit(6_300.0),
    },
    "drift": {
        "trade_date": _DAY,
        "feature": _NAME,
        "kind": pl.lit("level"),
        "share": 0.1 * (_INDEX % 9 + 1),
    },
}

_NO_TEXT = pl.lit(None, pl.String)
_NO_NUMBER = pl.lit(None, pl.Float64)
#: (table, expectation) → columns that break it.
BREAKS: dict[tuple[str, str], dict[str, pl.Expr]] = {
    ("trace_reports", "status_known"): {"status": pl.lit("Q")},
    ("trace_reports", "side_known"): {"side": pl.lit("b")},
    ("trace_reports", "contra_known"): {"contra": pl.lit("Z")},
    ("trace_reports", "price_plausible"): {"price": pl.lit(-3.0)},
    ("trace_reports", "par_plausible"): {"par_usd": pl.lit(0.0)},
    ("trace_reports", "cusip_complete"): {"cusip": pl.lit("1234567")},
    ("trace_reports", "executed_before_reported"): {
        "executed_at": pl.lit(datetime(2024, 1, 2, 11))
    },
    ("trade_events", "share_of_trades"): {"reason": pl.lit("small_par")},
    ("trade_events", "price_errors_rare"): {"reason": pl.lit("price_error")},
    ("trade_events", "decimal_shifts_rare"): {"price_as_reported": pl.lit(1000.0)},
    ("trade_events", "endings_find_their_trade"): {
        "reason": pl.lit("cancel_message_without_trade")
    },
    ("trade_events", "bonds_known"): {"reason": pl.lit("unknown_bond")},
    ("trade_events", "on_trading_days"): {"reason": pl.lit("off_calendar")},
    ("trade_events", "trade_price_plausible"): {"reason": _NO_TEXT, "price": pl.lit(900.0)},
    ("bond_day_revisions", "n_trades_counted"): {"n_trades": pl.lit(-1)},
    ("bond_day_revisions", "price_only_with_trades"): {"price": _NO_NUMBER},
    ("bond_day_revisions", "traded_by_day"): {"mean_trade_second": pl.lit(3600.0)},
    ("bond_day_revisions", "price_within_range"): {"price": pl.lit(101.5)},
    ("bond_day_revisions", "price_plausible"): {"price": pl.lit(1000.0)},
    ("bond_day_revisions", "customer_par_within_par"): {"par_usd": pl.lit(1.5e6)},
    ("bond_day_revisions", "customers_buy_higher"): {"customer_sell_price": pl.lit(101.0)},
    ("bond_day_revisions", "withdrawn_rare"): {"n_trades": pl.lit(0)},
    ("bond_analytics", "solvable_solved"): {"oas_bps": _NO_NUMBER, "reason": pl.lit("unsolved")},
    ("bond_analytics", "terms_known"): {"reason": pl.lit("no_terms")},
    ("bond_analytics", "curve_known"): {"curve_date": pl.lit(None, pl.Date)},
    ("bond_analytics", "yield_plausible"): {"yield_pct": pl.lit(200.0)},
    ("bond_analytics", "spread_plausible"): {"oas_bps": pl.lit(9000.0)},
    ("bond_analytics", "spreads_agree"): {"g_spread_bps": pl.lit(600.0)},
    ("bond_analytics", "duration_within_maturity"): {"duration_years": pl.lit(9.0)},
    ("equity_prices", "close_within_range"): {"low_usd": pl.lit(51.5)},
    ("equity_prices", "open_within_range"): {"high_usd": pl.lit(49.9)},
    ("equity_prices", "dividend_plausible"): {"dividend_usd": pl.lit(20.0)},
    ("equity_prices", "split_plausible"): {"split_ratio": pl.lit(1000.0)},
    ("equity_prices", "splits_rare"): {"split_ratio": pl.lit(2.0)},
    ("borrow_rates", "borrow_rate_plausible"): {"annual_rate_pct": pl.lit(-0.4)},
    ("borrow_rates", "borrow_usually_available"): {"is_available": pl.lit(False)},
    ("macro_series", "macro_finite"): {"value": pl.lit(float("nan"))},
    ("macro_series", "vix_plausible"): {"series": pl.lit("vix"), "value": pl.lit(0.2)},
    ("macro_series", "oil_plausible"): {"series": pl.lit("oil_usd"), "value": pl.lit(7000.0)},
    ("macro_series", "treasury_plausible"): {
        "series": pl.lit("treasury_2y_pct"),
        "value": pl.lit(450.0),
    },
    ("macro_series", "credit_index_plausible"): {
        "series": pl.lit("credit_index_bps"),
        "value": pl.lit(0.6),
    },
    ("credit_news", "credit_heard"): {"credit_news_missing": pl.lit(1.0)},
    ("credit_news", "news_probability_bounded"): {"credit_news_probability_3": pl.lit(1.1)},
    ("credit_news", "news_rare"): {"credit_news_probability_0": pl.lit(0.4)},
    ("credit_news", "news_plausible"): {"credit_news_4": pl.lit(-300.0)},
    ("credit_news", "silence_is_no_news"): {"credit_news_missing": pl.lit(1.0)},
    ("credit_news", "stock_volatility_plausible"): {"daily_volatility_pct": pl.lit(0.0)},
    ("credit_news", "expected_reaction_plausible"): {"expected_reaction": pl.lit(40.0)},
    ("issuer_days", "spread_present"): {"spread_bps": _NO_NUMBER},
    ("issuer_days", "spread_plausible"): {"spread_bps": pl.lit(9000.0)},
    ("issuer_days", "spread_change_plausible"): {"oas_1d_change_bps": pl.lit(-900.0)},
    ("issuer_days", "order_imbalance_bounded"): {"order_imbalance_5d": pl.lit(1.5)},
    ("issuer_days", "equity_return_present"): {"equity_return_5d_pct": pl.lit(float("nan"))},
    ("issuer_days", "volatility_plausible"): {"equity_volatility_21d_pct": pl.lit(0.0)},
    ("issuer_days", "leverage_bounded"): {"leverage_ratio": pl.lit(1.2)},
    ("delistings", "delisting_reason_known"): {"reason": pl.lit("gone")},
    ("delistings", "delisting_return_plausible"): {"delisting_return_pct": pl.lit(-300.0)},
    ("delistings", "delisting_return_present"): {"delisting_return_pct": _NO_NUMBER},
    ("delistings", "delisting_known_after"): {"known_at": pl.lit(datetime(2024, 1, 1, 9))},
    ("labels", "label_is_difference"): {"stock_return_pct": pl.lit(4.0)},
    ("labels", "horizon_known"): {"horizon_days": pl.lit(6)},
    ("labels", "label_ends_later"): {"trade_date": pl.col("label_end_date")},
    ("labels", "label_plausible"): {"excess_return_pct": pl.lit(-700.0)},
    ("labels", "label_centred"): {"excess_return_pct": pl.lit(40.0)},
    ("labels", "beta_plausible"): {"beta": pl.lit(40.0)},
    ("labels", "delistings_rare"): {"is_delisted": pl.lit(True)},
    ("scores", "score_bounded"): {"score": pl.lit(1.5)},
    ("scores", "probability_bounded"): {"probability_underperform": pl.lit(-0.1)},
    ("scores", "score_is_probability"): {"score": pl.lit(0.3)},
    ("scores", "score_rank_bounded"): {"score_rank": pl.lit(-1.1)},
    ("scores", "score_rank_centred"): {"score_rank": pl.lit(0.5)},
    ("scores", "probability_calibrated"): {"probability_underperform": pl.lit(0.9)},
    ("scores", "score_explained"): {"top_features": pl.lit(["only"], pl.List(pl.String))},
    ("predictions", "prediction_present"): {"prediction": pl.lit(float("nan"))},
    ("predictions", "prediction_plausible"): {"prediction": pl.lit(9.0)},
    ("predictions", "predictions_differ"): {"prediction": pl.lit(0.3)},
    ("universe", "universe_holds_names"): {
        "is_in": pl.lit(False),
        "reasons": pl.lit(["price"], pl.List(pl.String)),
    },
    ("universe", "universe_out_has_reasons"): {"is_in": ~pl.col("is_in")},
    ("specific_risks", "specific_risk_plausible"): {"specific_risk_pct": pl.lit(45.0)},
    ("specific_risks", "risk_of_their_own"): {"has_own": pl.lit(False)},
    ("target_positions", "targets_within_own_bounds"): {"weight": pl.lit(0.3)},
    ("target_positions", "alpha_accounted_for"): {"alpha_bps": pl.lit(9.0)},
    ("monitors", "state_known"): {"state": pl.lit("green")},
    ("monitors", "judged_has_threshold"): {"threshold": _NO_NUMBER},
    ("monitors", "most_are_watched"): {"state": pl.lit("waiting")},
    ("drift", "drift_share_bounded"): {"share": pl.lit(0.0)},
    ("drift", "drift_warns_seldom"): {"is_warning": pl.lit(True)},
}


def good(table: str) -> pl.DataFrame:
    """A frame of the declared schema that every expectation accepts, in order of its key."""
    declared = TABLES[table]
    frame = pl.select(pl.int_range(ROWS).alias("row"))
    columns = [
        _GOOD[table]
        .get(column.name, pl.lit(_VALUES[column.type], dtype=declared.polars_schema[column.name]))
        .alias(column.name)
        for column in declared.columns
    ]
    return declared.conform(frame.select(columns))


def broken(table: str, name: str) -> pl.DataFrame:
    """The good frame, broken for one expectation from row BROKEN_FROM on."""
    frame = good(table)
    changes = BREAKS[table, name]
    late = pl.int_range(pl.len()) >= BROKEN_FROM
    return frame.with_columns(
        pl.when(late).then(value.cast(frame.schema[column])).otherwise(pl.col(column)).alias(column)
        for column, value in changes.items()
    )


def following(day: date) -> date:
    """The day after."""
    return day + timedelta(days=1)


def tamper(warehouse: Warehouse, sql: str) -> None:
    """Write past the checks of the warehouse."""
    with warehouse._lake.writing("could not tamper") as opened:
        opened.execute(sql)
