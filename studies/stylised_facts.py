"""The page that says what the simulated market resembles, and what it does not.

Belongs here: the table of facts and the words around it. Not here: how a fact is counted
(`stylised_trading.py`, `stylised_credit.py`). Run as
`python -m studies.stylised_facts docs/simulated_market.md`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import polars as pl

from bondsig_assets.calendar import trading_days
from bondsig_assets.sources.base import Source
from bondsig_assets.sources.simulated.leads import PATHS, SHAPES
from studies.stylised_credit import (
    Paths,
    bond_spreads,
    bond_to_stock,
    credit_facts,
    paths,
)
from studies.stylised_trading import read_reports, trading_facts

#: Trading days of reports that the facts are counted on: about two quarters.
WINDOW_DAYS = 126
COLUMNS = ("fact", "target", "simulated", "source_of_target")


def stylised_facts(source: Source) -> pl.DataFrame:
    """`fact`, `target`, `simulated` and `source_of_target`, all text, one row a fact.

    `source` must tell its truth and deliver the regulatory view. Reports are those of the
    last WINDOW_DAYS trading days; paths are those of the whole span.
    """
    truth = source.truth()
    mids = truth["bond_mids"].unique(["cusip", "trade_date"], keep="first")
    days = trading_days(*source.date_range())[-WINDOW_DAYS:]
    spreads = bond_spreads(source, mids)
    both = paths(source, spreads)
    news = spreads.select("cusip", "trade_date", "parent_id").join(
        truth["planted_news"].select("parent_id", trade_date="news_date"),
        on=["parent_id", "trade_date"],
        how="semi",
    )
    rows = trading_facts(read_reports(source, days, mids), news) + credit_facts(
        source, spreads, both
    )
    lead = "bond → stock: minus spread change today, stock's next five days"
    rows.append((lead, "positive when planted", f"{bond_to_stock(both):+.3f}", "planted"))
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")


def lead_alone(source: Source) -> float:
    """The correlation of minus a day's spread change with the stock's next five days."""
    mids = source.truth()["bond_mids"].unique(["cusip", "trade_date"], keep="first")
    both: Paths = paths(source, bond_spreads(source, mids))
    return bond_to_stock(both)


def page(facts: pl.DataFrame, command: str, world: str) -> str:
    """The page in Markdown."""
    lines = ["| fact | target | simulated | source of the target |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in facts.select(COLUMNS).iter_rows()]
    table = re.sub(r"(?<=\d)%", " %", "\n".join(lines))
    return _PAGE.format(
        table=table,
        command=command,
        world=world,
        shapes="\n".join(f"| `{name}` | {made.meaning} |" for name, made in SHAPES.items()),
        paths="\n".join(f"| `{name}` | {meaning} |" for name, meaning in PATHS.items()),
    )


def write_page(path: str | Path) -> pl.DataFrame:
    """Write the page for the demo market to `path`; returns the facts on it."""
    from bondsig_assets.sources.simulated.market import SimulatedSource
    from bondsig_assets.sources.simulated.worlds import WORLDS, world

    strong = SimulatedSource(WORLDS["demo"], "regulatory")
    none = SimulatedSource(world("demo", WORLDS["demo"].seed, 0.0), "regulatory")
    facts = stylised_facts(strong)
    at_zero = (
        "the same with lead strength 0",
        "0, give or take 0.01",
        f"{lead_alone(none):+.3f}",
        "planted",
    )
    facts = pl.concat([facts, pl.DataFrame([at_zero], schema=facts.schema, orient="row")])
    first, last = strong.date_range()
    about = (
        f"`demo`, seed {strong.world.seed}, lead strength {strong.world.lead_strength:.2f}:"
        f" {strong.world.n_parents} parents, {first} to {last}; trade facts from the last"
        f" {WINDOW_DAYS} trading days, in the regulatory view"
    )
    Path(path).write_text(page(facts, f"python -m studies.stylised_facts {path}", about))
    return facts


_PAGE = """\
# The simulated market

bondsig comes with a corporate bond market of its own, made from a seed at the level of single
trade reports. It needs no licence, it fits on a laptop, and its truth is known: which reports
were mistakes, what a bond was really worth, and whether bonds lead stocks at all. So the whole
platform can be judged: how often it finds a lead that is there, and how often one that is not.

**Nothing measured on it is evidence about real bonds.**

## What is simulated

- **Companies.** Parents in eleven sectors, each with a stock, a rating and one to four subsidiaries
  that issue bonds under issuer CUSIPs of their own. Bonds are fixed-rate, callable, floating,
  convertible or sold under Rule 144A. One parent is taken over and one changes its ticker; both are
  announced before they happen.
- **Stocks.** Market and sector moves, public news of each name with fat tails and volatility that
  clusters, earnings days, and a bounce between bid and ask that is gone the next day. No name
  drifts: whatever moves a stock is a simple return of mean zero
  ([why, and how exactly](decisions/0009-no-drift-in-simple-returns.md)). Most pay a dividend a
  quarter; a few split, one the other way. Open, high and low are those of a random walk through the
  day. Every stock has a fee for borrowing it, and some cannot be borrowed; neither tells anything.
- **Macro series.** VIX, oil, Treasury rates of two and ten years, and a credit index that is the
  mean CDS spread of the names that began as investment grade. Stocks and ETFs answer a surprise in
  them on its day, each by an exposure of its own (`truth.macro_exposures`).
- **Spreads.** They follow the stock (70 % on the day, the rest over three days, so that stocks lead
  bonds as most papers say), a credit market factor, a sector factor and noise of the issuer and of
  the bond. Ratings follow lasting moves of the spread by 20 to 90 trading days. Credit default
  swaps exist for the largest 40 % of names.
