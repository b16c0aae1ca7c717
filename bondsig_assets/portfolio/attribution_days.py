"""The P&L of books split on many days, from rows of the risk model and of expected returns.

Belongs here: which rows count on which day, and in which units. Not here: the split of one day
(`attribution.py`), reading and writing.

What is earned on day s is split by exposures and specific risks of the evening of s - 1, and by the
expected returns of s - 2: these were decided on that evening, filled at the close of s - 1, and are
for the five days that begin with s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats
from bondsig_assets.calendar import cutoff, offset
from bondsig_assets.market_rules import HORIZON
from bondsig_assets.portfolio.attribution import DayModel, changes_by_name, pnl_parts
from bondsig_assets.portfolio.figures import Factors
from bondsig_assets.portfolio.macro_factors import FACTORS
from bondsig_assets.portfolio.risk_days import by_day
from bondsig_assets.tables.performance import PNL_PARTS
from bondsig_assets.tables.trading import CHANGES

#: Trading days before a day whose expected returns it earns.
DECISION_LAG = 2
#: Columns of moves that became known after their evening.
LATE = ("trade_date", "factor", "change", "known_at")


@dataclass(frozen=True)
class ModelRows:
    """Rows that models of days are made of, from DECISION_LAG trading days before the first on.

    `factor_returns`, `factor_exposures`, `specific_risks`: rows of these tables. `alphas`:
    `trade_date, policy, parent_id, alpha_bps`. `returns`: `trade_date, parent_id, simple_return`,
    total, as shares. `late`: `trade_date, factor, change, known_at`: moves of macro factors, in the
    series' own unit, that were not known on their evening, as those of Treasury yields, which are
    published the next morning. None where only what was known at each cutoff shall count, as in
    rows that are made every evening: a range of days would tell more than single ones.
    """

    factor_returns: pl.DataFrame
    factor_exposures: pl.DataFrame
    specific_risks: pl.DataFrame
    alphas: pl.DataFrame
    returns: pl.DataFrame
    late: pl.DataFrame | None = None


def late_moves(series: pl.DataFrame, factor: str, *, is_log: bool) -> pl.DataFrame:
    """Frame of LATE of one series (`trade_date, value, known_at`): its change from one value to the
    next, in logs or not, known when both are; what is no number is left out, in logs what is not
    above 0.
    """
    known = series.filter(pl.col("value").is_finite()).sort("trade_date")
    if is_log:
        known = known.filter(pl.col("value") > 0).with_columns(pl.col("value").log())
    return (
        known.select(
            "trade_date",
            factor=pl.lit(factor),
            change=pl.col("value").diff(),
            known_at=pl.max_horizontal("known_at", pl.col("known_at").shift()),
        )
        .drop_nulls("change")
        .select(LATE)
    )


def moves(rows: ModelRows) -> pl.DataFrame:
    """`trade_date, factor, is_macro, unit, change, known_at`: what each factor did on each day, a
    macro factor in its own unit, a sector as a share; null where it is unknown; `unit`: the change
    that exposures of the same evening are for.
    """
    known = rows.factor_returns.filter(pl.col("state") != "no_data").select(
        "trade_date",
        "factor",
        "is_macro",
        unit=pl.when("is_macro").then("unit_change").otherwise(1.0),
        change=pl.col("factor_return") * pl.when("is_macro").then("unit_change").otherwise(1.0),
        known_at="known_at",
    )
    if rows.late is None:
        return known
    late = rows.late.select("trade_date", "factor", late="change", late_at="known_at")
    joined = known.join(late, on=["trade_date", "factor"], how="left", maintain_order="left")
    is_late = pl.col("change").is_null() & pl.col("late").is_finite()
    return joined.select(
        "trade_date",
        "factor",
        "is_macro",
        "unit",
        change=pl.coalesce("change", pl.when(is_late).then("late")),
        known_at=pl.when(is_late).then("late_at").otherwise("known_at"),
    )


def factors_of(rows: ModelRows, days: Sequence[date]) -> Factors:
    """Factor moves as the columns that alpha is regressed on: macro factors, then sectors by name;
    NaN where unknown.
    """
    found = moves(rows).filter(pl.col("trade_date").is_in(list(days)))
    names = _ordered(found)
    place = {day: k for k, day in enumerate(days)}
    at = {name: k for k, name in enumerate(names)}
    table = np.full((len(days), len(names)), np.nan)
    for day, factor, change in found.select("trade_date", "factor", "change").iter_rows():
        table[place[day], at[factor]] = np.nan if change is None else change
    return Factors(names, table)


def _ordered(found: pl.DataFrame) -> tuple[str, ...]:
    """Macro factors in the model's order, then sectors by name."""
    macro = set(found.filter(pl.col("is_macro"))["factor"])
    sectors = set(found.filter(~pl.col("is_macro"))["factor"])
    return (*(one for one in FACTORS if one in macro), *sorted(sectors))


