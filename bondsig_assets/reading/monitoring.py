"""What monitors of some evenings are made of, read from the warehouse, and all their rows.

Belongs here: which rows of which tables, how far back, and what is handed to whom. Not here: what
is noticed in them (`monitoring/`), writing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl

from bondsig_assets.calendar import CUTOFF, all_trading_days, day_number, offset, trading_days
from bondsig_assets.learning.evaluation import attributes
from bondsig_assets.learning.labels import KINDS
from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.monitoring import accuracy, budget, drift, freshness, profit, volumes
from bondsig_assets.monitoring.alarms import FALLEN, alarms
from bondsig_assets.monitoring.evening import of_evening
from bondsig_assets.monitoring.jumps import DAY_SERIES, judge_days
from bondsig_assets.monitoring.retraining import retrain_requests
from bondsig_assets.monitoring.settings import MonitoringSettings
from bondsig_assets.monitoring.watch import SERIES, watch
from bondsig_assets.reading.judging import trained_label
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.issuer_features import ALL_FEATURES
from bondsig_assets.tables.monitoring import MONITORED_DAYS, STATES
from bondsig_assets.trace.reasons import REASONS
from bondsig_assets.warehouse import Warehouse, of_one_snapshot

#: Calendar days before a change to which parts of the market are compared.
_BEFORE = timedelta(days=730)
#: Sources whose last delivery is asked for. Tables of what seldom changes (issuers, bonds, links)
#: have no rhythm to be late by.
SOURCES = (
    "trace_reports",
    "bond_day_quotes",
    "equity_prices",
    "cds_quotes",
    "borrow_rates",
    "ratings",
    "fundamentals",
    "treasury_yields",
    "macro_series",
)
#: What is made of them every day.
LAYERS = (
    "trade_events",
    "bond_day_revisions",
    "issuer_days",
    "credit_news",
    "labels",
    "scores",
    "portfolio_days",
)
#: Daily tables whose number of rows is watched.
COUNTED = ("bond_day_quotes", "equity_prices", "cds_quotes", "borrow_rates", "issuer_days")
#: Cuts of the market by which it is told what fell.
SLICES = ["sector", "rating", "size"]
#: What a report is called only by something that comes after it.
_LATER = ("ended_by_cancel", "ended_by_correction", "ended_by_reversal", "reported_later")
ON_ARRIVAL = tuple(name for name in REASONS if name not in _LATER)


def parts() -> dict[str, list[str]]:
    """Monitor → its series, whether they came yet or not: a threshold must not move in the past
    because something new came.
    """
    volume = {
        *volumes.ARRIVALS,
        *(volumes.series_of_reason(name) for name in ON_ARRIVAL),
        *(f"rows_{name}" for name in COUNTED),
    }
    reasons = (name.removeprefix("n_") for name in volumes.MISSING_REASONS)
    return {
        "volumes": sorted(volume),
        "missing": sorted([*ALL_FEATURES, *(f"for_{name}" for name in reasons)]),
    }


def reach(settings: MonitoringSettings) -> int:
    """Trading days before an evening that its jumps rest on."""
    return settings.data.history_days + settings.data.level_days + 1


@of_one_snapshot
def monitored(
    warehouse: Warehouse, start: date, end: date, settings: MonitoringSettings, policy: str
) -> dict[str, pl.DataFrame]:
    """Rows of `monitors`, `monitored_days`, `alarms` and `retrain_requests` for the evenings of the
    trading days `start` … `end`; `policy`: whose book is watched.

    Means are followed from their first value on, whatever the range.
    """
    evenings, champions = trading_days(start, end), warehouse.read_table("champions")
    shares = budget.split(settings, parts())
    lengths = budget.run_lengths(shares)
    found = _Accuracy(warehouse, start, end)
    means = pl.concat([found.series(champions), _profit(warehouse, end, policy)])
    days = day_series(warehouse, start, end, settings, champions)
    rows = pl.concat(
        [
            watch(means, evenings, lengths, settings.means),
            volumes.without_unheard(
                judge_days(days, evenings, lengths, settings.data), days, reach(settings)
            ),
            freshness.freshness(
                arrivals(warehouse, start, end, settings), evenings, settings.freshness
            ),
            freshness.champion_age(
                warehouse.read_table("models", columns=["model_version", "train_end_date"]),
                champions,
                evenings,
                settings.freshness,
            ),
        ]
    ).sort("trade_date", "monitor")
    rang = alarms(rows, champions, found.fell(rows))
    before = (offset(start, -settings.retraining.held_days), offset(start, -1))
    return {
        "monitors": rows,
        "monitored_days": of_days(rows, evenings, shares, settings),
        "alarms": rang,
        "retrain_requests": retrain_requests(
            pl.concat([warehouse.read_table("alarms", between=before), rang]),
            champions,
            warehouse.read_table("retrain_requests", where=f"trade_date < DATE '{start}'"),
            evenings,
            settings.retraining,
        ),
    }


def of_days(
    monitors: pl.DataFrame,
    evenings: Sequence[date],
    shares: pl.DataFrame,
    settings: MonitoringSettings,
) -> pl.DataFrame:
    """Rows of `monitored_days`: how many of the `monitors` stand where; `shares`: the budget."""
    spent = float(shares["share"].sum())
    counted = monitors.group_by("trade_date").agg(
        **{f"n_{state}": (pl.col("state") == state).sum() for state in STATES}
    )
    numbers = [f"n_{state}" for state in STATES]
    return MONITORED_DAYS.conform(
        pl.DataFrame({"trade_date": pl.Series(evenings, dtype=pl.Date)})
        .join(counted, on="trade_date", how="left")
        .sort("trade_date")
        .with_columns(
            pl.col(numbers).fill_null(0).cast(pl.Int64),
            years_between_false_alarms=pl.lit(
                settings.years / spent if spent > 0 else None, pl.Float64
            ),
            settings_hash=pl.lit(settings.hash),
            known_at=pl.col("trade_date").dt.combine(CUTOFF),
        )
        .select(MONITORED_DAYS.column_names)
    )


class _Accuracy:
    """Scores, predictions and labels up to an evening, and what is made of them when asked."""

    def __init__(self, warehouse: Warehouse, start: date, end: date) -> None:
        self._warehouse, self._start, self._end = warehouse, start, end
        horizon, kind = trained_label(warehouse)
        labels = warehouse.read_table(
            "labels", where=f"horizon_days = {horizon} AND label_end_date <= DATE '{end}'"
        )
        self._known = accuracy.first_known(labels, horizon, kind if kind in KINDS else "excess")

    def series(self, champions: pl.DataFrame) -> pl.DataFrame:
        """Series (SERIES) of accuracy and calibration."""
        until = f"trade_date <= DATE '{self._end}'"
        # The control, and whoever was compared with a champion.
        compared = (
            "model_version IN (SELECT challenger_version FROM champions UNION ALL SELECT"
            " incumbent_version FROM champions)"
        )
        predictions = self._warehouse.read_table(
            "predictions",
            columns=["parent_id", "trade_date", "prediction", "model_name"],
            where=f"{until} AND (model_name = '{CONTROL}' OR model_name IN (SELECT model_name FROM"
            f" models WHERE {compared}))",
        )
        scores = self._warehouse.read_table("scores", columns=_JUDGED, where=until)
        return accuracy.accuracy(predictions, scores, self._known, champions)

    def fell(self, monitors: pl.DataFrame) -> pl.DataFrame:
        """What fell (FALLEN), of each alarm of accuracy among the rows of `monitors`."""
        rung = monitors.filter(
            pl.col("state") == "alarm", pl.col("family") == "accuracy"
        ).drop_nulls("since_date")
        if rung.is_empty():
            return pl.DataFrame(schema=FALLEN)
        since: list[date] = rung["since_date"].to_list()
        between = (min(since) - _BEFORE, self._end)
        scores = self._warehouse.read_table("scores", columns=_JUDGED, between=between)
        issuers = self._warehouse.read_table(
            "issuer_days",
            columns=["parent_id", "trade_date", "sector", "rating_number", "log_market_cap"],
            between=between,
        )
        filings = self._warehouse.read_table("fundamentals", columns=["parent_id", "known_at"])
        every = pl.concat(
            [
                accuracy.parts(scores, self._known, attributes(issuers, filings), SLICES),
                accuracy.parts_of_inputs(
                    self._warehouse.read_table("explanations", between=between),
                    self._warehouse.read_table("models", columns=["model_version", "features"]),
                    self._known,
                ),
            ]
        )
        told = [
            (evening, name, accuracy.fell(every, begun, evening))
            for evening, name, begun in rung.select(
                "trade_date", "monitor", "since_date"
            ).iter_rows()
        ]
        return pl.DataFrame(told, schema=FALLEN, orient="row")


_JUDGED = ["parent_id", "trade_date", "prediction", "probability_underperform", "base_rate"]


def _profit(warehouse: Warehouse, end: date, policy: str) -> pl.DataFrame:
    """Series (SERIES) of what the book of `policy` earned. A hole in its days ends a piece of it:
    what came after is told, and what was decided before is held against nothing.
    """
    of_policy = f"policy = '{policy}' AND"
    days = warehouse.read_table("portfolio_days", where=f"{of_policy} trade_date <= DATE '{end}'")
    solutions = warehouse.read_table("solutions", where=f"{of_policy} trade_date <= DATE '{end}'")
    fallen = warehouse.read_table("shortfalls", where=f"{of_policy} fill_date <= DATE '{end}'")
    if days.is_empty():
        return pl.DataFrame(schema=SERIES)
    pieces = days.with_columns(
        piece=(day_number(days["trade_date"]).diff() != 1).fill_null(False).cum_sum()
    )
    return pl.concat(
        [
            profit.profit(profit.book_days(piece.drop("piece"), solutions, fallen, policy))
            for piece in pieces.partition_by("piece", maintain_order=True)
        ]
    ).sort("monitor", "trade_date")


def day_series(
    warehouse: Warehouse,
    start: date,
    end: date,
    settings: MonitoringSettings,
    champions: pl.DataFrame,
) -> pl.DataFrame:
    """Series of days (DAY_SERIES) that jumps of the evenings `start` … `end` rest on: scores as
    they look, what arrived, what is missing.
    """
    between = (offset(start, -reach(settings)), end)
    coverage = warehouse.read_table("feature_coverage", between=between)
    done = pl.concat(
        [
            coverage["trade_date"].unique(),
            pl.Series([*warehouse.row_counts("portfolio_days", between)], dtype=pl.Date),
            pl.Series(trading_days(start, end), dtype=pl.Date),
        ]
    ).unique()
    return pl.concat(
        [
            pl.DataFrame(schema=DAY_SERIES),
            _scored(warehouse, between, settings, champions),
            volumes.arrivals(_reports(warehouse, between), done, ON_ARRIVAL),
            *(volumes.rows_of(name, _counts(warehouse, name, between, done)) for name in COUNTED),
            volumes.missing(_once_present(warehouse, coverage)),
        ]
    )


def _scored(
    warehouse: Warehouse,
    between: tuple[date, date],
    settings: MonitoringSettings,
    champions: pl.DataFrame,
) -> pl.DataFrame:
    """Series of what scores look like, of the days that had a champion."""
    issuers = pl.DataFrame(
        list(warehouse.row_counts("issuer_days", between).items()),
        schema={"trade_date": pl.Date, "n_issuers": pl.Int64},
        orient="row",
    )
    first = champions["valid_from_date"].min()
    to_score = issuers.filter(pl.col("trade_date") >= first) if first else issuers.clear()
    # One more day before, which the first one's distance is from.
    scores = warehouse.read_table("scores", between=(offset(between[0], -1), between[1]))
    found = of_evening(scores, to_score, settings.data.flat_share)
    return found.filter(pl.col("trade_date") >= between[0])


def _reports(warehouse: Warehouse, between: tuple[date, date]) -> pl.DataFrame:
    """Reports on their arrival as `volumes.arrivals` wants them, alike ones counted."""
    first, last = between
    cut = CUTOFF.isoformat()
    return warehouse.read(
        "WITH counted AS (SELECT known_date, cusip, execution_date < known_date AS is_late, status,"
        " reason, is_par_capped, count(*) AS n FROM trade_events WHERE revision = 0 AND known_date"
        f" BETWEEN DATE '{first}' AND DATE '{last}' GROUP BY ALL), placed AS (SELECT *, EXISTS"
        " (SELECT 1 FROM security_master m WHERE m.cusip = counted.cusip AND m.valid_from_date <="
        " known_date AND coalesce(m.valid_to_date, DATE '9999-12-31') >= known_date AND m.known_at"
        f" <= known_date + TIME '{cut}' AND coalesce(m.known_until, TIMESTAMP '9999-12-31') >"
        f" known_date + TIME '{cut}') AS leads_to_stock FROM counted) SELECT 0 AS revision,"
        " known_date, CASE WHEN is_late THEN known_date - 1 ELSE known_date END AS execution_date,"
        " status, reason, is_par_capped, leads_to_stock, sum(n)::BIGINT AS n FROM placed GROUP BY"
        " ALL ORDER BY ALL"
    )


def _counts(
    warehouse: Warehouse, table: str, between: tuple[date, date], days: pl.Series
) -> pl.DataFrame:
    """`trade_date, n`: rows of `table` on each of `days`."""
    counted = warehouse.row_counts(table, between)
    ordered = days.sort()
    return pl.DataFrame(
        {"trade_date": ordered, "n": [counted.get(day, 0) for day in ordered]},
        schema_overrides={"n": pl.Int64},
    )


def _once_present(warehouse: Warehouse, coverage: pl.DataFrame) -> pl.DataFrame:
    """`coverage` of each feature from the day on which an issuer first had it: until its window has
    filled, or its source has come, it is not missing but not there yet.
    """
    first = warehouse.read(
        "SELECT feature, min(trade_date) AS first FROM feature_coverage WHERE n_present > 0 GROUP"
        " BY 1 ORDER BY 1"
    )
    begun = coverage.join(first, on="feature", how="left", maintain_order="left")
    return begun.with_columns(
        n_present=pl.when(pl.col("trade_date") >= pl.col("first")).then("n_present")
    ).select(coverage.columns)


def arrivals(
    warehouse: Warehouse, start: date, end: date, settings: MonitoringSettings
) -> pl.DataFrame:
    """`layer, known_date`: trading days by whose cutoff something of each source and layer was new,
    as far back as ages of the evenings `start` … `end` reach.
    """
    first = offset(start, -settings.freshness.history_days - 1)
    found = []
    for name in (*SOURCES, *LAYERS):
        known = "known_at" if "known_at" in TABLES[name].column_names else "known_date"
        day = (
            f"CASE WHEN {known}::TIME > TIME '{CUTOFF.isoformat()}' THEN {known}::DATE + 1 ELSE"
            f" {known}::DATE END"
            if known == "known_at"
            else known
        )
        # Of what is older the newest counts alone: the wait that ended with the first.
        found.append(
            warehouse.read(
                f"WITH days AS (SELECT DISTINCT {day} AS day FROM {TABLES[name].qualified_name})"
                f" SELECT '{name}' AS layer, day FROM days WHERE day >= DATE '{first}' UNION ALL"
                f" SELECT '{name}', max(day) FROM days WHERE day < DATE '{first}' ORDER BY day"
            ).drop_nulls()
        )
    days = pl.concat(found)
    return days.select(
        "layer",
        known_date=pl.Series(
            all_trading_days()[
                np.minimum(day_number(days["day"]).to_numpy(), all_trading_days().size - 1)
            ],
            dtype=pl.Date,
        ),
    )


@of_one_snapshot
def drifted(
    warehouse: Warehouse, start: date, end: date, settings: MonitoringSettings
) -> pl.DataFrame:
    """Rows of `drift` for the evenings of the trading days `start` … `end`."""
    between = (offset(start, 1 - settings.drift.days), end)
    issuers = warehouse.read_table(
        "issuer_days", columns=["trade_date", "parent_id", *ALL_FEATURES], between=between
    )
    return drift.drift(
        drift.shapes(issuers, ALL_FEATURES),
        trading_days(start, end),
        settings.drift,
        warehouse.read_table("feature_coverage", between=between),
    )
