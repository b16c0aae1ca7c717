"""`maintain`: a home kept fit for years, in one go.

Belongs here: the order of what is done, and what it came to in words. Not here: each part (the
lake in `warehouse/`, `event_log.py`, `tracking.py`), and when it is done (`job.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bondsig_assets.home import Home
from bondsig_assets.upkeep.backup import hold_still
from bondsig_assets.upkeep.event_log import Pruned, prune
from bondsig_assets.upkeep.tracking import deleted_runs, throw_away
from bondsig_assets.warehouse import Warehouse
from bondsig_assets.warehouse.warehouse import LakeUpkeep

#: Days that snapshots nobody names, and files no snapshot needs, are kept.
SNAPSHOT_DAYS = 30
#: Days that logs of runs are kept, and runs that were deleted in MLflow.
EVENT_DAYS = 90


@dataclass(frozen=True)
class Maintained:
    """What upkeep did."""

    lake: LakeUpkeep | None
    record: Pruned
    mlflow_runs: int

    def lines(self) -> list[str]:
        """It in words, a line for each part."""
        return [*_of_lake(self.lake), *_of_record(self.record), *_of_mlflow(self.mlflow_runs)]


def maintain(
    home: Home, snapshot_days: float = SNAPSHOT_DAYS, event_days: float = EVENT_DAYS
) -> Maintained:
    """Keep a home in order beside readers and writers: merge the lake's small files, forget
    snapshots, remove files; throw away old logs of runs, and runs that were deleted in MLflow.

    What a model names stays, and a backup is waited for. Raises a BondsigError; what was done
    before it stands.
    """
    then = datetime.now(UTC) - timedelta(days=event_days)
    with hold_still(home, "could not begin upkeep"):
        lake, named = None, set()
        if Warehouse(home.path).exists:
            warehouse = Warehouse(home.path)
            lake = warehouse.maintain(snapshot_days)
            rows = warehouse.read("SELECT DISTINCT mlflow_run_id FROM models")
            named = set(rows["mlflow_run_id"].drop_nulls())
        record = prune(home, then)
        mlflow_runs = throw_away(home, deleted_runs(home, then, named))
    return Maintained(lake, record, mlflow_runs)


def _of_lake(lake: LakeUpkeep | None) -> list[str]:
    if lake is None:
        return ["lake: there is none yet"]
    before, after = lake.before, lake.after
    orphans = f", {lake.orphans} of no snapshot" if lake.orphans else ""
    return [
        f"lake: {before.files:,} → {after.files:,} files of today's tables"
        f" ({before.size / 1e6:,.1f} → {after.size / 1e6:,.1f} MB), {before.snapshots:,} →"
        f" {after.snapshots:,} snapshots; removed {lake.removed + lake.orphans:,} files{orphans},"
        f" {after.waiting_files:,} wait until no reader can need them"
    ]


def _of_record(record: Pruned) -> list[str]:
    said = (
        f"Dagster: threw away {record.events:,} events, {record.pictures:,} pictures in events and"
        f" the logs of {record.runs:,} runs: {record.freed / 1e6:,.1f} MB"
    )
    later = f"; not shrunk yet ({record.not_shrunk})" if record.not_shrunk else ""
    return [said + later]


def _of_mlflow(runs: int) -> list[str]:
    return [f"MLflow: threw away {runs} deleted runs"]
