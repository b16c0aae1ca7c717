"""The filter of credit levels against plain matrices, and days that would lead it astray."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bondsig_assets.features.news import filter_kernel as fk
from bondsig_assets.features.news import posterior_kernel as pk
from bondsig_assets.features.news.parameters import NewsParameters, Numbers
from bondsig_assets_tests.features.news.markets import market

#: No common move is believed and no noise adapts: what is left is Kalman's filter.
PLAIN = NewsParameters(
    Numbers(market_sd=1e-9, sector_sd=1e-9, curve_sd=1e-9, known_curve_sd=1e-9, adaptation=0.0)
)
PRIOR = PLAIN.grades[0].quiet_variance + PLAIN.grades[0].news_chance * PLAIN.grades[0].news_variance


def last_news(observed, parameters=PLAIN, day=None):
    """News moments of the last day: mean [parent, age], covariance, whether anything spoke."""
    day = observed.sector.shape[0] - 1 if day is None else day
    mean, cov, seen, _ = fk.chain(*(0, day, day, *observed.arguments(parameters)))
    return mean[0], cov[0], seen[0]


def test_levels_from_cds_are_those_of_a_dense_smoother():
    rng = np.random.default_rng(7)
    n = 40
    change = rng.normal(0, 0.02, (n, 1))
    change[[5, 6, 20, 33], 0] = np.nan
    mean, cov, _ = last_news(market(np.full((n, 1), np.nan), np.array([0]), cds_change=change))
    # Unknowns: the moves w of every day, and steps of the offset; the level before day 0 is 0.
    quoted = np.flatnonzero(np.isfinite(change[:, 0]))
    level = np.cumsum(np.nan_to_num(change[:, 0]))[quoted]
    drift, noise = PLAIN.numbers.cds_drift, PLAIN.numbers.cds_noise
    first, rest = quoted[0], quoted[1:]
    variance = np.r_[np.full(n, PRIOR), np.full(n, drift**2)]
    # Of the first quote the offset is made: later ones are changes since.
    design = np.zeros((rest.size, 2 * n))
    for k, day in enumerate(rest):
        design[k, first + 1 : day + 1] = 1.0
        design[k, n + first + 1 : n + day + 1] = 1.0
    # The first quote's own noise is in the offset, and so in every later one.
    error = noise**2 * (np.eye(rest.size) + np.ones((rest.size, rest.size)))
    total = design * variance @ design.T + error
    gain = (design * variance).T @ np.linalg.inv(total)
    posterior = np.diag(variance) - gain @ (design * variance)
    expected = gain @ (level[1:] - level[0])
    ages = n - 1 - np.arange(fk.AGES)
    assert mean[0] == pytest.approx(expected[ages], abs=1e-9)
    assert cov[0] == pytest.approx(posterior[np.ix_(ages, ages)], abs=1e-12, rel=1e-9)


def dense_filter(oas: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """An extended Kalman filter of one issuer in whole matrices: levels of seven days, then the
    offsets of all its bonds, each begun by its first observation.
    """
    n_days, n_bonds = oas.shape
    n, levels = fk.LEVELS + n_bonds, fk.LEVELS
    x, cov, begun = np.zeros(n), np.zeros((n, n)), np.zeros(n_bonds, dtype=bool)
    shift = np.zeros((n, n))
    shift[0, 0] = 1.0
    shift[np.arange(1, levels), np.arange(levels - 1)] = 1.0
    shift[np.arange(levels, n), np.arange(levels, n)] = 1.0
    within = PLAIN.numbers.within_day * PRIOR
    of = PLAIN.grades[0]
    price = (of.fixed_noise + of.small_noise / 4.0) * (1e4 / 450) ** 2
    for day in range(n_days):
        x, cov = shift @ x, shift @ cov @ shift.T
        cov[0, 0] += PRIOR
        for b in np.flatnonzero(begun):
            cov[levels + b, levels + b] += PLAIN.numbers.bond_drift**2
        for b in np.flatnonzero(np.isfinite(oas[day])):
            h = np.zeros(n)
            h[0], h[1], h[levels + b] = share, 1 - share, 1.0
            if not begun[b]:
                # Nothing was known of it: the limit of a wide prior.
                h[levels + b] = 0.0
                x[levels + b] = np.log(oas[day, b]) - h @ x
                cross = -cov @ h
                cov[levels + b], cov[:, levels + b] = cross, cross
                cov[levels + b, levels + b] = h @ cov @ h + price / oas[day, b] ** 2 + within
                begun[b] = True
                continue
            at = np.exp(h @ x)
            h = at * h
            total = h @ cov @ h + price + at * at * within
            gain = cov @ h / total
            x, cov = x + gain * (oas[day, b] - at), cov - np.outer(gain, h @ cov)
    out = np.eye(levels)[: fk.AGES] - np.eye(levels)[1:]
    return out @ x[:levels], out @ cov[:levels, :levels] @ out.T


def test_levels_from_bonds_are_those_of_a_dense_filter():
    rng = np.random.default_rng(3)
    n = 30
    level = np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    oas = np.array([100.0, 150.0, 220.0]) * level[:, None] * np.exp(rng.normal(0, 0.01, (n, 3)))
    oas[rng.random((n, 3)) < 0.3] = np.nan
    oas[0] = [100.0, 150.0, 220.0]
    mean, cov, _ = last_news(market(oas, np.zeros(3, dtype=int), share=0.7))
    expected, posterior = dense_filter(oas, 0.7)
    assert mean[0] == pytest.approx(expected, abs=1e-9)
    assert cov[0] == pytest.approx(posterior, abs=1e-12, rel=1e-9)


def heard(observed):
    """News and its probability [parent, age] on the last day, under the sparse prior."""
    mean, cov, _ = last_news(observed, NewsParameters())
    grades = np.zeros((1, mean.shape[0]), dtype=np.int64)
    news, _, probability = pk.all_news(mean[None], cov[None], 0, grades, PLAIN.of_grade)
    return news[0], probability[0]


def quiet_bonds(n_days: int = 60, n_parents: int = 12, per_parent: int = 3, seed: int = 0):
    """Spreads [day, bond] that scatter by a hundredth, and the parent of each bond."""
    rng = np.random.default_rng(seed)
    parent_of = np.repeat(np.arange(n_parents), per_parent)
    base = 80.0 + 40.0 * np.arange(parent_of.size) / parent_of.size
    return base * np.exp(rng.normal(0, 0.01, (n_days, parent_of.size))), parent_of


def test_a_name_that_never_trades_has_no_news_and_changes_nothing():
    oas, parent_of = quiet_bonds()
    alone = last_news(market(oas, parent_of), NewsParameters())
    silent = np.column_stack([oas, np.full(oas.shape[0], np.nan)])
    mean, cov, seen = last_news(market(silent, np.append(parent_of, 12)), NewsParameters())
    assert not seen[12] and not mean[12].any()
    assert np.diag(cov[12]) == pytest.approx(np.full(fk.AGES, PRIOR))
    assert np.array_equal(mean[:12], alone[0]) and np.array_equal(cov[:12], alone[1])


def test_common_moves_are_no_news():
    oas, parent_of = quiet_bonds()
    moved = oas.copy()
    moved[-3:] *= 1.10
    before, after = (last_news(market(one, parent_of), NewsParameters())[0] for one in (oas, moved))
    assert np.abs(after - before).max() < 0.01
    one = oas.copy()
    one[-3:, :3] *= 1.10
    alone = last_news(market(one, parent_of), NewsParameters())[0]
    assert alone[0, 2] - before[0, 2] > 0.03
    assert np.abs(alone[1:] - before[1:]).max() < 0.01


def test_a_curve_that_is_not_known_is_taken_out_of_all_names():
    """Twenty points of a curve's move stand in every spread of the last day, as in basis points."""
    oas, parent_of = quiet_bonds()
    moved = oas.copy()
    moved[-1] += 8.0
    plain, shifted = (
        last_news(market(one, parent_of, share=1.0), NewsParameters())[0][:, 0]
        for one in (oas, moved)
    )
    blind = last_news(
        market(moved, parent_of, share=1.0),
        replace(NewsParameters(), numbers=Numbers(curve_sd=1e-6, market_sd=1e-6, sector_sd=1e-6)),
    )[0][:, 0]
    assert np.abs(shifted - plain).mean() < 0.3 * np.abs(blind - plain).mean()


