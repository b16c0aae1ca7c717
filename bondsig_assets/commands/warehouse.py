"""`bondsig attach` and `bondsig export`, and the warehouse of a home for every other command.

Belongs here: opening a home's warehouse for a person, how other programs open it, and the copy of
all of it. Not here: the warehouse, and questions to it (`sql.py`).
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


def print_attachment(home: Home, offline: bool) -> None:
    """Print the statements with which any DuckDB reads the warehouse."""
    statements = open_warehouse(home).attach_statements(offline)
    print(f"-- The warehouse of {home.path}, for reading; any view and macro as in bondsig sql.")
    for statement in statements:
        print(f"{statement};")
