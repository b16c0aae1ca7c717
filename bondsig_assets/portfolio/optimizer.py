"""The day's problem as a second-order cone program, solved by Clarabel from a cold start, with its
certificate.

Belongs here: the problem in arrays, its conic form, what of it is elastic, the certificate, what
took away from each name's expected return. Not here: where alphas, risks, costs and bounds come
from (the modules beside this one), whole shares (`rounding.py`).

Weights w of the net asset value, held w⁰, h days, cost multiplier m, V = D + X F X':

    max  α'w - (λh/2)(w - w_b)'V(w - w_b) - m[c'|w - w⁰| + k'|w - w⁰|^1.5] - h b'w⁻ - ρ'slacks
    hard     low ≤ w ≤ high,   Σw ≤ cash limit
    elastic  |r_j'w - centre_j| ≤ width_j + slack_j,   Σ|w| ≤ G + slack,   Σ|w - w⁰| ≤ τ + slack

|w - w⁰|^1.5 ≤ t is two cones of three dimensions, a² ≤ t v and v² ≤ a (with power cones Clarabel
returned points short of the optimum); risk stays in factors, V is never formed; trades are in
units of what each name's box allows and the objective in basis points, or Clarabel stops short of
its tolerances at thousands of names. A bound is elastic with a penalty above any multiplier it can
have, so that it is kept wherever it can be and there is a solution every day. Nothing is carried
over from the day before but what is held: a range of days gives the bits of single days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.extras import needs
from bondsig_assets.portfolio.costs import Costs

#: A bound is passed when the value is further beyond it than this, in shares of the net asset
#: value.
TOLERANCE = 1e-6
#: Relative and absolute gap and feasibility that Clarabel is asked for, in turn; the last are its
#: own. Penalties of bounds that must give way are millions of bp, of which its own relative gap is
#: a part that one can see; the tightest are beyond its reach on some absurd days.
TOLERANCES = ((1e-10, 1e-10, 1e-9), (1e-10, 1e-8, 1e-8), (1e-8, 1e-8, 1e-8))
#: Kinds of elastic bounds, the first to give way first: each slack costs √2 as much as the one
#: before.
KINDS = ("turnover", "volatility", "factor", "sector", "beta", "net", "gross", "invested")
#: The cheapest slack against the largest marginal value of any weight.
_PENALTY = 10.0
_BPS = 1e4
#: A box narrower than this is one point: an interior point method needs an inside.
_POINT = 1e-12
#: Names that can hardly be traded are scaled as if they could go this part of the usual weight.
_LEAST_REACH = 1e-3
#: Impact is that of a² / √(a + this), a in units of reach: without it a name that does not trade
#: sits where both cones are at their apex, complementarity is not strict there, and Clarabel
#: stopped short of its tolerances in 20 of 24 trials; with it in none.
_ROUND = 1e-6


@dataclass(frozen=True)
class Exposure:
    """An elastic bound on a sum over names: |row'w - centre| ≤ width, all in shares of the net
    asset value. `kind` is one of KINDS and says how much a breach costs.
    """

    name: str
    kind: str
    row: Floats
    width: float
    centre: float = 0.0


@dataclass(frozen=True)
class Problem:
    """One day's problem. All arrays [name] in one order, finite; `loadings` [name, factor].

    `alpha` is a mean simple return over `days` trading days, variances are daily. A name that
    cannot be traded has low = high = held.
    """

    alpha: Floats
    held: Floats
    low: Floats
    high: Floats
    loadings: Floats
    factor_covariance: Floats
    specific_variance: Floats
    costs: Costs
    exposures: tuple[Exposure, ...]
    gross: float
    turnover: float
    risk_aversion: float
    multiplier: float
    days: int = 5
    benchmark: Floats | None = None
    cash_limit: float | None = None

    @property
    def size(self) -> int:
        """Number of names."""
        return self.alpha.size

    @cached_property
    def root(self) -> Floats:
        """B = X L [name, factor] with F = L L': the common part of V is B B'.

        By eigenvalues, those that rounding made negative cut off: a factor without risk is no
        error.
        """
        values, vectors = np.linalg.eigh(self.factor_covariance)
        root: Floats = self.loadings @ (vectors * np.sqrt(np.maximum(values, 0.0)))
        return root

    @cached_property
    def active(self) -> Floats:
        """What the benchmark holds, 0 where there is none."""
        return np.zeros(self.size) if self.benchmark is None else self.benchmark

    def risk_gradient(self, weights: Floats) -> Floats:
        """λ h V (w - w_b) [name]: what risk takes from each name's return at the margin."""
        gap = weights - self.active
        gradient: Floats = (
            self.risk_aversion
            * self.days
            * (self.specific_variance * gap + self.root @ (self.root.T @ gap))
        )
        return gradient

    def variance(self, weights: Floats) -> float:
        """Daily variance of w - w_b."""
        gap = weights - self.active
        common = self.root.T @ gap
        return float(self.specific_variance @ gap**2 + common @ common)

    def utility(self, weights: Floats) -> float:
        """What is maximised but for the slacks, as a share of the net asset value over `days`."""
        trade = np.abs(weights - self.held)
        paid = self.costs.linear @ trade + self.costs.power @ trade**1.5
        borrowed = self.costs.borrow @ np.maximum(-weights, 0.0)
        return float(
            self.alpha @ weights
            - self.risk_aversion * self.days / 2 * self.variance(weights)
            - self.multiplier * paid
            - self.days * borrowed
        )