@pytest.mark.parametrize("factor", [5.0, 0.2, 30.0])
def test_a_wrong_print_among_three_bonds_is_not_believed(factor):
    oas, parent_of = quiet_bonds()
    wrong = oas.copy()
    wrong[-1, 0] *= factor
    plain, astray = (last_news(market(one, parent_of), NewsParameters())[0] for one in (oas, wrong))
    assert np.isfinite(astray).all()
    assert abs(astray[0, 0] - plain[0, 0]) < 0.05
    assert np.abs(astray[1:] - plain[1:]).max() < 0.01


@pytest.mark.parametrize("factor", [1.25, 2.0, 5.0])
@pytest.mark.parametrize("age", [0, 3])
def test_a_jump_that_all_bonds_make_is_heard_at_once_and_dated(factor, age):
    """Five times as wide: an equity down by four fifths."""
    oas, parent_of = quiet_bonds()
    gone = oas.copy()
    gone[-1 - age :, :3] *= factor
    news, probability = heard(market(gone, parent_of, share=1.0))
    assert probability[0, age] > 0.99 and news[0, age] > 0.7 * np.log(factor)
    assert np.abs(news[0, age + 1 :]).max() < 0.01
    assert np.abs(news[1:]).max() < 0.03


def test_one_bond_and_a_new_issue_are_enough_to_speak():
    oas, parent_of = quiet_bonds(per_parent=1)
    oas[:-5, 0] = np.nan
    oas[-2:, 0] *= 1.2
    assert last_news(market(oas, parent_of, share=1.0), NewsParameters())[2].all()
    news, probability = heard(market(oas, parent_of, share=1.0))
    assert probability[0, 1] > 0.8 and news[0, 1] > 0.1
    assert np.isfinite(news).all()


