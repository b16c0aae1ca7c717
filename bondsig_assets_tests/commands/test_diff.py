"""`bondsig diff` on the small market: a late cancel is found, undone and measured; where nothing
happened, nothing is said to have.
"""

from __future__ import annotations

import re
from datetime import datetime, time
from typing import Any

import numpy as np
import polars as pl
import pytest

from bondsig_assets.calendar import offset
from bondsig_assets.commands.diff import (
    Knowledge,
    NewsChange,
    _news_inputs,
    _news_section,
    _recomputed,
    feature_changes,
    news_changes,
    what_it_did,
)
from bondsig_assets.errors import MismatchError, TrackingError
from bondsig_assets.reporting.score_trail import (
    TradeEvent,
    changed_bond_days,
    events_since,
    trail_of,
    with_newest,
)
from bondsig_assets.resources import champion as registry
from bondsig_assets.tables.issuer_features import ALL_FEATURES, LOOKBACK_DAYS
from bondsig_assets.warehouse import Write
from bondsig_assets_tests.commands.test_explain import (
    CUSIPS,
    LAST,
    LATE,
    WEAK,
    Small,
    champion,
    small_market,
)
from bondsig_assets_tests.trace.messages import DAYS

pytestmark = pytest.mark.slow

DAY = DAYS[WEAK + 2]


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Small:
    return small_market(tmp_path_factory.mktemp("diff") / "home")


@pytest.fixture(scope="module")
def never_weak(tmp_path_factory) -> Small:
    """The same market without the trade that is taken back."""
    return small_market(tmp_path_factory.mktemp("never") / "home", is_weak=False)


@pytest.fixture(autouse=True)
def _registry(monkeypatch) -> None:
    monkeypatch.setattr(registry, "load_champion", lambda tracking, row: champion())


def test_a_late_cancel_is_found_and_measured(small, monkeypatch):
    done = small.bondsig(monkeypatch, "diff", "aaa", DAY)
    assert done.exit_code == 0, done.output
    cancel = small.warehouse.read(
        "SELECT delivery_date, record_number FROM trace_reports WHERE message_number = '77777' AND"
        " status = 'X'"
    ).row(0)
    trades, features = done.output.split("Features:")
    assert (
        "1 changes since" in trades
        and "0 late, 1 ended" in trades
        and f"ended_by_cancel by report {cancel[0]} {cancel[1]}" in trades
    )
    assert "oas_5d_change_bps" in features and "Contributions that moved most" in features
    effects = re.findall(
        r"^ +([+-]\d\.\d{6})  (\S+) .*?(\d{4}-\d\d-\d\d \d+) *$",
        features.split("Which report did it")[1],
        re.M,
    )
    assert effects == [(effects[0][0], CUSIPS[0], f"{cancel[0]} {cancel[1]}")], (
        "EEE's late trade is of a later day"
    )
    then, now = (
        float(row) for row in re.findall(r"^  (?:then|now).*%  +([+-]\d\.\d{6})", features, re.M)
    )
    assert float(effects[0][0]) == pytest.approx(now - then, abs=2e-6) and now != then


def test_with_todays_knowledge_the_day_is_that_of_a_market_without_the_trade(small, never_weak):
    """All issuers, every feature, and the scores: as stored where the trade that was taken back had
    never been.
    """
    changed = changed_bond_days(small.warehouse.read, offset(DAY, -LOOKBACK_DAYS), DAY)
    assert changed.select("cusip", "trade_date", "n_trades", "n_trades_then").rows() == [
        (CUSIPS[0], DAYS[WEAK], 2, 3)
    ]
    trail = trail_of(small.warehouse.read, "AAA", DAY, (DAYS[0], DAYS[LAST]))
    then, now, _ = _recomputed(small.home, small.warehouse, trail, changed)
    for warehouse, known in ((small.warehouse, then), (never_weak.warehouse, now)):
        stored = warehouse.read_table("issuer_days", between=(DAY, DAY))
        assert known.issuers.select(stored.columns).equals(stored)
        assert np.allclose(
            known.scores["prediction"],
            warehouse.read_table("scores", between=(DAY, DAY))["prediction"],
            rtol=0,
            atol=1e-12,
        )
    assert not then.issuers.equals(now.issuers)


