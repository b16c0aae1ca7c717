"""How far the features of the simulated market lie from its truth.

Belongs here: running reports to issuer days in memory and comparing them with the paths they were
made of. Not here: the features (`features/`), the market (`sources/simulated/`). Run as `python -m
studies.feature_truth docs/features.md`, which replaces the page's last section.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from bondsig_assets.bonds.analytics import analyze
from bondsig_assets.bonds.known_terms import Reference
from bondsig_assets.features.issuer_days import issuer_days
from bondsig_assets.features.panels import Panels
from bondsig_assets.securities.master import build_master
from bondsig_assets.sources.simulated.market import SimulatedSource
from bondsig_assets.sources.simulated.paths import term_slope
from bondsig_assets.sources.simulated.worlds import world
from bondsig_assets.tables import RAW_REFERENCE, TABLES
from bondsig_assets.trace.bond_days import lifetimes, revise, touched_days
from bondsig_assets.trace.events import events_of_deliveries, prior_reports
from studies.dictionary import TRUTH

_WORLD = "tiny"
_KEY = ["parent_id", "trade_date"]
#: Truths that an error can be a share of: the others lie around zero.
_LEVELS = (
    "spread it was priced with",
    "spread before the call bends it",
    "issuer spread at 5 years",
)


class Made(NamedTuple):
    """Rows of `issuer_days` and of `bond_analytics` of a market, and `bond_analytics` of the same
    bond days at the true mids instead of their trades' prices.
    """

    rows: pl.DataFrame
    analytics: pl.DataFrame
    at_mids: pl.DataFrame


def market_features(source: SimulatedSource) -> Made:
    """What the whole of a simulated market gives, without a warehouse."""
    first, last = source.date_range()
    tables = {name: source.reference(name, last).rows for name in RAW_REFERENCE}
    nothing = TABLES["trade_events"].empty()
    reports = source.daily("trace_reports", first, last).rows
    events = events_of_deliveries(
        reports, prior_reports(reports.clear(), nothing, nothing), tables["bonds"]
    )
    revisions = revise(touched_days(events), lifetimes(events)).sort(
        "known_date", "cusip", "trade_date"
    )
    reference = Reference(
        tables["bonds"],
        tables["treasury_yields"],
        tables["call_schedules"],
        tables["amounts_outstanding"],
    )
    analytics = analyze(revisions, reference)
    mids = source.truth()["bond_mids"].select("cusip", "trade_date", true_price="true_mid")
    at_mids = analyze(
        revisions.join(mids, on=["cusip", "trade_date"], maintain_order="left")
        .with_columns(price="true_price")
        .drop("true_price"),
        reference,
    )
    joined = revisions.drop("known_at").join(
        analytics.drop("known_at"),
        on=["cusip", "trade_date", "known_date"],
        how="left",
        maintain_order="left",
    )
    panels = Panels(
        days=source.market.days,
        revisions=joined,
        master=build_master(tables["bonds"], tables["issuers"], tables["equities"]),
        equities=tables["equities"],
        bonds=tables["bonds"],
        prices=source.daily("equity_prices", first, last).rows,
        cds=source.daily("cds_quotes", first, last).rows,
        fundamentals=tables["fundamentals"],
        ratings=tables["ratings"],
        issuers=tables["issuers"],
        amounts=tables["amounts_outstanding"],
        yields=tables["treasury_yields"],
        reports_since=first,
    )
    return Made(issuer_days(panels, first, last)[0], analytics, at_mids)


def true_issuer_days(source: SimulatedSource) -> pl.DataFrame:
    """`parent_id, trade_date`, the level, slope and curvature of the spread curve, the 5-day change
    and the news of each.
    """
    market = source.market
    level, slope = np.exp(market.log_spread), term_slope(market.rating)
    two, ten = level * 0.4**slope, level * 2.0**slope
    change = np.full_like(level, np.nan)
    change[5:] = level[5:] - level[:-5]
    grid = {
        "level": level,
        "slope": ten - two,
        "curvature": 2 * level - two - ten,
        "change": change,
        "has_news": (market.news != 0).astype(float),
    }
    names = {
        "parent_id": np.tile(market.parents.parent_id, market.days.size),
        "trade_date": np.repeat(market.days, market.world.n_parents),
    }
    return pl.DataFrame(names | {name: values.ravel() for name, values in grid.items()})


def compare(source: SimulatedSource, made: Made) -> pl.DataFrame:
    """`what, truth, n, median_error, median_absolute_error, relative, correlation`: one row a
    comparison.
    """
    rows, analytics, at_mids = made
    both = rows.join(true_issuer_days(source), on=_KEY)
    traded, own = pl.col("n_bonds_traded") > 0, pl.col("curve_extrapolation_flag") == 0
    mids = source.truth()["bond_mids"]
    bonds, undisturbed = (
        of.filter(pl.col("known_date") == pl.col("trade_date"))
        .join(mids, on=["cusip", "trade_date"])
        .with_columns(level=pl.col("true_spread_bps"))
        for of in (analytics, at_mids)
    )
    found = [
        _row(
            "`oas_bps` of a bond that traded, no calls",
            "spread it was priced with",
            bonds.filter(pl.col("oas_method") == "z"),
            "oas_bps",
            "level",
        ),
        _row(
            "`oas_bps` of a bond that traded, callable",
            "spread before the call bends it",
            bonds.filter(pl.col("oas_method") == "hw"),
            "oas_bps",
            "level",
        ),
        _row(
            "`oas_bps` at the true mid, no calls",
            "spread it was priced with",
            undisturbed.filter(pl.col("oas_method") == "z"),
            "oas_bps",
            "level",
        ),
        _row(
            "`oas_bps` at the true mid, callable",
            "spread before the call bends it",
            undisturbed.filter(pl.col("oas_method") == "hw"),
            "oas_bps",
            "level",
        ),
        _row(
            "`spread_bps` of an issuer that traded",
            "issuer spread at 5 years",
            both.filter(traded),
            "spread_bps",
            "level",
        ),
        _row(
            "`filtered_spread_bps`, any day",
            "issuer spread at 5 years",
            both,
            "filtered_spread_bps",
            "level",
        ),
        _row(
            "`filtered_spread_bps`, no trade that day",
            "issuer spread at 5 years",
            both.filter(~traded),
            "filtered_spread_bps",
            "level",
        ),
        _row(
            "`oas_5d_change_bps`",
            "its change over 5 days",
            both.filter(traded),
            "oas_5d_change_bps",
            "change",
        ),
        _row(
            "`spread_slope_10y2y`, bonds at both ends",
            "slope of the issuer's curve",
            both.filter(own),
            "spread_slope_10y2y",
            "slope",
        ),
        _row(
            "`spread_slope_10y2y`, extrapolated",
            "slope of the issuer's curve",
            both.filter(~own),
            "spread_slope_10y2y",
            "slope",
        ),
        _row(
            "`spread_curvature_bps`, bonds at both ends",
            "curvature of the issuer's curve",
            both.filter(own),
            "spread_curvature_bps",
            "curvature",
        ),
    ]
    return pl.concat(found)


def shares(source: SimulatedSource, rows: pl.DataFrame) -> list[str]:
    """What is no distance: how often the filter's band holds the truth, and spikes with and without
    news.
    """
    both = rows.join(true_issuer_days(source), on=_KEY)
    band = both.select(
        (
            (pl.col("filtered_spread_bps") - pl.col("level")).abs()
            <= 2 * pl.col("filtered_spread_sd_bps")
        ).mean()
    ).item()
    spike = (
        both.filter(pl.col("volume_spike_direction").is_not_null())
        .group_by("has_news")
        .agg((pl.col("volume_spike_direction") != 0).mean())
        .sort("has_news")
    )
    rates = dict(spike.iter_rows())
    return [
        (
            "- The filter's band of ± 2 standard deviations holds the issuer's true spread on"
            f" {100 * band:.0f} % of the days. It knows of noise in trades, not of the bonds' own"
            " slow deviations from their issuer's curve (3.5 % of the spread): it says how sure"
            " the bonds' level is, not the issuer's."
        ),
        (
            f"- A volume spike is told on {100 * rates.get(1.0, 0.0):.1f} % of the days with"
            f" planted news and on {100 * rates.get(0.0, 0.0):.2f} % of the others."
        ),
    ]


def _row(what: str, truth: str, rows: pl.DataFrame, ours: str, true: str) -> pl.DataFrame:
    known = rows.filter(pl.col(ours).is_not_null() & pl.col(true).is_finite())
    error, scale = known[ours] - known[true], known[true].abs()
    return pl.DataFrame(
        {
            "what": [what],
            "truth": [truth],
            "n": [known.height],
            "median_error": [error.median()],
            "median_absolute_error": [error.abs().median()],
            "relative": [(error.abs() / scale).filter(scale > 0).median()],
            "correlation": [known.select(pl.corr(ours, true, method="spearman")).item()],
        }
    )


def section(source: SimulatedSource) -> str:
    """The section in Markdown."""
    made = market_features(source)
    first, last = source.date_range()
    lines = [
        TRUTH,
        "",
        "## Against the truth",
        "",
        (
            f"On the simulated world `{_WORLD}` ({first} to {last}), where the truth is known:"
            " `python -m studies.feature_truth docs/features.md`. Errors in bps."
        ),
        "",
        (
            "| feature | truth | values | median error | median absolute error | of the truth |"
            " rank correlation |"
        ),
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for what, truth, n, error, absolute, relative, correlation in compare(source, made).iter_rows():
        share = f"{100 * relative:.1f} %" if truth in _LEVELS else "–"
        lines.append(
            f"| {what} | {truth} | {n:,} | {error:+.2f} | {absolute:.2f} | {share} |"
            f" {correlation:.3f} |"
        )
    return "\n".join([*lines, "", *shares(source, made.rows), "", _SAID]) + "\n"


_SAID = """A bond-day price is the mean of a few trades, each half a bid-ask spread from the mid.
That
noise, and the move of the Treasury curve since the newest one known, are in every `oas_bps` of one
day; at the true mid the curve alone is left. What it puts in is taken out of issuers' spreads
([how](decisions/0012-spreads-over-their-own-days-curve.md)). Each simulated bond also keeps a slow
deviation of its own from its issuer's curve, which no fit can tell from the issuer's level: 3.5 %
of the spread for one bond, less for issuers with many. Curvature of a few noisy bonds tells nothing
here. The error of callable bonds is as large at the true mid as at traded prices: it is not noise
but two models of one option. This market gives up what lies above a call price softly, whatever
volatility; the tree that values them knows Hull and White's volatility and the schedule."""


def main(path: Path) -> None:
    """Measures and replaces the section at the end of the page."""
    source = SimulatedSource(world(_WORLD, 1, 0.2), "live")
    head = path.read_text(encoding="utf-8").split(TRUTH)[0]
    path.write_text(head + section(source), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
