"""Which day of a home's book a command is about, and files of pictures.

Belongs here: what `bondsig portfolio`, `orders` and `backtest` share. Not here: what they print.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.warehouse import Warehouse

_PICTURES = (".png", ".svg", ".pdf")


def check_picture(picture: Path | None) -> None:
    """Raise UserError for a file that is no kind of picture."""
    if picture is not None and picture.suffix.lower() not in _PICTURES:
        raise UserError(f"'{picture}': a picture ends in .png, .svg or .pdf")


def day_of_book(
    home: Home, warehouse: Warehouse, day: date | None, policy: str, table: str, what: str
) -> date:
    """The day asked for, or the newest, of those on which `table` has rows of `policy`; `what` it
    has, in words. Raises UserError where there are none.
    """
    where = f"FROM {table} WHERE policy = '{policy}'"
    first, last = warehouse.read(f"SELECT min(trade_date), max(trade_date) {where}").row(0)
    if first is None:
        raise UserError(
            f"{home.path} has no {what} by policy '{policy}' yet: `bondsig run` makes them, by"
            " portfolio.toml"
        )
    asked: date = day or last
    if warehouse.read(f"SELECT 1 {where} AND trade_date = DATE '{asked}' LIMIT 1").is_empty():
        raise UserError(
            f"{asked} has no {what} by policy '{policy}': there are {first} … {last}, on trading"
            " days"
        )
    return asked
