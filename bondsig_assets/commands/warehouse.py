"""`bondsig export`, and the warehouse of a home for every other command.

Belongs here: opening a home's warehouse for a person, and the copy of all of it. Not here: the
warehouse, and questions to it (`sql.py`).
"""

from __future__ import annotations

from pathlib import Path

from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.warehouse import Warehouse


def open_warehouse(home: Home) -> Warehouse:
    """The warehouse of `home`. Raises UserError when it holds no market yet."""
    if home.market() is None:
        raise UserError(f"{home.path} holds no market yet: `make run` or `bondsig run` makes one")
    return Warehouse(home.path)


def export_file(home: Home, path: Path, overwrite: bool) -> None:
    """Copy everything into one plain DuckDB file."""
    open_warehouse(home).export(path, overwrite=overwrite)
    print(
        f"{path}: {path.stat().st_size / 1e6:,.0f} MB; open it with `duckdb {path}` or"
        " duckdb.connect"
    )
