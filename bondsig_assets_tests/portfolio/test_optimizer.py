"""The optimiser: against cvxpy, by its own certificate, and by what must hold for any day."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bondsig_assets.portfolio import optimizer
from bondsig_assets.portfolio.costs import Costs
from bondsig_assets.portfolio.optimizer import (
    KINDS,
    Exposure,
    Problem,
    bound_values,
    solve,
    unconstrained,
)
from bondsig_assets_tests.portfolio.problems import in_cvxpy, problem_of

DAYS = st.builds(problem_of, st.integers(1, 30), st.integers(0, 10**6), st.sampled_from([1e6, 1e8]))
FEW = settings(max_examples=25, deadline=None)
#: Weights are shares of the net asset value: this is a dollar of a hundred thousand.
CLOSE = 1e-5


def breached(solution) -> set[str]:
    return {one.name for one in solution.bounds if one.is_breached}


def free_of(n: int, **changes) -> Problem:
    """A day without bounds that matter."""
    wide = {"low": np.full(n, -50.0), "high": np.full(n, 50.0), "gross": 100.0, "turnover": 100.0}
    return problem_of(n, exposures=(), **(wide | changes))


@pytest.mark.parametrize("n", [1, 7, 40, 120])
@pytest.mark.parametrize("seed", range(3))
def test_cvxpy_finds_nothing_better_and_the_same_weights(n, seed):
    problem = problem_of(n, seed)
    found = solve(problem)
    weights, utility = in_cvxpy(problem)
    assert found.state == "optimal" and not breached(found)
    assert 1e4 * (utility - problem.utility(found.weights)) < 1e-5
    assert np.abs(found.weights - weights).max() < CLOSE


def test_cvxpy_agrees_on_a_long_only_book_against_a_benchmark():
    n = 40
    benchmark = np.full(n, 1 / n)
    problem = replace(
        problem_of(n, 3, held=benchmark),
        low=np.zeros(n),
        high=np.full(n, 0.06),
        benchmark=benchmark,
        gross=1.0,
        cash_limit=1.0,
        exposures=(Exposure("invested", "invested", np.ones(n), 0.0, 1.0),),
    )
    found = solve(problem)
    weights, _ = in_cvxpy(problem)
    assert not breached(found) and found.weights.sum() == pytest.approx(1.0, abs=1e-7)
    assert found.weights.min() >= 0 and np.abs(found.weights - weights).max() < CLOSE


@FEW
@given(DAYS)
def test_every_day_is_certified_and_keeps_its_bounds(problem):
    found = solve(problem)
    assert (found.state, found.status) == ("optimal", "Solved")
    assert found.primal_residual < 1e-6 and found.dual_residual < 1e-5
    assert -1e-5 < found.gap_bps < 1e-3
    assert (problem.low <= found.weights).all() and (found.weights <= problem.high).all()


@FEW
@given(DAYS)
def test_alpha_goes_to_risk_costs_and_bounds_to_the_last_bit(problem):
    """Stationarity: what each thing takes at the margin adds up to what the name promised."""
    parts = solve(problem).attribution
    total = parts.risk + parts.trade + parts.holding + parts.exposure + parts.box
    assert np.abs(total - 1e4 * problem.alpha).max() < 1e-4


@FEW
@given(DAYS)
@example(problem_of(3, 5000, 1e8))
def test_multipliers_are_those_of_the_problem_as_it_stands(problem):
    """Each condition of optimality from the weights alone, not from the solver's form."""
    found = solve(problem)
    w, parts = found.weights, found.attribution
    shadow = {one.name: 100 * one.shadow_price_bps for one in found.bounds}
    trade = w - problem.held
    moved, short = np.abs(trade) > 1e-5, w < -1e-5
    # Impact as the optimiser rounds it off at no trade: k reach^1.5 a²/√(a + 1e-6), a in reach.
    least = 1e-3 * problem.gross / problem.size
    reach = np.maximum(np.maximum(problem.high - problem.held, problem.held - problem.low), least)
    a = np.abs(trade) / reach
    slope = np.sqrt(reach) * (2 * a / np.sqrt(a + 1e-6) - 0.5 * a**2 / (a + 1e-6) ** 1.5)
    marginal = problem.multiplier * (problem.costs.linear + problem.costs.power * slope)
    expected = np.sign(trade) * (1e4 * marginal + shadow["turnover"])
    assert parts.trade[moved] == pytest.approx(expected[moved], rel=1e-3, abs=1e-3)
    first = problem.costs.linear + 1.5 * problem.costs.power * np.sqrt(1e-5)
    most = 1e4 * problem.multiplier * first + shadow["turnover"]
    assert (np.abs(parts.trade[~moved]) <= most[~moved] + 1e-3).all()
    holding = -1e4 * problem.days * problem.costs.borrow - shadow["gross"]
    assert parts.holding[short] == pytest.approx(holding[short], abs=1e-3)
    inside = (w > problem.low + 1e-5) & (w < problem.high - 1e-5)
    assert np.abs(parts.box[inside]).max(initial=0) < 1e-2
    for one in found.bounds:
        assert one.shadow_price_bps >= -1e-6
        loose = one.low + 1e-4 < one.value < one.high - 1e-4
        assert not loose or one.shadow_price_bps < 1e-3, one.name


