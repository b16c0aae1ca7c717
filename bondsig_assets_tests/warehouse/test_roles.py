"""A researcher reads lake and bucket, and can change neither."""

from __future__ import annotations

import duckdb
import pytest

import bondsig_assets as bondsig
from bondsig_assets.errors import UserError, WarehouseError
from bondsig_assets.warehouse import Warehouse, Write, installation
from bondsig_assets.warehouse.roles import psql_script
from bondsig_assets_tests import command_line
from bondsig_assets_tests.sources.wrds_server import OWNER_PASSWORD
from bondsig_assets_tests.store import READER, WRITER
from bondsig_assets_tests.warehouse.frames import predictions, span

pytestmark = pytest.mark.services

_PASSWORD = "reader-horse-12"
# What stands in `postgres_query` becomes a part of a question, in which nothing that writes may be.
_REFUSED = "read-only|permission denied|403|Forbidden|syntax error"


@pytest.fixture
def lake(server, store, monkeypatch, tmp_path, initialized_home):
    """A lake made by its owner, in roles made by the script; the environment is a researcher's."""
    monkeypatch.setattr(installation, "VIEW_FILES", initialized_home / "no_views")
    script = command_line.bondsig("roles", "--database", "team").stdout
    server.psql(script)
    server.psql(script)
    for role, password in (("lake", OWNER_PASSWORD), ("researcher", _PASSWORD)):
        server.run(f"ALTER ROLE {role} PASSWORD '{password}'", "postgres")

    def be(role: str, password: str, key: tuple[str, str]) -> None:
        monkeypatch.setenv("PGPASSWORD", password)
        monkeypatch.setenv(
            "BONDSIG_CATALOG", f"postgres:dbname=team host={server.folder} user={role}"
        )
        monkeypatch.setenv("BONDSIG_STORAGE", "s3://lake/files")
        for name, value in store.variables(key).items():
            monkeypatch.setenv(name, value)

    be("lake", OWNER_PASSWORD, WRITER)
    owned = Warehouse(tmp_path / "owner")
    owned.initialize()
    owned.replace(Write("predictions", predictions(0, 4), span(0, 4)))
    with owned._lake.reading() as connection:
        connection.execute("COPY (SELECT 1) TO 's3://others/theirs.parquet'")
    # What a migration adds must be readable without another grant.
    with owned._lake.transaction("x") as connection:
        connection.execute("CREATE TABLE added AS SELECT 7 AS n")
    be("researcher", _PASSWORD, READER)
    return Warehouse(tmp_path / "reader")


def test_a_researcher_reads_and_changes_nothing(lake, server, store):
    with bondsig.connect(lake.home) as notebook:
        assert notebook.sql("select count(*) from predictions").fetchone() == (15,)
        assert notebook.sql("select n from added").fetchone() == (7,)
        raw = f"dbname=team host={server.folder} user=researcher"
        notebook.execute(f"ATTACH '{raw}' AS raw (TYPE postgres)")
        for statement in (
            "INSERT INTO added VALUES (8)",
            "DELETE FROM predictions",
            "CREATE TABLE lake.mine (n INT)",
            "COPY (SELECT 1) TO 's3://lake/files/mine.parquet'",
            "COPY (SELECT 1) TO 's3://others/mine.parquet'",
            "FROM read_parquet('s3://others/theirs.parquet')",
            "DELETE FROM raw.public.ducklake_snapshot",
            "CREATE TABLE raw.public.mine (n INT)",
            "CALL postgres_execute('raw', 'CREATE TABLE mine (n int)')",
            "CALL postgres_execute('raw', 'SET default_transaction_read_only = off; DELETE FROM"
            " ducklake_snapshot')",
            "FROM postgres_query('raw', 'DELETE FROM ducklake_snapshot RETURNING 1')",
        ):
            with pytest.raises(duckdb.Error, match=_REFUSED):
                notebook.execute(statement)
        held = store.client(WRITER).list_objects_v2(Bucket="others")
        assert [one["Key"] for one in held["Contents"]] == ["theirs.parquet"]
    with pytest.raises(WarehouseError, match="could not write predictions; .*unchanged"):
        lake.replace(Write("predictions", predictions(0, 4), span(0, 4)))
    lake.initialize()
    assert lake.read("SELECT count(*) AS n FROM predictions")["n"][0] == 15


def test_a_name_that_is_none_is_refused():
    with pytest.raises(UserError, match="'a; drop' is no name"):
        psql_script("lake", "lake", "a; drop")
