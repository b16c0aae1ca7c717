"""What hindsight does to a cleaned sample, measured on the simulated market, where the truth is
known.

Belongs here: the same reports cleaned as known on the day, as known in the end, and with the usual
filters over the whole history. Not here: the rules (`trace/`). Run as
`python -m studies.hindsight docs/hindsight.md`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl

from bondsig_assets.calendar import trading_days
from bondsig_assets.sources.simulated.market import SimulatedSource
from bondsig_assets.sources.simulated.worlds import world
from bondsig_assets.trace.bond_days import lifetimes, revise, touched_days
from bondsig_assets.trace.cleaning import clean
from bondsig_assets.trace.events import GRAPH, ID, events_of_deliveries, prior_reports

_DAY = ["cusip", "trade_date"]
_WORLD = "tiny"


def samples(
    reports: pl.DataFrame, bonds: pl.DataFrame
) -> dict[str, tuple[pl.DataFrame, pl.DataFrame]]:
    """Name → (trades with `delivery_date, record_number, price`; bond days with `cusip, trade_date,
    price`).

    `on the day`: the first revision of each bond day, at its own cutoff; `in the end`: everything
    known at last, prices judged by earlier prints alone; `ex post`: the usual filters over the
    whole history.
    """
    nothing = prior_reports(reports.clear(), _no_events(), _no_events())
    events = events_of_deliveries(reports, nothing, bonds)
    revisions = revise(touched_days(events), lifetimes(events)).sort("known_date")
    # A bond day is what its own evening knew; one first reported later was not there that evening.
    first = revisions.filter(
        (pl.col("known_date") == pl.col("trade_date")) & (pl.col("n_trades") > 0)
    )
    last = revisions.group_by(_DAY, maintain_order=True).last().filter(pl.col("n_trades") > 0)
    on_the_day = (
        events.filter(pl.col("known_date") == pl.col("delivery_date"))
        .sort(*ID, "revision")
        .group_by(ID, maintain_order=True)
        .last()
    )
    in_the_end = events.sort(*ID, "revision").group_by(ID, maintain_order=True).last()
    numbered = reports.with_row_index("row").cast({"row": pl.Int64})
    hindsight = clean(numbered, bonds=bonds, screens=replace(GRAPH, price_errors="ex_post"))
    kept = hindsight.trades.join(numbered.select("row", *ID), on="row", maintain_order="left")
    standing = pl.col("reason").is_null()
    return {
        "on the day": (on_the_day.filter(standing), first),
        "in the end": (in_the_end.filter(standing), last),
        "ex post": (kept, hindsight.bond_days.filter(pl.col("n_trades") > 0)),
    }


def _no_events() -> pl.DataFrame:
    from bondsig_assets.tables import TABLES

    return TABLES["trade_events"].empty()


def measures(
    found: dict[str, tuple[pl.DataFrame, pl.DataFrame]], truths: pl.DataFrame
) -> pl.DataFrame:
    """One row a sample: trades, dead reports and wrong prints among them, and how far its bond-day
    prices lie from the others'.
    """
    end = found["in the end"][1].select(*_DAY, end="price")
    rows = []
    for name, (trades, days) in found.items():
        with_truth = trades.select(*ID, "price").join(truths, on=ID, how="left")
        error = (pl.col("price") / pl.col("true_mid") - 1).abs() > 0.15
        both = days.select(*_DAY, "price").join(end, on=_DAY)
        gap = (both["price"] / both["end"] - 1).abs() * 1e4
        rows.append(
            (
                name,
                trades.height,
                with_truth.filter(pl.col("dead_reason").is_not_null()).height,
                with_truth.filter(error).height,
                days.height,
                (gap > 1).sum() / gap.len(),
                (gap > 100).sum() / gap.len(),
            )
        )
    schema = {
        "sample": pl.String,
        "trades": pl.Int64,
        "dead": pl.Int64,
        "wrong": pl.Int64,
        "bond_days": pl.Int64,
        "over_1_bp": pl.Float64,
        "over_100_bps": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def dropped_by_one(
    found: dict[str, tuple[pl.DataFrame, pl.DataFrame]], truths: pl.DataFrame
) -> dict[str, tuple[int, int]]:
    """Sample that drops a print the other keeps → (prints within 15 % of the true mid, prints
    further away).
    """
    counts = {}
    for drops, keeps in (("ex post", "in the end"), ("in the end", "ex post")):
        only = (
            found[keeps][0]
            .join(found[drops][0].select(ID), on=ID, how="anti")
            .join(truths, on=ID, how="left")
        )
        near = (only["price"] / only["true_mid"] - 1).abs() <= 0.15
        counts[drops] = int(near.sum()), int((~near).sum())
    return counts


def page(
    table: pl.DataFrame,
    dropped: dict[str, tuple[int, int]],
    first: date,
    last: date,
    n_reports: int,
) -> str:
    """The page in Markdown."""
    heads = (
        "sample",
        "trades",
        "of them dead in truth",
        "of them wrong prints",
        "bond days",
        "price off by > 1 bp",
        "by > 100 bps",
    )
    lines = [f"| {' | '.join(heads)} |", "|---|---:|---:|---:|---:|---:|---:|"]
    for name, trades, dead, wrong, days, small, large in table.iter_rows():
        counts = f"{trades:,} | {dead:,} | {wrong:,} | {days:,}"
        lines.append(f"| {name} | {counts} | {100 * small:.2f} % | {100 * large:.3f} % |")
    lines += [
        "",
        "| prints that are dropped by | but kept by | right ones | wrong ones |",
        "|---|---|---:|---:|",
    ]
    for drops, (right, wrong) in dropped.items():
        lines.append(
            f"| {drops} | {'in the end' if drops == 'ex post' else 'ex post'} | {right:,} |"
            f" {wrong:,} |"
        )
    return _PAGE.format(
        table="\n".join(lines), world=_WORLD, first=first, last=last, n=f"{n_reports:,}"
    )


_PAGE = """# What hindsight does to a cleaned sample

Generated by `python -m studies.hindsight docs/hindsight.md` on the simulated world
`{world}` (live view, {n} reports, {first} to {last}), where the truth of every
report is known. The same reports, cleaned three times:

- **on the day**: what the evening of each day knew. A cancel that came later has not come yet; a
  price is judged by earlier prints alone.
- **in the end**: everything that was ever reported, prices still judged by what came before them
  (and confirmed by what came after, where three agree).
- **ex post**: the usual research sample: the same lifecycle, and the published filters that look at
  later trades (`--screens ex_post`).

{table}

"Price off" compares each sample's par-weighted bond-day price with that of *in the end*, on the
bond days in both. A print is wrong when it lies more than 15 % from the true mid at its execution.
The simulated wrong prints are decimal shifts and slips of 30 points; the published filters look for
moves of 35.

A signal must be computed on *on the day*. The other two are for description.
"""


def main(path: Path) -> None:
    """Measures and writes the page."""
    source = SimulatedSource(world(_WORLD, 1, 0.2), "live")
    first, last = source.date_range()
    delivery = source.daily("trace_reports", first, last)
    bonds = source.reference("bonds", last).rows
    # What ends after the last day has not ended.
    truths = delivery.truth["report_truths"].with_columns(
        dead_reason=pl.when(pl.col("dead_from_date") <= last).then("dead_reason")
    )
    found = samples(delivery.rows, bonds)
    path.write_text(
        page(
            measures(found, truths),
            dropped_by_one(found, truths),
            trading_days(first, last)[0],
            last,
            delivery.rows.height,
        ),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
