"""Settings: what is written reads back, and what is wrong is named in one line."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.errors import ModelError, SettingsError
from bondsig_assets.learning.models.catalogue import CONTROL, KINDS
from bondsig_assets.learning.models.interface import Tunable
from bondsig_assets.learning.settings import (
    GateSettings,
    LearningSettings,
    TuningSettings,
    WalkForwardSettings,
    as_toml,
    load_settings,
    make_settings,
    specification_named,
)
from bondsig_assets.validation import choices_of, declared_fields, marked

DEFAULTS = LearningSettings()
GROUPS = {
    "walk_forward": DEFAULTS.walk_forward,
    "gate": DEFAULTS.gate,
    "tuning": DEFAULTS.tuning,
    **DEFAULTS.kinds,
}


class Declared(NamedTuple):
    """A setting, and what is said of it under the names that the tests below go by."""

    name: str
    metadata: dict[str, Any]


def fields(group) -> list[Declared]:
    """Every setting of a group."""
    return [Declared(name, said_of(one)) for name, one in declared_fields(type(group)).items()]


def said_of(one) -> dict[str, Any]:
    bounds = {
        word: getattr(limit, key)
        for limit in one.metadata
        for key, word in (("gt", "above"), ("ge", "least"), ("le", "most"))
        if hasattr(limit, key)
    }
    tune = marked(one, Tunable)
    return (
        {"description": one.description}
        | bounds
        | ({"choices": choices_of(one)} if choices_of(one) else {})
        | ({"tune": (tune.low, tune.high)} if tune else {})
    )


EVERY = [(name, declared) for name, group in GROUPS.items() for declared in fields(group)]


def values_of(declared, default):
    """Any value that a setting may have."""
    bounds = declared.metadata
    if "choices" in bounds:
        return st.sampled_from(bounds["choices"])
    if isinstance(default, bool):
        return st.booleans()
    if isinstance(default, int):
        return st.integers(
            bounds.get("least", bounds.get("above", -1) + 1), bounds.get("most", 10**9)
        )
    return st.floats(
        bounds.get("least", bounds.get("above", 0.0)),
        bounds.get("most", 1e300),
        exclude_min="above" in bounds,
        allow_nan=False,
        allow_infinity=False,
    )


def group_of(default):
    """Any settings of one group."""
    return st.builds(
        replace,
        st.just(default),
        **{f.name: values_of(f, getattr(default, f.name)) for f in fields(default)},
    )


ANY = st.builds(
    LearningSettings,
    study=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    models=st.lists(st.sampled_from(list(DEFAULTS.kinds)), min_size=1, unique=True)
    .filter(lambda names: names != ["lstm"])
    .map(tuple),
    walk_forward=group_of(WalkForwardSettings()),
    gate=group_of(GateSettings()),
    tuning=group_of(TuningSettings()),
    kinds=st.fixed_dictionaries({name: group_of(kind) for name, kind in DEFAULTS.kinds.items()}),
)


@settings(max_examples=100, deadline=None)
@given(ANY)
def test_what_is_written_reads_back(chosen):
    assert make_settings(tomllib.loads(as_toml(chosen))) == chosen


def test_the_defaults_read_back_and_are_what_a_missing_file_means(tmp_path):
    assert (
        make_settings(tomllib.loads(as_toml(DEFAULTS)))
        == DEFAULTS
        == make_settings({})
        == load_settings(None)
        == load_settings(tmp_path / "none.toml")
    )


def test_a_file_reads_back_and_may_be_silent(tmp_path):
    path = tmp_path / "learning.toml"
    path.write_text(as_toml(replace(DEFAULTS, study="Anleihen – 债券 😀")), encoding="utf-8")
    assert load_settings(path) == replace(DEFAULTS, study="Anleihen – 债券 😀")
    path.write_text("[walk_forward]\nhorizon_days = 10\n[ridge]\npenalty = 1\n")
    assert load_settings(path) == replace(
        DEFAULTS,
        walk_forward=WalkForwardSettings(horizon_days=10),
        kinds={**DEFAULTS.kinds, "ridge": replace(DEFAULTS.kinds["ridge"], penalty=1.0)},
    )


@pytest.mark.parametrize(
    ("name", "declared"), EVERY, ids=lambda value: getattr(value, "name", value)
)
def test_every_setting_says_what_it_means_and_what_it_may_be(name, declared):
    assert declared.metadata["description"].strip()
    assert "\n" not in declared.metadata["description"]
    assert set(declared.metadata) <= {"description", "choices", "least", "above", "most", "tune"}
    default = getattr(GROUPS[name], declared.name)
    assert isinstance(default, bool) or set(declared.metadata) & {
        "choices",
        "least",
        "above",
    }, "a number has a lower bound"
    assert make_settings({name: {declared.name: default}}) == DEFAULTS
    if "tune" in declared.metadata:
        low, high = declared.metadata["tune"]
        assert low < high and type(low) is type(high) is type(default)
        for value in (low, high):
            make_settings({name: {declared.name: value}})


def test_every_meaning_is_written_beside_its_setting():
    lines = as_toml(DEFAULTS).splitlines()
    for name, declared in EVERY:
        table = lines[lines.index(f"[{name}]") :]
        assert any(
            line.startswith(f"{declared.name} = ")
            and line.endswith(f"# {declared.metadata['description']}")
            for line in table
        )


@pytest.mark.parametrize(
    ("name", "declared"), EVERY, ids=lambda value: getattr(value, "name", value)
)
def test_a_value_of_another_type_is_refused_by_name(name, declared):
    default = getattr(GROUPS[name], declared.name)
    wrong = {
        bool: [1, 0.0, "true"],
        int: [True, 1.5, "1", [1], float("inf")],
        float: [True, "1", [1.0], float("inf"), float("nan")],
        str: [1, True, 1.0, ["excess"]],
    }
    for value in wrong[type(default)]:
        with pytest.raises(
            SettingsError,
            match=(
                rf"^{name}\.{declared.name} = .* is not (a whole number|a number|a text|true or"
                r" false)$"
            ),
        ):
            make_settings({name: {declared.name: value}})


@pytest.mark.parametrize(
    ("name", "declared"),
    [one for one in EVERY if set(one[1].metadata) & {"above", "least", "most"}],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_value_out_of_bounds_is_refused_with_every_bound_named(name, declared):
    bounds, default = declared.metadata, getattr(GROUPS[name], declared.name)
    beyond = {"above": 0, "least": -1, "most": 1}
    for value in [bounds[key] + step for key, step in beyond.items() if key in bounds]:
        with pytest.raises(SettingsError) as caught:
            make_settings({name: {declared.name: value}})
        said = str(caught.value)
        assert (
            said.startswith(f"{name}.{declared.name} = {type(default)(value)!r} must be ")
            and "\n" not in said
        )
        for key, words in [("above", "above"), ("least", "at least"), ("most", "at most")]:
            assert (f"{words} {bounds.get(key)}" in said) == (key in bounds)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"walk_forward": {"window": "sliding"}},
            "walk_forward.window = 'sliding' is none of expanding, rolling",
        ),
        (
            {"walk_forward": {"horizon_days": 6}},
            "walk_forward.horizon_days = 6 is none of 1, 5, 10, 21",
        ),
        (
            {"gate": {"first_champion": "lstm"}},
            (
                "gate.first_champion = 'lstm' is none of ridge, elastic_net, xgboost, lightgbm,"
                " random_forest"
            ),
        ),
        (
            {"xgboost": {"subsample": 0.0}},
            "xgboost.subsample = 0.0 must be above 0.0 and at most 1.0",
        ),
        ({"xgboost": {"depth": 3}}, "xgboost has no setting depth; it has: n_trees, max_depth"),
        ({"xgboost": 3}, "xgboost is not a table"),
        ({"gate": [{"first_champion": "ridge"}]}, "gate is not a table"),
        (
            {"ridges": {}, "modells": []},
            (
                "unknown table or key modells, ridges; there are: study, models, walk_forward,"
                " gate, tuning, signals, ridge"
            ),
        ),
        ({CONTROL: {}}, f"unknown table or key {CONTROL}; there are: study"),
        (
            {"models": ["ridge", "forest"]},
            (
                "unknown model 'forest'; models are: ridge, elastic_net, xgboost, lightgbm,"
                " random_forest, lstm"
            ),
        ),
        ({"models": [CONTROL]}, f"unknown model '{CONTROL}'; models are: ridge"),
        ({"models": [["ridge"]]}, "unknown model ['ridge']; models are: ridge"),
        ({"models": "ridge"}, "models = 'ridge' is not a list; models are: ridge"),
        ({"models": 3}, "models = 3 is not a list; models are: ridge"),
        (
            {"models": ["lstm"]},
            (
                "models = ['lstm']: none of them may become champion and score; add one of ridge,"
                " elastic_net, xgboost"
            ),
        ),
        ({"models": []}, "models: name at least one of ridge"),
        ({"models": ["ridge", "ridge"]}, "models: name at least one of ridge"),
        ({"study": 3}, "study = 3 is not a text"),
        ({"study": ""}, "study = '' is not a text"),
    ],
)
def test_a_mistake_is_named_in_one_line(values, said):
    with pytest.raises(SettingsError) as caught:
        make_settings(values)
    assert str(caught.value).startswith(said) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"models = [", "learning.toml"),
        (b"study = \xff", "learning.toml"),
        (b"[ridge]\npenalty = -1", "ridge.penalty = -1.0 must be above 0.0"),
    ],
)
def test_a_broken_file_is_named(tmp_path, written, said):
    path = tmp_path / "learning.toml"
    path.write_bytes(written)
    with pytest.raises(SettingsError, match=f"^{path}: ") as caught:
        load_settings(path)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(SettingsError, match=f"^{tmp_path}: "):
        load_settings(tmp_path)


def hashes(**changes) -> dict[str, str]:
    """Hash of each specification of a study."""
    return {
        one.name: one.hash
        for one in replace(DEFAULTS, models=tuple(DEFAULTS.kinds), **changes).specifications()
    }


def changed(name: str, declared) -> dict:
    """The group with another value of one setting."""
    default = getattr(GROUPS[name], declared.name)
    other = next((c for c in declared.metadata.get("choices", ()) if c != default), None)
    value = (
        other
        if other is not None
        else (
            (not default)
            if isinstance(default, bool)
            else default + (1 if isinstance(default, int) else default / 8 or 1e-3)
        )
    )
    group = replace(GROUPS[name], **{declared.name: value})
    return (
        {name: group} if name not in DEFAULTS.kinds else {"kinds": {**DEFAULTS.kinds, name: group}}
    )


@pytest.mark.parametrize(
    ("name", "declared"), EVERY, ids=lambda value: getattr(value, "name", value)
)
def test_a_changed_setting_makes_another_specification_of_whom_it_concerns(name, declared):
    before, after = hashes(), hashes(**changed(name, declared))
    concerned = (
        set(before)
        if name == "walk_forward" or declared.name == "trials"
        else {name, CONTROL}
        if name == "xgboost"
        else {name}
        if name in DEFAULTS.kinds
        else set()
    )
    assert {one for one in before if before[one] != after[one]} == concerned


def test_tuning_counts_only_where_there_is_a_search():
    searched = hashes(tuning=TuningSettings(trials=5))
    assert not set(searched.values()) & set(hashes().values())
    assert not set(searched.values()) & set(
        hashes(tuning=TuningSettings(trials=5, seed=1)).values()
    )


#: Tables, the hashes of every model they mean and the control's, and of their file's text: what
#: is fitted stays known by these, whatever reads the settings.
PINNED = [
    (
        {},
        "519d0df5aea5 45db64fd66f6 aedbe8f85593 de3d4d8965f7 4929e1a407f5 "
        "0b9929d085b0 13d96cbce7bd b8a1ac136acf 727f09f36e1b 469cff275c16 ce7c36847065",
        "9ba890cc697c25fc",
    ),
    (
        {"walk_forward": {"horizon_days": 10, "label": "beta_adjusted"}},
        "45f43b413fde 2f5b938a7b8a b7886584e4eb 175d5c9b17ed f8f29cc60cf9 "
        "e128ad48a181 bc37f635919a be8b305dc35b 4de78b6cb30f cf9943b4222a 0cc078854c69",
        "f0dc5496d9eb37cd",
    ),
    (
        {
            "walk_forward": {"window": "rolling", "uniqueness_weights": False},
            "ridge": {"penalty": 1},
        },
        "ac0fe3a86d9a 3d86b55c96ef 67d089aef026 06d861c2c386 3c58949dd22c "
        "4323c8eabd51 ff23c362314f 5acb87820dbe 701460b2c4eb 2f3517d306a2 a0960d3f3f92",
        "24bacad62d2e3d72",
    ),
    (
        {"tuning": {"trials": 5, "seed": 3}},
        "832c55c845d6 4b3e4fb89256 3a6a6011fb6e fc58d69bddca 0b477659d6fe "
        "a0ce1ebddeab 0c03e1bc6494 b80233823081 6acf4f6c06b3 dcf2caf3140c 7e042d3f814a",
        "dcd95dc09a8ed725",
    ),
    (
        {"gate": {"first_champion": "xgboost"}, "signals": {"quantile": 0.2}, "study": "another"},
        "519d0df5aea5 45db64fd66f6 aedbe8f85593 de3d4d8965f7 4929e1a407f5 "
        "0b9929d085b0 13d96cbce7bd b8a1ac136acf 727f09f36e1b 469cff275c16 ce7c36847065",
        "13787d86df67b5a5",
    ),
    (
        {
            "xgboost": {"n_trees": 77, "l2_penalty": 3},
            "elastic_net": {"l1_share": 1.0},
            "lightgbm": {"n_leaves": 9},
            "random_forest": {"subsample": 0.5},
            "lstm": {"early_stopping": False, "l2_penalty": 0},
        },
        "519d0df5aea5 56de3980353c d931ed03bd9f 79475836cded 0e07c818226a "
        "362159b17814 13d96cbce7bd b8a1ac136acf 727f09f36e1b 469cff275c16 8ecc5826480b",
        "b46b737ef5bb8d18",
    ),
]


@pytest.mark.parametrize(("values", "known", "text"), PINNED)
def test_hashes_and_texts_are_those_of_what_is_fitted_already(values, known, text):
    found = make_settings({"models": list(DEFAULTS.kinds), **values})
    assert [one.hash for one in found.specifications()] == known.split()
    assert hashlib.sha256(as_toml(found).encode()).hexdigest()[:16] == text


def test_a_mistake_in_code_is_refused_as_one_in_a_file_is():
    for make in (WalkForwardSettings, lambda **wrong: replace(DEFAULTS.walk_forward, **wrong)):
        with pytest.raises(SettingsError) as caught:
            make(horizon_days=True)
        assert str(caught.value) == "horizon_days = True is not a whole number"
    with pytest.raises(SettingsError, match="^unknown key 'windw'; did you mean 'window'?"):
        WalkForwardSettings(windw="rolling")
    with pytest.raises(SettingsError, match="^window = 'sliding' is none of expanding, rolling$"):
        WalkForwardSettings(window="sliding")
    with pytest.raises(SettingsError, match="^walk_forward = {} is not WalkForwardSettings$"):
        LearningSettings(walk_forward={})


def test_hashes_differ_between_models_and_not_between_studies():
    assert len(set(hashes().values())) == len(KINDS)
    assert hashes(study="another") == hashes()


def test_the_control_comes_last_with_the_settings_of_xgboost():
    made = replace(
        DEFAULTS,
        models=("lightgbm", "ridge"),
        kinds={**DEFAULTS.kinds, "xgboost": replace(DEFAULTS.kinds["xgboost"], n_trees=77)},
    ).specifications()
    assert [one.name for one in made] == ["lightgbm", "ridge", CONTROL]
    assert (
        made[-1].settings == replace(DEFAULTS.kinds["xgboost"], n_trees=77)
        and made[-1].features == KINDS[CONTROL].features
    )


def test_a_specification_is_found_by_its_name():
    assert specification_named(DEFAULTS, "ridge") == DEFAULTS.specifications()[0]
    assert specification_named(DEFAULTS, CONTROL).name == CONTROL
    with pytest.raises(
        ModelError, match="model 'lstm' is not in this study; it has: ridge, elastic_net"
    ):
        specification_named(DEFAULTS, "lstm")
