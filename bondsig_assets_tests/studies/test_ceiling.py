"""The ceiling: its filter against whole matrices, its sampler against enumeration, what it is told
against the simulator.

Belongs here: that it is what it says. Not here: what it finds at full size (docs/results.md).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from bondsig_assets.sources.simulated import paths
from bondsig_assets.sources.simulated.leads import SHAPES
from bondsig_assets.sources.simulated.market import SimulatedSource
from bondsig_assets.sources.simulated.worlds import World
from studies import ceiling_kernel as ck
from studies.ceiling import ceiling, inputs_of, landings, observations, size_table
from studies.panel_worlds import oracle_of

pytestmark = pytest.mark.slow

SMALL = World("test-ceiling", 24, date(2022, 1, 3), date(2022, 12, 30), 330)
_ELASTICITY, _LARGEST = paths.NEWS_ELASTICITY, 0.35


@pytest.fixture(scope="module")
def source() -> SimulatedSource:
    """A year of a few issuers."""
    made = SimulatedSource(SMALL)
    assert made.market.days.size > 200
    return made


def test_windows_are_those_of_whole_matrices():
    """Inputs, what is older, the basis and two bonds over nine days, all at once."""
    rng = np.random.default_rng(0)
    n_days, ages, n_bonds = 9, 3, 2
    prior = rng.uniform(0.5, 2.0, (n_days, 2)) * 1e-4
    rows, days = [], []
    for t in range(n_days):
        for _ in range(int(rng.integers(0, 4))):
            bond = int(rng.integers(-1, n_bonds))
            one = np.zeros(6)
            one[ck.VALUE], one[ck.VARIANCE] = rng.normal(0, 0.02), rng.uniform(1, 4) * 1e-4
            one[ck.SHARE], one[ck.BOND] = rng.random() if t else 1.0, bond
            one[ck.BASIS], one[ck.HIDDEN] = (0.01 if bond < 0 else 0.0), float(rng.integers(0, 2))
            rows.append(one)
            days.append(t)
    observed = np.array(rows)
    offsets = np.searchsorted(days, np.arange(n_days + 1))
    means, covs = ck.windows(offsets, observed, n_bonds, prior, 1.2, 12.0, 0.006, 0.04, ages)

    # Unknowns: u and v of each day, shocks of basis and bonds (the first day's with its start).
    n = n_days * (3 + n_bonds)
    variance = np.concatenate([prior[:, 0], prior[:, 1], np.full(n_days, 1.2**2)])
    variance[2 * n_days] += (0.99 * 12.0) ** 2
    variance = np.concatenate([variance, np.full(n_bonds * n_days, 0.006**2)])
    variance[3 * n_days :: n_days] += (0.985 * 0.04) ** 2

    def path(first: int, decay: float, t: int) -> np.ndarray:
        row = np.zeros(n)
        row[first : first + t + 1] = decay ** np.arange(t, -1, -1)
        return row

    design = np.zeros((observed.shape[0], n))
    for r, (t, one) in enumerate(zip(days, observed, strict=True)):
        for when, share in ((t, one[ck.SHARE]), (t - 1, 1 - one[ck.SHARE])):
            if when >= 0:
                design[r] += share * path(0, 0.997, when)
                design[r] += share * one[ck.HIDDEN] * path(n_days, 1.0, when)
        design[r] += one[ck.BASIS] * path(2 * n_days, 0.99, t)
        if one[ck.BOND] >= 0:
            design[r] += path((3 + int(one[ck.BOND])) * n_days, 0.985, t)
    seen = np.array(days) <= n_days - 1
    for t in (4, n_days - 1):
        seen = np.array(days) <= t
        h = design[seen]
        spread = h * variance @ h.T + np.diag(observed[seen, ck.VARIANCE])
        gain = np.linalg.solve(spread, h * variance).T
        mean = gain @ observed[seen, ck.VALUE]
        cov = np.diag(variance) - gain @ (h * variance)
        last = np.r_[t - np.arange(ages), n_days + t - np.arange(ages)]
        assert means[t] == pytest.approx(mean[last], rel=1e-9, abs=1e-12)
        assert covs[t] == pytest.approx(cov[np.ix_(last, last)], rel=1e-9, abs=1e-15)


def test_the_likelihood_of_news_has_no_prior_in_it_and_the_inputs_own_noise():
    rng = np.random.default_rng(1)
    n = 4
    root = rng.normal(0, 1, (n, n))
    information, term = root @ root.T * 1e4, rng.normal(0, 100, n)
    prior, noise = rng.uniform(1, 3, n) * 1e-3, rng.uniform(1, 3, n) * 1e-4
    cov = np.linalg.inv(information + np.diag(1 / prior))
    precision, linear = ck.likelihood(cov @ term, cov, prior, noise)

    def by_hand(news: np.ndarray) -> float:
        """log ∫ exp(-½ u' information u + term' u) N(u; news, noise) du, less a constant."""
        whole = information + np.diag(1 / noise)
        b = term + news / noise
        return 0.5 * b @ np.linalg.solve(whole, b) - 0.5 * (news**2 / noise).sum()

    for _ in range(5):
        news = rng.normal(0, 0.03, n)
        found = linear @ news - 0.5 * news @ precision @ news
        assert found == pytest.approx(by_hand(news) - by_hand(np.zeros(n)), rel=1e-8, abs=1e-8)


def _enumerated(case: dict, n_sizes: int = 100) -> tuple[float, float, np.ndarray]:
    """Expectations over every pattern of news, delays and sizes on a grid."""
    ages, n_delays = case["good"].shape
    table, step = size_table()
    points = (np.arange(table.size) - (table.size - 1) / 2) * step
    edges = np.linspace(-6, 6, n_sizes + 1)
    mass = np.diff(np.interp(edges, points, table))
    middle = (edges[1:] + edges[:-1]) / 2
    options = []
    for k in range(ages):
        rows = [(1 - case["chance"][k], 0.0, -1)]
        for d in range(n_delays):
            for m, x in zip(mass, middle, strict=True):
                share = (case["good"] if x > 0 else case["bad"])[k, d]
                if share * m > 0:
                    rows.append((case["chance"][k] * share * m, x * case["unit"][k], d))
        options.append(np.array(rows))
    wide = case["linear"].size
    effect, log_prior, expected, below = np.zeros((1, wide)), np.zeros(1), np.zeros(1), np.zeros(1)
    landed, has = np.zeros((1, ages)), np.zeros((1, ages))
    for k, rows in enumerate(options):
        p, n, d = rows[:, 0], rows[:, 1], rows[:, 2].astype(int)
        cut = np.clip(_ELASTICITY * n, -_LARGEST, _LARGEST)
        own = cut[:, None] * case["jump"][k, d] + n[:, None] * case["slope"][k, d]
        ahead = np.where(d >= 0, case["ahead"][k, d], 0.0)
        lands = np.zeros((p.size, ages))
        come = (d >= 0) & (d <= k)
        lands[np.flatnonzero(come), (k - d)[come]] = n[come]
        is_one = np.zeros((p.size, ages))
        is_one[d >= 0, k] = 1.0
        under = ahead * (norm.cdf(-n / case["label_scale"]) - 0.5)

        def crossed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            total = a[:, None] + b[None]
            return total.reshape(-1, *total.shape[2:])

        effect, log_prior = crossed(effect, own), crossed(log_prior, np.log(p))
        expected, below = crossed(expected, ahead * n), crossed(below, under)
        landed, has = crossed(landed, lands), crossed(has, is_one)
    x = (case["returns"] - np.log1p(np.maximum(landed, -0.95))) / case["spread"]
    log_weight = log_prior + effect @ case["linear"]
    log_weight -= 0.5 * np.einsum("ij,jk,ik->i", effect, case["precision"], effect)
    log_weight += student(5).logpdf(x * np.sqrt(5 / 3)).sum(axis=1)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    return float(weight @ expected), float(weight @ below), weight @ has


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", ["sparse", "bad_news"])
def test_the_sampler_finds_what_enumeration_finds(seed: int, shape: str):
    """Two days of news, spreads that are not sure of the day, a stock that may have answered."""
    rng = np.random.default_rng(seed)
    ages = 2
    good, bad, ahead = landings(SHAPES[shape], ages)
    jump, slope = ck.effects(ages, good.shape[1], np.ones(1), paths.BOND_LAG, 0.8, False)
    root = rng.normal(0, 1, (ages, ages))
    precision = np.linalg.inv(np.diag([0.02, 0.015]) ** 2) + 500 * root @ root.T
    size = rng.normal(0, 0.05)
    case = {
        "precision": precision,
        "linear": precision @ np.array([-1.6 * size, 0.3 * rng.normal(0, 0.02)]),
        "jump": jump[:, :, :ages].copy(),
        "slope": slope[:, :, :ages].copy(),
        "chance": np.array([0.19, 0.04]),
        "unit": np.array([0.03, 0.03]),
        "good": good,
        "bad": bad,
        "ahead": ahead,
        "returns": rng.normal(0, 0.02, ages),
        "spread": np.array([0.0135, 0.012]),
        "label_scale": 0.03,
    }
    table, step = size_table()
    expected, below, news = ck.sample(
        *(case[name] for name in ("precision", "linear", "jump", "slope", "chance", "unit")),
        *(case[name] for name in ("good", "bad", "ahead")),
        True,
        case["returns"],
        case["spread"],
        table,
        step,
        _ELASTICITY,
        _LARGEST,
        case["label_scale"],
        6000,
        seed,
    )
    of_all = _enumerated(case)
    assert expected == pytest.approx(of_all[0], abs=1e-3 * 0.3 + 0.03 * abs(of_all[0]))
    assert below == pytest.approx(of_all[1], abs=0.01)
    assert news == pytest.approx(of_all[2], abs=0.02)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_what_an_answer_does_to_spreads_is_not_taken_for_more_news(sign: float):
    """Very bad news whose effect on spreads is cut, and that the stock answered the next day: what
    the answer, taken for a public move, seems to do to spreads is part of it.
    """
    ages, size = 8, -0.28
    good, bad, ahead = landings(SHAPES["sparse"], ages)
    jump, slope = ck.effects(ages, good.shape[1], np.ones(1), paths.BOND_LAG, 0.8, False)
    jump, slope = jump[:, :, :ages].copy(), sign * slope[:, :, :ages]
    precision = np.eye(ages) / 0.008**2
    effect = -_LARGEST * jump[2, 1] + size * slope[2, 1]
    returns = np.zeros(ages)
    returns[1] = np.log1p(size)
    table, step = size_table()
    expected, below, news = ck.sample(
        *(precision, precision @ effect, jump, slope),
        *(np.full(ages, 0.04), np.full(ages, 0.066), good, bad, ahead, True, returns),
        *(np.full(ages, 0.02), table, step, _ELASTICITY, _LARGEST, 0.047, 50, 0),
    )
    assert abs(expected) < 0.01 and abs(below) < 0.05
    assert news[2] > 0.99 and np.delete(news, 2).max() < 0.2


def test_sizes_and_landings_are_the_simulators(source):
    """Every piece of news has a size below which the table's share of them lies, and lands as often
    as said.
    """
    large = replace(SMALL, name="test-many", n_parents=150)
    market = paths.make_market(large)
    inputs = inputs_of(market)
    happens = market.credit_news != 0
    table, step = size_table()
    points = (np.arange(table.size) - (table.size - 1) / 2) * step
    place = np.interp((market.credit_news / inputs.unit)[happens], points, table)
    assert place.size > 800
    assert np.sort(place) == pytest.approx(
        (np.arange(place.size) + 0.5) / place.size, abs=1.7 / np.sqrt(place.size)
    )
    for is_busy in (True, False):
        rows = (inputs.chance > inputs.chance.min()) == is_busy
        n, share = rows.sum(), inputs.chance[rows].mean()
        assert happens[rows].mean() == pytest.approx(share, abs=4 * np.sqrt(share / n))
    good, bad, ahead = landings(SHAPES["sparse"], 8)
    assert good.sum(axis=1) == pytest.approx(1) and (good == bad).all()
    first = SHAPES["sparse"].first
    assert ahead[0, -1] == pytest.approx(sum(first[2:]))
    assert ahead[3, -1] == pytest.approx(0.375), "what lands tomorrow is not in the label"
    assert (ahead[4:] == 0).all(), "what is left lands tomorrow at the latest"
    slow = landings(SHAPES["slow"], 20)[2]
    assert slow[0, -1] == slow[10, 1] == pytest.approx(0.25) and slow[18, 1] == pytest.approx(0.05)


def test_levels_and_returns_leave_what_all_names_of_a_sector_share(source):
    """What is not told to the sampler is the market's, the sector's and the stocks' common part."""
    market, inputs = source.market, inputs_of(source.market)
    common = np.expm1(market.stock_return - inputs.returns)
    known = market.informed_log_spread - np.log(market.parents.base_spread) - inputs.level
    steps = known[1:] - 0.997 * known[:-1]
    followed = np.zeros_like(common)
    moved = common + np.expm1(inputs.returns)
    for lag, share in enumerate(paths.BOND_LAG):
        followed[lag:] += share * moved[: moved.shape[0] - lag]
    left = steps + 0.8 * followed[1:]
    for sector in range(3):
        names = np.flatnonzero(market.parents.sector == sector)
        names = names[(names != market.parents.target)]
        gap = left[:, names] - np.median(left[:, names], axis=1, keepdims=True)
        # A day's move of spreads is cut, which happens to few.
        assert (np.abs(gap) < 1e-9).mean() > 0.97


