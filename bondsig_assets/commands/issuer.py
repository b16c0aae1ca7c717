"""`bondsig issuer`: parent, subsidiaries, bonds and stock as they were known, and its page as a
picture.

Belongs here: reading the tables for the tree and printing it. Not here: the tree
(`securities/tree.py`), the page (`reporting/issuer_page.py`).
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click
from rich.text import Text
from rich.tree import Tree as Drawing

from bondsig_assets.calendar import cutoff
from bondsig_assets.commands.console import open_console
from bondsig_assets.commands.warehouse import open_warehouse
from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.securities.amounts import amount_steps, amounts_on
from bondsig_assets.securities.ratings import letter
from bondsig_assets.securities.tree import Bond, Equity, Tree, security_tree
from bondsig_assets.warehouse import Warehouse


def print_issuer(home: Home, query: str, day: date | None, picture: Path | None) -> None:
    """Prints the tree of the parent that `query` means, as known at the cutoff of `day` (default:
    the newest day of the warehouse).

    With `picture` also draws spread, curve, volume, basis and stock into that file.
    """
    warehouse = open_warehouse(home)
    newest = warehouse.read(
        "SELECT greatest((SELECT max(trade_date) FROM equity_prices), (SELECT max(delivery_date)"
        " FROM trace_reports)) AS day"
    )["day"][0]
    if newest is None and day is None:
        raise UserError(
            "the warehouse has no days yet: run `bondsig run` first, or name one with --as-of"
        )
    moment: datetime = cutoff(day or newest)
    if newest is not None and day is not None and day > newest:
        click.echo(f"the warehouse ends on {newest}: nothing later is known", err=True)
    tables = {
        name: warehouse.read_table(name) for name in ("issuers", "equities", "bonds", "ratings")
    }
    amounts = amounts_on(
        amount_steps(tables["bonds"], warehouse.read_table("amounts_outstanding")).rows,
        moment.date(),
    )
    tree = security_tree(
        query, moment, master=warehouse.read_table("security_master"), amounts=amounts, **tables
    )
    if picture is not None:
        # Before the text: a reader who pipes it into `head` ends the program there.
        _draw(warehouse, tree.parent_id, moment.date(), picture, home.note)
    open_console().print(drawn(tree))
    if picture is not None:
        click.echo(f"drawn: {picture}")


def drawn(tree: Tree) -> Drawing:
    """The tree as it is printed; par in millions of usd."""
    stock = tree.equity
    title = (
        f"{tree.parent_id}  {stock.company_name}"
        if stock and stock.company_name
        else tree.parent_id
    )
    rating = _rating(tree.rating_number)
    root = Drawing(Text(f"{title}{rating}  as known {tree.moment:%Y-%m-%d %H:%M}"))
    root.add(Text(_stock_line(stock)))
    for issuer in tree.issuers:
        name = issuer.issuer_name or issuer.issuer_id
        rating = _rating(issuer.rating_number)
        branch = root.add(Text(f"{name} [{issuer.issuer_cusip}]{rating}"))
        for bond in issuer.bonds:
            branch.add(Text(_bond_line(bond)))
        if not issuer.bonds:
            branch.add("no bonds outstanding")
    return root


def _rating(number: float | None) -> str:
    return "" if number is None else f"  {letter(number)} ({number:.1f})"


def _stock_line(stock: Equity | None) -> str:
    if stock is None:
        return "no stock known"
    since = f"stock {stock.ticker} since {stock.valid_from_date}"
    return f"{since}  {stock.sector} ({stock.sector_etf})"


def _bond_line(bond: Bond) -> str:
    coupon = {"Z": "zero", "V": f"floating {bond.coupon_pct:+.3f}%"}.get(
        bond.coupon_type, f"{bond.coupon_pct:.3f}%"
    )
    amount = "amount unknown" if bond.amount_usd is None else f"{bond.amount_usd / 1e6:,.1f} m"
    return f"{bond.cusip}  {coupon}  {bond.maturity_date}  {amount}"


def _draw(warehouse: Warehouse, parent_id: str, day: date, picture: Path, note: str) -> None:
    from bondsig_assets.reporting.issuer_page import draw_issuer
    from bondsig_assets.reporting.stamp import stamp

    if picture.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UserError(f"'{picture}': a picture ends in .png, .svg or .pdf")
    figure = draw_issuer(warehouse.read, parent_id, day)
    if figure is None:
        raise UserError(
            f"{parent_id} has no issuer days to draw up to {day}: run `bondsig run` over them first"
        )
    try:
        stamp(figure, note).savefig(picture, dpi=110, bbox_inches="tight")
    except (OSError, ValueError) as error:
        raise UserError(f"{picture} cannot be written: {str(error).splitlines()[0]}") from error
