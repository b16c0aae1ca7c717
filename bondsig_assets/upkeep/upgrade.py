"""`upgrade`: a home that an older version made, brought to this one in place.

Belongs here: what of lake, Dagster's record and MLflow's database is of an older version, and
bringing it along. Not here: what a change of the lake is (`warehouse/`), and what is printed.

Any run brings the lake along by itself; Dagster and MLflow change their databases only when told.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg

from bondsig_assets.credentials import hidden, holds_secret
from bondsig_assets.errors import TrackingError, UserError
from bondsig_assets.home import WORLD_VERSION, Home, has_own_dagster
from bondsig_assets.orchestration.runner import open_instance
from bondsig_assets.upkeep.backup import hold_still
from bondsig_assets.upkeep.databases import opened
from bondsig_assets.upkeep.server_databases import MLFLOW_DATABASE
from bondsig_assets.warehouse import Warehouse


def pending(home: Home) -> list[str]:
    """What `upgrade` would do now, a line each; none where the home is of this version.

    Raises a BondsigError where a part was changed by a newer version or cannot be read.
    """
    return [*_of_lake(home), *_of_dagster(home), *_of_mlflow(home)]


def told_besides(home: Home) -> list[str]:
    """What no upgrade changes and a person should know."""
    market = home.market()
    if market is None or market.source != "simulated" or market.world_version == WORLD_VERSION:
        return []
    return [
        f"the market is of version {market.world_version} of the simulator, which is now version"
        f" {WORLD_VERSION}: this home can be read and gets no more days"
    ]


def upgrade(home: Home) -> list[str]:
    """Do what is pending; what was done, a line each.

    Raises UserError while a run is at work, and a BondsigError where a part refuses: what was done
    before it stands.
    """
    _require_idle(home)
    with hold_still(home, "could not begin the upgrade"):
        done = list(_of_lake(home))
        if done:
            Warehouse(home.path).initialize()
        if of_dagster := _of_dagster(home):
            with open_instance(home) as instance:
                instance.upgrade(lambda _: None)
            done += of_dagster
        if of_mlflow := _of_mlflow(home):
            _upgrade_mlflow(home)
            done += of_mlflow
    return done


def _require_idle(home: Home) -> None:
    if not home.dagster.exists():
        return
    from bondsig_assets.orchestration.dead_runs import end_dead_runs

    with open_instance(home) as instance:
        end_dead_runs(instance)
        at_work = instance.get_runs(
            dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])
        )
    if at_work:
        raise UserError(
            f"run {at_work[0].run_id.split('-')[0]} of {home.path} is at work: wait for it, then"
            " upgrade"
        )


def _of_lake(home: Home) -> Iterator[str]:
    if Warehouse(home.path).exists:
        yield from (f"lake: {change}" for change in Warehouse(home.path).pending_changes())


def _of_dagster(home: Home) -> list[str]:
    """Databases of the record whose schema is of an older Dagster."""
    if not has_own_dagster() and not (home.dagster / "history" / "runs.db").exists():
        return []
    with open_instance(home) as instance:
        storages: dict[str, Any] = {
            "runs": instance.run_storage,
            "events": instance.event_log_storage,
            "schedules": instance.schedule_storage,
        }
        found = {name: storage.alembic_version() for name, storage in storages.items() if storage}
    return [
        f"Dagster: the database of {name} from schema {held or 'none'} to {head}"
        for name, (held, head) in found.items()
        if held != head
    ]


def _of_mlflow(home: Home) -> list[str]:
    """MLflow's database, where its schema is of an older MLflow."""
    held = _mlflow_schema(home)
    if held is None:
        return []
    head = _schemas()._get_latest_schema_revision()
    return [] if held == head else [f"MLflow: its database from schema {held} to {head}"]


def _mlflow_uri(home: Home) -> str | None:
    """MLflow's database as SQLAlchemy knows it; None where a server has one that is not named."""
    if named := os.environ.get(MLFLOW_DATABASE):
        return named.replace("postgresql://", "postgresql+psycopg2://", 1)
    return None if os.environ.get("BONDSIG_MLFLOW") else home.mlflow_uri


def _schemas() -> Any:
    """MLflow's own module for the schema of its database; it takes seconds to import."""
    return import_module("mlflow.store.db.utils")


def _mlflow_schema(home: Home) -> str | None:
    """The revision of MLflow's database; None where there is none yet, or none that is ours."""
    uri = _mlflow_uri(home)
    if uri is None:
        return None
    if uri == home.mlflow_uri:
        return _revision_of_file(home.mlflow_database)
    import sqlalchemy

    engine = sqlalchemy.create_engine(uri)
    try:
        with engine.connect() as database:
            found = database.execute(sqlalchemy.text("SELECT version_num FROM alembic_version"))
            return str(found.scalar_one())
    except sqlalchemy.exc.ProgrammingError:
        return None  # MLflow makes its tables with its first start
    except sqlalchemy.exc.SQLAlchemyError as error:
        said = hidden(str(error).splitlines()[0])
        raise TrackingError(f"the database that {MLFLOW_DATABASE} names: {said}") from None
    finally:
        engine.dispose()


def _revision_of_file(path: Path) -> str | None:
    if not path.exists():
        return None
    try:
        with opened(path) as database:
            row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        return None  # MLflow makes its tables with its first run
    return str(row[0]) if row else None


def _upgrade_mlflow(home: Home) -> None:
    """What `mlflow db upgrade` does. Raises TrackingError."""
    import logging

    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    for noisy in ("mlflow", "alembic", "mlflow.store.db.utils"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    engine = _schemas().create_sqlalchemy_engine(_mlflow_uri(home))
    try:
        _schemas()._upgrade_db(engine)
    except (MlflowException, SQLAlchemyError, LookupError) as error:
        raise TrackingError(
            f"MLflow's database could not be upgraded ({hidden(str(error).splitlines()[0])}):"
            " restore it from the backup made before"
        ) from (None if holds_secret(error) else error)
    finally:
        engine.dispose()
