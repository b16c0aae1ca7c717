"""How old what is there is, in trading time: sources, layers, the champion.

Belongs here: trading days since something last came, against the longest wait there was. Not here:
how much came (`volumes.py`), what is outdated in the graph (`orchestration/outdated.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.calendar import CUTOFF, day_number
from bondsig_assets.monitoring.settings import FreshnessSettings
from bondsig_assets.tables.monitoring import MONITORS

#: The champion's row.
CHAMPION = "freshness.champion"
#: What to do when the champion's age rings, and when a layer's does.
CHAMPION_REMEDY = "Train the running quarter: `bondsig run`, or switch every_quarter on"
REMEDY = (
    "Ask whoever delivers it, or look in Dagster's runs why its asset was not made; what came"
    " meanwhile is done by the next `bondsig run`"
)


def freshness(
    arrivals: pl.DataFrame, days: Sequence[date], settings: FreshnessSettings
) -> pl.DataFrame:
    """Rows of `monitors` for the evenings `days`, `freshness.LAYER` of every layer.

    `arrivals`: `layer, known_date`, a row each trading day on which something of it came or was
    made; before it first came a layer is not known of, and has no row. Its age is the number of
    trading days since the newest of them; `late` where that is more than its longest wait in the
    `history_days` before, `alarm` on the first evening on which it is more than twice that and 3 at
    least. Nothing of a day after an evening counts.
    """
    evenings = sorted(days)
    layers = arrivals["layer"].unique().sort().to_list()
    numbers = day_number(pl.Series(evenings, dtype=pl.Date)).to_numpy()
    parts = [_of_layer(one, arrivals, evenings, numbers, settings) for one in layers]
    there = pl.concat([MONITORS.empty(), *parts]).filter(pl.col("state") != "no_value")
    return there.sort("trade_date", "monitor")


def _of_layer(
    layer: str,
    arrivals: pl.DataFrame,
    evenings: Sequence[date],
    numbers: np.ndarray,
    settings: FreshnessSettings,
) -> pl.DataFrame:
    came = (
        day_number(arrivals.filter(pl.col("layer") == layer)["known_date"].drop_nulls())
        .unique()
        .sort()
        .to_numpy()
    )
    # Where each evening stands among arrivals, and the waits that had ended by then.
    at = np.searchsorted(came, numbers, side="right") - 1
    there = at >= 0
    newest = came[np.maximum(at, 0)] if came.size else np.zeros(numbers.size, dtype=np.int64)
    waits = np.diff(came) - 1
    longest = np.full(numbers.size, -1, dtype=np.int64)
    for k, (place, number) in enumerate(zip(at, numbers, strict=True)):
        # Wait j ended with arrival j + 1.
        first = np.searchsorted(came, number - settings.history_days)
        usual = waits[max(first - 1, 0) : max(place, 0)]
        longest[k] = usual.max() if usual.size else -1
    age = numbers - newest
    allowed = np.where(longest >= 0, longest, np.nan)
    edge = np.maximum(2 * allowed, 2.0)
    rings = there & (age == edge + 1)
    state = np.select(
        [~there, np.isnan(allowed), rings, age > allowed],
        ["no_value", "waiting", "alarm", "late"],
        "quiet",
    )
    dates = arrivals["known_date"].dtype
    newest_date = (
        pl.Series(evenings, dtype=dates)
        .to_frame("trade_date")
        .join_asof(
            arrivals.filter(pl.col("layer") == layer)
            .select(newest="known_date")
            .drop_nulls()
            .unique()
            .sort("newest"),
            left_on="trade_date",
            right_on="newest",
        )["newest"]
    )
    return _rows(
        f"freshness.{layer}",
        evenings,
        state,
        np.where(there, age, np.nan),
        allowed,
        edge + 1,
        newest_date,
    )


def champion_age(
    models: pl.DataFrame,
    champions: pl.DataFrame,
    days: Sequence[date],
    settings: FreshnessSettings,
) -> pl.DataFrame:
    """Rows of `monitors` of the champion: trading days from its last training day to each evening;
    `late` above the setting, `alarm` on the first such evening of a champion.

    `models`: model_version and train_end_date; `champions`: rows of that table. An evening without
    a champion has no value.
    """
    evenings = sorted(days)
    spans = (
        champions.join(models.select("model_version", "train_end_date"), on="model_version")
        .select("valid_from_date", "train_end_date")
        .sort("valid_from_date")
    )
    found = pl.DataFrame({"trade_date": pl.Series(evenings, dtype=pl.Date)}).join_asof(
        spans, left_on="trade_date", right_on="valid_from_date"
    )
    there = found["train_end_date"].is_not_null().to_numpy()
    trained = day_number(found["train_end_date"].fill_null(evenings[0] if evenings else date.min))
    numbers = day_number(found["trade_date"]).to_numpy()
    age = np.where(there, numbers - trained.to_numpy(), np.nan)
    most = float(settings.maximum_champion_age_days)
    began = day_number(
        found["valid_from_date"].fill_null(evenings[0] if evenings else date.min)
    ).to_numpy()
    # A champion that is too old on its first day rings on that day.
    rings = (age == most + 1) | ((age > most) & (numbers == began))
    state = np.select([~there, rings, age > most], ["no_value", "alarm", "late"], "quiet")
    return _rows(
        CHAMPION,
        evenings,
        state,
        age,
        np.full(len(evenings), most),
        np.full(len(evenings), most + 1),
        found["train_end_date"],
    )


def _rows(
    name: str,
    evenings: Sequence[date],
    state: np.ndarray,
    age: np.ndarray,
    allowed: np.ndarray,
    edge: np.ndarray,
    newest: pl.Series,
) -> pl.DataFrame:
    nothing = pl.lit(None, pl.Float64)
    return MONITORS.conform(
        pl.DataFrame(
            {
                "trade_date": pl.Series(evenings, dtype=pl.Date),
                "state": pl.Series(state, dtype=pl.String),
                "value": pl.Series(age, dtype=pl.Float64).fill_nan(None),
                "expected": pl.Series(allowed, dtype=pl.Float64).fill_nan(None),
                "threshold": pl.Series(edge, dtype=pl.Float64).fill_nan(None),
                "value_date": newest,
            }
        )
        .with_columns(
            monitor=pl.lit(name),
            family=pl.lit("freshness"),
            statistic=pl.col("value"),
            looked_for=nothing,
            deviation=nothing,
            since_date=pl.when(pl.col("state").is_in(["late", "alarm"])).then("value_date"),
            n_days=pl.lit(None, pl.Int64),
            run_length_days=nothing,
            delay_days=nothing,
            expected_false_alarms=nothing,
            last_alarm_date=pl.when(pl.col("state") == "alarm").then("trade_date"),
            known_at=pl.col("trade_date").dt.combine(CUTOFF),
        )
        .select(MONITORS.column_names)
    )