@FEW
@given(DAYS)
def test_nothing_expected_and_nothing_held_is_no_trade(problem):
    zero = np.zeros(problem.size)
    part = np.minimum(problem.high - problem.held, 0.04)
    found = solve(replace(problem, alpha=zero, held=zero, low=-part, high=part))
    assert np.abs(found.weights).max() < 1e-7


def test_what_needs_no_solver_is_what_the_solver_finds(monkeypatch):
    part = np.full(40, 0.04)
    idle = replace(problem_of(), alpha=np.zeros(40), held=np.zeros(40), low=-part, high=part)
    known = solve(idle)
    assert known.iterations == 0 and known.gap_bps == 0 and not known.weights.any()
    monkeypatch.setattr(optimizer, "_is_idle", lambda problem: False)
    found = solve(idle)
    assert found.state == known.state == "optimal" and found.iterations > 0
    assert np.abs(found.weights).max() < 1e-7
    assert [one.name for one in found.bounds] == [one.name for one in known.bounds]


@FEW
@given(DAYS, st.randoms(use_true_random=False))
def test_permuted_names_get_permuted_weights(problem, random):
    order = np.array(random.sample(range(problem.size), problem.size))

    def permuted(values):
        return None if values is None else values[order]

    shuffled = replace(
        problem,
        **{
            name: permuted(getattr(problem, name))
            for name in ("alpha", "held", "low", "high", "loadings", "specific_variance")
        },
        costs=Costs(*(permuted(v) for v in vars(problem.costs).values())),
        exposures=tuple(replace(one, row=permuted(one.row)) for one in problem.exposures),
    )
    assert np.abs(solve(shuffled).weights - solve(problem).weights[order]).max() < CLOSE


@FEW
@given(st.integers(1, 30), st.integers(0, 10**6), st.floats(0.1, 10.0))
def test_twice_the_money_and_the_volume_is_the_same_book(n, seed, times):
    """Costs and boxes know money only against volume (`problem_of` draws the same names)."""
    one, other = problem_of(n, seed, 1e7), problem_of(n, seed, 1e7 * times)
    scaled = replace(
        other,
        low=one.low,
        high=one.high,
        costs=replace(other.costs, power=other.costs.power / np.sqrt(times)),
    )
    assert np.abs(solve(scaled).weights - solve(one).weights).max() < CLOSE


@FEW
@given(st.integers(2, 30), st.integers(0, 10**6), st.floats(-0.01, 0.01))
def test_a_constant_on_top_changes_nothing_where_the_net_is_fixed(n, seed, constant):
    day = problem_of(n, seed)
    held = day.held - day.held.mean()
    neutral = (Exposure("net", "net", np.ones(n), 0.0),)
    day = replace(day, held=held, low=held - 0.02, high=held + 0.02, exposures=neutral)
    moved = solve(replace(day, alpha=day.alpha + constant))
    assert np.abs(moved.weights - solve(day).weights).max() < CLOSE