def test_cds_that_do_not_move_say_so():
    """On its floor a curve is quoted alike day by day: it is not silent, and has no news."""
    n = 60
    mean, cov, seen = last_news(
        market(np.full((n, 1), np.nan), np.array([0]), cds_change=np.zeros((n, 1))),
        NewsParameters(),
    )
    assert seen[0] and np.abs(mean).max() < 1e-12
    assert np.diag(cov[0]).max() < PRIOR


def test_bonds_beyond_the_slots_take_the_place_of_the_silent():
    n_bonds = fk.MOST_INSTRUMENTS + 10
    oas, _ = quiet_bonds(n_days=30, n_parents=1, per_parent=n_bonds)
    oas[15:, :15] = np.nan
    oas[:15, -15:] = np.nan
    mean, cov, seen = last_news(market(oas, np.zeros(n_bonds, dtype=int)), NewsParameters())
    assert seen[0] and np.isfinite(mean).all()
    assert np.linalg.eigvalsh(cov[0]).min() > 0


def test_what_is_known_of_a_day_later_changes_it_from_then_on():
    """A print of day 50 that is taken back two days later is news on day 51 and not on 53."""
    oas, parent_of = quiet_bonds()
    jumped = oas.copy()
    jumped[50, :3] *= 1.25
    kept, taken_back = market(jumped, parent_of), market(jumped, parent_of)
    never = market(np.where(np.arange(60)[:, None] == 50, oas, jumped), parent_of)
    day, values = 50, np.vstack([taken_back.values, never.values])
    rows, offsets = taken_back.rows.copy(), taken_back.offsets
    for lag in range(2, fk.SETTLED_DAYS + 1):
        rows[offsets[lag, day] : offsets[lag, day + 1]] += kept.values.shape[0]
    taken_back = replace(taken_back, values=values, bond=np.tile(taken_back.bond, 2), rows=rows)

    def news(observed, last):
        return last_news(observed, NewsParameters(), last)[0]

    assert np.array_equal(news(taken_back, 51), news(kept, 51))
    assert np.array_equal(news(taken_back, 53), news(never, 53))
    assert np.array_equal(news(taken_back, 58), news(never, 58))
    assert not np.array_equal(news(kept, 53), news(never, 53))


def test_a_chain_of_days_is_the_same_day_by_day():
    oas, parent_of = quiet_bonds(n_days=40)
    observed = market(oas, parent_of)
    mean, cov, _, common = fk.chain(*(0, 20, 39, *observed.arguments(NewsParameters())))
    for day in (20, 27, 39):
        one = fk.chain(*(0, day, day, *observed.arguments(NewsParameters())))
        assert np.array_equal(one[0][0], mean[day - 20])
        assert np.array_equal(one[1][0], cov[day - 20])
        assert np.array_equal(one[3][0], common[day - 20])
