"""Services that do one thing and end: databases, buckets, migrations, the lake's tables.

Belongs here: what each does; all may be done again at any time. Not here: what they prepare for
(`programs.py`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from bondsig_assets.errors import UserError
from bondsig_assets.serving.place import Place
from bondsig_assets.serving.programs import (
    DEPLOY,
    LAKE_BUCKET,
    MLFLOW_BUCKET,
    dagster_variables,
    lake_variables,
    mlflow_database,
    mlflow_variables,
    store_variables,
    workspace_file,
)
from bondsig_assets.serving.secret_files import read
from bondsig_assets.warehouse.roles import reader_statements

LAKE, RESEARCHER = "lake", "researcher"
#: Databases, each owned by a role of its name.
DATABASES = ("dagster", LAKE, "mlflow")
_WORKSPACE = """load_from:
  - grpc_server:
      host: localhost
      socket: "{socket}"
      location_name: bondsig_assets.definitions
"""


def do(name: str, place: Place) -> None:
    """Do what the one-shot service `name` is for. Raises UserError or WarehouseError."""
    ONCE[name](place)


def make_databases(place: Place) -> None:
    """A role and a database of its own for each of DATABASES, with the passwords of now, and a
    researcher who reads the lake; nobody else may connect to them.
    """
    with _superuser(place, "postgres") as cursor:
        for name in (*DATABASES, RESEARCHER):
            _make_role(cursor, name, read(place.secrets, f"{name}_password"))
        for name in DATABASES:
            _make_database(cursor, name)
        cursor.execute("REVOKE ALL ON DATABASE postgres FROM PUBLIC")
    with _superuser(place, LAKE) as cursor:
        for statement in reader_statements(LAKE, LAKE, RESEARCHER):
            cursor.execute(statement)


@contextmanager
def _superuser(place: Place, database: str) -> Iterator[Any]:
    """A cursor of PostgreSQL's superuser, each statement a transaction of its own."""
    import psycopg2

    at = place.address("postgres")
    password = read(place.secrets, "postgres_password")
    try:
        connection = psycopg2.connect(
            host=at.host, port=at.port, dbname=database, user="postgres", password=password
        )
    except psycopg2.OperationalError as error:
        raise UserError(f"PostgreSQL at {at} does not let us in: {_first_line(error)}") from None
    with closing(connection):
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


def _make_role(cursor: Any, name: str, password: str) -> None:
    from psycopg2 import sql
    from psycopg2.extensions import encrypt_password

    role = sql.Identifier(name)
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
    if cursor.fetchone() is None:
        cursor.execute(sql.SQL("CREATE ROLE {}").format(role))
    # Scrambled here, so that no log of the server has it.
    scrambled = encrypt_password(password, name, cursor.connection, "scram-sha-256")
    cursor.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD %s").format(role), [scrambled])
    if name == RESEARCHER:
        cursor.execute(sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(role))


def _make_database(cursor: Any, name: str) -> None:
    from psycopg2 import sql

    role = sql.Identifier(name)
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
    if cursor.fetchone() is None:
        cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
    cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(role))


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[-1]


def make_buckets(place: Place) -> None:
    """The buckets of the lake and of MLflow."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    told = store_variables(place, "admin")
    client: Any = boto3.client(
        "s3",
        endpoint_url=told["AWS_ENDPOINT_URL"],
        aws_access_key_id=told["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=told["AWS_SECRET_ACCESS_KEY"],
        region_name=told["AWS_REGION"],
        config=Config(connect_timeout=5, read_timeout=20, s3={"addressing_style": "path"}),
    )
    try:
        held = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        for name in (LAKE_BUCKET, MLFLOW_BUCKET):
            if name not in held:
                client.create_bucket(Bucket=name)
    except (BotoCoreError, ClientError) as error:
        raise UserError(f"the store at {place.address('store')}: {_first_line(error)}") from None


def migrate_dagster(place: Place) -> None:
    """Dagster's settings, and the tables of its record."""
    place.dagster.mkdir(parents=True, exist_ok=True)
    for path, text in (
        (place.dagster / "dagster.yaml", (DEPLOY / "dagster.yaml").read_text()),
        (workspace_file(place), _WORKSPACE.format(socket=place.code_socket)),
    ):
        partial = path.with_name(f"{path.name}.tmp")
        partial.write_text(text)
        partial.replace(path)
    _call("Dagster's record", dagster_variables(place), "-m", "dagster", "instance", "migrate")


def migrate_mlflow(place: Place) -> None:
    """The tables of MLflow's database."""
    variables = mlflow_variables(place)
    _call("MLflow's database", variables, "-m", "mlflow", "db", "upgrade", mlflow_database(place))


def _call(what: str, variables: dict[str, str], *arguments: str) -> None:
    """Run Python with `arguments`. Raises UserError where it fails; its own words stand above."""
    done = subprocess.run(
        [sys.executable, *arguments], env={**os.environ, **variables}, check=False
    )
    if done.returncode:
        raise UserError(f"{what} could not be set up; what went wrong stands above")


def install_lake(place: Place) -> None:
    """Tables, views and macros of the lake."""
    from bondsig_assets.warehouse import Warehouse

    os.environ.update(lake_variables(place))
    Warehouse(place.home.path).initialize()


ONCE: dict[str, Callable[[Place], None]] = {
    "databases": make_databases,
    "buckets": make_buckets,
    "migrate-dagster": migrate_dagster,
    "migrate-mlflow": migrate_mlflow,
    "install-lake": install_lake,
}
