"""What bonds paid: a book optimised on credit less the same optimiser's book without it.

Belongs here: the difference of two books in dollars, day by day, how sure it is, and which parts it
is made of. Not here: each book's own figures (`figures.py`), whether a model adds to the control
before money (`learning/evaluation.py`).

Both books see the same days, prices and costs, so their difference moves less than either: it can
show what two Sharpe ratios side by side cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.calendar.days import CUTOFF
from bondsig_assets.errors import UserError
from bondsig_assets.learning.evaluation import DETECTABLE
from bondsig_assets.market_rules import HORIZON
from bondsig_assets.portfolio.book_returns import e4
from bondsig_assets.portfolio.performance import mean_of
from bondsig_assets.tables.backtests import CREDIT_MONEY

#: The policy that hears bonds, and the same optimiser on the equity-only control.
CREDIT, CONTROL = "optimised", "equity_only"


@dataclass(frozen=True)
class CreditMoney:
    """Mean difference of two books in dollars a day, with its Newey-West error and t, and
    `smallest_detectable_usd`: 2.8 errors, what would be found four times in five.

    `total_usd` over `n_days`; `mean_bps`: of the two daily returns. None where too few days tell.
    """

    n_days: int
    total_usd: float
    mean_usd: float
    error_usd: float | None
    t_statistic: float | None
    smallest_detectable_usd: float | None
    mean_bps: float | None


def credit_money(books: pl.DataFrame, credit: str = CREDIT, control: str = CONTROL) -> pl.DataFrame:
    """Rows of `credit_money`: a row a day that both policies of `books` (rows of `book_returns`)
    have; none where one of them has no day at all.

    Raises UserError where the two did not begin on one day with one amount: their difference in
    dollars would be one of size.
    """
    of = {name: books.filter(policy=name).sort("trade_date") for name in (credit, control)}
    if any(rows.is_empty() for rows in of.values()):
        return CREDIT_MONEY.empty()
    _refuse_unlike(of)
    both = of[credit].join(of[control], on="trade_date", suffix="_control", maintain_order="left")
    gap = pl.col("credit") - pl.col("control")
    return CREDIT_MONEY.conform(
        both.select(
            "trade_date",
            credit=e4("pnl_usd"),
            control=e4("pnl_usd_control"),
            difference_bps=1e4 * (pl.col("net_return") - pl.col("net_return_control")),
        ).select(
            "trade_date",
            credit_pnl_usd=pl.col("credit") / 1e4,
            control_pnl_usd=pl.col("control") / 1e4,
            difference_usd=gap / 1e4,
            cumulative_usd=gap.cum_sum() / 1e4,
            difference_bps="difference_bps",
            known_at=pl.col("trade_date").dt.combine(CUTOFF).cast(pl.Datetime("us")),
        )
    )


def _refuse_unlike(of: dict[str, pl.DataFrame]) -> None:
    """Raises UserError for books that began on other days or with other amounts."""
    starts = {
        name: (rows["trade_date"][0], float(rows["base_usd"][0])) for name, rows in of.items()
    }
    (one, first), (other, second) = starts.items()
    if first != second:
        raise UserError(
            f"{one} began on {first[0]} with {first[1]:,.0f} dollars and {other} on {second[0]}"
            f" with {second[1]:,.0f}: run both from one day with one nav_usd"
        )


def summed(rows: pl.DataFrame, horizon: int = HORIZON) -> CreditMoney | None:
    """What rows of `credit_money` say together; None without one."""
    mean = mean_of(rows["difference_usd"].to_numpy(), horizon)
    if mean is None:
        return None
    bps = rows["difference_bps"].drop_nulls().to_numpy()
    return CreditMoney(
        rows.height,
        int(rows.select(e4("difference_usd").sum()).item()) / 1e4,
        mean.value,
        mean.error,
        mean.t_statistic,
        None if mean.error is None else DETECTABLE * mean.error,
        float(bps.mean()) if bps.size else None,
    )


def difference_by_part(
    parts: pl.DataFrame,
    days: Sequence[date],
    credit: str = CREDIT,
    control: str = CONTROL,
    horizon: int = HORIZON,
) -> pl.DataFrame:
    """`part, source, credit_usd, control_usd, difference_usd, mean_usd, error_usd, t_statistic`:
    where the difference of two books came from, from rows of `pnl_parts`, over `days`.

    Differences add up to that of the two books, to 1e-4 dollars. A part that a book does not have
    on a day, as a sector that came later, brought it 0.
    """
    wanted = parts.filter(
        pl.col("policy").is_in([credit, control]), pl.col("trade_date").is_in(list(days))
    )
    place = {day: k for k, day in enumerate(days)}
    found = []
    for (part, source), group in wanted.sort("part", "source", "trade_date", "policy").group_by(
        "part", "source", maintain_order=True
    ):
        earned = {name: np.zeros(len(days), dtype=np.int64) for name in (credit, control)}
        for (name,), mine in group.group_by("policy", maintain_order=True):
            at = [place[day] for day in mine["trade_date"].to_list()]
            earned[str(name)][at] = mine.select(e4("pnl_usd")).to_series().to_numpy()
        gap = earned[credit] - earned[control]
        mean = mean_of(gap / 1e4, horizon)
        found.append(
            {
                "part": part,
                "source": source,
                "credit_usd": int(earned[credit].sum()) / 1e4,
                "control_usd": int(earned[control].sum()) / 1e4,
                "difference_usd": int(gap.sum()) / 1e4,
                "mean_usd": None if mean is None else mean.value,
                "error_usd": None if mean is None else mean.error,
                "t_statistic": None if mean is None else mean.t_statistic,
            }
        )
    numbers = (
        "credit_usd",
        "control_usd",
        "difference_usd",
        "mean_usd",
        "error_usd",
        "t_statistic",
    )
    schema = {"part": pl.String(), "source": pl.String(), **dict.fromkeys(numbers, pl.Float64())}
    return pl.DataFrame(found, schema=schema, orient="row")