- **Trades.** Customer trades, riskless principal pairs and inter-dealer trades that both dealers
  report, at the mid of the moment plus or minus a half-spread that falls with size.
- **Reports.** Most within minutes, some late, some days later; cancels, corrections with their new
  trades, reversals more than twenty trading days later, decimal shifts and fat fingers that nobody
  corrects. The `live` view holds what was disseminated on the day: par capped at 5 million
  (investment grade) or 1 million (high yield), the sell leg of inter-dealer trades, no affiliates,
  no primary market. The `regulatory` view holds everything.

Every report date can be made alone and comes out bit for bit as in a longer range. And the market
can go on: a world that ends later, up to the last trading day of 2034, has the same rows for all
earlier days, in every table. What exists is laid out that far from the beginning (a bond that
matures is refinanced, so their number stays level), and each path is drawn day by day from a stream
of its own. A home keeps the version of the simulator it was made with (`market.json`); another
version gives other days, and says so.

## A market that goes on

    bondsig run --live          # the demo market to yesterday; `--world tiny` for a quick look
    bondsig catch-up            # on another morning: the day that has ended since

A live market has a new trading day every morning, by New York's calendar: a day is there from the
midnight after it on. `bondsig catch-up` brings it, or the schedule `every_morning`
([running it for years](operations.md)), and what alerts, freshness and monitors do on real data
can be seen to happen. `--world`, `--seed`, `--lead-strength`, `--lead-shape` and `--lead-path` say
which market, as ever.

A new home begins as many quarters before the present one as the world is long: `tiny` one and three
quarters of a year, `demo` four years, `full` six. So its first run takes as long as that of the
market that has ended. The first day stays what it was when the home was made (`market.json`). In a
home that holds the market without `--live`, that one goes on from where it ended. What was there
never changes: a home made to a day and caught up five days later holds, to the last bit, what one
made at once holds (`bondsig_assets_tests/graph/test_live.py`). It ends on the last trading day of
2034.

Each run draws the market anew, from its first day to yesterday: 1.1 seconds of processor and 320 MB
for the demo's four years, 1.9 s and 560 MB for twelve, 5.9 s and 1.4 GB for fourteen of `full`.
That its partitions have no end costs a run of 300 days of all daily assets 12.3 s of processor
where a closed market of fewer days takes 11.2 (`benchmarks.orchestration`, emptied assets).

## What is planted

One effect. On about 4 % of days a company has *credit news*. Bad news is as frequent as good and as
large on average, but has the heavier tail: it carries 60 % of the variance. Bonds and credit
default swaps move on that day. The stock moves **once**, one to five trading days later, sooner
more often than later. The label (the stock's return from the close of t+1 to that of t+6 minus its
sector ETF's) can catch what lands from t+2 on.

That is the shape `sparse`. `--lead-shape` asks for others, so that nothing is built for one alone:

| shape | how credit news comes and lands |
|---|---|
{shapes}

`--lead-path` changes the strength as time goes on, from a trading day on that is counted from the
first (`--lead-path dead:504`):

| path | the lead |
|---|---|
{paths}

What is no news is public, so a name's variance stays the same. `truth.planted_news` has a row a
piece: its size, its day, the days on which it begins and ends to reach the stock, and who knows it
before. `truth.news_landings` has what reaches the stock on which day.

`lead_strength` says how much: the share of a stock's idiosyncratic variance that is such news, and
twice that share for high yield. Earnings days and changing volatility add to the rest of the
variance, so the share comes out a little lower: about 0.18 and 0.37 at strength 0.20.

| lead strength | meaning |
|---|---|
| 0 | nothing is planted: no score should survive, and one that does is a leak or luck |
| 0.10 | realistic: bonds' information share in Mao (SSRN 2140186) is 12.6 %; no money machine |
| 0.20 | strong on purpose, so that a short demo shows something; the default |

At 0, and in the shape `same_day`, no name earns anything on average, whatever was seen before: this
is tested on the truth, over many seeds, against past returns, volatility, ratings, spread changes,
ranges, volumes and borrow rates. The day after next has median zero too. Over five days the
logarithm, which labels are made of, lies a little below zero in 50.7 % of cases, in every group of
names alike; volatile names a little more often (rank IC -0.005). With a lead, the heavier tail of
bad news leaves the medians of risky names almost, not exactly, where they were.

## What is not realistic

- One rating agency, one takeover, one ticker change; no defaults, no spin-offs, no issuer that
  dies.
- No bond is ever called, tendered or reopened; a callable bond's price bends towards its call price
  by a formula, a convertible is priced as a straight bond, all coupons of new issues are set on the
  first day's curve.
- Every report arrives on a trading day. No when-issued trades, no settlement dates, no reported
  yields, no system-wide duplicates, no wrong CUSIPs or sides.
- Dealers have no identity and little inventory; customers buy and sell at random, so order flow
  tells nothing.
- Trading responds to credit news and to a bond's age, not to earnings days, weekdays or volatility.
- The Treasury curve moves independently of credit; stocks answer it by small exposures.
- Dividends are the same share of the price in every quarter and never cut; borrow rates move by
  themselves and never squeeze anybody.
- ETFs are the market and sector factors themselves, not portfolios of the simulated names.
- Costs and activity are the same in every year: no regimes. The lead is too, but for the paths
  above.

## Beside the facts

"assumed" means that the target is our own estimate or a choice of the design, not a citation; a
paper's name means that the number, or where it says so only the direction, is the paper's. Where
`simulated` misses its target it stands as it came out.

{world}.

{table}

Made by

    {command}
"""


if __name__ == "__main__":
    print(write_page(sys.argv[1] if len(sys.argv) > 1 else "docs/simulated_market.md"))