@FEW
@given(DAYS)
@example(problem_of(1, 3192, 1e6))
def test_the_opposite_view_from_the_opposite_book_is_the_opposite_book(problem):
    """Where borrowing costs nothing, long and short are the same."""
    free = replace(problem, costs=replace(problem.costs, borrow=np.zeros(problem.size)))
    opposite = replace(free, alpha=-free.alpha, held=-free.held, low=-free.high, high=-free.low)
    assert np.abs(solve(opposite).weights + solve(free).weights).max() < CLOSE


@FEW
@given(st.integers(1, 30), st.integers(0, 10**6))
def test_without_costs_and_bounds_it_is_the_book_of_markowitz(n, seed):
    zero = np.zeros(n)
    day = free_of(n, seed=seed, costs=Costs(zero, zero, zero))
    covariance = day.specific_variance * np.eye(n) + day.root @ day.root.T
    markowitz = np.linalg.solve(day.risk_aversion * day.days * covariance, day.alpha)
    assert unconstrained(day) == pytest.approx(markowitz, rel=1e-8, abs=1e-12)
    assert np.abs(solve(day).weights - markowitz).max() < 1e-4


def test_one_name_by_hand():
    """α - λhσ²w = m(c + 1.5 k √w): alpha 50 bp, the rest such that a tenth is held."""
    sigma2, linear, power = 0.0004, 0.0002, 0.001
    w = 0.1
    alpha = 10 * 5 * sigma2 * w + 2 * (linear + 1.5 * power * np.sqrt(w))
    day = free_of(
        1,
        alpha=np.array([alpha]),
        held=np.zeros(1),
        loadings=np.zeros((1, 1)),
        factor_covariance=np.eye(1),
        specific_variance=np.array([sigma2]),
        costs=Costs(np.array([linear]), np.array([power]), np.zeros(1)),
    )
    assert solve(day).weights == pytest.approx([w], abs=1e-5)
    cheap = replace(day, alpha=np.array([2 * linear * 0.999]))
    assert solve(cheap).weights == pytest.approx([0.0], abs=1e-6), "a cost above the gain: no trade"


def test_selling_costs_as_buying_does():
    """The trap of a cost c'(w - w⁰) without the absolute value: it would pay for selling."""
    zero = np.zeros(5)
    held = np.full(5, 0.02)
    day = free_of(5, held=held, alpha=zero, specific_variance=np.full(5, 1e-6))
    day = replace(day, loadings=np.zeros_like(day.loadings), costs=Costs(zero + 0.01, zero, zero))
    assert solve(day).weights == pytest.approx(held, abs=1e-7)


# What gives way


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("gross", "turnover")])
def test_a_bound_that_cannot_be_kept_gives_way_and_says_what_it_cost(kind):
    """All names frozen in a book whose sum is 0.2, bounded by 0.05."""
    n = 10
    held = np.full(n, 0.02)
    day = problem_of(n, held=held, exposures=(Exposure("it", kind, np.ones(n), 0.05),))
    found = solve(replace(day, low=held, high=held))
    (it,) = [one for one in found.bounds if one.is_breached]
    assert found.state == "optimal" and it.name == "it"
    assert it.value == pytest.approx(0.2) and it.slack == pytest.approx(0.15)
    assert it.shadow_price_bps > 0


def test_forced_exits_pass_the_bound_on_turnover_which_gives_way():
    n = 10
    held = np.r_[np.full(5, 0.1), np.full(5, -0.1)]
    zero = np.zeros(n)
    found = solve(problem_of(n, held=held, low=zero, high=zero, exposures=(), turnover=0.4))
    assert breached(found) == {"turnover"} and not found.weights.any()
    assert abs(found.gap_bps) < 1e-3, "what a forced trade costs is no gap"


def test_bounds_that_contradict_give_way_in_their_order():
    """A sector cannot be 0.2 while the net is 0: turnover gives way before a sector, that before
    the net, that before being invested.
    """
    n = 6
    row = np.ones(n)
    for cheaper, dearer in zip(KINDS[1:-1], KINDS[2:], strict=True):
        if "gross" in (cheaper, dearer):
            continue
        apart = (Exposure("a", cheaper, row, 0.0, 0.1), Exposure("b", dearer, row, 0.0, 0.0))
        day = problem_of(n, held=np.zeros(n), low=-row, high=row, exposures=apart)
        assert breached(solve(day)) == {"a"}, (cheaper, dearer)


