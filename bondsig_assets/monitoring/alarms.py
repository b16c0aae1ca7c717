"""Every alarm as a row that says what rang, how sure that is, and what fell.

Belongs here: rows of `alarms` from rows of `monitors`, in words; what is red on an evening. Not
here: when a monitor rings (`watch.py`, `jumps.py`, `freshness.py`), what follows (`retraining.py`).
"""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from bondsig_assets.calendar import offset
from bondsig_assets.market_rules import TRADING_DAYS_PER_YEAR
from bondsig_assets.monitoring.catalogue import BY_NAME
from bondsig_assets.monitoring.freshness import CHAMPION, CHAMPION_REMEDY, REMEDY
from bondsig_assets.tables.monitoring import ALARMS

#: What `alarms` is told of the parts that fell.
FALLEN: dict[str, pl.DataType] = {
    "trade_date": pl.Date(),
    "monitor": pl.String(),
    "fell": pl.List(pl.String()),
}

#: Trading days for which an alarm of a mean or of a day stays red: a jump is usual after a month,
#: and a detector that rang has begun anew.
RED_DAYS = 21


def red(monitors: pl.DataFrame, rung: pl.DataFrame, evening: date) -> pl.DataFrame:
    """What is red on `evening`: `trade_date, monitor, explanation`, the newest first.

    Alarms of the last RED_DAYS trading days, of each monitor the newest, and whatever rang before
    and still has not come. `monitors`: rows of the evening; `rung`: rows of `alarms`.
    """
    first = offset(evening, 1 - RED_DAYS)
    recent = rung.filter(pl.col("trade_date").is_between(first, evening))
    missing = monitors.filter(
        pl.col("trade_date") == evening,
        pl.col("family") == "freshness",
        pl.col("value") >= pl.col("threshold"),
    )
    came = recent.filter(
        (pl.col("family") != "freshness") | pl.col("monitor").is_in(missing["monitor"].to_list())
    )
    still = missing.with_columns(
        explanation=pl.Series(
            [in_words(row) for row in missing.iter_rows(named=True)], dtype=pl.String
        )
    )
    told = ["trade_date", "monitor", "explanation"]
    return (
        pl.concat([came.select(told), still.select(told)])
        .sort("trade_date", "monitor", descending=[True, False])
        .unique("monitor", keep="first", maintain_order=True)
    )


def alarms(
    monitors: pl.DataFrame, champions: pl.DataFrame, fallen: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Rows of `alarms`, one for each row of `monitors` that rang, with the champion of its evening.

    `champions`: rows of that table; `fallen` (FALLEN): what fell, where somebody looked
    (`accuracy.fell`). Alarms of the data that rang on the same evening name each other: what breaks
    at once breaks together.
    """
    rung = monitors.filter(pl.col("state") == "alarm").sort("trade_date", "monitor")
    told = pl.DataFrame(schema=FALLEN) if fallen is None else fallen
    whole = (
        rung.join_asof(
            champions.select("valid_from_date", "model_version").sort("valid_from_date"),
            left_on="trade_date",
            right_on="valid_from_date",
        )
        .join(told, on=["trade_date", "monitor"], how="left", maintain_order="left")
        .join(_together(rung), on=["trade_date", "monitor"], how="left", maintain_order="left")
        .with_columns(
            fell=pl.coalesce("fell", "together", pl.lit([], pl.List(pl.String))),
        )
    )
    words = [in_words(row) for row in whole.iter_rows(named=True)]
    return ALARMS.conform(
        whole.with_columns(explanation=pl.Series(words, dtype=pl.String)).select(
            ALARMS.column_names
        )
    ).sort("trade_date", "monitor")


def _together(rung: pl.DataFrame) -> pl.DataFrame:
    """Of alarms of the data, the others of the same evening, the farthest beyond its edge first."""
    own = rung.filter(pl.col("family").is_in(["data", "before_labels"])).select(
        "trade_date", "monitor", beyond=(pl.col("statistic") / pl.col("threshold")).fill_null(1.0)
    )
    return (
        own.select("trade_date", "monitor")
        .join(own, on="trade_date", suffix="_other")
        .filter(pl.col("monitor") != pl.col("monitor_other"))
        .sort(
            "trade_date",
            "monitor",
            "beyond",
            "monitor_other",
            descending=[False, False, True, False],
        )
        .group_by("trade_date", "monitor", maintain_order=True)
        .agg(together=pl.col("monitor_other").head(5))
    )


def in_words(row: dict[str, Any]) -> str:
    """One alarm in a sentence: a row of `monitors`, with `fell` where it is known."""
    name = row["monitor"]
    if name == CHAMPION:
        return (
            f"the champion was trained on days to {row['value_date']}, {row['value']:.0f} trading"
            f" days ago; {row['expected']:.0f} are allowed"
        )
    if row["family"] == "freshness":
        newest = row["value_date"]
        return f"{name}: nothing newer than {newest}, {row['value']:.0f} trading days ago" + (
            "" if row["expected"] is None else f", where {row['expected']:.0f} were the most so far"
        )
    monitor = BY_NAME[name.split(".")[0]]
    years = row["run_length_days"] / TRADING_DAYS_PER_YEAR
    promise = (
        f"one false alarm in {years:,.0f} years"
        if years >= 10
        else (f"one false alarm in {years:.2g} years")
    )
    if monitor.how == "jump":
        usual = "" if row["expected"] is None else f", where {_figure(row['expected'])} is usual"
        distance = (
            " (flat)"
            if row["statistic"] is None or row["statistic"] < (row["threshold"] or float("inf"))
            else f", {row['statistic']:.1f} usual spreads away ({row['threshold']:.1f} ring)"
        )
        return f"{name}: {_missing(row['value'])}{usual}{distance}; {promise} is promised" + _also(
            row.get("fell"), "; with it "
        )
    return (
        f"{name}: since {row['since_date']} it looks like {_figure(row['looked_for'])} and not the"
        f" {_figure(row['expected'])} that was expected (statistic {row['statistic']:,.1f} of"
        f" {row['threshold']:,.1f} after {row['n_days']} values); {promise} is promised, and such a"
        f" change takes some {row['delay_days']:.0f} trading days to ring"
        + _also(row.get("fell"), "; ")
    )


def remedy(name: str) -> str:
    """What to do when the monitor `name` rings."""
    if name == CHAMPION:
        return CHAMPION_REMEDY
    head = name.split(".")[0]
    return BY_NAME[head].remedy if head in BY_NAME else REMEDY


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"


def _missing(value: float | None) -> str:
    return "no value" if value is None else _figure(value)


def _also(parts: list[str] | None, link: str) -> str:
    return link + ", ".join(parts) if parts else ""
