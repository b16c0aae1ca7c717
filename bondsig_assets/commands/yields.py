"""How the yields in a TRACE file agree with those that prices and terms give.

Belongs here: reading the cleaned trades, printing and writing the counts. Not here: yields
(`bonds/reported_yields.py`).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

#: Trades asked of a larger file, evenly spread: a yield takes microseconds, a day of the market
#: repeats itself.
MOST_TRADES = 1_000_000


def compare_yields(console: Console, folder: Path, bonds: pl.DataFrame) -> None:
    """Print how many reported yields of `folder/trades.parquet` differ from those of `bonds`' terms
    and why, and write `reported_yields.csv` there: a row a verdict. Nothing where the bonds have no
    coupon or the trades no yield.
    """
    if not {"coupon_pct", "maturity_date"} <= set(bonds.columns):
        return
    from bondsig_assets.bonds.reported_yields import VERDICTS, reported_yields

    trades = pl.scan_parquet(folder / "trades.parquet")
    wanted = ["cusip", "execution_date", "price", "yield_pct"]
    held = trades.filter(pl.col("yield_pct").is_not_null()).select(wanted).collect()
    if held.is_empty():
        return
    step = max(-(-held.height // MOST_TRADES), 1)
    found = reported_yields(held.gather_every(step), bonds)
    counts = (
        pl.DataFrame({"verdict": VERDICTS})
        .join(found["verdict"].value_counts(name="trades"), on="verdict", how="left")
        .with_columns(pl.col("trades").fill_null(0).cast(pl.Int64))
    )
    counts.write_csv(folder / "reported_yields.csv")
    every = "" if step == 1 else f", every {step}th"
    console.print(
        f"Reported yields beside those of price and terms ({found.height:,} trades{every})"
    )
    table = Table(box=None, header_style="")
    table.add_column("verdict")
    table.add_column("trades", justify="right")
    table.add_column("share", justify="right")
    for verdict, n in counts.filter(pl.col("trades") > 0).iter_rows():
        table.add_row(verdict, f"{n:,}", f"{n / found.height:.1%}")
    console.print(table)
