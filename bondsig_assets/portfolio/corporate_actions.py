"""What happens to a share beside its price: dividends, splits, and days that neither explains.

Belongs here: dividend and split of a day as delivered, or as a total return and a close give them
away; delistings and what holders got; the split of a position. Not here: entries (`ledger.py`).

Nothing is guessed. A day whose price moved as neither a dividend nor a split explains is
quarantined: the position stays at the last price that is believed until later days explain it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.portfolio.ledger import MAXIMUM_PRICE_USD, UNITS, usable_price

#: Ratios that companies split by, new shares for one old: the usual ones and small stock dividends.
SIMPLE_RATIOS: Floats = np.array(
    sorted(
        {float(n) for n in (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 50, 100)}
        | {3 / 2, 4 / 3, 5 / 2, 5 / 3, 5 / 4, 6 / 5, 11 / 10, 21 / 20}
        | {1 / n for n in (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100, 200, 1000)}
        | {2 / 3, 3 / 4}
    )
)
#: A dividend below a basis point of the price is what rounding of returns leaves of none.
_NOISE = 1e-4
#: The largest cash dividend that is believed without being delivered, as a share of the price.
_LARGEST_DIVIDEND = 0.2
#: How near a gross return is to a ratio that explains it, and shares outstanding to that ratio:
#: issues and buybacks move them too.
_NEAR, _SHARES_NEAR = 5e-4, 0.02
#: What a total return may be above what is delivered, as a share of the price; prices to the cent.
_MISSING, _TICK_USD = 0.02, 0.01
#: A move that needs no explanation where no total return is delivered, in logs.
_USUAL_MOVE = float(np.log(1.25))
#: A price ten times or a tenth of the one before is a mistake unless a total return says so too.
_ABSURD_MOVE = float(np.log(10.0))
#: A ratio that a price cannot hide, in logs; and ratios beyond which a delivered one is absurd.
_VISIBLE, _ABSURD = float(np.log(1.2)), 10_000.0
#: No dividend is more than this often the price before it.
_LARGEST_MULTIPLE = 10.0
#: More shares outstanding than this no company has.
_MOST_SHARES = 1e13
#: Fractions of a share below this are what multiplying leaves of none.
_HAIR = 1e-9
#: Reasons for which a stock without a known return lost what a dropped one usually does.
_DROPPED = ("dropped", "other", "")


@dataclass(frozen=True)
class Actions:
    """A day's corporate actions by name, arrays [name]: dollars a share of the day that go ex, new
    shares for one old, whether the day is quarantined, and whether either was inferred.
    """

    dividend_usd: Floats
    split_ratio: Floats
    is_quarantined: Bools
    is_inferred: Bools


@dataclass(frozen=True)
class Observed:
    """What is known of the day's shares, arrays [name], NaN where unknown.

    `before_usd`: the last price that is believed, in shares of its day; `growth`: product of 1 +
    total return since then, today's included; `shares_before` and `shares_after`: shares
    outstanding on that price's day and now; `was_quarantined`: no dividend or split as delivered
    explained the days in between.
    """

    before_usd: Floats
    close_usd: Floats
    growth: Floats
    dividend_usd: Floats
    split_ratio: Floats
    shares_before: Floats
    shares_after: Floats
    was_quarantined: Bools


def actions(seen: Observed) -> Actions:
    """Dividend and split of each name's day: as delivered; else from g, the total growth over the
    growth of the close.

    With g near 1 nothing happened. A simple ratio that shares outstanding moved by as well is a
    split, and what is left of g a dividend. Else up to a fifth of the price is a cash dividend,
    unless g is a simple ratio and nobody knows the shares. All else is quarantined, as is a split
    that the price contradicts. What is delivered stands unless the total return says that more than
    2 % of the price is missing from it, or there is none and the price is ten times what it was or
    a tenth. A name without a price has what is delivered. What is delivered while a position is
    quarantined ends that if it explains the whole move.
    """
    priced = usable_price(seen.close_usd) & usable_price(seen.before_usd)
    close = np.where(priced, seen.close_usd, 1.0)
    before = np.where(priced, seen.before_usd, 1.0)
    ratio, dividend = seen.split_ratio, seen.dividend_usd
    absurd = (ratio <= 1 / _ABSURD) | (ratio >= _ABSURD) | (dividend < 0)
    absurd |= dividend > _LARGEST_MULTIPLE * np.where(
        usable_price(seen.before_usd), seen.before_usd, MAXIMUM_PRICE_USD
    )
    move = np.log(close / before)
    wrong = absurd | (priced & _contradicted(ratio, move, dividend / close))
    # A quiet day after a quarantined one explains nothing of what happened before.
    quiet = seen.was_quarantined & ~(np.isfinite(ratio) & (ratio != 1)) & ~(dividend > 0)
    given_ratio = np.where(np.isfinite(ratio) & ~wrong & ~quiet, ratio, 1.0)
    given_dividend = np.where(np.isfinite(dividend) & ~wrong & ~quiet, dividend, 0.0)
    has_growth = priced & (seen.growth > 0)
    gross = np.where(has_growth, seen.growth, 1.0) * before / (close + given_dividend) / given_ratio
    missing = has_growth & ((gross - 1 > _MISSING) | (np.abs(gross - 1) > _LARGEST_DIVIDEND))
    # Told late, it has to explain the days in between, not to be an event of its own.
    adjusted = np.abs(move + np.log(given_ratio) + np.log1p(given_dividend / close))
    missing |= seen.was_quarantined & ~has_growth & (adjusted >= _USUAL_MOVE)
    missing |= priced & ~has_growth & (adjusted >= _ABSURD_MOVE)
    missing |= seen.was_quarantined & has_growth
    taken = np.isfinite(ratio) & np.isfinite(dividend) & ~wrong & ~quiet & ~missing
    inferred = _inferred(seen, priced, has_growth, gross, move, given_ratio)
    quarantined = ~taken & (wrong | inferred.is_quarantined)
    use = ~taken & ~quarantined
    return Actions(
        np.where(quarantined, 0.0, np.where(use, inferred.dividend_usd, 0.0) + given_dividend),
        np.where(quarantined, 1.0, np.where(use, inferred.split_ratio, 1.0) * given_ratio),
        quarantined,
        use & inferred.is_inferred,
    )


def _contradicted(ratio: Floats, move: Floats, paid: Floats) -> Bools:
    """A split that is large enough to be seen, and a price that moved rather as if there had been
    none; `move`: log of close over the price before, `paid`: dividend over the close.
    """
    expected = np.log(np.where(ratio > 0, ratio, 1.0))
    adjusted = np.abs(move + expected + np.log1p(np.where(paid > 0, paid, 0.0)))
    wrong: Bools = (np.abs(expected) > _VISIBLE) & (adjusted > np.abs(move))
    return wrong


def _is_count(shares: Floats) -> Bools:
    """Whether a number can be one of shares outstanding: no company has had fewer than one, or
    more than _MOST_SHARES.
    """
    counts: Bools = (shares >= 1) & (shares <= _MOST_SHARES)
    return counts


def _inferred(
    seen: Observed,
    priced: Bools,
    has_growth: Bools,
    gross: Floats,
    move: Floats,
    given_ratio: Floats,
) -> Actions:
    """What total growth and closes give away beyond what is delivered, of names with both prices.

    `gross`: total growth over the growth of the close and what is delivered.
    """
    counted = priced & _is_count(seen.shares_before) & _is_count(seen.shares_after)
    jump = np.divide(seen.shares_after, seen.shares_before, out=np.ones(gross.shape), where=counted)
    jump = np.where(counted, jump / given_ratio, 1.0)
    same_shares = counted & (np.abs(jump - 1) < _SHARES_NEAR)
    ratio = _nearest(jump)
    moved_by_ratio = counted & ~same_shares & (np.abs(jump / ratio - 1) < _SHARES_NEAR)

    # Without a total return the price's own move is all there is to explain.
    unseen = priced & ~has_growth
    rest = move + np.log(given_ratio)
    usual = unseen & (np.abs(rest) < _USUAL_MOVE)
    split_unseen = unseen & ~usual & moved_by_ratio & (np.abs(rest + np.log(ratio)) < _USUAL_MOVE)

    left = gross / ratio - 1
    close = np.where(priced, seen.close_usd, 1.0)
    is_none = (gross - 1 <= _NOISE) & (gross - 1 >= -np.maximum(_NEAR, _TICK_USD / close))
    split_seen = has_growth & moved_by_ratio & ~is_none & (left > -_NEAR)
    split_seen &= left < _LARGEST_DIVIDEND
    simple = np.abs(gross / _nearest(gross) - 1) < _NEAR
    is_dividend = has_growth & ~split_seen & ~is_none & (gross > 1)
    is_dividend &= (gross - 1 < _LARGEST_DIVIDEND) & (same_shares | ~simple)

    is_split = split_seen | split_unseen
    cash = np.where(split_seen, left, np.where(is_dividend, gross - 1, 0.0))
    cash = np.where(cash > _NOISE, cash * close, 0.0)
    known = usual | (unseen & same_shares & (np.abs(rest) < _ABSURD_MOVE))
    known |= (has_growth & is_none) | is_split | is_dividend
    return Actions(
        cash, np.where(is_split, ratio, 1.0), priced & ~known, priced & (is_split | is_dividend)
    )


def _nearest(gross: Floats) -> Floats:
    """The simple ratio nearest to each, in logs."""
    logs = np.log(SIMPLE_RATIOS)
    wanted = np.log(np.where(gross > 0, gross, 1.0))
    at = np.clip(np.searchsorted(logs, wanted), 1, logs.size - 1)
    low = wanted - logs[at - 1] < logs[at] - wanted
    nearest: Floats = SIMPLE_RATIOS[np.where(low, at - 1, at)]
    return nearest


def split_shares(shares: Ints, ratio: Floats) -> tuple[Ints, Floats]:
    """Shares after a split, whole, cut toward zero for longs and shorts alike, and the fraction
    that is settled in cash, of the sign of the position; [name].
    """
    exact = np.abs(shares) * ratio
    whole = np.floor(exact + _HAIR)
    fraction = np.where(exact - whole > _HAIR, exact - whole, 0.0)
    sign = np.sign(shares)
    return sign * whole.astype(np.int64), sign * fraction


def cash_for_fractions(fraction: Floats, price_usd: Floats) -> Ints:
    """What fractions are worth in units, below 0 for a short, which pays."""
    paid: Ints = np.rint(fraction * np.nan_to_num(price_usd) * UNITS).astype(np.int64)
    return paid


def delisting_returns(
    return_pct: Floats, reasons: list[str | None], unknown_pct: float
) -> tuple[Floats, Bools]:
    """Return from the last price to what holders got, as a share, and whether it is assumed; [row].

    Nobody can lose more than all. A stock that was dropped without anybody knowing the return lost
    what such stocks usually do (`unknown_pct`; Shumway 1997, Journal of Finance 52, "The Delisting
    Bias in CRSP Data"); of a merger, an exchange or a liquidation it counts as 0. Both are flagged.
    """
    is_known = np.isfinite(return_pct)
    dropped = np.array([(one or "").lower() in _DROPPED for one in reasons], dtype=bool)
    found = np.where(is_known, return_pct, np.where(dropped, unknown_pct, 0.0)) / 100
    is_absurd = is_known & (found < -1)
    return np.maximum(found, -1.0), ~is_known | is_absurd


def delisted(
    trade_date: date, tickers: list[str], price_dates: np.ndarray, known: pl.DataFrame
) -> tuple[Ints, pl.DataFrame]:
    """Positions that have ended, by place in `tickers`, and the rows of `known` that end them.

    `known`: rows of `delistings` known at the day's cutoff; those with a last day before it count.
    A row is about a position of that ticker whose last price (`price_dates`) is not younger than
    that day: a later price belongs to whoever has the ticker now, or contradicts the delisting. Of
    several rows the first counts: later ones are of later owners of the ticker.
    """
    rows = known.filter(
        pl.col("ticker").is_in(tickers) & (pl.col("last_trade_date") < trade_date)
    ).sort("last_trade_date", maintain_order=True)
    where = {ticker: at for at, ticker in enumerate(tickers)}
    last = rows["last_trade_date"].to_numpy().astype("datetime64[D]")
    found: dict[int, int] = {}
    for row, ticker in enumerate(rows["ticker"]):
        at = where[ticker]
        if at not in found and not price_dates[at] > last[row]:
            found[at] = row
    positions = sorted(found)
    return np.array(positions, dtype=np.int64), rows[[found[at] for at in positions]]
