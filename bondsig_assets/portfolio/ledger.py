"""Double entry in whole numbers: what is booked, and what it adds up to.

Belongs here: money as integers of 1e-4 dollars, accounts, the journal of a day, balances as sums of
entries, accruals. Not here: what happens to a share (`corporate_actions.py`), the order of a day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.calendar import cutoff
from bondsig_assets.errors import LedgerError
from bondsig_assets.portfolio.settings import TradingSettings
from bondsig_assets.tables.trading import CHANGES, LEDGER_ENTRIES

#: Units of money in a dollar, of prices too.
UNITS = 10_000
#: Accounts of what there is; those of where it came from are in CHANGES.
ASSETS = ("cash", "stock", "receivable", "payable")
ACCOUNTS = (*ASSETS, *CHANGES)
#: No share of anything is dearer, in dollars: 14 times what the dearest US stock has cost.
MAXIMUM_PRICE_USD = 1e7
#: Money market convention for fees and interest: actual days over 360.
_YEAR_DAYS = 360.0
_BPS = 1e4
#: Beyond this, products of shares and prices would leave 64 bits.
_LARGEST = 4e18


def units(dollars: Floats | float) -> Any:
    """Dollars as integers of 1e-4, to the nearest; an array or one number. Half a unit goes to the
    even one.

    Examples:
        >>> from bondsig_assets.portfolio.ledger import units
        >>> units(12.34567)
        123457
    """
    if isinstance(dollars, np.ndarray):
        return np.rint(dollars * UNITS).astype(np.int64)
    return round(dollars * UNITS)


def dollars(amount: Ints | int) -> Any:
    """Integers of 1e-4 dollars as dollars; `units` leads back to the same integer."""
    return amount / UNITS


def usable_price(price_usd: Floats) -> Bools:
    """Prices that may be marked and filled at: known, at least one unit, not absurd."""
    usable: Bools = (price_usd >= 1 / UNITS) & (price_usd <= MAXIMUM_PRICE_USD)
    return usable


def value(shares: Ints, price_e4: Ints) -> Ints:
    """Shares times prices in units, exactly. Raises LedgerError where 64 bits do not hold it."""
    if np.any(np.abs(shares.astype(np.float64)) * np.abs(price_e4) > _LARGEST):
        raise LedgerError(
            "a position is worth more than 4e14 dollars: a price, a split ratio or a target is"
            " wrong; look for it among the day's equity_prices and target_positions"
        )
    product: Ints = shares * price_e4
    return product


@dataclass
class Journal:
    """The entries of one book on one day, appended in the order of booking; names by position in
    `parents`.

    `balances`: of every account before the day; `pnl`: what each name brought, [name].
    """

    policy: str
    trade_date: date
    parents: list[str]
    tickers: list[str]
    changed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ACCOUNTS, 0))
    pnl: Ints = field(init=False)
    n_assumed: int = 0
    _blocks: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """No name has brought anything yet."""
        self.pnl = np.zeros(len(self.parents), dtype=np.int64)

    def post(
        self,
        kind: str,
        debit: str,
        credit: str,
        amount_e4: Ints,
        names: Ints,
        *,
        shares: Ints | None = None,
        price_usd: Floats | None = None,
        rate: Floats | None = None,
        event_date: date | np.ndarray | None = None,
        settle_date: date | None = None,
        is_assumed: Bools | bool = False,
        fill_ids: np.ndarray | None = None,
        is_noted: bool = False,
    ) -> None:
        """Take `amount_e4` from `credit` to `debit` for each of `names`; a negative amount goes the
        other way. Of nothing and without shares no entry is made, unless it `is_noted`.
        """
        moved = (amount_e4 != 0) | is_noted
        if shares is not None:
            moved = moved | (shares != 0)
        count = int(moved.sum())
        if not count:
            return
        amount, names = amount_e4[moved], names[moved]
        total = int(amount.sum())
        self.changed[debit] += total
        self.changed[credit] -= total
        for account, sign in ((debit, -1), (credit, 1)):
            if account in CHANGES:
                np.add.at(self.pnl, names, sign * amount)
        assumed = np.broadcast_to(np.asarray(is_assumed), moved.shape)[moved]
        self.n_assumed += int(assumed.sum())
        self._blocks.append(
            {
                "kind": [kind] * count,
                "names": names,
                "fill_id": [None] * count if fill_ids is None else fill_ids[moved].tolist(),
                "is_back": amount < 0,
                "debit": debit,
                "credit": credit,
                "amount_e4": np.abs(amount),
                "shares": np.zeros(count, np.int64) if shares is None else shares[moved],
                "price_usd": np.full(count, np.nan) if price_usd is None else price_usd[moved],
                "rate": np.full(count, np.nan) if rate is None else rate[moved],
                "event_date": event_date[moved]
                if isinstance(event_date, np.ndarray)
                else _days(event_date or self.trade_date, moved),
                "settle_date": _days(settle_date, moved),
                "is_assumed": assumed,
            }
        )

    def whole(self, kind: str, debit: str, credit: str, amount_e4: int, rate: float) -> None:
        """The same of the whole book, of no name."""
        here = np.array([-1])
        amount = np.array([amount_e4])
        self.changed[debit] += amount_e4
        self.changed[credit] -= amount_e4
        if amount_e4:
            self._blocks.append(
                {
                    "kind": [kind],
                    "names": here,
                    "fill_id": [None],
                    "is_back": amount < 0,
                    "debit": debit,
                    "credit": credit,
                    "amount_e4": np.abs(amount),
                    "shares": np.zeros(1, np.int64),
                    "price_usd": np.full(1, np.nan),
                    "rate": np.array([rate]),
                    "event_date": _days(self.trade_date, here),
                    "settle_date": _days(None, here),
                    "is_assumed": np.zeros(1, bool),
                }
            )

    def entries(self) -> pl.DataFrame:
        """Rows of `ledger_entries`."""
        if not self._blocks:
            return LEDGER_ENTRIES.empty()

        def joined(name: str) -> np.ndarray:
            return np.concatenate([block[name] for block in self._blocks])

        sizes = [len(block["kind"]) for block in self._blocks]
        parents = np.array([*self.parents, None], dtype=object)
        tickers = np.array([*self.tickers, None], dtype=object)
        names, is_back = joined("names"), joined("is_back")
        debit, credit = (
            np.repeat(np.array([block[side] for block in self._blocks], dtype=object), sizes)
            for side in ("debit", "credit")
        )
        count = names.size
        return pl.DataFrame(
            {
                "policy": repeated(self.policy, count),
                "trade_date": _days(self.trade_date, names),
                "entry_number": np.arange(1, count + 1),
                "kind": [kind for block in self._blocks for kind in block["kind"]],
                "parent_id": parents[names].tolist(),
                "ticker": tickers[names].tolist(),
                "fill_id": [one for block in self._blocks for one in block["fill_id"]],
                "debit": np.where(is_back, credit, debit).tolist(),
                "credit": np.where(is_back, debit, credit).tolist(),
                "amount_e4": joined("amount_e4"),
                "shares": joined("shares"),
                "price_usd": joined("price_usd"),
                "rate": joined("rate"),
                "event_date": joined("event_date"),
                "settle_date": joined("settle_date"),
                "is_assumed": joined("is_assumed"),
                "known_at": repeated(cutoff(self.trade_date), count),
            },
            schema=LEDGER_ENTRIES.polars_schema,
            nan_to_null=True,
        )


def balances(entries: pl.DataFrame) -> dict[str, int]:
    """Every account's balance from entries alone, in units: what it got less what it gave."""
    sums = dict.fromkeys(ACCOUNTS, 0)
    for side, sign in (("debit", 1), ("credit", -1)):
        by = entries.group_by(side).agg(pl.col("amount_e4").sum())
        for account, amount in by.iter_rows():
            sums[account] += sign * amount
    return sums


