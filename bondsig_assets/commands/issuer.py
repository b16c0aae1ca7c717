"""`bondsig issuer`: parent, subsidiaries, bonds and stock as they were known.

Belongs here: reading the tables for the tree and printing it. Not here: the tree (`securities/tree.py`).
"""

from __future__ import annotations

from datetime import date, datetime

import click

from bondsig_assets.cli import UserError
from bondsig_assets.commands.warehouse import open_warehouse
from bondsig_assets.resources.home import Home
from bondsig_assets.securities.amounts import amount_steps, amounts_on
from bondsig_assets.securities.tree import render, security_tree
from bondsig_assets.trading_calendar import cutoff


def print_issuer(home: Home, query: str, day: date | None) -> None:
    """Prints the tree of the parent that `query` means, as known at the cutoff of `day` (default: the newest day of the warehouse)."""
    lake = open_warehouse(home)
    newest = lake.read("SELECT greatest((SELECT max(trade_date) FROM equity_prices), (SELECT max(delivery_date) FROM trace_reports)) AS day")["day"][0]
    if newest is None and day is None:
        raise UserError("the warehouse has no days yet: run `bondsig run` first, or name one with --as-of")
    moment: datetime = cutoff(day or newest)
    tables = {name: lake.read_table(name) for name in ("issuers", "equities", "bonds", "ratings")}
    amounts = amounts_on(amount_steps(tables["bonds"], lake.read_table("amounts_outstanding")).rows, moment.date())
    try:
        tree = security_tree(query, moment, master=lake.read_table("security_master"), amounts=amounts, **tables)
    except LookupError as error:
        raise UserError(str(error)) from error
    for line in render(tree):
        click.echo(line)