@dataclass(frozen=True)
class BoundValue:
    """What became of one elastic bound: `value` between `low` and `high` but for `slack`, in shares
    of the net asset value; `shadow_price_bps` is what one more percent of it would bring, in bp of
    the net asset value over the days of the forecast, null where nothing was solved.
    """

    name: str
    kind: str
    value: float
    low: float
    high: float
    shadow_price_bps: float | None = None

    @property
    def slack(self) -> float:
        """How far the value is beyond its bound."""
        return max(self.value - self.high, self.low - self.value, 0.0)

    @property
    def is_breached(self) -> bool:
        """Whether the bound gave way."""
        return self.slack > TOLERANCE


@dataclass(frozen=True)
class Attribution:
    """Where each name's expected return went at the solution, in bp over the days of the forecast,
    [name]: their sum is the name's alpha. `trade`: spread, commission, impact and the bound on
    turnover; `holding`: borrow and the bound on gross; `exposure`: all other elastic bounds; `box`:
    the name's own bounds.
    """

    risk: Floats
    trade: Floats
    holding: Floats
    exposure: Floats
    box: Floats


@dataclass(frozen=True)
class Solution:
    """Weights and how sure one may be of them.

    `state`: optimal (certified), held (not certified: forced exits only) or empty (no names).
    `primal_residual` and `dual_residual` are the largest entries of Clarabel's conditions in its
    own units, `gap_bps` what the weights fall short of the dual bound, worked out from the weights
    alone.
    """

    state: str
    status: str
    weights: Floats
    unconstrained: Floats
    bounds: tuple[BoundValue, ...]
    attribution: Attribution
    iterations: int
    objective_bps: float | None = None
    primal_residual: float | None = None
    dual_residual: float | None = None
    gap_bps: float | None = None


def solve(problem: Problem) -> Solution:
    """The best weights of the day, or what is held where the solver does not certify any."""
    if not problem.size:
        none = np.zeros(0)
        bounds = bound_values(problem, none)
        return Solution("empty", "no names", none, none, bounds, _nothing(0), 0)
    _check(problem)
    if _is_idle(problem):
        return _idle(problem)
    form = _ConicForm(problem)
    found = form.run()
    free = unconstrained(problem)
    if str(found.status) != "Solved":
        weights = np.clip(problem.held, problem.low, problem.high)
        return Solution(
            "held",
            str(found.status),
            weights,
            free,
            bound_values(problem, weights),
            _nothing(problem.size),
            found.iterations,
        )
    x, z, s = (np.asarray(part) for part in (found.x, found.z, found.s))
    # Interior points end a hair inside; the box is hard, so no weight may be a hair outside.
    moved = problem.held + form.reach * x[form.columns["d"]]
    weights = np.clip(moved, problem.low, problem.high)
    duals = form.duals(z)
    bounds = bound_values(problem, weights, duals.shadow)
    dual = -0.5 * float(x @ (form.quadratic * x)) - float(form.b @ z) + form.constant
    primal = -_BPS * problem.utility(weights) + form.penalty(bounds)
    return Solution(
        "optimal",
        "Solved",
        weights,
        free,
        bounds,
        duals.attribution(problem, weights),
        found.iterations,
        objective_bps=primal,
        primal_residual=float(np.abs(form.a @ x + s - form.b).max()),
        dual_residual=float(np.abs(form.quadratic * x + form.q + form.a.T @ z).max()),
        gap_bps=primal - dual,
    )


