"""Checks of models: the gate's verdict, one feature that carries a model, a threshold that never
fires, days without scores.

Belongs here: questions to the learning tables that warn. Not here: the gate (`learning/gate.py`),
plausibility of rows (`suites.py`).
"""

# No `from __future__ import annotations`: Dagster reads the type of a check's arguments as it
# stands.

import dagster as dg

from bondsig_assets.checks.results import warning_of
from bondsig_assets.learning.explanation import DOMINANT_SHARE, ESTIMATE, dominant
from bondsig_assets.learning.thresholds import never_fired
from bondsig_assets.resources.warehouse_resource import WarehouseResource

_NUMBERS = (
    "decision",
    "model_version",
    "incumbent_version",
    "challenger_version",
    "n_holdout_days",
    "ic_difference",
    "standard_error",
    "threshold",
)
#: Each champion's days, those on which it gave every name the same probability, and those on which
#: nobody's depended on its prediction.
SILENT_SPANS = """
    WITH days AS (
      SELECT model_version, trade_date, min(probability_underperform) =
        max(probability_underperform) AS is_alike, bool_and(NOT is_informed) IS TRUE AS is_silent
      FROM scores GROUP BY ALL
    )
    SELECT model_version, min(trade_date) AS first, max(trade_date) AS last, count(*) AS n_days,
      count(*) FILTER (is_alike) AS n_alike, count(*) FILTER (is_silent) AS n_uninformed
    FROM days GROUP BY model_version ORDER BY first, model_version
"""
_WARN = dg.AssetCheckSeverity.WARN


def build_learning_checks() -> list[dg.AssetChecksDefinition]:
    """Every check of the learning tables."""
    return [_gate(), _dominance(), _thresholds(), _unscored(), _informed()]


def _gate() -> dg.AssetChecksDefinition:
    says = (
        "The newest fold's challenger passed the gate. If not: the old champion goes on scoring;"
        " look at the numbers before retraining."
    )

    @dg.asset_check(asset="champions", name="gate", description=says)
    def gate(warehouse: WarehouseResource) -> dg.AssetCheckResult:
        rows = warehouse.open().read_table("champions").to_dicts()
        if not rows:
            return dg.AssetCheckResult(
                passed=False,
                severity=_WARN,
                description="no champion yet: materialize models, then champions",
            )
        newest = rows[-1]
        numbers = {name: newest[name] for name in _NUMBERS if newest[name] is not None}
        return dg.AssetCheckResult(
            passed=newest["decision"] != "kept",
            severity=_WARN,
            description=newest["reason"],
            metadata=numbers,
        )

    return gate


def _dominance() -> dg.AssetChecksDefinition:
    says = (
        f"No feature carries more than {DOMINANT_SHARE:.0%} of a model, but {ESTIMATE}, which is a"
        " forecast itself and may. If one does: see whether it leaks or is a unit's mistake before"
        " believing the model."
    )

    @dg.asset_check(asset="models", name="no_feature_dominates", description=says)
    def no_feature_dominates(warehouse: WarehouseResource) -> dg.AssetCheckResult:
        opened = warehouse.open()
        newest = opened.read("SELECT max(fold) AS fold FROM feature_importances")["fold"][0]
        found = (
            dominant(opened.read_table("feature_importances", between=(newest, newest))).to_dicts()
            if newest
            else []
        )
        lines = [
            f"{row['feature']} carries {row['share']:.0%} of {row['model_name']} {row['fold']}"
            for row in found
        ]
        return warning_of(lines, "no feature of the newest fold carries a model")

    return no_feature_dominates


def _thresholds() -> dg.AssetChecksDefinition:
    says = (
        "Every level of probability has given signals. One that never has is no rule: a calibrated"
        " probability stays near one half where little is known."
    )

    @dg.asset_check(asset="evaluations", name="thresholds_fire", description=says)
    def thresholds_fire(warehouse: WarehouseResource) -> dg.AssetCheckResult:
        rows = warehouse.open().read_table("thresholds")
        days = max(rows["n_days"].to_list(), default=0)
        silent = never_fired(rows)
        return warning_of(
            [f"never fired in {days} days: {', '.join(silent)}"] if silent else [],
            "every level has fired",
        )

    return thresholds_fire


def _unscored() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="scores",
        name="days_are_scored",
        description=(
            "Every day since the first champion has scores. If not: unscored_days says why."
        ),
    )
    def days_are_scored(warehouse: WarehouseResource) -> dg.AssetCheckResult:
        rows = (
            warehouse.open()
            .read(
                "SELECT reason, count(*) AS n, max(trade_date) AS newest FROM unscored_days WHERE"
                " reason <> 'no_model_yet' GROUP BY 1 ORDER BY 1"
            )
            .to_dicts()
        )
        return warning_of(
            [f"{row['n']} days {row['reason']}, the newest {row['newest']}" for row in rows],
            "every day since the first champion has scores",
        )

    return days_are_scored


def _informed() -> dg.AssetChecksDefinition:
    says = (
        "The newest day's probabilities depend on what was predicted. If not: the champion's"
        " predictions led nowhere on its calibration span, and all names have one probability."
    )

    @dg.asset_check(asset="scores", name="probabilities_inform", description=says)
    def probabilities_inform(warehouse: WarehouseResource) -> dg.AssetCheckResult:
        rows = (
            warehouse.open()
            .read(
                "SELECT trade_date, model_version, count(*) AS n, count(*) FILTER (NOT is_informed)"
                " AS silent FROM scores WHERE trade_date = (SELECT max(trade_date) FROM scores)"
                " GROUP BY ALL ORDER BY 1, 2"
            )
            .to_dicts()
        )
        found = warning_of(
            [
                f"{row['silent']} of {row['n']} scores of {row['trade_date']} rest on nothing"
                f" that {row['model_version']} predicted"
                for row in rows
                if row["silent"]
            ],
            "every probability of the newest day depends on its prediction",
        )
        spans = warehouse.open().read(SILENT_SPANS).to_dicts()
        lines = [
            f"- {row['model_version']} ({row['first']} … {row['last']}): one probability for all"
            f" names on {row['n_alike']} of {row['n_days']} days, nobody informed on"
            f" {row['n_uninformed']}"
            for row in spans
        ]
        return found.with_metadata(
            {**found.metadata, "champions": dg.MetadataValue.md("\n".join(lines) or "none yet")}
        )

    return probabilities_inform
