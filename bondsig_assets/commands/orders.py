"""`bondsig orders`: what to trade in the next session, and the file that an order management system
reads.

Belongs here: the text, its table, the CSV. Not here: how orders are made (`portfolio/orders.py`).
"""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import polars as pl
from rich.console import RenderableType

from bondsig_assets.commands.books import day_of_book
from bondsig_assets.commands.console import facts, open_console, plain_table, print_section
from bondsig_assets.commands.warehouse import open_warehouse
from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.portfolio.settings import load_settings

#: Columns of the file, a row a slice; docs/trading.md says what each means.
CSV_COLUMNS = (
    "order_id",
    "policy",
    "decision_date",
    "session_date",
    "ticker",
    "side",
    "order_shares",
    "bucket",
    "starts_at",
    "ends_at",
    "slice_shares",
    "decision_price_usd",
)
_COSTS = ("spread", "impact", "commission", "fee")


def print_orders(home: Home, day: date | None, csv: Path | None, n_rows: int) -> None:
    """Print the orders decided on `day` (the newest where None), the `n_rows` largest; with `csv`
    also write every slice of those that are sent into that file.
    """
    policy = load_settings(home.portfolio_file).policy
    warehouse = open_warehouse(home)
    with warehouse.on_snapshot():
        day = day_of_book(home, warehouse, day, policy, "portfolio_days", "orders")
        rows = warehouse.read_table("orders", between=(day, day)).filter(policy=policy)
        slices = warehouse.read_table("order_slices", between=(day, day)).filter(policy=policy)
    if csv is not None:
        _write(csv_rows(rows, slices), csv)
    console = open_console()
    title = f"Orders of {day} by policy {policy}" + (home.note and f" ({home.note})")
    print_section(console, [title, _facts(rows, day)])
    if rows.height:
        print_section(console, _orders(rows, n_rows))
    if csv is not None:
        console.print(f"written: {csv}, {slices.height} slices")


def csv_rows(rows: pl.DataFrame, slices: pl.DataFrame) -> pl.DataFrame:
    """A row a slice of the orders that are sent, in CSV_COLUMNS."""
    sent = rows.filter(state="sent").select(
        "order_id", "session_date", "ticker", "side", "decision_price_usd", order_shares="shares"
    )
    joined = slices.rename({"shares": "slice_shares"}).join(
        sent, on="order_id", maintain_order="left"
    )
    return joined.select(CSV_COLUMNS)


def _facts(rows: pl.DataFrame, day: date) -> RenderableType:
    sent = rows.filter(state="sent")
    value = (sent["shares"] * sent["decision_price_usd"]).sum()
    costs = {name: sent[f"expected_{name}_usd"].sum() for name in _COSTS}
    left_out = (
        rows.filter(pl.col("state") != "sent").group_by("state").len().sort("len", descending=True)
    )
    not_sent = ", ".join(f"{state} {n}" for state, n in left_out.iter_rows())
    session = str(sent["session_date"][0]) if sent.height else "the next one"
    return facts(
        [
            ("session", session),
            ("sent", f"{sent.height} orders of ${value:,.0f}"),
            ("not sent", not_sent or "none"),
            (
                "expected cost",
                f"${sum(costs.values()):,.2f}: "
                + ", ".join(f"{name} {cost:,.2f}" for name, cost in costs.items()),
            ),
        ]
    )


def _orders(rows: pl.DataFrame, n_rows: int) -> list[RenderableType]:
    value = (pl.col("wished_shares") * pl.col("decision_price_usd")).fill_null(0.0)
    shown = rows.sort(value, "order_id", descending=[True, False])
    header = ("ticker", "side", "state", "shares", "of wished", "held", "target", "usd", "% volume")
    table = plain_table(
        header,
        [
            (
                row["ticker"],
                row["side"].replace("_", " "),
                row["state"],
                f"{row['shares']:,}",
                f"{row['wished_shares']:,}",
                f"{row['held_shares']:,}",
                f"{row['target_shares']:,}",
                f"{row['shares'] * (row['decision_price_usd'] or 0.0):,.0f}",
                "" if row["participation_pct"] is None else f"{row['participation_pct']:.3f}",
            )
            for row in shown.head(n_rows).iter_rows(named=True)
        ],
        right=range(3, len(header)),
    )
    more = shown.height - n_rows
    return [table, *([f"{more} smaller ones: --rows {shown.height}"] if more > 0 else [])]


def _write(rows: pl.DataFrame, path: Path) -> None:
    """Whole or not at all: a reader never sees half a file."""
    text = io.StringIO()
    rows.write_csv(text, datetime_format="%Y-%m-%dT%H:%M:%S", float_precision=4)
    partial = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text.getvalue())
        partial.replace(path)
    except OSError as error:
        raise UserError(f"'{path}' cannot be written: {error.strerror}") from error
