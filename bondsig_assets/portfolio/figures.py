"""All figures of a book's days as rows, each with its error where it has one.

Belongs here: which figures there are, what each means, and rows of `performance`. Not here: how
they are worked out (`performance.py`, `regression.py`), daily returns (`book_returns.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats
from bondsig_assets.learning.evaluation import DETECTABLE
from bondsig_assets.market_rules import HORIZON, TRADING_DAYS_PER_YEAR
from bondsig_assets.portfolio.book_returns import e4
from bondsig_assets.portfolio.performance import (
    cagr,
    deflated_probability,
    mean_of,
    sharpe_ratio,
    sortino_ratio,
    volatility,
    wealth,
    worst_drawdown,
)
from bondsig_assets.portfolio.regression import factor_alpha
from bondsig_assets.tables.performance import PERFORMANCE

#: Figure → what it is; `docs/book_figures.md` has each with its source.
FIGURES: dict[str, str] = {
    "pnl_usd": "Change of the net asset value less flows",
    "start_nav_usd": "What the first day's return is taken of",
    "end_nav_usd": "Net asset value of the last day",
    "total_return_pct": "Daily returns compounded",
    "cagr_pct": "The same a year of 365.25 calendar days; none for less than a year",
    "mean_return_pct": "252 times the mean daily return; of net less what cash earned",
    "volatility_pct": "Standard deviation of daily returns, √252 times",
    "sharpe_ratio": "Mean over standard deviation of daily excess returns, √252 times; its error"
    " counts skew, kurtosis and autocorrelation",
    "sharpe_ratio_lo": "The same by Lo's η(252) instead of √252",
    "sharpe_error_iid": "Its error if days were independent and normal",
    "sharpe_error_mertens": "Its error if days were independent",
    "sortino_ratio": "Mean over downside deviation over all days, √252 times",
    "deflated_sharpe_probability": "Probability that the true ratio is above what the best of the"
    " study's idle trials shows",
    "skewness": "Skewness of daily returns",
    "kurtosis": "Kurtosis of daily returns, 3 for a normal",
    "best_day_pct": "Largest daily return",
    "worst_day_pct": "Least daily return",
    "worst_drawdown_pct": "Deepest fall from a peak, the start among the peaks",
    "longest_drawdown_days": "Most trading days in a row below a peak",
    "gross": "Mean of longs and shorts together over net asset value",
    "net": "Mean of longs less shorts over net asset value",
    "return_on_gross_pct": "252 times the mean daily gain over mean longs and shorts together",
    "turnover": "Two-way, a day: bought and sold over the net asset value of the evening before",
    "turnover_a_year": "252 times that",
    "trading_cost_bps": "Spread, impact, commissions and fees over traded value",
    "trading_cost_bps_a_year": "The same over net asset value, a year",
    "borrow_cost_bps_a_year": "Borrow over net asset value, a year",
    "alpha_pct": "Return a year beyond market, sectors and macro factors",
    "alpha_r_squared": "Part of the variance of returns that these explain",
    "alpha_left_out_days": "Days on which a factor was unknown",
    "alpha_payoff": "Earned along expected returns over what was expected: 1 where all of it came"
    " true, 0 where scores know nothing",
    "beta": "Return for a unit of the factor's",
    "stopped_days": "Days after the net asset value was no longer above 0: judged by no figure",
}


@dataclass(frozen=True)
class Study:
    """The trials among which a book was chosen: annual Sharpe ratios, and how many count."""

    annual_sharpes: Floats
    effective_trials: float


def study_of(rows: pl.DataFrame) -> Study | None:
    """The study's trials from rows of `overfitting`; None without any. Of several studies all
    trials count: who chose among them saw them all.
    """
    if rows.is_empty():
        return None
    trials = rows.group_by("study").agg(pl.col("effective_trials").max())["effective_trials"]
    ratios = rows.sort("study", "model_name")["sharpe_ratio"].to_numpy()
    return Study(ratios, float(trials.sort().to_numpy().sum()))


@dataclass(frozen=True)
class Factors:
    """Returns of factors [day, factor] on the days of the book, NaN where unknown, in the order in
    which they are kept where some are made of others.
    """

    names: tuple[str, ...]
    returns: Floats


@dataclass(frozen=True)
class _Row:
    part: str
    figure: str
    value: float | None
    error: float | None = None
    t_statistic: float | None = None
    smallest_detectable: float | None = None


def figures(
    book: pl.DataFrame,
    sides: pl.DataFrame | None = None,
    cash_returns: Floats | None = None,
    factors: Factors | None = None,
    study: Study | None = None,
    benchmark_returns: Floats | None = None,
    parts: pl.DataFrame | None = None,
    horizon: int = HORIZON,
) -> pl.DataFrame:
    """Rows of `performance` of one book: `book` as `book_returns` gives it.

    `sides`: `trade_date, side, pnl_usd` of sides long and short. `cash_returns` [day]: what a
    dollar of cash earned; nothing is taken off without. `benchmark_returns` [day], NaN where
    unknown: of a long-only book. `parts`: its rows of `pnl_parts`. `horizon`: see `sharpe_ratio`. A
    book without a day that can be judged has no rows.
    """
    rows = book.sort("trade_date")
    judged = rows.filter(pl.col("net_return").is_not_null())
    if judged.is_empty():
        return PERFORMANCE.empty()
    there = rows["net_return"].is_not_null().to_numpy()
    cash = np.zeros(judged.height) if cash_returns is None else cash_returns[there]
    net = judged["net_return"].to_numpy() - cash
    found = [
        *_of_book(judged, net, cash, horizon),
        *_of_returns("gross", judged["gross_return"].to_numpy() - cash, horizon),
        _Row("gross", "pnl_usd", _total(judged, "gross_pnl_usd")),
        _Row("gross", "total_return_pct", _compounded(judged["gross_return"].to_numpy())),
        _Row("net", "stopped_days", float(rows.height - judged.height)),
    ]
    if study is not None:
        luck = deflated_probability(net, study.annual_sharpes, study.effective_trials)
        found.append(_Row("net", "deflated_sharpe_probability", luck))
    if factors is not None:
        found += _of_alpha(net, Factors(factors.names, factors.returns[there]), horizon)
    if parts is not None:
        found.append(_payoff(parts, horizon))
    if benchmark_returns is not None:
        beyond = judged["net_return"].to_numpy() - benchmark_returns[there]
        found += _of_returns("active", beyond[np.isfinite(beyond)], horizon)
    if sides is not None:
        found += _of_sides(judged, sides, horizon)
    days = judged["trade_date"].to_list()
    return PERFORMANCE.conform(
        pl.DataFrame([vars(one) for one in found], schema=_SCHEMA, orient="row")
        .with_columns(
            policy=pl.lit(judged["policy"][0]),
            first_date=pl.lit(days[0]),
            last_date=pl.lit(days[-1]),
            n_days=pl.lit(len(days), dtype=pl.Int64),
        )
        .select(PERFORMANCE.column_names)
    )


_SCHEMA = {
    name: kind
    for name, kind in PERFORMANCE.polars_schema.items()
    if name not in ("policy", "first_date", "last_date", "n_days")
}


def _of_book(judged: pl.DataFrame, net: Floats, cash: Floats, horizon: int) -> Iterator[_Row]:
    """Figures of the whole book, costs counted."""
    days: list[date] = judged["trade_date"].to_list()
    returns = judged["net_return"].to_numpy()
    base = judged["base_usd"].to_numpy()
    growth, fall = cagr(days, returns), worst_drawdown(days, returns)
    yield from _of_returns("net", net, horizon)
    ratio = sharpe_ratio(net, horizon)
    if ratio is not None:
        lo = ratio.annual_lo
        scale = None if lo is None or ratio.annual == 0 else lo / ratio.annual
        error = None if scale is None or ratio.hac_error is None else ratio.hac_error * scale
        yield _Row("net", "sharpe_ratio_lo", lo, error, _over(lo, error))
        yield _Row("net", "sharpe_error_iid", ratio.iid_error)
        yield _Row("net", "sharpe_error_mertens", ratio.mertens_error)
        from scipy.stats import kurtosis, skew

        yield _Row("net", "skewness", float(skew(net)))
        yield _Row("net", "kurtosis", float(kurtosis(net, fisher=False)))
    yield _Row("net", "sortino_ratio", sortino_ratio(net))
    yield _Row("net", "pnl_usd", _total(judged, "pnl_usd"))
    yield _Row("net", "start_nav_usd", float(base[0]))
    yield _Row("net", "end_nav_usd", float(base[-1]) + float(judged["pnl_usd"][-1]))
    yield _Row("net", "total_return_pct", _compounded(returns))
    yield _Row("net", "cagr_pct", None if growth is None else 100 * growth)
    yield _Row("net", "best_day_pct", 100 * float(returns.max()))
    yield _Row("net", "worst_day_pct", 100 * float(returns.min()))
    yield _Row("net", "worst_drawdown_pct", 100 * fall.depth)
    yield _Row("net", "longest_drawdown_days", float(fall.longest_days))
    gross, net_share = (judged[one].to_numpy() for one in ("gross", "net"))
    known = np.isfinite(gross)
    mean_gross = float(gross[known].mean()) if known.any() else None
    yield _Row("net", "gross", mean_gross)
    yield _Row("net", "net", float(net_share[known].mean()) if known.any() else None)
    yield _Row(
        "net",
        "return_on_gross_pct",
        100 * TRADING_DAYS_PER_YEAR * float(returns.mean()) / mean_gross if mean_gross else None,
    )
    yield from _of_costs(judged, base)


def _of_costs(judged: pl.DataFrame, base: Floats) -> Iterator[_Row]:
    """Turnover, and costs in bp of what was traded and of the net asset value."""
    turnover = float(judged["turnover"].to_numpy().mean())
    traded, trading = _total(judged, "traded_usd"), _total(judged, "trading_cost_usd")
    yield _Row("net", "turnover", turnover)
    yield _Row("net", "turnover_a_year", TRADING_DAYS_PER_YEAR * turnover)
    yield _Row("net", "trading_cost_bps", 1e4 * trading / traded if traded > 0 else None)
    for name in ("trading", "borrow"):
        share = float((judged[f"{name}_cost_usd"].to_numpy() / base).mean())
        yield _Row("net", f"{name}_cost_bps_a_year", 1e4 * TRADING_DAYS_PER_YEAR * share)


def _of_returns(part: str, returns: Floats, horizon: int) -> Iterator[_Row]:
    """Mean, volatility and Sharpe ratio of daily returns, whoever earned them."""
    mean, spread, ratio = (
        mean_of(returns, horizon),
        volatility(returns),
        sharpe_ratio(returns, horizon),
    )
    if mean is not None:
        year = 100 * TRADING_DAYS_PER_YEAR
        error = None if mean.error is None else year * mean.error
        yield _Row(
            part,
            "mean_return_pct",
            year * mean.value,
            error,
            mean.t_statistic,
            None if error is None else DETECTABLE * error,
        )
    yield _Row(part, "volatility_pct", None if spread is None else 100 * spread)
    if ratio is None:
        yield _Row(part, "sharpe_ratio", None)
    else:
        error = ratio.hac_error
        yield _Row(
            part,
            "sharpe_ratio",
            ratio.annual,
            error,
            _over(ratio.annual, error),
            None if error is None else DETECTABLE * error,
        )


def _of_alpha(net: Floats, factors: Factors, horizon: int) -> Iterator[_Row]:
    found = factor_alpha(net, factors.returns, factors.names, horizon)
    if found is None:
        yield _Row("net", "alpha_pct", None)
        return
    yield _Row(
        "net",
        "alpha_pct",
        100 * found.annual,
        100 * found.error,
        found.t_statistic,
        100 * found.smallest_detectable,
    )
    yield _Row("net", "alpha_r_squared", found.r_squared)
    yield _Row("net", "alpha_left_out_days", float(found.n_left_out_days))
    for name, (beta, t) in found.betas.items():
        yield _Row(name, "beta", beta, beta / t if t else None, t)


def _payoff(parts: pl.DataFrame, horizon: int) -> _Row:
    """Earned along expected returns over expected, and the error of that ratio: Newey and West's of
    what each day misses of it, over the mean expected; none where nothing was expected.
    """
    daily = parts.filter(part="alpha").sort("trade_date")
    earned, expected = (daily[one].fill_null(0.0).to_numpy() for one in ("pnl_usd", "expected_usd"))
    total = float(expected.sum())
    if not total > 0:
        return _Row("net", "alpha_payoff", None)
    ratio = float(earned.sum()) / total
    missed = mean_of(earned - ratio * expected, horizon)
    error = None if missed is None or missed.error is None else missed.error * daily.height / total
    return _Row(
        "net",
        "alpha_payoff",
        ratio,
        error,
        _over(ratio, error),
        None if error is None else DETECTABLE * error,
    )


def _of_sides(judged: pl.DataFrame, sides: pl.DataFrame, horizon: int) -> Iterator[_Row]:
    """Longs and shorts apart, costs counted, as shares of the whole book's base."""
    for side in ("long", "short"):
        mine = judged.join(
            sides.filter(side=side).select("trade_date", side_usd="pnl_usd"),
            on="trade_date",
            how="left",
            maintain_order="left",
        ).with_columns(pl.col("side_usd").fill_null(0.0))
        returns = (mine["side_usd"] / mine["base_usd"]).to_numpy()
        yield from _of_returns(side, returns, horizon)
        yield _Row(side, "pnl_usd", _total(mine, "side_usd"))
        yield _Row(side, "gross", float(np.abs(mine[side].fill_null(0.0).to_numpy()).mean()))


def _total(rows: pl.DataFrame, column: str) -> float:
    """Sum of dollars, exact to 1e-4."""
    return int(rows.select(e4(column).sum()).item()) / 1e4


def _compounded(returns: Floats) -> float:
    return 100 * (float(wealth(returns)[-1]) - 1)


def _over(value: float | None, error: float | None) -> float | None:
    return None if value is None or error is None or error <= 0 else value / error