def _is_idle(problem: Problem) -> bool:
    """Whether nothing is expected and nothing held, and nothing need be: no weights are then better
    than none, since all else only costs.
    """
    return (
        problem.benchmark is None
        and not problem.alpha.any()
        and not problem.held.any()
        and bool(((problem.low <= 0) & (problem.high >= 0)).all())
        and all(abs(one.centre) <= one.width for one in problem.exposures)
    )


def _idle(problem: Problem) -> Solution:
    """No weights, which needs no solver to be certain."""
    none = np.zeros(problem.size)
    nothing = [0.0] * (len(problem.exposures) + 2)
    return Solution(
        "optimal",
        "nothing expected, nothing held",
        none,
        none,
        bound_values(problem, none, nothing),
        Attribution(*[none] * 5),
        0,
        objective_bps=0.0,
        primal_residual=0.0,
        dual_residual=0.0,
        gap_bps=0.0,
    )


def bound_values(
    problem: Problem, weights: Floats, shadow: Sequence[float] | None = None
) -> tuple[BoundValue, ...]:
    """Every elastic bound of the problem at `weights`, the exposures first, then gross and
    turnover.

    `shadow`: multipliers in the same order, bp for one percent.
    """
    prices = [None] * (len(problem.exposures) + 2) if shadow is None else list(shadow)
    values = [
        BoundValue(
            one.name,
            one.kind,
            float(one.row @ weights),
            one.centre - one.width,
            one.centre + one.width,
            price,
        )
        for one, price in zip(problem.exposures, prices, strict=False)
    ]
    gross, turnover = np.abs(weights).sum(), np.abs(weights - problem.held).sum()
    return (
        *values,
        BoundValue("gross", "gross", float(gross), 0.0, problem.gross, prices[-2]),
        BoundValue("turnover", "turnover", float(turnover), 0.0, problem.turnover, prices[-1]),
    )


def relative_prices(problem: Problem) -> Floats:
    """What a slack of each bound costs beside the others, in the order of `bound_values`."""
    kinds = [*(one.kind for one in problem.exposures), "gross", "turnover"]
    prices: Floats = 2 ** (np.array([KINDS.index(kind) for kind in kinds]) / 2)
    return prices


def unconstrained(problem: Problem) -> Floats:
    """What alpha and risk alone would hold: w_b + (λ h V)⁻¹ α, [name] (Woodbury's formula)."""
    by_own = problem.root / problem.specific_variance[:, None]
    inner = np.eye(problem.root.shape[1]) + problem.root.T @ by_own
    scaled = problem.alpha / problem.specific_variance
    weights: Floats = problem.active + (
        scaled - by_own @ np.linalg.solve(inner, problem.root.T @ scaled)
    ) / (problem.risk_aversion * problem.days)
    return weights


def _nothing(n: int) -> Attribution:
    return Attribution(*[np.full(n, np.nan)] * 5)


def _check(problem: Problem) -> None:
    """A mistake in the code that asked, not in data: those end in a state before."""
    for name in ("alpha", "held", "low", "high", "specific_variance", "loadings", "root"):
        if not np.isfinite(getattr(problem, name)).all():
            raise ValueError(f"{name} is not finite")
    for name in ("linear", "power", "borrow"):
        values = getattr(problem.costs, name)
        if not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError(f"costs.{name} is not finite or below 0")
    if (problem.low > problem.high).any() or (problem.specific_variance <= 0).any():
        raise ValueError("a box without a point, or a name without risk of its own")
    if wrong := [one.name for one in problem.exposures if one.kind not in KINDS]:
        raise ValueError(f"{wrong[0]} is of no kind of bound")
    if wrong := [one.name for one in problem.exposures if not np.isfinite(one.row).all()]:
        raise ValueError(f"{wrong[0]} is not finite")


