"""Settings of a portfolio: what is written reads back, what contradicts is refused by name."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.errors import SettingsError
from bondsig_assets.portfolio.settings import (
    POLICIES,
    ROUTES,
    AlphaSettings,
    BoundSettings,
    CostSettings,
    PortfolioSettings,
    RiskSettings,
    TradingSettings,
    UniverseSettings,
    as_toml,
    load_settings,
    make_settings,
)
from bondsig_assets.validation import declared_fields

DEFAULTS = PortfolioSettings()
GROUPS = (
    UniverseSettings,
    AlphaSettings,
    RiskSettings,
    CostSettings,
    BoundSettings,
    TradingSettings,
)


@settings(max_examples=50, deadline=None)
@given(
    policy=st.sampled_from(POLICIES),
    nav=st.floats(1.0, 1e12),
    route=st.sampled_from(ROUTES),
    price=st.floats(0, 50).flatmap(lambda keep: st.tuples(st.just(keep), st.floats(keep, 100))),
    names=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=3),
    net=st.floats(0, 200),
)
def test_what_is_written_reads_back(policy, nav, route, price, names, net):
    chosen = PortfolioSettings(
        policy=policy,
        nav_usd=nav,
        universe=UniverseSettings(
            keep_price_usd=price[0], minimum_price_usd=price[1], exclude=tuple(names)
        ),
        alpha=AlphaSettings(route=route),
        bounds=BoundSettings(net_pct=net),
    )
    assert make_settings(tomllib.loads(as_toml(chosen))) == chosen


def test_the_defaults_are_what_a_missing_or_silent_file_means(tmp_path):
    path = tmp_path / "portfolio.toml"
    assert DEFAULTS == make_settings({}) == load_settings(None) == load_settings(path)
    path.write_text('policy = "tranches"\n[costs]\nimpact = 2\n')
    assert load_settings(path) == replace(
        DEFAULTS, policy="tranches", costs=CostSettings(impact=2.0)
    )


@pytest.mark.parametrize("kind", GROUPS, ids=lambda kind: kind.__name__)
def test_every_setting_says_what_it_means_and_what_it_may_be(kind):
    for name, declared in declared_fields(kind).items():
        assert declared.description and "\n" not in declared.description, name
        default = getattr(kind(), name)
        assert isinstance(default, bool | tuple) or declared.metadata, f"{name} has no bounds"


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {"universe": {"keep_price_usd": 6.0}},
            "universe.keep_price_usd = 6.0 asks more than minimum_price_usd = 5.0: a name would"
            " leave on the day it enters",
        ),
        (
            {"universe": {"keep_staleness_days": 2}},
            "universe.keep_staleness_days = 2 asks more than maximum_staleness_days = 3: a name"
            " would leave on the day it enters",
        ),
        (
            {"universe": {"include": ["A", "B"], "exclude": ["B"]}},
            "universe.include and exclude both name B: strike one",
        ),
        (
            {"universe": {"include": "A"}},
            "universe.include = 'A' is not a list of tickers, as ['AAA', 'BBB']",
        ),
        (
            {"risk": {"minimum_returns": 600}},
            "risk.minimum_returns = 600 is more than beta_days = 504: no name would ever have"
            " betas of its own",
        ),
        (
            {"costs": {"half_spread_bps": 60.0}},
            "costs.half_spread_bps = 60.0 is above half_spread_maximum_bps = 50.0",
        ),
        (
            {"costs": {"general_borrow_bps": 400.0}},
            "costs.general_borrow_bps = 400.0 is above unknown_borrow_bps = 300.0: a name nobody"
            " quotes would be the cheaper short",
        ),
        (
            {"bounds": {"net_pct": 300.0}},
            "bounds.net_pct = 300.0 is above gross_pct = 200.0, which bounds it already",
        ),
        (
            {"bounds": {"name_pct": 90.0, "gross_pct": 50.0}},
            "bounds.name_pct = 90.0 is above gross_pct = 50.0: one name would be more than the"
            " book",
        ),
        (
            {"policy": "long_only", "bounds": {"gross_pct": 80.0}},
            "policy = 'long_only' invests 100 - bounds.cash_pct = 100.0 %, more than"
            " bounds.gross_pct = 80.0",
        ),
        (
            {"policy": "long_only", "bounds": {"sector_etf_hedges": True}},
            "policy = 'long_only' sells nothing short: bounds.sector_etf_hedges = true contradicts"
            " it",
        ),
        ({"policy": "best"}, f"policy = 'best' is none of {', '.join(POLICIES)}"),
        ({"nav_usd": 0.0}, "nav_usd = 0.0 must be above 0.0"),
        ({"nav_usd": float("nan")}, "nav_usd = nan is not a number"),
        ({"costs": {"impact": "1"}}, "costs.impact = '1' is not a number"),
        (
            {"fees": {}},
            "unknown table or key fees; there are: policy, nav_usd, universe, alpha, risk, costs,"
            " bounds, trading",
        ),
        (
            {"trading": {"schedule": "almgren_chriss", "schedule_risk_aversion": 0.0}},
            "trading.schedule = 'almgren_chriss' with schedule_risk_aversion = 0.0 is schedule ="
            " 'vwap': say so",
        ),
        (
            {"trading": {"schedule": "pov", "rest": "close"}},
            "trading.schedule = 'pov' never passes the cap and rest = 'close' does: choose one",
        ),
        (
            {"trading": {"fill_participation_pct": 4.0}},
            "trading.fill_participation_pct = 4.0 is below bounds.participation_pct = 5.0: orders"
            " of a usual day would never be filled; raise it",
        ),
        ({"trading": {"fill": "open"}}, "trading.fill = 'open' is none of close, vwap"),
        ({"trading": {"lot_shares": 1.5}}, "trading.lot_shares = 1.5 is not a whole number"),
        ({"costs": 1}, "costs is not a table"),
    ],
)
def test_what_is_wrong_or_contradicts_is_one_line_that_names_it(values, line, tmp_path):
    with pytest.raises(SettingsError) as told:
        make_settings(values)
    assert str(told.value) == line


def test_a_contradiction_is_refused_however_it_is_made(tmp_path):
    with pytest.raises(SettingsError, match="net_pct = 300.0 is above gross_pct"):
        replace(BoundSettings(), net_pct=300.0)
    path = tmp_path / "portfolio.toml"
    path.write_text("[bounds]\nnet_pct = 300.0\n")
    with pytest.raises(SettingsError) as told:
        load_settings(path)
    assert str(told.value).startswith(f"{path}: bounds.net_pct = 300.0 is above")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"\xff\xfe", "not readable as UTF-8: save it as UTF-8"),
        (b"policy = ", "not readable as TOML: .*`bondsig settings portfolio` prints a whole file"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, content, line):
    path = tmp_path / "portfolio.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=line):
        load_settings(path)
