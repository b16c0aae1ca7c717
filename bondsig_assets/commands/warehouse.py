"""`bondsig sql` and `bondsig export`.

Belongs here: reading the warehouse for a person. Not here: the warehouse.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.warehouse import Warehouse


def open_warehouse(home: Home) -> Warehouse:
    """The warehouse of `home`. Raises UserError when it holds no market yet."""
    if home.market() is None:
        raise UserError(f"{home.path} holds no market yet: `make run` or `bondsig run` makes one")
    return Warehouse(home.path)


def print_query(home: Home, query: str, form: str) -> None:
    """Run `query` read-only and print its rows as table, csv or json."""
    names, rows = open_warehouse(home).query(query)
    if form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(names)
        writer.writerows(rows)
    elif form == "json":
        json.dump(
            [dict(zip(names, row, strict=True)) for row in rows], sys.stdout, default=str, indent=1
        )
        sys.stdout.write("\n")
    else:
        _print_table(names, rows)


def _print_table(names: list[str], rows: list[tuple[Any, ...]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from bondsig_assets.commands.console import open_console

    table = Table(box=None, pad_edge=False)
    for k, name in enumerate(names):
        table.add_column(
            Text(name),
            justify="right" if rows and isinstance(rows[0][k], int | float) else "left",
            no_wrap=True,
        )
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    console = open_console()
    console.print(table)
    console.print(f"{len(rows)} rows", style="dim")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(_cell(item) for item in value)
    return str(value)


def export_file(home: Home, path: Path, overwrite: bool) -> None:
    """Copy everything into one plain DuckDB file."""
    open_warehouse(home).export(path, overwrite=overwrite)
    print(
        f"{path}: {path.stat().st_size / 1e6:,.0f} MB; open it with `duckdb {path}` or"
        " duckdb.connect"
    )
