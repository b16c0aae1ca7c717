"""The budget: it adds up, whatever is watched, and a new series moves no other's threshold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bondsig_assets.monitoring.budget import as_text, run_lengths, split
from bondsig_assets.monitoring.catalogue import BY_NAME
from bondsig_assets.monitoring.settings import BudgetSettings, MonitoringSettings

PARTS = {"missing": ["spread_bps", "oas_bps", "for_no_bond_spread"], "volumes": ["reports"]}


@given(
    st.floats(0.1, 50),
    st.lists(st.sampled_from(sorted(BY_NAME)), unique=True, max_size=10),
    st.lists(st.just(0.0) | st.floats(0.01, 5), min_size=5, max_size=5).filter(
        lambda w: sum(w) > 0.1
    ),
)
def test_false_alarms_add_up_to_the_budget(years, without, weights):
    chosen = MonitoringSettings(
        years=years,
        without=tuple(without),
        budget=BudgetSettings(
            **dict(zip(BudgetSettings().weights, [float(w) for w in weights], strict=True))
        ),
    )
    budget = split(chosen, PARTS)
    assert budget["share"].sum() <= 1 + 1e-9
    rate = (1 / budget["run_length_days"]).sum()
    assert rate * 252 * years == pytest.approx(budget["share"].sum())
    names = budget["monitor"].str.split(".").list.first()
    assert not set(names) & set(without)
    # Only a family without a monitor leaves its weight unspent.
    gone = {
        one.family
        for one in BY_NAME.values()
        if all(other.name in without for other in BY_NAME.values() if other.family == one.family)
    }
    spent = sum(w for name, w in chosen.budget.weights.items() if name not in gone)
    assert budget["share"].sum() == pytest.approx(spent / sum(weights))


def test_by_hand():
    lengths = run_lengths(split(MonitoringSettings(), PARTS))
    # A fifth of the weight 4 of 10, in two years of 252 days.
    assert lengths["ic"] == pytest.approx(504 / (0.4 / 5))
    assert lengths["missing.oas_bps"] == pytest.approx(504 / (0.2 / 2 / 3))
    assert lengths["volumes.reports"] == pytest.approx(504 / 0.1)


def test_a_series_more_moves_only_those_it_shares_with():
    before = run_lengths(split(MonitoringSettings(), PARTS))
    after = run_lengths(
        split(MonitoringSettings(), PARTS | {"missing": [*PARTS["missing"], "more"]})
    )
    assert {name for name in before if after[name] != before[name]} == {
        f"missing.{part}" for part in PARTS["missing"]
    }


def test_the_budget_is_said_in_words():
    lines = as_text(split(MonitoringSettings(), PARTS), MonitoringSettings()).splitlines()
    assert lines[0] == "One false alarm in 2 years, all monitors together:"
    assert "ic (accuracy): 8.0 %, one in 25 years" in lines
    assert "missing (data): 10.0 %, one in 20 years, 3 series, one in 60 years each" in lines
    silent = as_text(split(MonitoringSettings()), MonitoringSettings()).splitlines()
    assert silent[-1] == "not spent: 20.0 %"