def test_another_issuers_report_changes_what_one_is_measured_against(small, monkeypatch):
    text = small.bondsig(monkeypatch, "diff", "BBB", DAY).output
    assert (
        "Trades: 0 changes since" in text
        and "none of its own, no trade of its bonds changed; 1 bond days of other issuers changed"
        in text
    )


def test_a_late_trade_counts_on_its_day(small, monkeypatch):
    text = small.bondsig(monkeypatch, "diff", "EEE", DAYS[LATE + 1]).output
    assert (
        "1 late, 0 ended" in text
        and "late trade" in text
        and f"{CUSIPS[4]} {DAYS[LATE]}: price" in text
        and "trades 2 → 3" in text
    )


@pytest.mark.parametrize("day", [LAST, LATE + 3])
def test_where_nothing_became_known_nothing_is_said_to_have(small, monkeypatch, day):
    """Also on the day on which the late trade had just arrived: it is in that day's own
    features.
    """
    done = small.bondsig(monkeypatch, "diff", "EEE", DAYS[day])
    assert done.exit_code == 0 and done.output.rstrip().endswith(
        "nothing has become known since that changes this score"
    )
    assert "Trades: 0 changes since" in done.output and "Features" not in done.output


@pytest.mark.parametrize(
    "error", [TrackingError("MLflow does not answer"), MismatchError("it is another model")]
)
def test_a_champion_that_cannot_be_had_is_one_line(small, monkeypatch, error):
    def load(tracking, row):
        raise error

    monkeypatch.setattr(registry, "load_champion", load)
    done = small.bondsig(monkeypatch, "diff", "AAA", DAY)
    assert done.exit_code == 1 and str(error) in done.output and "Traceback" not in done.output


def test_features_made_anew_since_are_told(tmp_path, monkeypatch):
    small = small_market(tmp_path / "home", scored_from=WEAK)
    small.warehouse.replace(
        Write(
            "issuer_days",
            small.warehouse.read_table("issuer_days", between=(DAY, DAY)).with_columns(
                pl.col("spread_bps") + pl.int_range(pl.len()) ** 2 * 50.0
            ),
            (DAY, DAY),
        )
    )
    done = small.bondsig(monkeypatch, "diff", "AAA", DAY)
    assert done.exit_code == 1 and f"bondsig run --start {DAY}" in done.output


def test_messages_and_reports_that_never_traded_are_no_events(small):
    events = events_since(small.warehouse.read, CUSIPS, DAYS[0], DAY)
    assert (
        events["record_number"].len() == 1
        and events["is_arrival"].to_list() == [False]
        and events["was_reason"].to_list() == [None]
    )


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"is_arrival": True}, "late trade"),
        (
            {"reason": "ended_by_cancel", "cause_delivery_date": DAY, "cause_record_number": 7},
            f"ceased to be a trade: ended_by_cancel by report {DAY} 7",
        ),
        ({"was_reason": "price_error"}, "became a trade, was price_error"),
        ({"was_price": 9.9}, "price put right, was 9.9"),
        ({"is_arrival": True, "reason": "price_error"}, "arrived late, not a trade: price_error"),
        ({}, "still a trade"),
    ],
)
def test_what_an_event_did(event, said):
    nothing: dict[str, Any] = {
        "known_at": datetime.combine(DAY, time(17)),
        "executed_at": None,
        "execution_date": DAY,
        "cusip": CUSIPS[0],
        "par_usd": 1e6,
        "is_par_capped": False,
        "delivery_date": DAY,
        "record_number": 1,
        "is_arrival": False,
        "reason": None,
        "was_reason": None,
        "price": 99.0,
        "was_price": 99.0,
        "cause_delivery_date": None,
        "cause_record_number": None,
    }
    assert what_it_did(TradeEvent(**(nothing | event))) == said


def test_replaced_bond_days_take_the_place_of_all_their_revisions():
    revisions = pl.DataFrame(
        {
            "cusip": ["A", "A", "B"],
            "trade_date": [DAYS[0]] * 3,
            "known_date": [DAYS[0], DAYS[1], DAYS[0]],
            "price": [1.0, 2.0, 3.0],
        }
    )
    placed = revisions[:2].with_columns(price=pl.lit(9.0), more=pl.lit("x"))
    assert with_newest(revisions, placed).rows() == [
        ("B", DAYS[0], DAYS[0], 3.0),
        ("A", DAYS[0], DAYS[0], 9.0),
        ("A", DAYS[0], DAYS[1], 9.0),
    ]
    assert with_newest(revisions, placed[:0]).equals(revisions)


