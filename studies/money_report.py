"""Sections of the page of results that tell of money: what books earned by lead, what was to be
had, what no lead earns, and what cheating seems to.

Belongs here: their text and tables. Not here: the page (`report.py`), the books (`money.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from studies.money import STUDY
from studies.tables import table

Books = list[dict[str, dict[str, float]]]
_BOOKS = ("optimised", "tranches", "oracle", "optimised, $1M", "optimised, $100M")
_CHEATS = (
    "same close",
    "no costs",
    "no borrow",
    "last price of the delisted",
    "tuned on the backtest",
)
_TEXT = (
    "## Money",
    "",
    "Books of the daily run in worlds from bond days, demo size, $10M unless it says otherwise,"
    " begun with the first score; simple returns, interest left out, all costs counted: fills at"
    " the close of the next session, half-spread, square-root impact, commissions, fees, borrow,"
    " delistings. The error of a Sharpe ratio is the mean one of a world; worlds stand beside it.",
)
_CHEAT_TEXT = (
    "### The price of cheating, in money",
    "",
    "The optimised book of the same worlds, each time with one thing that nobody can do: to trade"
    " at the close that decided, to pay nothing, to borrow for nothing, to sell the delisted at"
    " their last price, and to choose aversion to risk and multiplier by the backtest itself.",
)


def money_sections(results: dict[str, dict[str, dict[str, Any]]]) -> Iterator[str]:
    """Every section there are results for."""
    units = results.get(STUDY, {})
    if not units:
        return
    leads: dict[float, Books] = {}
    for one in units.values():
        leads.setdefault(one["parameters"]["lead_strength"], []).append(one["books"])
    yield from (*_TEXT, "")
    yield from earned_table(leads)
    yield ""
    cheats = {lead: books for lead, books in leads.items() if lead}
    if cheats:
        yield from (*_CHEAT_TEXT, "")
        yield from cheat_table(cheats)
        yield ""
    if nulls := leads.get(0.0):
        yield from null_text(nulls)
        yield ""


def earned_table(leads: dict[float, Books]) -> list[str]:
    """A row a lead and book."""
    rows = []
    for lead, worlds in leads.items():
        best = np.mean([one.get("oracle", {}).get("net_usd", np.nan) for one in worlds])
        for name in _BOOKS:
            of = [one[name] for one in worlds if name in one]
            if not of:
                continue
            mean = {key: float(np.mean([one[key] for one in of])) for key in of[0]}
            share = mean["net_usd"] / best if lead and "$" not in name else np.nan
            rows.append(
                (
                    f"{lead:.2f}",
                    name,
                    str(len(of)),
                    f"{mean['net_pct']:+.1f}",
                    f"{mean['gross_pct']:+.1f}",
                    f"{mean['sharpe']:+.2f} ± {mean['sharpe_error']:.2f}",
                    f"{100 * mean['turnover']:.1f}",
                    f"{mean['exposure']:.2f}",
                    f"{share:.0%}" if np.isfinite(share) else "",
                )
            )
    header = (
        "lead",
        "book",
        "worlds",
        "net, % a year",
        "gross",
        "Sharpe ratio, net",
        "turnover, % a day",
        "gross exposure",
        "of the oracle's net",
    )
    return table(header, rows)


def cheat_table(leads: dict[float, Books]) -> list[str]:
    """A row a lead and way to cheat: what it seems to earn beyond the honest book."""
    rows = []
    for lead, worlds in leads.items():
        for name in _CHEATS:
            both = [(one["optimised"], one[name]) for one in worlds if name in one]
            if both:
                honest, cheat = (
                    {key: float(np.mean([pair[k][key] for pair in both])) for key in both[0][k]}
                    for k in (0, 1)
                )
                rows.append(
                    (
                        f"{lead:.2f}",
                        name,
                        f"{honest['net_pct']:+.1f}",
                        f"{cheat['net_pct']:+.1f}",
                        f"{honest['sharpe']:+.2f}",
                        f"{cheat['sharpe']:+.2f}",
                    )
                )
    header = ("lead", "cheat", "honest, % a year", "seems", "honest Sharpe", "seems")
    return table(header, rows)


def null_text(worlds: Books) -> list[str]:
    """What books earn where nothing leads."""
    idle = sum(one["optimised"]["exposure"] < 1e-6 for one in worlds)
    exposure = max(one["optimised"]["exposure"] for one in worlds)
    net, gross, cost = (
        np.array([_of_tranches(one, key) for one in worlds])
        for key in ("net_usd", "gross_usd", "cost_usd")
    )
    n = len(worlds)
    error = gross.std(ddof=1) / np.sqrt(n) if n > 1 else float("nan")
    return [
        f"Where nothing leads ({n} worlds): the optimised book never traded in {idle}, and its mean"
        f" gross exposure was {exposure:.3f} at most. Tranches trade whatever is known: they earned"
        f" {net.mean():+,.0f} dollars a world after {cost.mean():,.0f} of costs,"
        f" {gross.mean():+,.0f} (error {error:,.0f}) before them.",
    ]


def _of_tranches(one: dict[str, dict[str, float]], key: str) -> float:
    of = one["tranches"]
    return of["net_usd"] + of["cost_usd"] if key == "gross_usd" else of[key]
