"""What became of a score in money: target, orders, fills, and what the position brought.

Belongs here: queries and sentences on the way from a score to its P&L. Not here: the way back from
a score to its reports (`score_trail.py`), the figures of whole books (`book_summary.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from bondsig_assets.calendar import offset
from bondsig_assets.market_rules import HORIZON
from bondsig_assets.portfolio.shortfall import shortfalls

Read = Callable[..., pl.DataFrame]
_POSITION = "policy = ? AND parent_id = ?"
#: Column of `target_positions` → what takes that much of an expected return.
_TAKERS = {
    "risk_bps": "risk",
    "trade_bps": "trading",
    "holding_bps": "holding",
    "exposure_bps": "bounds on sums",
    "box_bps": "its own bounds",
}


@dataclass(frozen=True)
class PositionTrail:
    """Rows that follow from a score of `day` under `policy`: the target, the orders of that
    evening, their fills and shortfalls, and the positions of the days that the score was for.
    """

    day: date
    policy: str
    target: dict[str, Any] | None
    orders: list[dict[str, Any]]
    fills: list[dict[str, Any]]
    shortfalls: list[dict[str, Any]]
    positions: list[dict[str, Any]]

    def sentences(self) -> list[str]:
        """What a person is told, a step a line."""
        found = [self._target()]
        found += [_order(one) for one in self.orders]
        found += [_fill(one) for one in self.fills]
        found += [_shortfall(one) for one in self.shortfalls if one["state"] == "judged"]
        return [*found, *self._earned()]

    def _target(self) -> str:
        row = self.target
        if row is None:
            return f"no target: {self.policy} had none of this name on {self.day}"
        said = (
            f"target of {self.policy}: {row['shares']:+,} shares, {row['weight']:+.2%} of net asset"
            f" value ({row['held_shares']:+,} held before)"
        )
        if row["state"] != "in":
            said += f", as the name is {row['state']}"
        if not row["alpha_bps"]:
            return said
        said += f"; {row['alpha_bps']:+.1f} bp expected over five days"
        takers = [
            f"{what} {row[column]:+.1f}"
            for column, what in _TAKERS.items()
            if row[column] is not None and abs(row[column]) >= 0.05
        ]
        return said + (f", of which go to {', '.join(takers)}" if takers else "")

    def _earned(self) -> list[str]:
        """What the position brought on the days that the score was for."""
        if not self.positions:
            return []
        first, last = self.positions[0], self.positions[-1]
        total = sum(row["pnl_usd"] for row in self.positions)
        days = f"{first['trade_date']} … {last['trade_date']}"
        stale = sum(bool(row["is_stale"]) for row in self.positions)
        said = (
            f"position: {last['shares']:+,} shares on {last['trade_date']}; brought {total:+,.2f}"
            f" dollars on {len(self.positions)} days, {days}, all costs counted"
        )
        return [said + (f", marked at an old price on {stale} of them" if stale else "")]


def position_behind(read: Read, parent_id: str, day: date, policy: str) -> PositionTrail:
    """What followed from the evening of `day` for a name in the book of `policy`.

    Positions are those from the session of the orders to HORIZON trading days after it, as many as
    there are.
    """
    key = [policy, parent_id]
    target = read(
        f"SELECT * FROM target_positions WHERE {_POSITION} AND trade_date = ?", [*key, day]
    ).to_dicts()
    orders = read(
        f"SELECT * FROM orders WHERE {_POSITION} AND decision_date = ? ORDER BY order_id",
        [*key, day],
    )
    fills = read(
        "SELECT f.* FROM fills f JOIN orders o USING (policy, order_id) WHERE f.policy = ? AND"
        " f.parent_id = ? AND o.decision_date = ? ORDER BY f.booked_date, f.fill_id",
        [*key, day],
    )
    positions = read(
        f"SELECT * FROM positions WHERE {_POSITION} AND trade_date BETWEEN ? AND ? ORDER BY"
        " trade_date",
        [*key, offset(day, 1), offset(day, 1 + HORIZON)],
    )
    return PositionTrail(
        day,
        policy,
        target[0] if target else None,
        orders.to_dicts(),
        fills.to_dicts(),
        shortfalls(fills, orders).to_dicts(),
        positions.to_dicts(),
    )


def _order(row: dict[str, Any]) -> str:
    verb = row["side"].replace("_", " ")
    wished = f"{row['wished_shares']:,} wished"
    if row["state"] != "sent":
        return f"no order to {verb}: {row['state']}, {wished}"
    cost = [
        row[f"expected_{one}_usd"]
        for one in ("spread", "impact", "commission", "fee")
        if row[f"expected_{one}_usd"] is not None
    ]
    said = f"order for {row['session_date']}: {verb} {row['shares']:,} ({wished})"
    return said + (f", expected to cost {sum(cost):,.2f} dollars" if cost else "")


def _fill(row: dict[str, Any]) -> str:
    when = f" (booked {row['booked_date']})" if row["booked_date"] != row["fill_date"] else ""
    if not row["shares"]:
        return f"no fill on {row['fill_date']}{when}: {row['reason'] or row['outcome']}"
    paid = sum(row[f"{one}_usd"] for one in ("spread", "impact", "commission", "fee"))
    said = f"filled {row['shares']:,} on {row['fill_date']}{when} at {row['price_usd']:,.4f}"
    said += f", {paid:,.2f} dollars beyond"
    if row["unfilled_shares"]:
        said += f"; {row['unfilled_shares']:,} left: {row['reason'] or 'no reason told'}"
    return said


def _shortfall(row: dict[str, Any]) -> str:
    """What the order fell short of its decision, in parts that add up."""
    parts = ", ".join(
        f"{one} {row[f'{one}_usd']:+,.2f}" for one in ("delay", "execution", "opportunity", "fees")
    )
    bps = "" if row["shortfall_bps"] is None else f" ({row['shortfall_bps']:+.1f} bp)"
    return f"fell short of the decision by {row['shortfall_usd']:,.2f} dollars{bps}: {parts}"
