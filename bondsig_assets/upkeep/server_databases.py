"""Databases of a team on PostgreSQL: which they are, and PostgreSQL's own programs for them.

Belongs here: finding each database's address, dumping and restoring it. Not here: in which order
(`team_backup.py`), and databases that are files (`databases.py`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from bondsig_assets.credentials import hidden, password_in
from bondsig_assets.errors import BackupError
from bondsig_assets.home import Home, has_own_dagster
from bondsig_assets.warehouse.lake import without_password

#: The address of the database behind a team's MLflow.
MLFLOW_DATABASE = "BONDSIG_MLFLOW_DATABASE"
_MISSING = "{0} is not on the PATH: install PostgreSQL's client programs, as new as the server"


@dataclass(frozen=True)
class ServerDatabase:
    """A database: what is in it, how libpq finds it, and its password where PGPASSWORD has none."""

    name: str
    address: str
    password: str = field(default="", repr=False)

    def dump(self, target: Path, *options: str) -> None:
        """Write all of it into one file, as one transaction sees it. Raises BackupError."""
        self._call("pg_dump", "-Fc", "-f", str(target), *options)

    def restore(self, source: Path) -> None:
        """Make it what the file holds, all of it or nothing; what stands there goes. Its owner owns
        all. Raises BackupError.
        """
        options = ("--clean", "--if-exists", "--no-owner", "--no-privileges")
        self._call("pg_restore", *options, "--single-transaction", str(source))

    @property
    def full_address(self) -> str:
        """The address with the password in it, for this process alone."""
        if not self.password:
            return self.address
        if "://" in self.address:
            scheme, _, rest = self.address.partition("://")
            user, _, place = rest.partition("@")
            from urllib.parse import quote

            return f"{scheme}://{user}:{quote(self.password, safe='')}@{place}"
        quoted = self.password.replace("\\", "\\\\").replace("'", "\\'")
        return f"{self.address} password='{quoted}'"

    def _call(self, program: str, *arguments: str) -> None:
        path = shutil.which(program)
        if path is None:
            raise BackupError(_MISSING.format(program))
        environment = {**os.environ, **({"PGPASSWORD": self.password} if self.password else {})}
        done = subprocess.run(
            [path, "-d", self.address, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = " ".join(done.stderr.split()) or f"it ended with status {done.returncode}"
            raise BackupError(hidden(f"{program} of the database of {self.name}: {said[:400]}"))


def team_databases(home: Home) -> tuple[ServerDatabase, ServerDatabase, ServerDatabase]:
    """The databases of Dagster, the lake and MLflow. Raises BackupError where one is not on a
    server that is named.
    """
    catalog = os.environ.get("BONDSIG_CATALOG", "")
    if not catalog.startswith("postgres:"):
        raise BackupError("BONDSIG_CATALOG names no PostgreSQL server, so this is no team's home")
    if not os.environ.get(MLFLOW_DATABASE):
        raise BackupError(
            f"{MLFLOW_DATABASE} is not set: give the address of the database behind MLflow, as"
            " postgresql://user:password@host/mlflow"
        )
    return (
        _database("dagster", _dagster_address(home)),
        _database("lake", catalog.removeprefix("postgres:")),
        _database("mlflow", os.environ[MLFLOW_DATABASE]),
    )


def dagster_address(home: Home) -> str:
    """The address of a team's record of Dagster, its password in it; empty where it is none in
    PostgreSQL.
    """
    from bondsig_assets.orchestration.runner import open_instance

    if not has_own_dagster():
        return ""
    with open_instance(home) as instance:
        return getattr(instance.run_storage, "postgres_url", None) or ""


def _dagster_address(home: Home) -> str:
    if not has_own_dagster():
        raise BackupError(
            "Dagster's record is in this home while the lake is on a server: set DAGSTER_HOME to"
            " the team's, where all of the three are on servers"
        )
    address = dagster_address(home)
    if not address:
        raise BackupError(f"{home.dagster / 'dagster.yaml'} names no PostgreSQL for the runs")
    return address


def _database(name: str, address: str) -> ServerDatabase:
    # SQLAlchemy names its driver, which libpq does not know.
    plain = address.replace("postgresql+psycopg2://", "postgresql://", 1)
    return ServerDatabase(name, without_password(plain), password_in(plain))
