"""Targets: how fast they are solved beside cvxpy, how right their risk is, and what they do where
nothing is known and where something is.

    .venv/bin/python -m benchmarks.portfolio [solves|path|null|leads|real FOLDER] …

Belongs here: what the figures on portfolios come from. Not here: correctness
(`bondsig_assets_tests/portfolio`).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from time import process_time

import numpy as np
import polars as pl
from scipy.special import ndtr
from sklearn.covariance import LedoitWolf

from bondsig_assets.calendar import offset
from bondsig_assets.learning.calibration import believed
from bondsig_assets.portfolio.alpha import Skill, alphas, measured_skill, normal_scores
from bondsig_assets.portfolio.costs import costs
from bondsig_assets.portfolio.macro_factors import FACTORS
from bondsig_assets.portfolio.optimizer import Problem, solve
from bondsig_assets.portfolio.policies import tranches
from bondsig_assets.portfolio.risk_model import History, RiskModel, decay, risk_model
from bondsig_assets.portfolio.settings import PortfolioSettings, RiskSettings
from bondsig_assets.portfolio.target_rows import target_rows
from bondsig_assets.portfolio.targets import Day, problem_of, targets
from bondsig_assets_tests.portfolio.days import day_of

SETTINGS = PortfolioSettings()
FIRST = date(2018, 1, 2)
#: Trading days of history before the first target, and of the span that skill is measured on.
HISTORY, CALIBRATION = 504, 84
#: Persistence of a score from one day to the next.
PERSISTENCE = 0.8


def main() -> None:
    """Run the parts named on the command line; all but the real prices when none is."""
    asked = sys.argv[1:] or ["solves", "path", "null", "leads"]
    parts = {"solves": _solves, "path": _path_time, "null": _null, "leads": _leads}
    while asked:
        part = asked.pop(0)
        if part == "real":
            _real(Path(asked.pop(0)))
        elif part in parts:
            parts[part]()
        else:
            sys.exit(f"unknown part '{part}'; there are: {', '.join(parts)} and real FOLDER")
        print(flush=True)


# Speed


def _solves() -> None:
    print(
        "ms of processor a solve (median of 5 days; cvxpy: the first with compiling, another day)"
    )
    print(f"{'names':>6}{'bounds':>8}{'bondsig':>9}{'cvxpy':>8}{'first':>8}  difference, bp")
    for n in (120, 300, 1000, 3000):
        problems = [problem_of(_held(day_of(n, seed)), SETTINGS, 2.0)[0] for seed in range(5)]
        solve(problems[0])
        took, found = zip(*[_timed(lambda p=p: solve(p)) for p in problems], strict=True)
        assert all(one.state == "optimal" for one in found)
        first, again, utility = _cvxpy(problems[:2])
        gap = 1e4 * (utility - problems[1].utility(found[1].weights))
        print(
            f"{n:>6}{len(problems[0].exposures) + 2:>8}{1e3 * float(np.median(took)):>9.0f}"
            f"{1e3 * again:>8.0f}{1e3 * first:>8.0f}  {'failed' if np.isnan(gap) else f'{gap:.1e}'}"
        )


def _held(day: Day) -> Day:
    """The day with the targets of the day before it held."""
    shares = targets(day, SETTINGS, 2.0).rounded.shares
    draw = np.random.default_rng(9)
    alpha = 0.7 * day.alpha + 0.7 * np.abs(day.alpha).mean() * draw.normal(size=day.size)
    return replace(day, held_shares=shares, alpha=alpha)


def _timed(run: Callable[[], object]) -> tuple[float, object]:
    begun = process_time()
    found = run()
    return process_time() - begun, found


def _cvxpy(problems: list[Problem]) -> tuple[float, float, float]:
    """Seconds of the first and second problem by one compiled problem with parameters, and the
    utility of the second.
    """
    import cvxpy as cp

    n, p = problems[0].size, problems[0]
    w = cp.Variable(n)
    alpha, held, low, high = (cp.Parameter(n) for _ in range(4))
    root, own = cp.Parameter(p.root.T.shape), cp.Parameter(n, nonneg=True)
    linear, power, borrow = (cp.Parameter(n, nonneg=True) for _ in range(3))
    rows = cp.Parameter((len(p.exposures), n))
    width = np.array([one.width for one in p.exposures])
    slack = cp.Variable(len(p.exposures) + 2, nonneg=True)
    trade = cp.abs(w - held)
    risk = cp.sum_squares(root @ w) + cp.sum_squares(cp.multiply(own, w))
    utility = alpha @ w - p.risk_aversion * p.days / 2 * risk
    utility -= p.multiplier * (linear @ trade + power @ cp.power(trade, 1.5))
    utility -= p.days * borrow @ cp.neg(w)
    rules = [w >= low, w <= high, cp.norm1(w) <= p.gross + slack[-2]]
    rules += [cp.sum(trade) <= p.turnover + slack[-1], cp.abs(rows @ w) <= width + slack[:-2]]
    goal = cp.Problem(cp.Maximize(1e4 * (utility - cp.sum(slack))), rules)
    seconds = []
    for one in problems:
        alpha.value, held.value, low.value, high.value = one.alpha, one.held, one.low, one.high
        root.value, own.value = one.root.T, np.sqrt(one.specific_variance)
        linear.value, power.value, borrow.value = vars(one.costs).values()
        rows.value = np.array([bound.row for bound in one.exposures])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            begun = process_time()
            with suppress(cp.error.SolverError):  # unscaled, Clarabel may give up
                goal.solve(solver=cp.CLARABEL)
            seconds.append(process_time() - begun)
    missing = w.value is None or goal.status not in ("optimal", "optimal_inaccurate")
    utility_found = np.nan if missing else problems[-1].utility(np.asarray(w.value))
    return seconds[0], seconds[1], float(utility_found)


# Worlds


@dataclass(frozen=True)
class World:
    """Simple returns without drift, [day, name], from factors, sectors and the names' own; scores
    that know their mean to come by an IC of `lead`, and prices and volumes that never change.
    """

    returns: np.ndarray
    macro: np.ndarray
    score: np.ndarray
    own: np.ndarray
    price: np.ndarray
    volume: np.ndarray
    lead: float

    @property
    def n(self) -> int:
        return self.returns.shape[1]


def world(n: int, n_days: int, lead: float, seed: int) -> World:
    """A world of `n_days` targets after HISTORY days."""
    draw, days = np.random.default_rng(seed), HISTORY + CALIBRATION + n_days + 8
    macro = draw.normal(0, 1, (days, len(FACTORS))) * [0.01, 0.05, 0.06, 0.02, 0.012]
    betas = draw.normal(0, 0.3, (n, len(FACTORS))) * [1, 0.05, 0.05, 0.1, 1] + [1, 0, 0, 0, 0]
    own = draw.uniform(0.01, 0.025, n)
    score = np.zeros((days, n))
    for t in range(days):
        fresh = np.sqrt(1 - PERSISTENCE**2) * draw.normal(size=n)
        score[t] = PERSISTENCE * score[t - 1] + fresh
    # The five days after a skipped one have a mean of lead x own x root 5 x score.
    mean_score = np.mean(PERSISTENCE ** np.arange(5))
    drift = np.zeros((days, n))
    drift[2:] = lead * own * np.sqrt(5) / 5 / mean_score * score[:-2]
    sector = draw.normal(0, 0.006, (days, 6))[:, np.arange(n) % 6]
    returns = macro @ betas.T + sector + own * draw.normal(size=(days, n)) + drift
    return World(
        returns,
        macro,
        score,
        own,
        np.round(draw.uniform(5, 200, n), 2),
        np.exp(draw.normal(18.5, 0.8, n)),
        lead,
    )


@dataclass(frozen=True)
class Walk:
    """What a path of targets did: a row a day."""

    gross: np.ndarray
    turnover: np.ndarray
    earned: np.ndarray
    paid: np.ndarray
    forecast: np.ndarray
    breaches: int
    held: int
    seconds: float

    def line(self) -> str:
        """A line of figures; money in percent of the net asset value a year."""
        net = self.earned - self.paid
        sharpe = net.mean() / net.std() * np.sqrt(252) if net.std() > 0 else 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(self.forecast > 0, self.earned / self.forecast, np.nan)
        bias = np.nanstd(ratio) if np.isfinite(ratio).any() else float("nan")
        return (
            f"{self.gross.mean():>7.2f}{100 * self.turnover.mean():>9.2f}"
            f"{25200 * self.earned.mean():>9.2f}{25200 * self.paid.mean():>8.2f}"
            f"{25200 * net.mean():>8.2f}{sharpe:>8.2f}{bias:>7.2f}{self.breaches:>10}{self.held:>6}"
        )


HEAD = (
    f"{'gross':>7}{'trade %':>9}{'earned %':>9}{'cost %':>8}{'net %':>8}{'Sharpe':>8}{'bias':>7}"
    f"{'breaches':>10}{'held':>6}"
)


def path(of: World, n_days: int, policy: str, knows: bool = False) -> Walk:
    """Targets of `n_days` days, each held from the next close on and paid for there.

    The score is calibrated as a champion's is: each quarter by what its last 84 days have shown.
    `knows`: the alpha is the world's own mean instead.
    """
    chosen = replace(SETTINGS, policy=policy)
    names = tuple(f"P{k:05}" for k in range(of.n))
    sector = np.array([f"S{k % 6}" for k in range(of.n)], dtype=object)
    shares = np.zeros(of.n, dtype=np.int64)
    columns: dict[str, list[float]] = {k: [] for k in ("gross", "turn", "earned", "paid", "risk")}
    breaches = held = 0
    begun, start = process_time(), HISTORY + CALIBRATION
    wishes = _tranches(of, start, n_days) if policy == "tranches" else None
    for k in range(n_days):
        t = start + k
        risk = risk_model(history_of(of, sector, t), chosen.risk)
        if k % 63 == 0:
            skill, slope = _skill(of, t)
        alpha = (
            of.lead * of.own * np.sqrt(5) * of.score[t]
            if knows
            else _alpha(of, t, risk, sector, skill, slope)
        )
        yes, no = np.ones(of.n, bool), np.zeros(of.n, bool)
        day = Day(
            offset(FIRST, k), names, names, sector, yes, yes, no, alpha, of.price, yes, of.volume,
            shares, risk,
        )  # fmt: skip
        made = targets(day, chosen, 2.0, None if wishes is None else wishes[k])
        weights, found = made.rounded.weights, target_rows([made])
        trade = np.abs(weights - day.held)
        paid = costs(
            of.price, of.volume, np.sqrt(risk.variance), None, chosen.nav_usd, chosen.costs
        )
        borrowed = paid.borrow @ np.maximum(-weights, 0)
        columns["gross"].append(float(np.abs(weights).sum()))
        columns["turn"].append(float(trade.sum()))
        columns["earned"].append(float(weights @ of.returns[t + 2]))
        columns["paid"].append(float(paid.linear @ trade + paid.power @ trade**1.5 + borrowed))
        columns["risk"].append(found.solutions["forecast_risk_pct"][0] / 100)
        breaches += found.breaches.height
        held += int(found.solutions["state"][0] == "held")
        shares = made.rounded.shares
    arrays = [np.array(values) for values in columns.values()]
    return Walk(*arrays, breaches, held, process_time() - begun)


def history_of(of: World, sector: np.ndarray, t: int) -> History:
    """What a risk model of day t is made of."""
    rows = slice(t + 1 - HISTORY, t + 1)
    nobody = np.zeros(of.n, bool)
    return History(of.returns[rows], sector, np.full(of.n, np.nan), nobody, FACTORS, of.macro[rows])


def _skill(of: World, t: int) -> tuple[Skill, float]:
    """What the score had shown on the 84 days whose labels are known at t, and the slope of its
    probability.
    """
    days = np.arange(t - 6 - CALIBRATION, t - 6)
    steps = days[:, None] + np.arange(2, 7)
    label = of.returns[steps].sum(axis=1)
    label = label - label.mean(axis=1, keepdims=True)
    own = label / (of.own * np.sqrt(5))
    z = np.array([normal_scores(row) for row in of.score[days]])
    ics = np.array([np.corrcoef(a, normal_scores(b))[0, 1] for a, b in zip(z, own, strict=True)])
    day = np.repeat(np.arange(days.size), of.n)
    trust = believed(z.ravel(), own.ravel(), day, 5)
    coefficient = float((z * own).sum() / (z * z).sum())
    return measured_skill(ics), max(trust * coefficient, 0.0)


def _alpha(
    of: World, t: int, risk: RiskModel, sector: np.ndarray, skill: Skill, slope: float
) -> np.ndarray:
    day = pl.DataFrame(
        {
            "probability_underperform": ndtr(-slope * of.score[t]),
            "base_rate": np.full(of.n, 0.5),
            "prediction": of.score[t],
            "is_informed": np.full(of.n, slope > 0),
            "volatility": np.sqrt(5 * risk.specific_variance),
            "beta": risk.exposures[:, 0] / risk.macro_units[0],
            "sector": list(sector),
        }
    )
    return alphas(day, skill, SETTINGS.alpha)["alpha"].to_numpy()


def _tranches(of: World, start: int, n_days: int) -> np.ndarray:
    """Wishes of the policy of tranches, [day, name]."""
    first, last = offset(FIRST, -4), offset(FIRST, n_days - 1)
    dates = [offset(first, k) for k in range(n_days + 4)]
    scores = pl.DataFrame(
        {
            "trade_date": [d for d in dates for _ in range(of.n)],
            "parent_id": [f"P{k:05}" for _ in dates for k in range(of.n)],
            "prediction": of.score[start - 4 : start + n_days].ravel(),
        }
    )
    found = tranches(scores, FIRST, last, SETTINGS.bounds.gross_pct / 100)
    place = {d: k for k, d in enumerate(dates[4:])}
    wishes = np.zeros((n_days, of.n))
    for day, parent, weight in found.iter_rows():
        wishes[place[day], int(parent[1:])] = weight
    return wishes


def _path_time() -> None:
    n, n_days = 300, 1512
    found = path(world(n, n_days, 0.03, 0), n_days, "optimised")
    print(
        f"six years of daily targets of {n} names: {found.seconds:.0f} s, with risk model, alpha"
        " and rows"
    )
    print(f"{'':24}{HEAD}\n{'IC 0.03':24}{found.line()}")


def _null() -> None:
    print("worlds in which nothing is known: 120 names, 252 days, ten of them")
    print(f"{'':24}{HEAD}")
    for seed in range(10):
        found = path(world(120, 252, 0.0, 100 + seed), 252, "optimised")
        print(f"{f'world {seed}':24}{found.line()}", flush=True)


def _leads() -> None:
    print("planted leads: 120 names, 504 days")
    print(f"{'':24}{HEAD}")
    for lead in (0.02, 0.04, 0.08):
        made = world(120, 504, lead, 7)
        lines = {
            "oracle": path(made, 504, "optimised", knows=True),
            "optimised": path(made, 504, "optimised"),
            "tranches": path(made, 504, "tranches"),
        }
        for name, found in lines.items():
            print(f"{f'IC {lead} {name}':24}{found.line()}", flush=True)
        nets = {name: float((one.earned - one.paid).sum()) for name, one in lines.items()}
        if nets["oracle"] > 0:
            share = nets["optimised"] / nets["oracle"]
            print(f"{'':24}share of the oracle's net: {100 * share:.0f} %", flush=True)


# Real prices


def _real(folder: Path) -> None:
    """Bias statistic and QLIKE on the stocks of credit_2006_2012, June 2007 to April 2012, beside
    usual covariances.
    """
    history, first, last = _real_history(folder)
    n = history.returns.shape[1]

    def ours(settings: RiskSettings) -> Callable[[int], np.ndarray]:
        def covariance(t: int) -> np.ndarray:
            model = risk_model(_until(history, t), settings)
            common = model.exposures @ model.covariance @ model.exposures.T
            return common + np.diag(model.specific_variance)

        return covariance

    def ewma(half_life: float) -> Callable[[int], np.ndarray]:
        def covariance(t: int) -> np.ndarray:
            rows, weights = np.nan_to_num(history.returns[: t + 1]), decay(t + 1, half_life)
            return (rows * weights[:, None]).T @ rows / weights.sum()

        return covariance

    def recent(t: int) -> np.ndarray:
        return np.nan_to_num(history.returns[t - 251 : t + 1])

    models: dict[str, Callable[[int], np.ndarray]] = {
        "sectors, macro; 42": ours(RiskSettings()),
        "sectors, macro; 21": ours(RiskSettings(half_life_days=21)),
        "sample 252": lambda t: np.cov(recent(t).T),
        "Ledoit-Wolf 252": lambda t: LedoitWolf().fit(recent(t)).covariance_,
        "EWMA 42": ewma(42),
        "EWMA 126": ewma(126),
    }
    print(f"real prices, {n} stocks, {last - first} days: realised over forecast risk")
    print(f"{'':20}{'random':>8}{'optimised':>11}{'equal':>8}{'5 days':>8}{'QLIKE':>9}")
    for name, covariance in models.items():
        print(f"{name:20}{_biases(covariance, history, first, last)}", flush=True)


def _until(history: History, t: int) -> History:
    rows = slice(max(t + 1 - HISTORY, 0), t + 1)
    macro = history.macro[rows].copy()
    macro[-1, FACTORS.index("rates")] = np.nan  # the curve of t comes the next morning
    return replace(history, returns=history.returns[rows], macro=macro)


def _biases(
    covariance: Callable[[int], np.ndarray], history: History, first: int, last: int
) -> str:
    """Random sector-neutral, optimised (also over five days) and equal-weight books."""
    draw, n = np.random.default_rng(0), history.returns.shape[1]
    made: dict[str, list[float]] = {k: [] for k in ("random", "optimised", "equal", "five", "q")}
    for t in range(first, last):
        v, ahead = covariance(t), np.nan_to_num(history.returns[t + 1 : t + 6])
        random = draw.normal(size=n)
        for one in np.unique(history.sector):
            random[history.sector == one] -= random[history.sector == one].mean()
        best = np.linalg.solve(v, draw.normal(size=n) * np.sqrt(np.diag(v)))
        for name, book in (("random", random), ("optimised", best), ("equal", np.ones(n))):
            made[name].append(book @ ahead[0] / np.sqrt(book @ v @ book))
        five = np.prod(1 + ahead, axis=0) - 1
        made["five"].append(best @ five / np.sqrt(5 * best @ v @ best))
        unit = random @ random
        variance = random @ v @ random / unit
        made["q"].append(np.log(variance) + (random @ ahead[0]) ** 2 / unit / variance)
    sd = {name: float(np.std(values)) for name, values in made.items()}
    return (
        f"{sd['random']:>8.2f}{sd['optimised']:>11.2f}{sd['equal']:>8.2f}{sd['five']:>8.2f}"
        f"{np.mean(made['q']):>9.3f}"
    )


def _real_history(folder: Path) -> tuple[History, int, int]:
    """Returns, sectors and macro changes of the folder's days, and the days judged."""
    prices = _wide(pl.read_parquet(folder / "equity_daily.parquet"), "date", "adjusted_close")
    prices = prices.filter(pl.col("date").dt.weekday() < 6)
    days = prices.select("date")
    etfs = pl.read_parquet(folder / "sector_etf_daily.parquet").with_columns(
        date=pl.col("Date").str.to_date()
    )
    wide = days.join(_wide(etfs, "date", "Adj Close"), on="date", how="left")
    market, energy = (_returns(wide[name].to_numpy()) for name in ("SPY", "XLE"))
    yields = pl.read_csv(folder / "treasury_par_yields.csv", try_parse_dates=True)
    vix = pl.read_csv(folder / "vix.csv", try_parse_dates=True).rename({"DATE": "date"})
    spreads = (
        pl.read_parquet(folder / "cds_5y_par_spread.parquet")
        .filter(pl.col("ticker").is_not_null())
        .with_columns(pl.col("date").dt.date())
        .group_by("date", "ticker")
        .agg(pl.col("par_spread_bp").mean())
    )
    of_cds = days.join(_wide(spreads, "date", "par_spread_bp"), on="date", how="left")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # days without a quote
        credit = np.nanmedian(_change(np.log(of_cds.drop("date").to_numpy())), axis=1)
    macro = np.column_stack(
        [
            market,
            _change(_of(days, yields, "BC_10YEAR")),
            _change(np.log(_of(days, vix, "CLOSE"))),
            credit,
            energy - market,
        ]
    )
    names = prices.columns[1:]
    sector = dict(pl.read_csv(folder / "issuers.csv").select("ticker", "gics_sector").iter_rows())
    dates = days["date"].to_list()
    first = next(k for k, d in enumerate(dates) if d >= date(2007, 6, 1))
    last = next(k for k, d in enumerate(dates) if d >= date(2012, 4, 20))
    n = len(names)
    returns = _returns(prices.select(names).to_numpy())
    history = History(
        returns,
        np.array([sector[name] for name in names]),
        np.full(n, np.nan),
        np.zeros(n, bool),
        FACTORS,
        macro,
    )
    return history, first, last


def _wide(frame: pl.DataFrame, index: str, values: str) -> pl.DataFrame:
    return frame.sort(index).pivot(on="ticker", index=index, values=values).sort(index)


def _of(days: pl.DataFrame, frame: pl.DataFrame, column: str) -> np.ndarray:
    return days.join(frame, on="date", how="left")[column].to_numpy()


def _change(values: np.ndarray) -> np.ndarray:
    change = np.full(values.shape, np.nan)
    change[1:] = values[1:] - values[:-1]
    return change


def _returns(values: np.ndarray) -> np.ndarray:
    return np.expm1(_change(np.log(values)))


if __name__ == "__main__":
    main()
