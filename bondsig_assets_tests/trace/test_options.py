"""Options of a cleaning: presets, TOML files, calendars and settlement cycles."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest

from bondsig_assets.errors import ReportsError
from bondsig_assets.trace import PRESETS, Screens, clean
from bondsig_assets.trace.options import NONE, screens_named
from bondsig_assets.validation import declared_fields
from bondsig_assets_tests.trace.stories import NEW, OLD, frame, outcomes, report


def toml(tmp_path, text: str):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


def test_a_toml_file_starts_from_a_preset(tmp_path):
    found = screens_named(
        toml(
            tmp_path,
            'base = "research"\nminimum_par_usd = 250_000\ncalendar = "sifma"\nprimary_market ='
            ' ["P1"]\nsettlement_days = 3\nas_of = true',
        )
    )
    assert found == replace(
        PRESETS["research"],
        name="mine",
        minimum_par_usd=250_000.0,
        calendar="sifma",
        primary_market=("P1",),
        settlement_days=3,
        as_of=True,
    )
    assert screens_named(toml(tmp_path, "")) == replace(NONE, name="mine")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("minimal_par = 1", "no screen 'minimal_par'"),
        ('name = "mine"', "no screen 'name'; screens are interdealer"),
        ('base = "best"', "presets are none, research"),
        ('calendar = "lse"', "one of nyse, sifma, none"),
        ('primary_market = ["P9"]', "a list of P1"),
        ("minimum_par_usd = true", "a number"),
        ("settlement_days = -1", "whole number"),
        ("when_issued = 1", "true or false"),
        ("when_issued = ", "no valid TOML"),
        ("\x00", "no valid TOML"),
    ],
)
def test_a_wrong_toml_file_is_one_line_that_says_where(tmp_path, text, said):
    with pytest.raises(ReportsError, match=said) as error:
        screens_named(toml(tmp_path, text))
    assert "\n" not in str(error.value) and "mine.toml" in str(error.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"calendar": "lse"}, "calendar = 'lse' is none of nyse, sifma, none"),
        ({"give_up": ["X"]}, "give_up = ['X'] is not a list of A, G, Q"),
        ({"when_issued": 1}, "when_issued = 1 is not true or false"),
        ({"settlement_days": True}, "settlement_days = True is not a whole number of days, 0 or"),
        ({"minimum_price": "5"}, "minimum_price = '5' is not a number"),
        ({"when_isued": True}, "unknown key 'when_isued'; did you mean 'when_issued'?"),
    ],
)
def test_a_mistake_in_code_is_one_line_too(options, said):
    for make in (Screens, lambda **wrong: replace(NONE, **wrong)):
        with pytest.raises(ReportsError) as error:
            make(**options)
        assert str(error.value).startswith(said) and "\n" not in str(error.value)


def test_screens_are_equal_by_value_and_lists_are_tuples():
    assert Screens(name="none") == NONE and hash(Screens()) == hash(NONE)
    assert Screens(primary_market=["P1"]).primary_market == ("P1",)  # type: ignore[arg-type]
    assert (
        eval(repr(PRESETS["vns-drr"]), {"Screens": Screens, "inf": float("inf")})
        == (PRESETS["vns-drr"])
    )


def test_an_unknown_preset_and_a_missing_file(tmp_path):
    with pytest.raises(ReportsError, match="presets are none, research, institutional"):
        screens_named("strict")
    with pytest.raises(ReportsError, match="cannot be read"):
        screens_named(tmp_path / "none.toml")


def test_every_option_has_its_meaning_and_source():
    for name, option in declared_fields(Screens).items():
        if name != "name":
            assert option.description and option.json_schema_extra["source"], name


#: option, its value, what it drops, reports it drops and one it keeps.
CASES = [
    ("when_issued", True, "when_issued", [{"is_when_issued": True}], {"is_when_issued": False}),
    ("special_price", True, "special_price", [{"is_special_price": True}], {}),
    (
        "primary_market",
        ("P1", "S2"),
        "primary_market",
        [{"trading_market": "P1"}, {"trading_market": "S2"}],
        {"trading_market": "P2"},
    ),
    ("locked_in", True, "locked_in", [{"is_locked_in": True}], {}),
    ("give_up", ("A",), "give_up", [{"give_up_code": "A"}], {"give_up_code": "Q"}),
    (
        "weighted_average_price",
        True,
        "weighted_average_price",
        [{"trade_modifier_4": "W"}, {"sale_condition": "W"}],
        {"trade_modifier_4": "P"},
    ),
    (
        "portfolio_trade",
        True,
        "portfolio_trade",
        [{"trade_modifier_4": "P"}],
        {"trade_modifier_4": "W", "trade_modifier_3": "P"},
    ),
    ("ats", True, "ats", [{"is_ats": True}], {"is_ats": False}),
    (
        "trade_modifiers",
        ("Z", "S"),
        "trade_modifier",
        [{"trade_modifier_3": "Z"}, {"trade_modifier_4": "S", "trade_modifier_3": "T"}],
        {"trade_modifier_3": "T", "trade_modifier_4": "P"},
    ),
    (
        "sale_conditions",
        ("C", "R"),
        "sale_condition",
        [{"sale_condition": "C"}, {"sale_condition": "R"}],
        {"sale_condition": "@"},
    ),
    (
        "settlement_days",
        5,
        "non_standard_settlement",
        [{"days_to_settle": 6}, {"settlement_date": NEW + timedelta(6)}],
        {"settlement_date": NEW + timedelta(5)},
    ),
    ("commission", True, "commission", [{"commission_code": "C"}], {"commission_code": "N"}),
    (
        "agency_customer",
        True,
        "agency_customer",
        [{"seller_capacity": "A", "commission_code": "N"}],
        {"seller_capacity": "A", "commission_code": "C"},
    ),
    ("security_type", True, "security_type", [{"security_type": "ELN"}], {"security_type": "CORP"}),
    ("as_of", True, "as_of", [{"asof_code": "A"}], {}),
    ("time_order", True, "impossible_time", [{"reported_at": datetime.combine(NEW, time(9))}], {}),
    ("minimum_price", 5.0, "price_out_of_range", [{"price": 5.0}], {"price": 5.01}),
    ("maximum_price", 220.0, "price_out_of_range", [{"price": 220.01}], {"price": 220.0}),
    (
        "price_is_yield",
        True,
        "price_is_yield",
        [{"price": 5.0, "yield_pct": 5.0}],
        {"price": 5.0, "yield_pct": 5.1},
    ),
    ("minimum_par_usd", 1e6, "small_par", [{"par_usd": 999_999.0}], {"par_usd": 1e6}),
    ("minimum_value_usd", 1e5, "small_value", [{"price": 99.0}], {"price": 100.0}),
]


@pytest.mark.parametrize(("option", "value", "reason", "dropped", "kept"), CASES)
def test_each_option_drops_what_it_says_and_nothing_without_it(
    option, value, reason, dropped, kept
):
    story = [
        report(NEW, str(k), at=f"1{k}:00:00", **changes)
        for k, changes in enumerate([*dropped, kept])
    ]
    assert outcomes(*story, screens=replace(NONE, **{option: value})) == [reason] * len(dropped) + [
        "trade"
    ]
    assert set(outcomes(*story)) == {"trade"}


def test_flags_of_before_2012_alone():
    screens = replace(NONE, when_issued=True, only_before_2012=True)
    assert outcomes(
        report(OLD, "1", is_when_issued=True),
        report(NEW, "2", is_when_issued=True),
        screens=screens,
    ) == ["when_issued", "trade"]


def test_calendars_differ_on_columbus_day():
    columbus = date(2014, 10, 13)
    for calendar, outcome in (("nyse", "trade"), ("sifma", "off_calendar"), ("none", "trade")):
        assert outcomes(report(columbus, "1"), screens=replace(NONE, calendar=calendar)) == [
            outcome
        ]
    assert outcomes(report(date(2014, 10, 12), "1"), screens=replace(NONE, calendar="nyse")) == [
        "off_calendar"
    ]


@pytest.mark.parametrize(
    ("day", "at", "outcome"),
    [
        (date(2004, 6, 11), "10:00:00", "off_calendar"),
        (date(2007, 1, 2), "10:00:00", "trade"),
        (date(2007, 1, 2), "15:00:00", "after_early_close"),
        (date(2008, 8, 29), "15:00:00", "after_early_close"),
        (date(2009, 9, 4), "15:00:00", "trade"),
        (date(2010, 4, 2), "11:59:59", "trade"),
        (date(2010, 4, 2), "12:00:01", "after_early_close"),
        (date(2010, 12, 31), "15:00:00", "trade"),
        (date(2012, 10, 29), "15:00:00", "after_early_close"),
        (date(2012, 10, 30), "10:00:00", "off_calendar"),
        (date(2015, 4, 2), "15:00:00", "trade"),
        (date(2018, 12, 5), "10:00:00", "off_calendar"),
        (date(2025, 1, 9), "13:59:59", "trade"),
    ],
)
def test_the_bond_market_closes_as_announced(day, at, outcome):
    screens = replace(NONE, calendar="sifma", early_close=True)
    assert outcomes(report(day, "1", at=at), screens=screens) == [outcome]


def test_after_an_early_close():
    day = date(2014, 11, 28)
    reported = [report(day, "1", at="12:59:00"), report(day, "2", at="14:30:00")]
    assert outcomes(*reported, screens=replace(NONE, calendar="nyse", early_close=True)) == [
        "trade",
        "after_early_close",
    ]
    assert outcomes(*reported, screens=replace(NONE, calendar="nyse")) == ["trade", "trade"]


@pytest.mark.parametrize(
    ("executed", "regular"),
    [
        (date(2014, 3, 3), 3),
        (date(2017, 9, 1), 3),
        (date(2017, 9, 5), 2),
        (date(2024, 5, 24), 2),
        (date(2024, 5, 28), 1),
    ],
)
def test_regular_settlement_is_that_of_its_date(executed, regular):
    from bondsig_assets.calendar import offset

    reported = [
        report(executed, str(k), at=f"1{k}:00:00", settlement_date=offset(executed, regular + k))
        for k in range(3)
    ]
    assert outcomes(*reported, screens=replace(NONE, settlement_days=0)) == [
        "trade",
        "trade",
        "non_standard_settlement",
    ]


def test_choices_of_double_counting():
    legs = [
        report(NEW, "1", contra="D"),
        report(NEW, "2", contra="D", side="B"),
        report(NEW, "3", contra="D", side="B", price=99.0),
    ]
    for choice, expected in (("pair", [1]), ("drop_buys", [1, 2]), ("keep", [])):
        found = clean(frame(*legs), screens=replace(NONE, interdealer=choice)).rejected
        assert found["row"].to_list() == expected and set(found["reason"]) <= {
            "interdealer_buy_leg"
        }


def test_affiliates_can_be_kept():
    assert outcomes(report(NEW, "1", contra="A"), screens=replace(NONE, affiliate=False)) == [
        "trade"
    ]