@FEW
@given(DAYS)
def test_a_bound_that_can_be_kept_is_kept(problem):
    """The penalty is above any multiplier: a book of nothing within reach keeps every bound, so the
    solution has to.
    """
    reach = np.full(problem.size, 0.04)
    zero = np.zeros(problem.size)
    keen = replace(problem, alpha=20 * problem.alpha, held=zero, low=-reach, high=reach)
    assert not breached(solve(keen))


def test_a_sector_bound_holds_while_the_book_is_neutral():
    """The trap of sector bounds that are ignored for a long-short book."""
    n = 12
    sector = np.arange(n) < 6
    alpha = np.where(sector, 0.05, -0.05)
    bounds = (
        Exposure("net", "net", np.ones(n), 0.0),
        Exposure("sector", "sector", 1.0 * sector, 0.04),
    )
    day = free_of(n, alpha=alpha, held=np.zeros(n))
    found = solve(replace(day, exposures=bounds, low=np.full(n, -1.0), high=np.ones(n)))
    assert found.weights[sector].sum() == pytest.approx(0.04, abs=1e-6)
    assert found.weights.sum() == pytest.approx(0.0, abs=1e-6)


def test_not_certified_is_held_and_forced_exits_alone(monkeypatch):
    """Whatever else Clarabel says, its numbers are not used."""

    class Fooled(optimizer._ConicForm):
        def run(self):
            found = super().run()
            return type("Answer", (), {"status": "AlmostSolved", "x": found.x, "iterations": 7})

    day = problem_of(20)
    low, high = day.low.copy(), day.high.copy()
    held = day.held.copy()
    held[0], low[0], high[0] = 0.05, 0.0, 0.0
    monkeypatch.setattr(optimizer, "_ConicForm", Fooled)
    found = solve(replace(day, held=held, low=low, high=high))
    assert (found.state, found.status, found.iterations) == ("held", "AlmostSolved", 7)
    assert found.weights[0] == 0.0 and (found.weights[1:] == held[1:]).all()
    assert found.gap_bps is None and np.isnan(found.attribution.risk).all()
    assert all(one.shadow_price_bps is None for one in found.bounds)


def test_no_names_is_a_state():
    empty = problem_of(5)
    none = replace(
        empty,
        **{n: np.zeros(0) for n in ("alpha", "held", "low", "high", "specific_variance")},
        loadings=np.zeros((0, 10)),
        costs=Costs(np.zeros(0), np.zeros(0), np.zeros(0)),
        exposures=(),
    )
    found = solve(none)
    assert found.state == "empty" and not found.weights.size
    assert not breached(found)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"alpha": np.array([np.nan])}, "alpha is not finite"),
        ({"low": np.array([1.0])}, "a box without a point"),
        ({"specific_variance": np.zeros(1)}, "a name without risk of its own"),
        ({"costs": Costs(np.array([np.nan]), np.zeros(1), np.zeros(1))}, "costs.linear is not"),
        ({"exposures": (Exposure("x", "any", np.ones(1), 1.0),)}, "x is of no kind"),
        ({"exposures": (Exposure("x", "net", np.array([np.nan]), 1.0),)}, "x is not finite"),
    ],
)
def test_a_problem_that_is_none_is_a_mistake_of_who_asks(changes, text):
    with pytest.raises(ValueError, match=text):
        solve(problem_of(1, **changes))


def test_a_day_that_cannot_be_traded_at_all_is_solved():
    day = problem_of(10, held=np.full(10, 0.001))
    found = solve(replace(day, low=day.held, high=day.held))
    assert found.state == "optimal" and (found.weights == day.held).all()


def test_the_same_day_gives_the_same_bits():
    day = problem_of(60)
    first, again = solve(day), solve(replace(day))
    assert first.weights.tobytes() == again.weights.tobytes()
    assert first.gap_bps == again.gap_bps


def test_values_of_bounds_are_sums_over_names():
    day = problem_of(30)
    weights = np.linspace(-0.03, 0.03, 30)
    found = {one.name: one.value for one in bound_values(day, weights)}
    assert found["net"] == pytest.approx(weights.sum())
    assert found["gross"] == pytest.approx(np.abs(weights).sum())
    assert found["turnover"] == pytest.approx(np.abs(weights - day.held).sum())
