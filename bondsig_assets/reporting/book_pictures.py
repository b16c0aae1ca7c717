"""The tear sheet of the home's book.

Belongs here: reading its rows and saving it. Not here: drawing it (`tear_sheet.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import polars as pl

from bondsig_assets.arrays import Floats
from bondsig_assets.portfolio.book_returns import book_returns
from bondsig_assets.reporting.tear_sheet import TearSheet, draw_tear_sheet


class _Tables(Protocol):
    def read_table(self, name: str) -> pl.DataFrame:
        """All rows of a table."""


def save_tear_sheet(
    tables: _Tables, folder: Path, note: str, cash: pl.DataFrame | None = None
) -> Path | None:
    """Draw `tear_sheet.png` of the newest book into `folder`; nothing where there is none. `note`:
    `simulated`, or nothing. `cash`: `trade_date, cash_return`, what Sharpe ratios are beyond.
    """
    days = tables.read_table("portfolio_days")
    if days.is_empty():
        return None
    policy = days.sort("trade_date")["policy"][-1]
    book = book_returns(days.filter(policy=policy))
    sheet = TearSheet(
        book,
        tables.read_table("performance").filter(policy=policy),
        market="simulated market" if note else "the market of this home",
        is_simulated=bool(note),
        parts=tables.read_table("pnl_parts").filter(policy=policy),
        slices=tables.read_table("pnl_slices").filter(policy=policy),
        cash_returns=None if cash is None else cash_of(book["trade_date"], cash),
    )
    figure = draw_tear_sheet(sheet)
    if figure is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tear_sheet.png"
    figure.savefig(path, dpi=110, bbox_inches="tight")
    return path


def cash_of(days: pl.Series, cash: pl.DataFrame) -> Floats:
    """What cash brought on each of `days`, 0 where nobody says; `cash`: `trade_date,
    cash_return`.
    """
    found = days.to_frame("trade_date").join(
        cash, on="trade_date", how="left", maintain_order="left"
    )
    return found["cash_return"].fill_null(0.0).to_numpy()