def test_instruments_scatter_as_they_are_said_to(source):
    inputs, rows = inputs_of(source.market), observations(source)
    share, before = rows.values[:, ck.SHARE], np.maximum(rows.day - 1, 0)
    level = (
        share * inputs.level[rows.day, rows.parent]
        + (1 - share) * inputs.level[before, rows.parent]
    )
    gap = rows.values[:, ck.VALUE] - level
    is_bond = rows.values[:, ck.BOND] >= 0
    own = paths_noise(source)
    bond = rows.values[is_bond, ck.BOND].astype(int)
    day, share = rows.day[is_bond], share[is_bond]
    noise = share * own[day, bond] + (1 - share) * own[day - 1, bond]
    z = (gap[is_bond] - noise) / np.sqrt(rows.values[is_bond, ck.VARIANCE])
    assert z.size > 3000 and np.mean(z) == pytest.approx(0, abs=0.1)
    assert np.median(np.abs(z)) == pytest.approx(0.6745, abs=0.15)
    # A basis is common to the tenors of a day: what is left of it is a quote's noise.
    quotes = pl.DataFrame(
        {
            "day": rows.day[~is_bond],
            "parent": rows.parent[~is_bond],
            "gap": gap[~is_bond] / rows.values[~is_bond, ck.BASIS],
            "bps": 1 / rows.values[~is_bond, ck.BASIS],
        }
    )
    noise = quotes.with_columns(
        left=(pl.col("gap") - pl.col("gap").mean().over("day", "parent")) / pl.col("bps")
    )
    assert noise["left"].std() == pytest.approx(0.012, rel=0.4)


