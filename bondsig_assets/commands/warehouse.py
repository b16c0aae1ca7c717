"""`bondsig sql` and `bondsig export`.

Belongs here: reading the warehouse for a person. Not here: the warehouse.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.warehouse import Warehouse

if TYPE_CHECKING:
    from rich.table import Table

#: Rows of a result, some at a time.
Batches = Iterator[list[tuple[Any, ...]]]


def open_warehouse(home: Home) -> Warehouse:
    """The warehouse of `home`. Raises UserError when it holds no market yet."""
    if home.market() is None:
        raise UserError(f"{home.path} holds no market yet: `make run` or `bondsig run` makes one")
    return Warehouse(home.path)


def print_query(home: Home, query: str, form: str) -> None:
    """Run `query` read-only and print its rows as table, csv or json, batch by batch."""
    with open_warehouse(home).stream(query) as (names, batches):
        _WRITERS[form](names, batches)


def _write_csv(names: list[str], batches: Batches) -> None:
    """Lines that end in one newline, as those of psql and duckdb do."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for rows in batches:
        writer.writerows(rows)


def _write_json(names: list[str], batches: Batches) -> None:
    """One list of objects. Raises UserError where two columns would be one key."""
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise UserError(
            f"two columns are called '{double}', and an object of JSON holds one of them: name them"
            " apart with AS, or ask for -f csv"
        )
    opening = "[\n "
    for rows in batches:
        for row in rows:
            item = json.dumps(dict(zip(names, row, strict=True)), default=str, indent=1)
            sys.stdout.write(opening + item.replace("\n", "\n "))
            opening = ",\n "
    sys.stdout.write("[]\n" if opening == "[\n " else "\n]\n")


def _write_table(names: list[str], batches: Batches) -> None:
    """A table for each batch, and how many rows there were."""
    from bondsig_assets.commands.console import open_console

    console, n_rows = open_console(), 0
    for rows in batches:
        console.print(_table(names, rows))
        n_rows += len(rows)
    if not n_rows:
        console.print(_table(names, []))
    console.print(f"{n_rows} rows", style="dim")


_WRITERS = {"csv": _write_csv, "json": _write_json, "table": _write_table}


def _table(names: list[str], rows: list[tuple[Any, ...]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for k, name in enumerate(names):
        table.add_column(
            Text(name),
            justify="right" if rows and isinstance(rows[0][k], int | float) else "left",
            no_wrap=True,
        )
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    return table


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
