"""Trade reports of one execution day: who trades, at what price, and the fate of each report.

Belongs here: everything drawn on the execution date. One random stream a day, so that any
day can be made again alone; a report date is then the messages of the days before it that
arrive on it. Not here: the paths prices come from (`paths.py`) and the tables (`market.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bondsig_assets.arrays import Ints
from bondsig_assets.market_rules import INSTITUTIONAL_PAR_USD
from bondsig_assets.sources.simulated.worlds import MAX_REPORT_LAG

_STREAM = 3
_OPEN, _LAST_TRADE, _SYSTEM_CLOSE = 8 * 3600, 17 * 3600 + 900, 18 * 3600 + 1740
#: Messages of one execution day that may arrive on one report date; keeps numbers unique.
MESSAGES_PER_DAY = 100_000
SINGLE, RISKLESS, INTERDEALER = 0, 1, 2
TRADE, CANCEL, CORRECTION_CANCEL, CORRECTED, REVERSAL = "T", "X", "C", "R", "Y"
ALIVE, CANCELLED, CORRECTED_AWAY, REVERSED = 0, 1, 2, 3


@dataclass
class Messages:
    """Arrays over messages. `report_index` is the trading day of the report, `*_second` seconds
    after midnight, `number` the message number, `original` the number pointed back to (-1: none).
    """

    report_index: np.ndarray
    report_second: np.ndarray
    execution_second: np.ndarray
    number: np.ndarray
    original: np.ndarray
    prior_index: np.ndarray
    first_index: np.ndarray
    first_number: np.ndarray
    status: np.ndarray
    bond: np.ndarray
    price: np.ndarray
    par: np.ndarray
    side: np.ndarray
    contra: np.ndarray
    is_agency: np.ndarray
    market: np.ndarray
    is_disseminated: np.ndarray
    is_ats: np.ndarray
    is_special: np.ndarray
    is_weighted: np.ndarray
    is_locked_in: np.ndarray
    is_late: np.ndarray
    true_mid: np.ndarray
    error: np.ndarray
    fate: np.ndarray
    dead_index: np.ndarray

    def take(self, rows: np.ndarray) -> Messages:
        """The messages at `rows`."""
        return Messages(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    @staticmethod
    def concatenate(parts: list[Messages]) -> Messages:
        """Messages of several days, in order."""
        return Messages(
            **{
                name: np.concatenate([getattr(part, name) for part in parts])
                for name in Messages.__dataclass_fields__
            }
        )


@dataclass(frozen=True)
class DayState:
    """What a day's trading needs: per bond alive that day its position, opening and closing mid for
    trades below institutional size and from it on, expected events, rating class and age in days.
    """

    index: int
    bond: np.ndarray
    open_mid: np.ndarray
    close_mid: np.ndarray
    institutional_open_mid: np.ndarray
    institutional_close_mid: np.ndarray
    intensity: np.ndarray
    is_high_yield: np.ndarray
    age: np.ndarray


def messages_of_day(rng: np.random.Generator, state: DayState) -> Messages:
    """All messages about trades executed on one day, whenever they are reported."""
    trades = _legs(rng, state, _events(rng, state))
    return _with_fates(rng, state, trades)


def _events(rng: np.random.Generator, state: DayState) -> dict[str, np.ndarray]:
    shape = 0.45
    intensity = rng.gamma(shape, state.intensity / shape)
    row = np.repeat(np.arange(state.bond.size), rng.poisson(intensity))
    n = row.size
    second = np.where(
        rng.random(n) < 0.6,
        _OPEN + rng.beta(0.9, 0.9, n) * (16 * 3600 - _OPEN),
        _OPEN + rng.random(n) * (_LAST_TRADE - _OPEN),
    ).astype(np.int64)
    size_class = rng.choice(3, n, p=[0.74, 0.21, 0.05])
    par = np.exp(
        rng.normal(np.log([18e3, 350e3, 2.6e6])[size_class], np.array([0.8, 0.8, 0.6])[size_class])
    )
    unit = np.where(par >= 1e6, 1e5, 1e3)
    par = np.maximum(np.round(par / unit), 1) * unit
    kind = rng.choice(3, n, p=[0.45, 0.14, 0.41])
    through_day = np.clip((second - _OPEN) / (16 * 3600 - _OPEN), 0, 1)
    is_big = par >= INSTITUTIONAL_PAR_USD
    opened = np.where(is_big, state.institutional_open_mid[row], state.open_mid[row])
    closes = np.where(is_big, state.institutional_close_mid[row], state.close_mid[row])
    mid = opened + (closes - opened) * through_day
    inventory = rng.normal(0, 0.05, state.bond.size)[row]
    half = (0.06 + 0.62 * np.sqrt(5e3 / np.maximum(par, 5e3))) * np.where(
        state.is_high_yield[row], 1.3, 0.85
    )
    half = half * np.exp(rng.normal(0, 0.35, n))
    sign = np.where(rng.random(n) < 0.5, 1.0, -1.0)
    return {
        "row": row,
        "second": second,
        "par": par,
        "kind": kind,
        "mid": mid,
        "quote": mid + inventory,
        "half": half,
        "sign": sign,
    }


def _legs(rng: np.random.Generator, state: DayState, events: dict[str, np.ndarray]) -> Messages:
    """One report a leg: single customer trades, riskless pairs within a minute, both inter-dealer
    legs.
    """
    kind, n = events["kind"], events["row"].size
    legs = np.where(kind == SINGLE, 1, 2)
    event = np.repeat(np.arange(n), legs)
    second_leg = np.r_[False, event[1:] == event[:-1]]
    get = {name: values[event] for name, values in events.items()}
    interdealer, riskless = get["kind"] == INTERDEALER, get["kind"] == RISKLESS
    sells = np.where(get["kind"] == SINGLE, get["sign"] > 0, ~second_leg)
    direction = np.where(sells, 1.0, -1.0)
    markup = np.where(interdealer, 0.15 * get["half"] * get["sign"], get["half"] * direction)
    markup = np.where(riskless, 0.6 * markup, markup)
    price = np.round(np.maximum(get["quote"] + markup, 0.5), 3)
    skew = np.where(
        second_leg,
        rng.integers(0, 50, event.size) * riskless + rng.integers(0, 3, event.size) * interdealer,
        0,
    )
    affiliate = ~interdealer & (rng.random(event.size) < 0.015)
    primary = (state.age[get["row"]] <= 1) & (get["par"] >= 1e5) & ~interdealer & sells
    contra = np.where(interdealer, "D", np.where(affiliate, "A", "C"))
    m = event.size
    error, reported = _slips(rng, price)
    second = np.minimum(get["second"] + skew, _LAST_TRADE)
    report_index, report_second = _report_times(rng, state.index, second)
    number = _numbers(state.index, report_index, np.arange(m))
    return Messages(
        report_index=report_index,
        report_second=report_second,
        execution_second=second,
        number=number,
        original=np.full(m, -1),
        prior_index=np.full(m, -1),
        first_index=np.full(m, -1),
        first_number=np.full(m, -1),
        status=np.full(m, TRADE),
        bond=state.bond[get["row"]],
        price=np.where(primary, 100.0, reported),
        par=get["par"],
        side=np.where(sells, "S", "B"),
        contra=contra,
        is_agency=riskless & (rng.random(m) < 0.3),
        market=np.where(primary, "P1", "S1"),
        is_disseminated=~(primary | affiliate | (interdealer & ~sells)),
        is_ats=(get["par"] < 1e6) & (rng.random(m) < 0.15),
        is_special=rng.random(m) < 0.002,
        is_weighted=rng.random(m) < 0.01,
        is_locked_in=interdealer & (rng.random(m) < 0.01),
        is_late=(report_index > state.index) | (report_second > second + 900),
        true_mid=get["mid"],
        error=np.where(primary, "", error),
        fate=np.full(m, ALIVE),
        dead_index=np.full(m, -1),
    )


def _slips(rng: np.random.Generator, price: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decimal shifts and fat fingers that nobody corrects: three reports in ten thousand each."""
    draw = rng.random(price.size)
    shift = draw < 0.0003
    finger = (draw >= 0.0003) & (draw < 0.0006)
    factor = np.where(rng.random(price.size) < 0.5, 0.1, 10.0)
    slipped = np.where(rng.random(price.size) < 0.5, price + 30, np.maximum(price - 30, 1.0))
    error = np.where(shift, "decimal_shift", np.where(finger, "fat_finger", ""))
    return error, np.round(np.where(shift, price * factor, np.where(finger, slipped, price)), 3)