def paths_noise(source: SimulatedSource) -> np.ndarray:
    """Bonds' own noise as it was drawn."""
    from bondsig_assets.sources.simulated.pricing import _bond_noise

    return _bond_noise(source.market)


@pytest.mark.parametrize("shape", ["sparse", "cds_only"])
def test_the_ceiling_agrees_with_the_oracle_and_knows_less(shape: str):
    source = SimulatedSource(replace(SMALL, lead_shape=shape))
    found = ceiling(source, first=60, every=3)
    assert found.equals(ceiling(source, first=60, every=3)), "one seed, one result"
    both = found.join(oracle_of(source.market), on=["parent_id", "trade_date"], suffix="_oracle")
    sigma = dict(zip(source.market.parents.parent_id, source.market.parents.sigma, strict=True))
    true = both["prediction_oracle"] / 100 / both["parent_id"].replace_strict(sigma) / np.sqrt(5)
    own = both["prediction"].to_numpy()
    agreement = np.corrcoef(own, true.to_numpy())[0, 1]
    assert (0.6 if shape == "sparse" else 0.2) < agreement < 0.98
    slope = np.cov(own, true.to_numpy())[0, 1] / own.var()
    assert slope == pytest.approx(1, abs=0.3), "what is expected comes true on average"
    assert both["probability"].is_between(0.001, 0.999).all()
    assert np.corrcoef(own, both["probability"].to_numpy())[0, 1] < -0.9