@dataclass(frozen=True)
class _Duals:
    """Clarabel's multipliers in bp for a unit of weight, [name], and of the elastic bounds for one
    percent.
    """

    trade: Floats
    holding: Floats
    exposure: Floats
    box: Floats
    shadow: list[float]

    def attribution(self, problem: Problem, weights: Floats) -> Attribution:
        """The same with what risk takes."""
        return Attribution(
            _BPS * problem.risk_gradient(weights),
            self.trade,
            self.holding,
            self.exposure,
            self.box,
        )


class _ConicForm:
    """min ½x'Px + q'x with b - Ax in a product of cones, P diagonal.

    x = (d, a, n, t, v, y, slacks) in units of their own: d = (w - w⁰)/reach, reach the farthest
    that the box lets a name go; a ≥ |d|; n ≥ w⁻/reach for names that may be short; t, v for names
    with impact that can be traded; y the common risk; a slack each elastic bound. Rows: equalities,
    inequalities, cones.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        n, n_factors = problem.size, problem.root.shape[1]
        self.unit = problem.gross / n
        reach = np.maximum(problem.high - problem.held, problem.held - problem.low)
        self.reach = np.clip(reach, _LEAST_REACH * self.unit, None)
        self.fixed: Bools = problem.high - problem.low <= _POINT
        self.shorts: Ints = np.flatnonzero(problem.low < 0)
        self.curved: Ints = np.flatnonzero(
            ~self.fixed & (problem.multiplier * problem.costs.power > 0)
        )
        sizes = {
            "d": n,
            "a": n,
            "n": self.shorts.size,
            "t": self.curved.size,
            "v": self.curved.size,
            "y": n_factors,
            "slack": len(problem.exposures) + 2,
        }
        ends = np.cumsum(list(sizes.values()))
        self.columns = {
            name: np.arange(end - size, end)
            for (name, size), end in zip(sizes.items(), ends, strict=True)
        }
        self.n_columns = int(ends[-1])
        self._objective()
        self._constraints()

    def _objective(self) -> None:
        """`quadratic` (the diagonal of P), `q`, and the `constant` of what no choice changes."""
        p, at, unit, reach = self.problem, self.columns, self.unit, self.reach
        risk = p.risk_aversion * p.days * _BPS
        # Common risk in units of a typical name's own.
        self.risk_unit = unit * float(np.sqrt(p.specific_variance.mean()))
        self.quadratic, self.q = np.zeros(self.n_columns), np.zeros(self.n_columns)
        gap = p.held - p.active
        self.quadratic[at["d"]] = risk * reach**2 * p.specific_variance
        self.quadratic[at["y"]] = risk * self.risk_unit**2
        self.q[at["d"]] = reach * (risk * p.specific_variance * gap - _BPS * p.alpha)
        self.q[at["a"]] = p.multiplier * _BPS * reach * p.costs.linear
        self.q[at["t"]] = p.multiplier * _BPS * (reach**1.5 * p.costs.power)[self.curved]
        self.q[at["n"]] = p.days * _BPS * (reach * p.costs.borrow)[self.shorts]
        self.q[at["slack"]] = _BPS * unit * self._prices()
        self.constant = 0.5 * risk * float(p.specific_variance @ gap**2) - _BPS * float(
            p.alpha @ p.held
        )
        # A forced trade has no choice, and its impact no cone.
        forced = np.abs(p.low - p.held)[self.fixed] ** 1.5
        self.constant += p.multiplier * _BPS * float(p.costs.power[self.fixed] @ forced)

    def _prices(self) -> Floats:
        """Price of a unit of each slack as the solver sees it: rows are scaled to a largest entry
        of one unit of weight.
        """
        p = self.problem
        span = np.sqrt(np.maximum(np.abs(p.high - p.held), np.abs(p.low - p.held)))
        total = np.sqrt(p.specific_variance + (p.root**2).sum(axis=1))
        largest = float(
            np.max(
                np.abs(p.alpha)
                + p.multiplier * (p.costs.linear + 1.5 * p.costs.power * span)
                + p.days * p.costs.borrow
                + p.risk_aversion * p.days * total * total.mean() * p.gross
            )
        )
        prices: Floats = _PENALTY * largest * relative_prices(p)
        return prices

    @cached_property
    def row_units(self) -> Floats:
        """Size of one unit of each elastic row in shares of the net asset value."""
        largest = [float(np.abs(one.row).max()) or 1.0 for one in self.problem.exposures]
        units: Floats = self.unit * np.array([*largest, 1.0, 1.0])
        return units

    def penalty(self, bounds: Sequence[BoundValue]) -> float:
        """What the slacks of these bounds cost, in bp."""
        prices = self.q[self.columns["slack"]] / self.row_units
        return float(sum(price * one.slack for price, one in zip(prices, bounds, strict=True)))

    def _constraints(self) -> None:
        """`a` (sparse), `b`, the cones, and where the rows of each kind are."""
        from scipy import sparse

        with needs("the optimiser"):
            import clarabel

        p, at, unit, reach = self.problem, self.columns, self.unit, self.reach
        rows, d = _Rows(self.n_columns), at["d"]
        common = p.root.T / self.risk_unit
        rows.add(
            "common",
            [(d, common * reach), (at["y"], -np.eye(at["y"].size))],
            -common @ (p.held - p.active),
        )
        fixed, free = np.flatnonzero(self.fixed), np.flatnonzero(~self.fixed)
        up, down = (p.high - p.held) / reach, (p.held - p.low) / reach
        rows.one_each("fixed", [(d[fixed], 1.0)], -down[fixed])
        n_equal = rows.count
        rows.one_each("high", [(d[free], 1.0)], up[free])
        rows.one_each("low", [(d[free], -1.0)], down[free])
        rows.one_each("bought", [(d, 1.0), (at["a"], -1.0)], np.zeros(p.size))
        rows.one_each("sold", [(d, -1.0), (at["a"], -1.0)], np.zeros(p.size))
        shorts = self.shorts
        held = (p.held / reach)[shorts]
        rows.one_each("short", [(d[shorts], -1.0), (at["n"], -1.0)], held)
        rows.one_each("not long", [(at["n"], -1.0)], np.zeros(shorts.size))
        if p.exposures:
            units = self.row_units[:-2]
            table = np.array([one.row for one in p.exposures]) / units[:, None]
            at_held = table @ p.held
            centre, width = (
                np.array([getattr(one, what) for one in p.exposures]) / units
                for what in ("centre", "width")
            )
            slack = (at["slack"][:-2], -np.eye(len(p.exposures)))
            rows.add("above", [(d, table * reach), slack], centre + width - at_held)
            rows.add("below", [(d, -table * reach), slack], width - centre + at_held)
        gross_slack, turnover_slack = at["slack"][-2:-1], at["slack"][-1:]
        row = reach[None, :] / unit
        invested = float(p.held.sum())
        # |w| is w where a name may not be short, w + 2 w⁻ where it may.
        rows.add(
            "gross",
            [(d, row), (at["n"], 2 * row[:, shorts]), (gross_slack, [[-1.0]])],
            [(p.gross - invested) / unit],
        )
        rows.add("turnover", [(at["a"], row), (turnover_slack, [[-1.0]])], [p.turnover / unit])
        rows.one_each("slack", [(at["slack"], -1.0)], np.zeros(at["slack"].size))
        if p.cash_limit is not None:
            # Boxes that force more than there is cash for have the last word: a point there must
            # be.
            limit = max(p.cash_limit, float(p.low.sum()))
            rows.add("cash", [(d, row)], [(limit - invested) / unit])
        n_unequal = rows.count - n_equal
        rows.cones(at["a"][self.curved], at["t"], at["v"])
        self.a = sparse.csc_matrix(
            (rows.values, (rows.row, rows.column)), shape=(rows.count, self.n_columns)
        )
        self.b, self.where = rows.b, rows.where
        self.cone_list = [clarabel.ZeroConeT(n_equal), clarabel.NonnegativeConeT(n_unequal)]
        self.cone_list += [clarabel.SecondOrderConeT(3)] * (2 * self.curved.size)

    def run(self) -> Any:
        """Clarabel's answer at the tightest of TOLERANCES that it certifies, each from a cold start
        and without a clock; where it certifies none, its last.
        """
        import clarabel
        from scipy import sparse

        quadratic = sparse.diags(self.quadratic, format="csc")
        for gap_rel, gap_abs, feasible in TOLERANCES:
            settings = clarabel.DefaultSettings()
            settings.verbose = False
            settings.max_iter = 200
            settings.direct_solve_method = "qdldl"
            # Nearly flat directions, as of a name that hardly trades, need exact linear systems.
            settings.iterative_refinement_reltol = 1e-15
            settings.iterative_refinement_abstol = 1e-14
            settings.iterative_refinement_max_iter = 50
            settings.tol_gap_rel, settings.tol_gap_abs = gap_rel, gap_abs
            settings.tol_feas = feasible
            found = clarabel.DefaultSolver(
                quadratic, self.q, self.a, self.b, self.cone_list, settings
            ).solve()
            if str(found.status) == "Solved":
                break
        return found

    def duals(self, z: Floats) -> _Duals:
        """Multipliers in bp for a unit of weight."""
        n, reach, where = self.problem.size, self.reach, self.where
        box, holding, exposure = np.zeros(n), np.zeros(n), np.zeros(n)
        box[~self.fixed] = z[where["high"]] - z[where["low"]]
        box[self.fixed] = z[where["fixed"]]
        box /= reach
        if "cash" in where:
            box += z[where["cash"]][0] / self.unit
        holding[self.shorts] -= z[where["short"]] / reach[self.shorts]
        holding += z[where["gross"]][0] / self.unit
        prices = []
        for k, one in enumerate(self.problem.exposures):
            above, below = (z[where[side]][k] / self.row_units[k] for side in ("above", "below"))
            exposure += (above - below) * one.row
            prices.append(max(above, below) / 100)
        prices += [z[where[what]][0] / self.unit / 100 for what in ("gross", "turnover")]
        trade = (z[where["bought"]] - z[where["sold"]]) / reach
        return _Duals(trade, holding, exposure, box, prices)


class _Rows:
    """Rows of a sparse matrix, block by block, as coordinates."""

    def __init__(self, n_columns: int) -> None:
        self.n_columns, self.count = n_columns, 0
        self._parts: list[tuple[Ints, Ints, Floats]] = []
        self._b: list[Floats] = []
        self.where: dict[str, slice] = {}

    def _end(self, name: str, right: Floats) -> None:
        self.where[name] = slice(self.count, self.count + right.size)
        self._b.append(right)
        self.count += right.size

    def add(self, name: str, blocks: list[tuple[Ints, object]], right: object) -> None:
        """Rows made of dense blocks [row, column]; zeros are left out."""
        for columns, block in blocks:
            dense = np.asarray(block, dtype=np.float64)
            row, column = np.nonzero(dense)
            self._parts.append((row + self.count, columns[column], dense[row, column]))
        self._end(name, np.atleast_1d(np.asarray(right, dtype=np.float64)))

    def one_each(self, name: str, entries: list[tuple[Ints, float]], right: Floats) -> None:
        """A row for each element of `right`, with one entry of each pair (columns, value)."""
        row = np.arange(self.count, self.count + right.size)
        for columns, value in entries:
            self._parts.append((row, columns, np.full(columns.size, value)))
        self._end(name, right)

    def cones(self, a: Ints, t: Ints, v: Ints) -> None:
        """Six rows for each triple: (t + v, t - v, 2a) and (a + 1, a - 1, 2v) in the cone of three
        dimensions, which is a² ≤ t v and v² ≤ a.
        """
        base = self.count + 6 * np.arange(a.size)
        for shift, column, value in (
            (0, t, -1.0),
            (0, v, -1.0),
            (1, t, -1.0),
            (1, v, 1.0),
            (2, a, -2.0),
            (3, a, -1.0),
            (4, a, -1.0),
            (5, v, -2.0),
        ):
            self._parts.append((base + shift, column, np.full(a.size, value)))
        self._end("cones", np.tile([0.0, 0.0, 0.0, 1.0 + _ROUND, _ROUND - 1.0, 0.0], a.size))

    @property
    def row(self) -> Ints:
        """Row of each entry."""
        return np.concatenate([part[0] for part in self._parts])

    @property
    def column(self) -> Ints:
        """Column of each entry."""
        return np.concatenate([part[1] for part in self._parts])

    @property
    def values(self) -> Floats:
        """The entries."""
        return np.concatenate([part[2] for part in self._parts])

    @property
    def b(self) -> Floats:
        """The right-hand side."""
        return np.concatenate(self._b)