def day_models(
    rows: ModelRows, days: Sequence[date], policy: str, horizon: int = HORIZON
) -> Iterator[tuple[date, DayModel, datetime]]:
    """Each day of `days` with its model for the book of `policy`, and when all of it was known.

    Names are those with exposures on the evening before. A day before the first rows has a model of
    no names: all it earned is unmodelled.
    """
    moved = by_day(moves(rows))
    exposed, risks, returned = (
        by_day(one) for one in (rows.factor_exposures, rows.specific_risks, rows.returns)
    )
    expected = by_day(rows.alphas.filter(policy=policy))
    for day in days:
        before = offset(day, -1)
        yield (
            day,
            _model(
                moved.get(before),
                moved.get(day),
                exposed.get(before),
                risks.get(before),
                expected.get(offset(day, -DECISION_LAG)),
                returned.get(day),
                horizon,
            ),
            _known_at(moved.get(day), day),
        )


def _known_at(moved: pl.DataFrame | None, day: date) -> datetime:
    latest = None if moved is None else moved["known_at"].max()
    return max(latest, cutoff(day)) if isinstance(latest, datetime) else cutoff(day)


def _model(
    before: pl.DataFrame | None,
    moved: pl.DataFrame | None,
    exposed: pl.DataFrame | None,
    risks: pl.DataFrame | None,
    expected: pl.DataFrame | None,
    returned: pl.DataFrame | None,
    horizon: int,
) -> DayModel:
    if before is None or exposed is None or risks is None:
        nothing = np.zeros(0)
        return DayModel((), (), np.zeros((0, 0)), nothing, nothing, nothing, nothing)
    names = exposed.sort("parent_id")
    parents = names["parent_id"].to_list()
    factors = _ordered(before)
    n_macro = sum(one in FACTORS for one in factors)
    sector = names["sector"].to_numpy()
    betas = [
        names[f"{one}_beta"].fill_null(0.0).to_numpy().astype(float) for one in factors[:n_macro]
    ]
    columns = betas + [1.0 * (sector == one) for one in factors[n_macro:]]
    units = _numbers(before, "factor", "unit", factors)
    moves_of_day = (
        np.full(len(factors), np.nan)
        if moved is None
        else _numbers(moved, "factor", "change", factors)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        standard = moves_of_day / units
    return DayModel(
        tuple(parents),
        factors,
        np.column_stack(columns) if columns else np.zeros((len(parents), 0)),
        (_numbers(risks, "parent_id", "specific_risk_pct", parents) / 100) ** 2,
        np.where(np.isfinite(standard), standard, np.nan),
        _finite(expected, "alpha_bps", parents, 0.0) / 1e4 / horizon,
        _finite(returned, "simple_return", parents, np.nan),
    )


def _finite(
    frame: pl.DataFrame | None, column: str, parents: Sequence[str], otherwise: float
) -> Floats:
    """Values of `parents`, `otherwise` for those without."""
    if frame is None:
        return np.full(len(parents), otherwise)
    found = _numbers(frame, "parent_id", column, parents)
    values: Floats = np.where(np.isfinite(found), found, otherwise)
    return values


def _numbers(frame: pl.DataFrame, key: str, column: str, keys: Sequence[str]) -> Floats:
    """Values of `column` by `key` in the order of `keys`, NaN for those without."""
    at: Mapping[str, float | None] = dict(zip(frame[key], frame[column], strict=True))
    return np.array([at.get(one) for one in keys], dtype=np.float64)


def parts_of_days(
    entries: pl.DataFrame, positions: pl.DataFrame, rows: ModelRows, days: Sequence[date]
) -> pl.DataFrame:
    """Rows of `pnl_parts` of every policy that has `entries` on a day of `days`, and day.

    `entries`, `positions`: rows of `ledger_entries` and `positions`, the latter from the trading
    day before the first on. A day's rows rest on that day and the two before it alone: a range
    gives the bits of single days.
    """
    changes = changes_by_name(entries, list(CHANGES))
    found = [PNL_PARTS.empty()]
    for (policy,), mine in changes.group_by("policy", maintain_order=True):
        changed = by_day(mine)
        held = by_day(positions.filter(policy=policy))
        wanted = [day for day in days if day in changed]
        for day, model, known_at in day_models(rows, wanted, str(policy)):
            before = held.get(offset(day, -1))
            value = (
                {}
                if before is None
                else dict(zip(before["parent_id"], before["value_usd"], strict=True))
            )
            found.append(pnl_parts(str(policy), day, changed[day], value, model, known_at))
    return pl.concat(found).sort(PNL_PARTS.key)