def _report_times(
    rng: np.random.Generator, index: int, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mostly within minutes; one in a hundred late the same day, three in a thousand on a later
    day.
    """
    draw = rng.random(second.size)
    delay = np.minimum(np.exp(rng.normal(np.log(70), 1.1, second.size)), 900)
    late = draw < 0.013
    delay = np.where(late, 1800 + rng.random(second.size) * 12_000, delay)
    as_of = draw < 0.003
    report_index = index + np.where(as_of, rng.integers(1, 6, second.size), 0)
    report_second = np.minimum(second + delay, _SYSTEM_CLOSE).astype(np.int64)
    morning = (_OPEN + rng.random(second.size) * 7200).astype(np.int64)
    return report_index, np.where(as_of, morning, report_second)


def _numbers(index: int, report_index: Ints, position: Ints) -> Ints:
    """Message numbers unique within a report date whatever the day of execution."""
    return (report_index - index) * MESSAGES_PER_DAY + position + 1


def _with_fates(rng: np.random.Generator, state: DayState, trades: Messages) -> Messages:
    """Trades with the cancels, corrections and reversals that follow them, one round on trades
    and one on corrected trades."""
    position = trades.number.size
    first = _follow_ups(rng, state.index, trades, position, (0.015, 0.020, 0.004))
    parts = [trades, *first]
    if len(first) > 1:
        corrected = first[1].take(np.flatnonzero(first[1].status == CORRECTED))
        position += sum(part.number.size for part in first)
        again = _follow_ups(rng, state.index, corrected, position, (0.04, 0.05, 0.0))
        first[1] = _merge(first[1], corrected)
        parts = [trades, *first, *again]
    return Messages.concatenate(parts)


def _merge(messages: Messages, corrected: Messages) -> Messages:
    """`messages` with the fates that befell its corrected trades."""
    rows = np.flatnonzero(messages.status == CORRECTED)
    messages.fate[rows] = corrected.fate
    messages.price[rows] = corrected.price
    messages.dead_index[rows] = corrected.dead_index
    return messages


def _follow_ups(
    rng: np.random.Generator,
    index: int,
    trades: Messages,
    position: int,
    rates: tuple[float, float, float],
) -> list[Messages]:
    """Cancels, [corrections with their replacements], reversals; marks `trades` with their fate."""
    draw = rng.random(trades.number.size)
    cancel, correct, reverse = np.cumsum(rates)
    cancelled = np.flatnonzero(draw < cancel)
    corrected = np.flatnonzero((draw >= cancel) & (draw < correct))
    reversed_ = np.flatnonzero((draw >= correct) & (draw < reverse))
    cancels = _undo(rng, index, trades, cancelled, CANCEL, CANCELLED, (0, 19))
    corrections = _undo(rng, index, trades, corrected, CORRECTION_CANCEL, CORRECTED_AWAY, (0, 10))
    replacements = _replace(rng, index, trades, corrected, corrections, position)
    reversals = _undo(rng, index, trades, reversed_, REVERSAL, REVERSED, (21, 50))
    reversals.original = trades.number[reversed_]
    reversals.number = _numbers(
        index, reversals.report_index, position + corrected.size + np.arange(reversed_.size)
    )
    return [cancels, Messages.concatenate([corrections, replacements]), reversals]


def _undo(
    rng: np.random.Generator,
    index: int,
    trades: Messages,
    rows: np.ndarray,
    status: str,
    fate: int,
    lag: tuple[int, int],
) -> Messages:
    """Messages that end the trades at `rows`, repeating their terms and number."""
    undo = trades.take(rows)
    n = rows.size
    same_day = (rng.random(n) < 0.7) & (lag[0] == 0)
    later = undo.report_index + rng.integers(max(lag[0], 1), lag[1] + 1, n)
    undo.prior_index = undo.report_index.copy()
    undo.first_index = np.where(undo.first_index >= 0, undo.first_index, undo.report_index)
    undo.first_number = np.where(undo.first_number >= 0, undo.first_number, undo.number)
    # At the close there is no minute left: an ending still comes after what it ends.
    latest = np.maximum(_SYSTEM_CLOSE + 30, undo.report_second + 1)
    after = np.minimum(undo.report_second + 60 + rng.integers(0, 7200, n), latest)
    undo.report_index = np.where(
        same_day, undo.report_index, np.minimum(later, index + MAX_REPORT_LAG)
    )
    undo.report_second = np.where(same_day, after, _OPEN + rng.integers(0, 30_000, n))
    undo.status = np.full(n, status)
    undo.fate, undo.dead_index, undo.error = (
        np.full(n, ALIVE),
        np.full(n, -1),
        np.full(n, "", dtype=undo.error.dtype),
    )
    trades.fate[rows], trades.dead_index[rows] = fate, undo.report_index
    return undo


def _replace(
    rng: np.random.Generator,
    index: int,
    trades: Messages,
    rows: np.ndarray,
    corrections: Messages,
    position: int,
) -> Messages:
    """The corrected trades; half of the originals had a wrong price, which is what was mended."""
    new = trades.take(rows)
    n = rows.size
    wrong = rng.random(n) < 0.5
    true_price = new.price.copy()
    trades.price[rows] = np.where(
        wrong, np.round(true_price * np.exp(rng.normal(0, 0.02, n)), 3), true_price
    )
    corrections.price = trades.price[rows]
    mended = (new.error != "") & (rng.random(n) < 0.9)
    new.price = np.where(mended, np.round(new.true_mid, 3), true_price)
    new.error = np.where(mended, "", new.error)
    new.par = np.where(~wrong, new.par + 1000.0, new.par)
    new.report_index, new.report_second = corrections.report_index, corrections.report_second
    new.prior_index, new.first_index, new.first_number = (
        corrections.prior_index,
        corrections.first_index,
        corrections.first_number,
    )
    new.original = np.full(n, -1)
    new.number = _numbers(index, new.report_index, position + np.arange(n))
    new.status = np.full(n, CORRECTED)
    new.fate, new.dead_index = np.full(n, ALIVE), np.full(n, -1)
    return new