def test_feature_changes_tell_own_values_from_those_of_others():
    def knowledge(values: list[list[float | None]], z: list[list[float]]) -> Knowledge:
        names = dict(zip(ALL_FEATURES, zip(*values, strict=True), strict=False))
        frame = pl.DataFrame(
            {
                "parent_id": ["P", "Q", "R"],
                **{name: list(names.get(name, (None,) * 3)) for name in ALL_FEATURES},
            },
            schema_overrides=dict.fromkeys(ALL_FEATURES, pl.Float64),
        )
        padded = np.full((3, len(ALL_FEATURES)), np.nan)
        padded[:, : len(z[0])] = z
        return Knowledge(frame, pl.DataFrame(), padded, pl.DataFrame(), pl.DataFrame())

    then = knowledge(
        [[1.0, 5.0, None], [2.0, 6.0, 1.0], [3.0, 7.0, 2.0]],
        [[0.0, 0.5, np.nan], [1.0, 0.0, 0.0], [2.0, 1.0, 1.0]],
    )
    now = knowledge(
        [[1.5, 5.0, 1.0], [2.0, 6.0, 1.0], [3.0, 9.0, 2.0]],
        [[0.2, 0.4, -1.0], [1.0, 0.0, 0.0], [2.0, 1.0, 1.0]],
    )
    changes = feature_changes(then, now, "P")
    assert changes["feature"][:3].to_list() == [ALL_FEATURES[2], ALL_FEATURES[0], ALL_FEATURES[1]]
    assert changes["is_own"].to_list() == [True, True] + [False] * (len(ALL_FEATURES) - 2)
    assert changes["z_change"][1:3].to_list() == pytest.approx([0.2, 0.1]) and changes[
        "median_z_change"
    ][:3].to_list() == [0.0, 0.0, 0.0]


def knowing(*pieces: tuple[float | None, float | None]) -> Knowledge:
    """What is known of the issuer P's news: size and probability by age, the rest quiet."""
    row: dict[str, Any] = {"parent_id": "P"}
    for age in range(6):
        size, chance = pieces[age] if age < len(pieces) else (0.0, 0.01)
        row |= {f"credit_news_{age}": size, f"credit_news_probability_{age}": chance}
    nothing = pl.DataFrame()
    return Knowledge(nothing, pl.DataFrame([row]), np.empty((0, 0)), nothing, nothing)


def test_news_that_is_other_now_is_told_the_largest_change_first():
    then, now = knowing((-5.0, 0.93), (0.1, 0.02)), knowing((-0.2, 0.04), (0.2, 0.6))
    found = news_changes(then, now, "P")
    assert found == [
        NewsChange(0, -5.0, -0.2, 0.93, 0.04),
        NewsChange(1, 0.1, 0.2, 0.02, 0.6),
    ]
    assert _news_section(found, DAYS[10]) == [
        "Credit news, then → now:",
        f"  {DAYS[10]}: bad news of -5.00 → -0.20 daily volatilities, probability 0.93 → 0.04",
        f"  {DAYS[9]}: good news of +0.10 → +0.20 daily volatilities, probability 0.02 → 0.60",
    ]
    heard = news_changes(knowing((None, None)), now, "P")
    assert "bad news of none → -0.20" in heard[0].sentence(DAYS[10])
    assert news_changes(now, now, "P") == [] == news_changes(then, now, "Q")
    assert "the same" in str(_news_section([], DAY)[0])
    little = news_changes(knowing((0.10, 0.01)), knowing((0.12, 0.01)), "P")
    assert "the largest change is 0.0200" in str(_news_section(little, DAY)[0])


def test_where_nothing_was_heard_then_nothing_is_heard_now(small):
    news = _news_inputs(small.warehouse, DAY, DAY)
    revisions = small.warehouse.read_table("bond_day_revisions", between=(DAY, DAY))
    assert news.panels is None and news.stored.is_empty()
    assert news.knowing(revisions, DAY, DAY).is_empty()