def net_asset_value(sums: dict[str, int]) -> int:
    """Cash, stock, receivables and payables (which are below 0), in units."""
    return sum(sums[account] for account in ASSETS)


def held_shares(entries: pl.DataFrame) -> dict[str, int]:
    """Shares by parent from entries alone, those that are not 0."""
    found = (
        entries.filter(pl.col("shares") != 0)
        .group_by("parent_id", maintain_order=True)
        .agg(pl.col("shares").sum())
        .filter(pl.col("shares") != 0)
        .sort("parent_id")
    )
    return dict(found.iter_rows())


def borrow_fee(value_e4: Ints, annual_rate_pct: Floats, days: int) -> Ints:
    """Fee on shorts for `days` calendar days over 360, in units, [name]: on the value at
    yesterday's mark, below 0 for a short; longs pay nothing.
    """
    short = np.maximum(-value_e4, 0)
    rate = np.where(short > 0, np.nan_to_num(annual_rate_pct), 0.0)
    fee: Ints = np.rint(short * (rate / 100 * days / _YEAR_DAYS)).astype(np.int64)
    return fee


def interest(
    cash_e4: int, short_e4: int, annual_rate_pct: float, days: int, settings: TradingSettings
) -> int:
    """Interest for `days` calendar days over 360 on yesterday's cash, in units, below 0 if paid.

    `short_e4`: value of shorts, not below 0. That much of the cash are their proceeds, which earn
    the rate less a spread; the rest is the book's own and earns it less another; what is missing is
    borrowed and pays it and more.
    """
    own = cash_e4 - short_e4
    rate = annual_rate_pct / 100
    earned = rate - settings.cash_spread_bps / _BPS
    paid = rate + settings.debit_spread_bps / _BPS
    of_proceeds = rate - settings.proceeds_spread_bps / _BPS
    # Cash is not charged for by a rate that is near 0.
    a_year = (
        short_e4 * max(of_proceeds, min(rate, 0.0))
        + max(own, 0) * max(earned, min(rate, 0.0))
        + min(own, 0) * paid
    )
    return round(a_year * days / _YEAR_DAYS)


def repeated(one: Any, count: int) -> pl.Series:
    """A column with the same value in every row."""
    return pl.Series([one]).new_from_index(0, count)


def _days(day: date | None, like: np.ndarray) -> np.ndarray:
    """The same day as often as `like` counts (of truths: those that are true)."""
    count = int(like.sum()) if like.dtype == bool else like.size
    return np.full(count, np.datetime64(day or "NaT", "D"))
