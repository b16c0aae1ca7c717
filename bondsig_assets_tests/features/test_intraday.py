"""Issuer features at times of day: two bonds by hand, and a random market cut at moments, poisoned
after them and done in pieces.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from bondsig_assets.bonds.analytics import analyze
from bondsig_assets.bonds.known_terms import Reference
from bondsig_assets.calendar import offset
from bondsig_assets.features.intraday import (
    BASELINE_DAYS,
    EVENT_COLUMNS,
    MATCH_DAYS,
    REVISION_COLUMNS,
    IntradayInputs,
    _last_bond_days,
    issuer_intraday,
    times_of_day,
)
from bondsig_assets.securities.master import build_master
from bondsig_assets.tables import TABLES
from bondsig_assets_tests.features.markets import issuer, stock
from bondsig_assets_tests.rows_of import rows_of
from bondsig_assets_tests.trace.messages import DAYS, TablesInMemory, delivered, ending, message

NOON, CLOSE = time(12), time(16)
TIMES = [NOON, CLOSE]
A, B, C = "037833AK6", "037833AL4", "594918AM6"
TENORS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


def clock(day: int, at: time) -> datetime:
    """A moment of DAYS[day]."""
    return datetime.combine(DAYS[day], at)


def known(day: int, at: time) -> dict[str, datetime]:
    """What says that a message was told at a moment."""
    return dict.fromkeys(("reported_at", "known_at", "delivered_at"), clock(day, at))


def trade(
    day: int,
    number: str,
    told: time,
    *,
    at: time | None = None,
    on: int | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """A trade of A told on DAYS[day] at `told`, executed then unless said otherwise."""
    return message(day, number, on=on, at=at or told, **({"cusip": A} | known(day, told) | changes))


def cancel(day: int, told: time, gone: dict[str, Any]) -> dict[str, Any]:
    """The cancel of a trade, told on DAYS[day] at `told`."""
    return ending("X", day, gone, **known(day, told))


def terms(cusip: str, name: str, **changes: Any) -> dict[str, Any]:
    """A plain bond of an issuer."""
    return {
        "cusip": cusip,
        "issuer_id": name,
        "coupon_type": "F",
        "coupon_pct": 5.0,
        "coupons_per_year": 2,
        "day_count": "30/360",
        "offering_date": date(2020, 1, 15),
        "maturity_date": date(2031, 1, 15),
        "offering_amount_usd": 5e8,
        "known_at": datetime(2020, 1, 2, 16),
    } | changes


def curve(day: date, level: float, known_at: datetime) -> list[dict[str, Any]]:
    """Par yields of one day."""
    return [
        {
            "trade_date": day,
            "tenor_years": tenor,
            "par_yield_pct": level + tenor / 30,
            "known_at": known_at,
        }
        for tenor in TENORS
    ]


BONDS = [
    terms(A, "i"),
    terms(B, "i", maturity_date=date(2028, 1, 15), offering_amount_usd=3e8),
    terms(C, "j"),
]
ISSUERS, STOCKS = [issuer("i", "P"), issuer("j", "Q")], [stock("P", "PPP"), stock("Q", "QQQ")]
YIELDS = [row for k in range(60) for row in curve(DAYS[k], 4.0 + 0.01 * k, clock(k + 1, time(9)))]


def tables(
    messages, bonds=BONDS, issuers=ISSUERS, stocks=STOCKS, yields=YIELDS, revisions=None
) -> IntradayInputs:
    """What is known of a market after all of `messages`; `revisions` stand in for its bond days
    with spreads.
    """
    frames = {
        name: rows_of(name, *rows)
        for name, rows in {
            "bonds": bonds,
            "issuers": issuers,
            "equities": stocks,
            "treasury_yields": yields,
        }.items()
    }
    memory = TablesInMemory(frames["bonds"])
    reports = delivered(*sorted(messages, key=lambda m: (m["delivery_date"], m["known_at"])))
    memory.take(reports, DAYS[0], DAYS[-1])
    reference = Reference(frames["bonds"], frames["treasury_yields"])
    key = ["cusip", "trade_date", "known_date"]
    spreads = memory.revisions.select(*key, "source", "n_trades").join(
        analyze(memory.revisions, reference).select(*key, "oas_bps", "weight"), on=key, how="left"
    )
    schema = {name: spreads.schema[name] for name in REVISION_COLUMNS if name != "source"}
    spreads = (
        spreads.select(REVISION_COLUMNS)
        if revisions is None
        else pl.DataFrame(revisions, schema=schema, orient="row").with_columns(
            source=pl.lit(None, pl.String)
        )
    )
    return IntradayInputs(
        memory.events.select(EVENT_COLUMNS),
        spreads,
        build_master(frames["bonds"], frames["issuers"], frames["equities"]),
        reference,
    )


def found(
    inputs: IntradayInputs, day: int, at: time, parent: str = "P", times=TIMES
) -> dict[str, Any]:
    """The row of a parent at a moment."""
    rows = issuer_intraday(inputs, DAYS[day], DAYS[day], times).filter(
        parent_id=parent, as_of_time=f"{at:%H:%M}"
    )
    return rows.row(0, named=True) if rows.height else {}


def analyzed(
    cusip: str, day: int, n_trades: int, price: float, at: time = CLOSE
) -> tuple[float, float]:
    """OAS and weight of a bond at a price."""
    row = {
        "cusip": cusip,
        "trade_date": DAYS[day],
        "known_date": DAYS[day],
        "n_trades": n_trades,
        "price": price,
        "known_at": clock(day, at),
    }
    result = analyze(
        pl.DataFrame([row]),
        Reference(rows_of("bonds", *BONDS), rows_of("treasury_yields", *YIELDS)),
        at,
    )
    return result["oas_bps"][0], result["weight"][0]


DOOMED = trade(2, "5", time(11), price=98.0, par_usd=1e6, side="B")
STORY = [
    trade(0, "1", time(10), cusip=A, price=97.0),
    trade(1, "1", time(10), cusip=B, price=98.0),
    trade(1, "2", time(15), cusip=A, price=99.5),
    trade(2, "4", time(10), price=99.0, par_usd=1e6),
    DOOMED,
    cancel(2, time(14), DOOMED),
    trade(
        2,
        "6",
        time(13),
        at=time(10, 30),
        cusip=B,
        price=97.5,
        par_usd=5e6,
        side="B",
        is_par_capped=True,
    ),
    trade(2, "7", time(16, 10), at=time(15, 30), cusip=B, price=90.0, par_usd=2e6),
    trade(3, "9", time(9), on=2, at=time(11, 30), cusip=B, price=91.0, par_usd=3e6, asof_code="A"),
]


def test_noon_has_the_trade_that_is_cancelled_at_two_and_lacks_the_report_of_one():
    row = found(tables(STORY), 2, NOON)
    assert (row["n_bonds_traded"], row["n_trades"], row["par_usd"], row["n_capped_trades"]) == (
        1,
        2,
        2e6,
        0,
    )
    assert (
        row["order_imbalance"] == 0.0
        and row["ticker"] == "PPP"
        and row["known_at"] == clock(2, NOON)
    )
    spread, weight = analyzed(A, 2, 2, 98.5, NOON)
    before, weight_before = analyzed(A, 1, 1, 99.5, time(18, 30))
    assert row["intraday_spread_bps"] == pytest.approx(spread, rel=1e-14)
    assert row["intraday_spread_change_bps"] == pytest.approx(spread - before, rel=1e-12)
    assert spread - before > 5 and weight != weight_before


def test_the_close_lacks_the_cancelled_trade_and_has_the_late_report():
    row = found(tables(STORY), 2, CLOSE)
    assert (row["n_bonds_traded"], row["n_trades"], row["par_usd"], row["n_capped_trades"]) == (
        2,
        2,
        6e6,
        1,
    )
    assert row["order_imbalance"] == (1e6 - 5e6) / 6e6
    now = np.array([analyzed(A, 2, 1, 99.0), analyzed(B, 2, 1, 97.5)])
    before = np.array(
        [analyzed(A, 1, 1, 99.5, time(18, 30)), analyzed(B, 1, 1, 98.0, time(18, 30))]
    )
    both = 1 / (1 / now[:, 1] + 1 / before[:, 1])
    assert row["intraday_spread_bps"] == pytest.approx(
        np.average(now[:, 0], weights=now[:, 1]), rel=1e-13
    )
    assert row["intraday_spread_change_bps"] == pytest.approx(
        np.average(now[:, 0] - before[:, 0], weights=both), rel=1e-11
    )


def test_prints_of_an_earlier_day_are_of_no_later_day():
    row = found(tables([*STORY, trade(3, "1", time(15), cusip=C)]), 3, CLOSE)
    assert (row["n_trades"], row["par_usd"]) == (0, 0.0)
    assert all(
        row[name] is None
        for name in (
            "intraday_spread_bps",
            "intraday_spread_change_bps",
            "order_imbalance",
            "volume_zscore",
        )
    )


def test_nobody_has_a_row_before_the_feed_has_spoken():
    early = tables([trade(0, "1", time(10)), trade(1, "1", time(13))])
    assert issuer_intraday(early, DAYS[0], DAYS[2], TIMES).select(
        "trade_date", "as_of_time", "parent_id"
    ).rows() == [
        (DAYS[day], at, parent)
        for day, parent, at in [
            (0, "P", "12:00"),
            (0, "P", "16:00"),
            (0, "Q", "12:00"),
            (0, "Q", "16:00"),
            (1, "P", "16:00"),
            (1, "Q", "16:00"),
        ]
    ]


def test_a_quarantined_price_has_no_weight_until_it_is_confirmed():
    doubted = [
        trade(2, str(k), time(10 + 2 * k, 30), price=60.0 + k, par_usd=1e6) for k in range(3)
    ]
    inputs = tables(
        [
            trade(1, "1", time(10)),
            trade(1, "2", time(11), cusip=C),
            trade(2, "9", time(10, 45), cusip=C),
            *doubted,
        ]
    )
    rows = {
        at: found(inputs, 2, at, times=[NOON, time(14), CLOSE]) for at in (NOON, time(14), CLOSE)
    }
    assert [rows[at]["n_trades"] for at in rows] == [0, 0, 3]
    assert rows[NOON]["intraday_spread_bps"] is None and rows[time(14)]["par_usd"] == 0.0
    assert rows[CLOSE]["intraday_spread_bps"] == pytest.approx(
        analyzed(A, 2, 3, 61.0)[0], rel=1e-13
    )


@pytest.mark.parametrize("what", ["bonds", "issuers", "stocks"])
def test_a_link_counts_from_the_moment_it_is_known(what):
    late = {"known_at": clock(2, time(14))}
    changed = {
        "bonds": [terms(A, "i", **late), terms(C, "j")],
        "issuers": [issuer("i", "P", **late), issuer("j", "Q")],
        "stocks": [stock("P", "PPP", **late), stock("Q", "QQQ")],
    }
    inputs = tables(
        [trade(2, "1", time(10)), trade(2, "2", time(10, 5), cusip=C)],
        **({"bonds": [terms(A, "i"), terms(C, "j")]} | {what: changed[what]}),
    )
    assert found(inputs, 2, NOON) == {}
    assert found(inputs, 2, CLOSE)["n_trades"] == 1
    assert found(inputs, 2, NOON, "Q")["n_trades"] == 1


def test_a_new_parent_and_a_new_ticker_count_from_their_moment():
    issuers = [*ISSUERS, issuer("i", "Q", valid_from_date=DAYS[2], known_at=clock(2, time(13)))]
    stocks = [*STOCKS, stock("Q", "NEW", valid_from_date=DAYS[1], known_at=clock(2, time(15)))]
    inputs = tables([trade(2, "1", time(10))], issuers=issuers, stocks=stocks)
    assert found(inputs, 2, NOON)["n_trades"] == 1 and found(inputs, 2, CLOSE) == {}
    noon, close = found(inputs, 2, NOON, "Q"), found(inputs, 2, CLOSE, "Q")
    assert (noon["n_trades"], noon["ticker"], close["n_trades"], close["ticker"]) == (
        0,
        "QQQ",
        1,
        "NEW",
    )


@pytest.mark.parametrize(
    ("dates", "present"),
    [
        ({"offering_date": DAYS[2]}, True),
        ({"offering_date": DAYS[3]}, False),
        ({"maturity_date": DAYS[3]}, True),
        ({"maturity_date": DAYS[2]}, False),
    ],
)
def test_a_row_needs_a_bond_outstanding_on_the_day(dates, present):
    inputs = tables(
        [trade(2, "1", time(10), cusip=C)], bonds=[terms(A, "i", **dates), terms(C, "j")]
    )
    assert bool(found(inputs, 2, NOON)) == present


def test_the_curve_is_the_one_known_at_the_moment():
    news = [*YIELDS, *curve(DAYS[1], 9.0, clock(2, time(13)))]
    messages = [trade(2, "1", time(10), price=99.0)]
    plain, told = (tables(messages, yields=yields) for yields in (YIELDS, news))
    assert found(plain, 2, NOON) == found(told, 2, NOON)
    assert (
        found(told, 2, CLOSE)["intraday_spread_bps"]
        < found(plain, 2, CLOSE)["intraday_spread_bps"] - 400
    )


def before(*states: tuple[int, int, int, float | None]) -> list[tuple]:
    """Revisions of A: trading day, day known, trades, OAS; of weight 1."""
    return [
        (A, DAYS[on], DAYS[known], n, oas, None if oas is None else 1.0)
        for on, known, n, oas in states
    ]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([(1, 1, 1, 100.0)], 100.0),
        ([(6 - MATCH_DAYS, 6 - MATCH_DAYS, 1, 100.0)], 100.0),
        ([(5 - MATCH_DAYS, 5 - MATCH_DAYS, 1, 100.0)], None),
        ([(3, 3, 1, 100.0), (4, 4, 1, 120.0)], 120.0),
        ([(3, 3, 1, 100.0), (4, 4, 1, 120.0), (3, 5, 2, 90.0)], 120.0),
        ([(3, 3, 1, 100.0), (4, 4, 1, 120.0), (4, 5, 2, 125.0)], 125.0),
        ([(3, 3, 1, 100.0), (4, 4, 1, 120.0), (4, 6, 2, 125.0)], 120.0),
        ([(3, 3, 1, 100.0), (4, 4, 1, 120.0), (4, 5, 0, None)], 100.0),
        ([(3, 3, 1, 100.0), (4, 4, 1, 120.0), (4, 6, 0, None)], 120.0),
        ([(3, 3, 1, 100.0), (4, 4, 1, None)], None),
        ([(3, 6, 1, 100.0)], None),
    ],
    ids=[
        "five days",
        "oldest",
        "too old",
        "newest",
        "news of an older day",
        "corrected yesterday",
        "corrected today",
        "withdrawn yesterday",
        "withdrawn today",
        "no spread",
        "told today",
    ],
)
def test_the_change_is_from_the_last_bond_day_as_known_at_the_previous_cutoff(states, expected):
    row = found(tables([trade(6, "1", time(10), price=99.0)], revisions=before(*states)), 6, NOON)
    assert row["intraday_spread_bps"] == pytest.approx(analyzed(A, 6, 1, 99.0, NOON)[0], rel=1e-14)
    change = (
        None
        if expected is None
        else pytest.approx(row["intraday_spread_bps"] - expected, rel=1e-12)
    )
    assert row["intraday_spread_change_bps"] == change


def test_a_bond_day_on_a_closed_day_is_no_day_before():
    saturday = next(
        day for day in (DAYS[5] - timedelta(days=k) for k in range(7)) if day.weekday() == 5
    )
    closed = [(A, saturday, DAYS[5], 1, 100.0, 1.0)]
    assert (
        found(tables([trade(6, "1", time(10), price=99.0)], revisions=closed), 6, NOON)[
            "intraday_spread_change_bps"
        ]
        is None
    )


def volumes(n_days: int, par) -> list[dict[str, Any]]:
    """A trade of A told at eleven on each day of which `par` is not null, one of three millions at
    three, and one of C.
    """
    morning = [trade(day, "1", time(11), par_usd=par(day)) for day in range(n_days) if par(day)]
    return [
        *morning,
        *(trade(day, "2", time(15), par_usd=3e6) for day in range(n_days)),
        *(trade(day, "3", time(9), cusip=C) for day in range(n_days)),
    ]


def test_volume_is_compared_with_the_same_time_of_earlier_days():
    messages = volumes(66, lambda day: 1e6 * (1 + day % 7) if day % 5 else None)
    inputs = tables(messages)
    x = np.log1p([1e6 * (1 + day % 7) if day % 5 else 0.0 for day in range(66)])
    noon = found(inputs, 64, NOON)["volume_zscore"]
    assert noon == pytest.approx((x[64] - x[1:64].mean()) / x[1:64].std(ddof=1), rel=1e-12)
    y = np.log1p(np.expm1(x) + 3e6)
    assert found(inputs, 64, CLOSE)["volume_zscore"] == pytest.approx(
        (y[64] - y[1:64].mean()) / y[1:64].std(ddof=1), rel=1e-12
    )
    assert found(inputs, 65, NOON)["volume_zscore"] == pytest.approx(
        (0.0 - x[2:65].mean()) / x[2:65].std(ddof=1), rel=1e-9
    )


def test_forty_days_are_needed_and_a_silent_feed_is_no_quiet_day():
    messages = volumes(42, lambda day: 1e6)
    scores = (
        issuer_intraday(tables(messages), DAYS[39], DAYS[41], [NOON])
        .filter(parent_id="P")["volume_zscore"]
        .to_list()
    )
    assert scores[0] is None and scores[1:] == pytest.approx([0.0, 0.0], abs=1e-9)
    silent = [m for m in messages if m["delivery_date"] != DAYS[10]]
    scores = (
        issuer_intraday(tables(silent), DAYS[39], DAYS[41], [NOON])
        .filter(parent_id="P")["volume_zscore"]
        .to_list()
    )
    assert scores[:2] == [None, None] and scores[2] == pytest.approx(0.0, abs=1e-9)


def test_the_deviation_is_at_least_a_quarter():
    messages = [*volumes(50, lambda day: 1e6), trade(49, "8", time(11, 30), par_usd=1e6)]
    assert found(tables(messages), 49, NOON)["volume_zscore"] == pytest.approx(
        (np.log1p(2e6) - np.log1p(1e6)) / 0.25, rel=1e-9
    )


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["25:00"],
        ["12:60"],
        ["9:30"],
        ["12:00", "12:00"],
        ["18:31"],
        ["noon"],
        ["12:00:00"],
        ["12:00\n"],
    ],
)
def test_times_of_day_that_are_none_are_refused_in_one_line(texts):
    with pytest.raises(
        ValueError,
        match=(
            r"^times of day are one or more different 'HH:MM' \(New York\) from 00:00 to 18:30,"
            r" given were: [^\n]+$"
        ),
    ):
        times_of_day(texts)


def test_times_of_day_are_put_in_order():
    assert times_of_day(["18:30", "00:00", "09:05"]) == [time(0), time(9, 5), time(18, 30)]


# A random market

N_DAYS, FIRST = 56, 46
CUSIPS = ["000001AA1", "000001AB2", "000002AA0", "000002AB1", "000003AA9", "000003AB0"]
_OPEN = datetime(2024, 1, 1, 8)


def random_messages(seed: int) -> list[dict[str, Any]]:
    """Trades all day long in six bonds; some told late, cancelled or corrected on the same day or
    later, some at absurd prices.
    """
    rng = np.random.default_rng(seed)
    messages, mids = [], dict.fromkeys(CUSIPS, 100.0)
    number = 1000
    for day in range(N_DAYS):
        for cusip in CUSIPS:
            mids[cusip] += rng.normal(0, 0.4)
            for _ in range(int(rng.integers(1, 9)) if rng.random() < 0.8 else 0):
                number += 1
                executed = _OPEN + timedelta(minutes=int(rng.integers(0, 590)))
                late = rng.random() < 0.06 and day + 1 < N_DAYS
                told = (
                    time(int(rng.integers(8, 18)), int(rng.integers(0, 60)))
                    if late
                    else (executed + timedelta(minutes=int(rng.integers(0, 30)))).time()
                )
                price = float(np.round(mids[cusip] + rng.normal(0, 0.3), 3)) * (
                    0.5 if rng.random() < 0.02 else 1.0
                )
                par = float(rng.integers(1, 60)) * 1e5
                one = trade(
                    day + late,
                    str(number),
                    told,
                    on=day,
                    at=executed.time(),
                    cusip=cusip,
                    price=price,
                    par_usd=min(par, 5e6),
                    is_par_capped=par > 5e6,
                    side="SB"[int(rng.integers(2))],
                    contra="CCD"[int(rng.integers(3))],
                    **({"asof_code": "A"} if late else {}),
                )
                messages.append(one)
                if rng.random() < 0.15:
                    messages += _ended(rng, day + late, one, number)
    return messages


def _ended(
    rng: np.random.Generator, day: int, one: dict[str, Any], number: int
) -> list[dict[str, Any]]:
    """A cancel or a correction of a trade, later on its day or on the next."""
    next_day = bool(rng.random() < 0.4) and day + 1 < N_DAYS
    told = (
        time(int(rng.integers(8, 18)), 15)
        if next_day
        else (
            datetime.combine(DAYS[day], one["known_at"].time())
            + timedelta(minutes=int(rng.integers(1, 25)))
        ).time()
    )
    if rng.random() < 0.6:
        return [cancel(day + next_day, told, one)]
    said = known(day + next_day, told)
    wrong, right = (
        ending("C", day + next_day, one, **said),
        ending("R", day + next_day, one, f"9{number}", **said),
    )
    return [
        wrong,
        right
        | {
            "price": one["price"] + 0.5,
            "par_usd": 2e5,
            "original_message_number": one["message_number"],
        },
    ]


MARKET = {
    "bonds": [
        terms(
            cusip,
            f"i{k // 2}",
            maturity_date=date(2027 + k, 1, 15),
            offering_amount_usd=1e8 * (k + 2),
            **(
                {"known_at": clock(50, time(14))}
                if k == 5
                else (
                    {
                        "is_callable": True,
                        "first_call_date": date(2026, 1, 15),
                        "first_call_price": 102.0,
                    }
                    if k == 2
                    else {}
                )
            ),
        )
        for k, cusip in enumerate(CUSIPS)
    ],
    "issuers": [
        *(issuer(f"i{k}", f"P{k}") for k in range(3)),
        issuer("i1", "P0", valid_from_date=DAYS[51], known_at=clock(52, time(13))),
    ],
    "stocks": [
        *(stock(f"P{k}", f"T{k}") for k in range(3)),
        stock("P2", "NEW", valid_from_date=DAYS[53], known_at=clock(53, time(15))),
    ],
    "yields": YIELDS,
}


@pytest.fixture(scope="module")
def messages() -> list[dict[str, Any]]:
    """The messages of the random market."""
    return random_messages(3)


@pytest.fixture(scope="module")
def market(messages) -> IntradayInputs:
    """What is known after all of it."""
    return tables(messages, **MARKET)


@pytest.fixture(scope="module")
def whole(market) -> pl.DataFrame:
    """Its rows in one run."""
    return issuer_intraday(market, DAYS[FIRST], DAYS[N_DAYS - 1], TIMES)


def loaded(inputs: IntradayInputs, start: date, end: date) -> IntradayInputs:
    """What `reading/intraday.py` would read for a range."""
    since, matched = offset(start, -BASELINE_DAYS), offset(start, -MATCH_DAYS)
    return inputs._replace(
        events=inputs.events.filter(pl.col("known_date").is_between(since, end)),
        revisions=inputs.revisions.filter(pl.col("known_date").is_between(matched, end)),
    )


def bits(rows: pl.DataFrame) -> list:
    """Every value, floats as they lie in memory."""
    return [
        (
            rows[name].fill_null(-1e300).to_numpy().tobytes()
            if rows[name].dtype == pl.Float64
            else rows[name].to_list()
        )
        for name in rows.columns
    ]


def test_the_random_market_has_everything(market, whole):
    assert (
        TABLES["issuer_intraday"].conform(whole).height
        == whole.height
        == len(whole.unique(["parent_id", "trade_date", "as_of_time"]))
        > 50
    )
    assert {"price_error", "ended_by_cancel", "ended_by_correction"} <= set(
        market.events["reason"].drop_nulls()
    )
    for name in (
        "intraday_spread_change_bps",
        "intraday_spread_bps",
        "volume_zscore",
        "order_imbalance",
    ):
        assert whole[name].drop_nulls().n_unique() > 25, name
        assert not (whole[name].is_nan() | whole[name].is_infinite()).any(), name
    assert (
        whole["n_capped_trades"].max() > 0 and whole["intraday_spread_change_bps"].null_count() > 0
    )


@pytest.mark.parametrize("size", [1, 3, 7])
def test_pieces_of_a_range_are_the_range_to_the_last_bit(market, whole, size):
    days = DAYS[FIRST:N_DAYS]
    pieces = [(days[k], days[min(k + size, len(days)) - 1]) for k in range(0, len(days), size)]
    assert bits(
        pl.concat(
            [
                issuer_intraday(loaded(market, start, end), start, end, TIMES)
                for start, end in pieces
            ]
        )
    ) == bits(whole)


def test_one_time_of_day_alone_is_the_same(market, whole):
    alone = issuer_intraday(market, DAYS[FIRST], DAYS[N_DAYS - 1], [CLOSE])
    assert bits(alone) == bits(whole.filter(as_of_time="16:00"))


def test_the_order_of_the_rows_read_does_not_matter(market, whole):
    mixed = IntradayInputs(
        market.events.sample(fraction=1.0, shuffle=True, seed=1),
        market.revisions.sample(fraction=1.0, shuffle=True, seed=2),
        market.master.sample(fraction=1.0, shuffle=True, seed=3),
        market.reference,
    )
    assert bits(issuer_intraday(mixed, DAYS[FIRST], DAYS[N_DAYS - 1], TIMES)) == bits(whole)


MOMENTS = [
    (47, NOON),
    (49, CLOSE),
    (50, NOON),
    (50, CLOSE),
    (52, NOON),
    (53, NOON),
    (53, CLOSE),
    (54, NOON),
]


def until(rows: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    """Rows of moments up to one."""
    return rows.filter(pl.col("known_at") <= moment)


@pytest.mark.parametrize(("day", "at"), MOMENTS)
def test_what_is_known_after_a_moment_changes_nothing_at_it(messages, whole, day, at):
    """The market cut at the moment: trades, links, terms and curves known later were never
    there.
    """
    moment = clock(day, at)
    known_rows = {
        name: [row for row in rows if row["known_at"] <= moment] for name, rows in MARKET.items()
    }
    cut = issuer_intraday(
        tables([m for m in messages if m["known_at"] <= moment], **known_rows),
        DAYS[FIRST],
        DAYS[N_DAYS - 1],
        TIMES,
    )
    assert bits(until(cut, moment)) == bits(until(whole, moment))
    assert cut.height < whole.height


@pytest.mark.parametrize(("day", "at"), MOMENTS)
def test_poison_after_a_moment_changes_nothing_at_it(messages, whole, day, at):
    """After the moment every trade of the day is cancelled or corrected to nonsense, huge prints
    come, and links and curves change.
    """
    moment, later = clock(day, at), (datetime.combine(DAYS[day], at) + timedelta(minutes=1)).time()
    said = known(day, later)
    gone = {m["message_number"] for m in messages if m["status"] in "XC"}
    today = [
        m
        for m in messages
        if m["status"] == "T"
        and m["execution_date"] == DAYS[day]
        and m["known_at"] <= moment
        and m["message_number"] not in gone
    ]
    cancels = [cancel(day, later, m) for m in today[::2]]
    corrections = [
        part
        for k, m in enumerate(today[1::2])
        for part in (
            ending("C", day, m, **said),
            ending("R", day, m, f"77{k}", **said)
            | {
                "price": m["price"] * 1.1,
                "par_usd": 9e6,
                "original_message_number": m["message_number"],
            },
        )
    ]
    prints = [
        trade(day, f"88{k}", later, at=time(9, k), cusip=cusip, price=110.0, par_usd=9e6)
        for k, cusip in enumerate(CUSIPS)
    ]
    late = {"known_at": moment + timedelta(minutes=1)}
    poisoned = {
        "bonds": MARKET["bonds"],
        "yields": [*YIELDS, *curve(DAYS[day - 1], 15.0, late["known_at"])],
        "issuers": [*MARKET["issuers"], issuer("i0", "P2", valid_from_date=DAYS[0], **late)],
        "stocks": [*MARKET["stocks"], stock("P1", "BAD", valid_from_date=DAYS[0], **late)],
    }
    assert len(cancels) > 1 and len(corrections) > 1
    changed = issuer_intraday(
        tables([*messages, *cancels, *corrections, *prints], **poisoned),
        DAYS[FIRST],
        DAYS[N_DAYS - 1],
        TIMES,
    )
    assert bits(until(changed, moment)) == bits(until(whole, moment))
    after = issuer_intraday(
        tables([*messages, *cancels, *corrections, *prints], **poisoned),
        DAYS[day],
        DAYS[day],
        [time(18, 30)],
    )
    assert not after.equals(
        issuer_intraday(tables(messages, **MARKET), DAYS[day], DAYS[day], [time(18, 30)])
    )


def test_nothing_known_is_nothing_said(market):
    nothing = IntradayInputs(
        market.events.head(0), market.revisions.head(0), market.master, market.reference
    )
    for inputs in (nothing, market._replace(master=market.master.head(0))):
        rows = issuer_intraday(inputs, DAYS[FIRST], DAYS[N_DAYS - 1], TIMES)
        assert rows.is_empty() and TABLES["issuer_intraday"].conform(rows).is_empty()


def test_a_quote_is_the_bond_day_before_as_trades_are():
    """Nobody counts trades of a quoted day, and an older day of trades does not stand in for it."""
    rows = [
        (A, DAYS[0], DAYS[0], 2, 90.0, 3.0, "trades"),
        (A, DAYS[1], DAYS[1], None, 95.0, 1.0, "quotes"),
        (A, DAYS[2], DAYS[2], 0, None, None, None),
    ]
    names = ("cusip", "trade_date", "known_date", "n_trades", "oas_bps", "weight", "source")
    before = _last_bond_days(pl.DataFrame(rows, schema=names, orient="row"))
    found = before.filter(pl.col("trade_date").is_in(DAYS[1:4])).sort("trade_date")
    assert found["oas_before"].to_list() == [90.0, 95.0, 95.0]
