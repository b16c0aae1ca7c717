"""What is started by what the tables say: a training that alarms asked for.

Belongs here: sensors, off until switched on. Not here: what is asked for
(`monitoring/retraining.py`), who scores afterwards (the gate), what runs by the clock (`jobs.py`).
"""

# No `from __future__ import annotations`: Dagster reads the type of a sensor's argument as it
# stands.

from typing import Any

import dagster as dg

from bondsig_assets.calendar import quarter_of
from bondsig_assets.errors import WarehouseError
from bondsig_assets.home import Home
from bondsig_assets.orchestration.stages import TRAINING
from bondsig_assets.warehouse import Warehouse

#: Seconds between two looks; monitors change once a day.
_SECONDS = 900


def build_sensors(
    jobs: list[Any], folds: dg.PartitionsDefinition, home: Home
) -> list[dg.SensorDefinition]:
    """Off until switched on: `retrain_on_alarm`."""
    training = next(job for job in jobs if job.name == TRAINING)

    @dg.sensor(
        job=training,
        name="retrain_on_alarm",
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=(
            "Trains the running quarter when retrain_requests asks for it, once a request. At most"
            " one is asked for in the cool-down of monitoring.toml, and none while the data rings;"
            " who scores is the gate's decision."
        ),
    )
    def retrain_on_alarm(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """The newest request, if it is for the quarter that runs: an older one the calendar has
        seen to.
        """
        warehouse = Warehouse(home.path)
        try:
            rows = warehouse.read(
                "SELECT trade_date, fold, evidence, (SELECT max(trade_date) FROM monitored_days) AS"
                " newest FROM retrain_requests WHERE state = 'asked' ORDER BY trade_date DESC LIMIT"
                " 1"
            )
        except WarehouseError as error:
            return dg.SkipReason(str(error))
        if rows.is_empty():
            return dg.SkipReason("nothing asks for a training")
        row = rows.row(0, named=True)
        if row["fold"] != quarter_of(row["newest"]):
            return dg.SkipReason(
                f"asked on {row['trade_date']} for {row['fold']}, which is over; the quarter of"
                f" {row['newest']} is trained by the calendar"
            )
        key = row["fold"].isoformat()
        if key not in folds.get_partition_keys():
            return dg.SkipReason(f"{key} has too little history before it")
        return dg.RunRequest(
            run_key=f"asked {row['trade_date']}",
            partition_key=key,
            tags={"bondsig/asked_by": ", ".join(row["evidence"])},
        )

    return [retrain_on_alarm]
