"""What breaks silently, who notices, and after how many days: `python -m studies.silent_faults
HOME`.

Breaks raw tables of copies of a home from one day on, each in one way that no delivery announces,
makes the days from then on again by `bondsig run`, and compares what its monitors say on these
evenings with what those of the home itself say. Prints Markdown. The home must hold a year and a
half of scores at least, for monitors need history; it is only read.

Belongs here: the faults, and what rang that did not ring before. Not here: monitors
(`monitoring/`), series without a market (`alarm_study.py`).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import polars as pl

from bondsig_assets.calendar import day_number, offset
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse, Write
from studies.chain_studies import run
from studies.tables import table

#: Trading days that are broken: the last of the home, for what is broken touches all later ones.
FOLLOWED = 30
#: What is made again: all that rests on the days but books, models and champions.
MADE_AGAIN = (
    "trade_events",
    "bond_day_revisions",
    "bond_analytics",
    "issuer_days",
    "issuer_intraday",
    "credit_news",
    "scores",
    "monitors",
    "drift",
)
#: From the rows of a table and the CUSIPs and tickers of one sector, what is delivered instead.
Breaking = Callable[[pl.DataFrame, "Sector"], pl.DataFrame]


@dataclass(frozen=True)
class Sector:
    """One sector's bonds and stocks."""

    name: str
    cusips: pl.Series
    tickers: pl.Series

    @staticmethod
    def largest(warehouse: Warehouse) -> Sector:
        """The sector with most bonds."""
        links = warehouse.read_table("security_master", columns=["cusip", "ticker", "sector"])
        counted = links.drop_nulls("sector").group_by("sector").agg(n=pl.col("cusip").n_unique())
        name = counted.sort("n", "sector")["sector"][-1]
        own = links.filter(pl.col("sector") == name)
        return Sector(name, own["cusip"].unique(), own["ticker"].drop_nulls().unique())


def nothing_comes(rows: pl.DataFrame, _sector: Sector) -> pl.DataFrame:
    """A source that stopped."""
    return rows.clear()


def uncapped(rows: pl.DataFrame, _sector: Sector) -> pl.DataFrame:
    """Volumes of trades that were capped come in full, without a word: three times the cap."""
    par = pl.when("is_par_capped").then(3 * pl.col("par_usd")).otherwise("par_usd")
    return rows.with_columns(par_usd=par, is_par_capped=pl.lit(False))


def without_sector(rows: pl.DataFrame, sector: Sector) -> pl.DataFrame:
    """The deliverer forgot a sector."""
    if "cusip" in rows.columns:
        return rows.filter(~pl.col("cusip").is_in(sector.cusips.implode()))
    return rows.filter(~pl.col("ticker").is_in(sector.tickers.implode()))


def higher_yields(rows: pl.DataFrame, _sector: Sector) -> pl.DataFrame:
    """Treasury yields of another product, half a point higher: every spread is 50 bp too small."""
    return rows.with_columns(pl.col("par_yield_pct") + 0.5)


def wider_cds(rows: pl.DataFrame, _sector: Sector) -> pl.DataFrame:
    """CDS of another contract: spreads a quarter wider."""
    return rows.with_columns(pl.col("par_spread_bps") * 1.25)


#: Faults in words, and the raw tables that each changes.
FAULTS: Mapping[str, Mapping[str, Breaking]] = {
    "trade reports stop": {"trace_reports": nothing_comes},
    "CDS quotes stop": {"cds_quotes": nothing_comes},
    "a sector's bonds and CDS disappear": {
        "trace_reports": without_sector,
        "cds_quotes": without_sector,
    },
    "par comes uncapped": {"trace_reports": uncapped},
    "Treasury yields 0.5 points higher": {"treasury_yields": higher_yields},
    "CDS spreads a quarter wider": {"cds_quotes": wider_cds},
}


