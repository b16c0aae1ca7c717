"""Every figure of a book worked out a second time from its fills, in plain loops.

Belongs here: `portfolio/figures.py`. Not here: formulas in special cases (`test_performance.py`).
"""

from __future__ import annotations

import math
import statistics
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bondsig_assets.portfolio.attribution import changes_by_name, name_days, sides
from bondsig_assets.portfolio.book_returns import book_returns
from bondsig_assets.portfolio.figures import FIGURES, Factors, Study, figures, study_of
from bondsig_assets.tables.learning import OVERFITTING
from bondsig_assets.tables.trading import CHANGES
from bondsig_assets_tests.portfolio.books import DAYS, Book, Fill, World, filled_up, keep

N = 300
STUDY = Study(np.array([0.4, 1.1, -0.3, 0.9]), 12.0)


def world() -> World:
    """Three names, one short, sold and bought all year, with dividends, borrow and interest."""
    rng = np.random.default_rng(21)
    closes = {
        one: np.round(start * np.exp(np.cumsum(0.02 * rng.standard_normal(N))), 2).tolist()
        for one, start in (("A", 50.0), ("B", 30.0), ("C", 80.0))
    }
    fills = []
    for k in range(0, N, 3):
        for one, sign in (("A", 1), ("B", 1), ("C", -1)):
            size = int(rng.integers(50, 400)) * (1 if (k // 3) % 2 == 0 else -1) * sign
            price = round(closes[one][k] * (1 + 0.002 * float(rng.standard_normal())), 2)
            cost = [round(abs(size) * price * bps / 1e4, 4) for bps in (2.0, 3.0, 0.5, 0.1)]
            fills.append(Fill(k, one, size + 40 * sign, price, *cost))
    return World(
        closes,
        tuple(fills),
        flows={0: 500_000.0, 100: 50_000.0},
        dividends={(60, "A"): 0.35, (150, "C"): 0.5},
        borrow={(k, "C"): 1.5 for k in range(1, N)},
        interest=dict.fromkeys(range(1, N), 20.0),
    )


WORLD = world()
MARKET = 0.01 * np.random.default_rng(22).standard_normal(N)
CASH = np.full(N, 0.00004)
EXPECTED = np.round(np.random.default_rng(23).uniform(50, 150, N), 4)
EARNED = np.round(0.4 * EXPECTED + 200 * np.random.default_rng(24).standard_normal(N), 4)
PARTS = pl.DataFrame(
    {
        "trade_date": DAYS[:N] * 2,
        "part": ["alpha"] * N + ["specific"] * N,
        "pnl_usd": [*EARNED, *EARNED[::-1]],
        "expected_usd": [*EXPECTED, *[None] * N],
    }
)


def found(book: Book) -> pl.DataFrame:
    changes = changes_by_name(book.entries, list(CHANGES))
    return figures(
        book_returns(book.days),
        sides(name_days(changes, book.positions)),
        CASH,
        Factors(("market",), MARKET[:, None]),
        STUDY,
        parts=PARTS,
    )


# ------------------------------------------------------------------------------------------------
#   by hand


def newey_west_error(values: list[float], lags: int) -> float:
    n, mean = len(values), statistics.fmean(values)
    gap = [v - mean for v in values]
    total = sum(g * g for g in gap)
    for k in range(1, lags + 1):
        total += 2 * (1 - k / (lags + 1)) * sum(gap[t] * gap[t - k] for t in range(k, n))
    return math.sqrt(total) / n


def of_returns(part: str, returns: list[float]) -> dict[tuple[str, str], float]:
    mean, deviation = statistics.fmean(returns), statistics.stdev(returns)
    return {
        (part, "mean_return_pct"): 25_200 * mean,
        (part, "volatility_pct"): 100 * deviation * math.sqrt(252),
        (part, "sharpe_ratio"): mean / deviation * math.sqrt(252),
    }


def by_hand(world: World) -> dict[tuple[str, str], float]:
    """Figures from fills and closes alone: no table of the platform is read."""
    cash, held = 0.0, dict.fromkeys(world.closes, 0)
    nav, bases, net, gross, turns, grosses, nets = 0.0, [], [], [], [], [], []
    gains: dict[str, list[float]] = {"net": [], "gross": [], "long": [], "short": []}
    paid = {"trading": [], "borrow": []}
    traded_all, walls = 0.0, {"long": [], "short": []}
    for k in range(world.n_days):
        base = nav + world.flows.get(k, 0.0)
        cash += world.flows.get(k, 0.0)
        side = {"long": 0.0, "short": 0.0}
        before = dict(held)
        for one, count in before.items():
            if not count:
                continue
            kind = "long" if count > 0 else "short"
            gain = count * (world.closes[one][k] - world.closes[one][k - 1])
            dividend = count * world.dividends.get((k, one), 0.0)
            cash += dividend
            fee = world.borrow.get((k, one), 0.0)
            side[kind] += gain + dividend - fee
        trading, traded = 0.0, 0.0
        for fill in world.fills:
            if fill.day == k:
                held[fill.parent] += fill.shares
                cost = fill.spread + fill.impact + fill.commission + fill.fee
                cash -= fill.shares * fill.price + cost
                trading += cost
                traded += abs(fill.shares) * fill.price
                kind = "long" if (before[fill.parent] or held[fill.parent]) > 0 else "short"
                side[kind] += fill.shares * (world.closes[fill.parent][k] - fill.price) - cost
        borrow = sum(usd for (at, _), usd in world.borrow.items() if at == k)
        cash += world.interest.get(k, 0.0) - borrow
        up, down = (
            sum(n * world.closes[one][k] for one, n in held.items() if sign * n > 0)
            for sign in (1, -1)
        )
        nav = cash + up + down
        bases.append(base)
        gains["net"].append(nav - base)
        gains["gross"].append(nav - base + trading + borrow)
        for kind, usd in side.items():
            gains[kind].append(usd)
        walls["long"].append(up / nav)
        walls["short"].append(-down / nav)
        paid["trading"].append(trading / base)
        paid["borrow"].append(borrow / base)
        turns.append(traded / base)
        traded_all += traded
        grosses.append((up - down) / nav)
        nets.append((up + down) / nav)
    raw = [g / b for g, b in zip(gains["net"], bases, strict=True)]
    net = [r - c for r, c in zip(raw, CASH, strict=True)]
    gross = [g / b - c for g, b, c in zip(gains["gross"], bases, CASH, strict=True)]
    figure = of_returns("net", net) | of_returns("gross", gross)
    for kind in ("long", "short"):
        figure |= of_returns(kind, [g / b for g, b in zip(gains[kind], bases, strict=True)])
        figure[kind, "pnl_usd"] = sum(gains[kind])
        figure[kind, "gross"] = statistics.fmean(walls[kind])
    wealth, level, peak, deepest, under, longest = 1.0, [], 1.0, 0.0, 0, 0
    for one in raw:
        wealth *= 1 + one
        level.append(wealth)
        peak = max(peak, wealth)
        deepest = min(deepest, wealth / peak - 1)
        under = under + 1 if wealth < peak else 0
        longest = max(longest, under)
    grown = math.prod(1 + g / b for g, b in zip(gains["gross"], bases, strict=True))
    years = (DAYS[world.n_days - 1] - date(2009, 12, 31)).days / 365.25
    mean, deviation, n = statistics.fmean(net), statistics.stdev(net), world.n_days
    daily = mean / deviation
    m2, m3, m4 = (statistics.fmean((r - mean) ** p for r in net) for p in (2, 3, 4))
    skewness, kurtosis = m3 / m2**1.5, m4 / m2**2
    # Lo: autocorrelations up to six days, fading linearly.
    rho = [
        (1 - k / 7) * sum((net[t] - mean) * (net[t - k] - mean) for t in range(k, n)) / (n * m2)
        for k in range(1, 7)
    ]
    eta = 252 / math.sqrt(252 + 2 * sum((252 - k) * rho[k - 1] for k in range(1, 7)))
    downside = math.sqrt(statistics.fmean(min(r, 0.0) ** 2 for r in net))
    # Bailey and Lopez de Prado: what the best of twelve idle trials shows.
    normal = statistics.NormalDist()
    euler = 0.5772156649015329
    spread = statistics.stdev(s / math.sqrt(252) for s in STUDY.annual_sharpes)
    hurdle = spread * (
        (1 - euler) * normal.inv_cdf(1 - 1 / 12) + euler * normal.inv_cdf(1 - 1 / (12 * math.e))
    )
    variance = 1 - skewness * daily + (kurtosis - 1) / 4 * daily**2
    # One factor: a line through the days.
    centre = statistics.fmean(MARKET)
    square = sum((m - centre) ** 2 for m in MARKET)
    beta = sum((m - centre) * (r - mean) for m, r in zip(MARKET, net, strict=True)) / square
    left = [r - mean - beta * (m - centre) for m, r in zip(MARKET, net, strict=True)]
    return figure | {
        ("net", "pnl_usd"): sum(gains["net"]),
        ("gross", "pnl_usd"): sum(gains["gross"]),
        ("net", "start_nav_usd"): bases[0],
        ("net", "end_nav_usd"): nav,
        ("net", "total_return_pct"): 100 * (wealth - 1),
        ("gross", "total_return_pct"): 100 * (grown - 1),
        ("net", "cagr_pct"): 100 * (wealth ** (1 / years) - 1),
        ("net", "sharpe_ratio_lo"): daily * eta,
        ("net", "sharpe_error_iid"): math.sqrt((1 + daily**2 / 2) / n * 252),
        ("net", "sharpe_error_mertens"): math.sqrt(variance / n * 252),
        ("net", "sortino_ratio"): mean / downside * math.sqrt(252),
        ("net", "deflated_sharpe_probability"): normal.cdf(
            (daily - hurdle) * math.sqrt(n - 1) / math.sqrt(variance)
        ),
        ("net", "skewness"): skewness,
        ("net", "kurtosis"): kurtosis,
        ("net", "best_day_pct"): 100 * max(raw),
        ("net", "worst_day_pct"): 100 * min(raw),
        ("net", "worst_drawdown_pct"): 100 * deepest,
        ("net", "longest_drawdown_days"): longest,
        ("net", "gross"): statistics.fmean(grosses),
        ("net", "net"): statistics.fmean(nets),
        ("net", "return_on_gross_pct"): 25_200 * statistics.fmean(raw) / statistics.fmean(grosses),
        ("net", "turnover"): statistics.fmean(turns),
        ("net", "turnover_a_year"): 252 * statistics.fmean(turns),
        ("net", "trading_cost_bps"): 1e4
        * sum(p * b for p, b in zip(paid["trading"], bases, strict=True))
        / traded_all,
        ("net", "trading_cost_bps_a_year"): 2_520_000 * statistics.fmean(paid["trading"]),
        ("net", "borrow_cost_bps_a_year"): 2_520_000 * statistics.fmean(paid["borrow"]),
        ("net", "alpha_pct"): 25_200 * (mean - beta * centre),
        ("net", "alpha_r_squared"): 1 - sum(e * e for e in left) / (n * m2),
        ("net", "alpha_left_out_days"): 0,
        ("net", "alpha_payoff"): sum(EARNED) / sum(EXPECTED),
        ("market", "beta"): beta,
        ("net", "stopped_days"): 0,
    }


def test_every_figure_is_that_of_the_fills():
    rows = found(keep(WORLD))
    mine = {(row["part"], row["figure"]): row["value"] for row in rows.to_dicts()}
    wanted = by_hand(WORLD)
    assert mine.keys() == wanted.keys()
    for key, value in wanted.items():
        assert mine[key] == pytest.approx(value, rel=1e-7, abs=1e-9), key
    assert {figure for _, figure in mine} == set(FIGURES)
    assert rows["n_days"].unique().to_list() == [N]


def test_errors_are_those_of_the_fills():
    rows = found(keep(WORLD))
    of = {(row["part"], row["figure"]): row for row in rows.to_dicts()}
    book = book_returns(keep(WORLD).days)
    net = [r - c for r, c in zip(book["net_return"], CASH, strict=True)]
    error = 25_200 * newey_west_error(net, 6)
    mean = of["net", "mean_return_pct"]
    assert mean["error"] == pytest.approx(error, rel=1e-9)
    assert mean["t_statistic"] == pytest.approx(mean["value"] / error, rel=1e-9)
    assert mean["smallest_detectable"] == pytest.approx(2.8 * error, rel=1e-9)
    m, s = statistics.fmean(net), statistics.pstdev(net)
    daily = m / statistics.stdev(net)
    moved = [(r - m) / s - daily / 2 * (((r - m) / s) ** 2 - 1) for r in net]
    wanted = newey_west_error(moved, 6) * math.sqrt(252)
    assert of["net", "sharpe_ratio"]["error"] == pytest.approx(wanted, rel=1e-9)
    paid = of["net", "alpha_payoff"]
    missed = [e - paid["value"] * x for e, x in zip(EARNED, EXPECTED, strict=True)]
    wanted = newey_west_error(missed, 6) / statistics.fmean(EXPECTED)
    assert paid["error"] == pytest.approx(wanted, rel=1e-9)
    assert paid["t_statistic"] == pytest.approx(paid["value"] / wanted, rel=1e-9)
    lo = of["net", "sharpe_ratio_lo"]
    assert lo["t_statistic"] == pytest.approx(of["net", "sharpe_ratio"]["t_statistic"], rel=1e-9)


def test_without_costs_net_is_gross():
    free = World(
        WORLD.closes,
        tuple(Fill(f.day, f.parent, f.shares, f.price) for f in WORLD.fills),
        WORLD.flows,
        WORLD.dividends,
    )
    rows = figures(book_returns(keep(free).days))
    of = {(row["part"], row["figure"]): row["value"] for row in rows.to_dicts()}
    for figure in ("pnl_usd", "total_return_pct", "mean_return_pct", "sharpe_ratio"):
        assert of["net", figure] == of["gross", figure]
    assert of["net", "trading_cost_bps"] == 0


def test_where_nothing_was_expected_nothing_came_true():
    """Every alpha 0, as where no skill was measured."""
    nothing = PARTS.with_columns(expected_usd=pl.lit(0.0))
    rows = figures(book_returns(keep(WORLD).days), parts=nothing)
    row = rows.filter(figure="alpha_payoff").row(0, named=True)
    assert row["value"] is None and row["error"] is None


def test_twice_the_book_is_twice_the_return_and_says_so():
    """The trap: leverage of two called a return. Return on gross does not move."""
    one = World({"A": [50.0 + 0.05 * k for k in range(20)]}, (Fill(0, "A", 10_000, 50.0),))
    two = World(one.closes, (Fill(0, "A", 20_000, 50.0),))
    small, large = (
        {row["figure"]: row["value"] for row in rows.filter(part="net").to_dicts()}
        for rows in (figures(book_returns(keep(w).days)) for w in (one, two))
    )
    assert large["total_return_pct"] == pytest.approx(2 * small["total_return_pct"], rel=1e-9)
    assert large["gross"] > 1.9 * small["gross"]
    assert large["return_on_gross_pct"] == pytest.approx(small["return_on_gross_pct"], rel=0.03)


def test_a_book_that_never_trades_has_figures_and_no_sharpe():
    """A null world in which nothing is believed: no trade is a result, not an error."""
    rows = figures(book_returns(keep(World({"A": [50.0] * 60})).days), study=STUDY)
    of = {(row["part"], row["figure"]): row["value"] for row in rows.to_dicts()}
    assert of["net", "pnl_usd"] == 0 and of["net", "turnover"] == 0
    assert of["net", "sharpe_ratio"] is None and of["net", "sortino_ratio"] is None
    assert of["net", "trading_cost_bps"] is None
    assert of["net", "deflated_sharpe_probability"] is None
    assert of["net", "worst_drawdown_pct"] == 0


def test_days_after_ruin_are_counted_and_judge_nothing():
    closes = [100.0] * 5 + [200.0] * 3
    lost = World({"A": closes}, (Fill(0, "A", -100_000, 100.0),))
    rows = figures(book_returns(keep(lost).days))
    of = {(row["part"], row["figure"]): row for row in rows.to_dicts()}
    assert of["net", "stopped_days"]["value"] == 2
    assert of["net", "total_return_pct"]["value"] == -1_000
    assert of["net", "pnl_usd"]["n_days"] == 6
    assert of["net", "worst_drawdown_pct"]["value"] == pytest.approx(-1_000)


def test_nothing_to_judge_is_no_row():
    assert figures(book_returns(keep(WORLD).days).clear()).is_empty()


def test_trials_are_those_of_all_studies():
    rows = filled_up(
        OVERFITTING,
        [
            {"study": "a", "model_name": "x", "sharpe_ratio": 0.5, "effective_trials": 3.5},
            {"study": "a", "model_name": "y", "sharpe_ratio": 0.9, "effective_trials": 3.5},
            {"study": "b", "model_name": "z", "sharpe_ratio": -0.1, "effective_trials": 7.0},
        ],
    )
    found = study_of(rows.sample(fraction=1.0, shuffle=True, seed=1))
    assert found is not None
    assert found.annual_sharpes.tolist() == [0.5, 0.9, -0.1]
    assert found.effective_trials == 10.5
    assert study_of(rows.clear()) is None


def test_the_page_defines_every_figure():
    page = (Path(__file__).parents[2] / "docs" / "book_figures.md").read_text()
    for name in FIGURES:
        assert f"`{name}`" in page, name