def break_home(
    warehouse: Warehouse, breaking: Mapping[str, Breaking], sector: Sector, begins: date, last: date
) -> None:
    """Put what is delivered instead in the place of rows of the days `begins` … `last`."""
    for name, how in breaking.items():
        day = TABLES[name].partition or TABLES[name].event_time
        if day is None:
            raise ValueError(f"{name} has no days")
        rows = warehouse.read_table(name)
        broken = pl.col(day).is_between(begins, last)
        instead = how(rows.filter(broken), sector)
        if TABLES[name].partition:
            warehouse.replace(Write(name, instead, (begins, last)))
        else:
            warehouse.replace(Write(name, pl.concat([rows.filter(~broken), instead])))


def rung(warehouse: Warehouse, begins: date, last: date) -> pl.DataFrame:
    """`monitor, trade_date`: alarms and late sources of the evenings `begins` … `last`, and what
    drifted, as `drift.FEATURE KIND`.
    """
    between = (begins, last)
    monitors = warehouse.read_table("monitors", between=between)
    drift = warehouse.read_table("drift", between=between)
    return pl.concat(
        [
            monitors.filter(pl.col("state").is_in(["alarm", "late"])).select(
                "monitor", "trade_date"
            ),
            drift.filter("is_warning").select(
                pl.format("drift.{} {}", "feature", "kind").alias("monitor"), "trade_date"
            ),
        ]
    )


def new_alarms(broken: pl.DataFrame, whole: pl.DataFrame, begins: date) -> pl.DataFrame:
    """`monitor, evenings`: what rang in the broken home on an evening on which it did not in the
    whole one, and on which evening first, that of `begins` being the first; earliest first.
    """
    extra = broken.join(whole, on=["monitor", "trade_date"], how="anti")
    first = extra.group_by("monitor").agg(pl.col("trade_date").min())
    start = day_number(pl.Series([begins], dtype=pl.Date))[0]
    return first.select("monitor", evenings=day_number(first["trade_date"]) - start + 1).sort(
        "evenings", "monitor"
    )


def told(found: pl.DataFrame) -> list[str]:
    """Cells: who rang first and on which evening, how many series rang by the end, drift's first
    warning.
    """
    is_drift = pl.col("monitor").str.starts_with("drift.")
    alarms, warnings = found.filter(~is_drift), found.filter(is_drift)
    return [_first(alarms), str(alarms.height), _first(warnings)]


def _first(rows: pl.DataFrame) -> str:
    """The earliest of `rows`: one by its name, several of one monitor by how many."""
    if rows.is_empty():
        return "–"
    earliest = rows.filter(pl.col("evenings") == rows["evenings"].min())
    by_head = earliest.group_by(pl.col("monitor").str.split(".").list.first().alias("head")).agg(
        "monitor"
    )
    names = [
        every[0] if len(every) == 1 else f"{head} ({len(every)} series)"
        for head, every in by_head.sort("head").iter_rows()
    ]
    return f"{', '.join(names)}: evening {earliest['evenings'][0]}"


@click.command(help=__doc__)
@click.argument("home", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--only", default="", help="Words of one fault.")
def main(home: Path, only: str) -> None:
    """Print the study."""
    whole = Warehouse(home)
    last = whole.read("SELECT max(trade_date) AS day FROM monitors")["day"][0]
    begins = offset(last, 1 - FOLLOWED)
    sector, before = Sector.largest(whole), rung(whole, begins, last)
    click.echo(f"From {begins} on, {FOLLOWED} evenings; the sector is {sector.name}.\n", err=True)
    rows = []
    for name, breaking in FAULTS.items():
        if only not in name:
            continue
        with TemporaryDirectory(dir=home.parent) as folder:
            copy = Path(folder) / "home"
            shutil.copytree(home, copy)
            broken = Warehouse(copy)
            broken.initialize()
            break_home(broken, breaking, sector, begins, last)
            select = " or ".join(f"key:{one}" for one in MADE_AGAIN)
            options = ["--start", str(begins), "--end", str(last), "--select", select, "--again"]
            run(copy, options)
            found = new_alarms(rung(broken, begins, last), before, begins)
        rows.append([name, *told(found)])
        click.echo(" | ".join(rows[-1]), err=True)
    columns = ["fault", "first to ring", "series that rang", "drift's first warning"]
    click.echo("\n".join(table(columns, rows)))


if __name__ == "__main__":
    main()
