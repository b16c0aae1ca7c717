"""DuckDB engines with the extensions the warehouse needs.

Belongs here: where an extension comes from, the settings of an engine, and its reuse
within a process. Not here: what an engine opens (`warehouse.py`).

An engine is an in-memory DuckDB with nothing attached. DuckDB checks the signature of an
extension each time one is loaded, 70 ms apiece, so a process keeps its engines.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

from bondsig_assets.errors import WarehouseError
from bondsig_assets.tables.schema import quote

MEMORY_LIMIT = "2GB"
#: How many threads an engine has; without it, one for each core this process may use. Where several
#: processes share the cores, fewer: on a small lake two threads cost a third more time of the
#: processor than one, and half as much again on attaching it.
THREADS = "BONDSIG_THREADS"

_idle: list[duckdb.DuckDBPyConnection] = []
if hasattr(os, "register_at_fork"):
    # The threads of an engine do not survive a fork: a child that closed an inherited one would
    # wait for them for ever.
    os.register_at_fork(before=_idle.clear)


def extension_file(name: str) -> Path | None:
    """The signed binary in the PyPI wheel `duckdb-extension-<name>` for this DuckDB; None when not
    installed.
    """
    package = find_spec(f"duckdb_extension_{name}")
    if package is None or package.origin is None:
        return None
    file = (
        Path(package.origin).parent
        / "extensions"
        / f"v{duckdb.__version__}"
        / f"{name}.duckdb_extension"
    )
    return file if file.exists() else None


@contextmanager
def engine(*extensions: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine with `extensions` loaded, for this thread alone until the block ends.

    The caller leaves nothing attached; after an error the engine is closed, not reused.
    Raises duckdb.Error when an extension is neither installed nor downloadable.
    """
    try:
        connection = _idle.pop()
    except IndexError:
        connection = _start()
        connection.execute(f"SET memory_limit = {quote(MEMORY_LIMIT)}")
    try:
        for name in extensions:
            _load(connection, name)
        yield connection
    except BaseException:
        connection.close()
        raise
    _idle.append(connection)


def own_engine(*extensions: str) -> duckdb.DuckDBPyConnection:
    """An engine with `extensions` loaded that the caller keeps and closes; it may take as much
    memory as DuckDB allows itself.

    Raises duckdb.Error when an extension is neither installed nor downloadable.
    """
    connection = _start()
    try:
        for name in extensions:
            _load(connection, name)
    except BaseException:
        connection.close()
        raise
    return connection


def _start() -> duckdb.DuckDBPyConnection:
    threads = _threads()
    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}")
    connection.execute("SET preserve_insertion_order = true")
    connection.execute("SET enable_progress_bar = false")
    # DuckDB would spill into the working directory.
    connection.execute(
        "SET temp_directory ="
        f" {quote(str(Path(tempfile.gettempdir()) / f'bondsig-spill-{os.getpid()}'))}"
    )
    return connection


def _threads() -> int:
    """Threads of an engine; raises WarehouseError where BONDSIG_THREADS is no number of them."""
    if told := os.environ.get(THREADS):
        if not (told.isascii() and told.isdigit() and 0 < int(told) <= 1024):
            raise WarehouseError(f"{THREADS} is {told!r}; give a whole number from 1 to 1024")
        return int(told)
    # Not `os.cpu_count`: that is the whole machine, of which a container may have a part.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _load(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    file = extension_file(name)
    if file is None:
        connection.execute(f"INSTALL {name}")
    connection.execute(f"LOAD {quote(str(file)) if file else name}")
    if name == "httpfs":
        _use_aws_environment(connection)


def _use_aws_environment(connection: duckdb.DuckDBPyConnection) -> None:
    """Give DuckDB the credentials and the endpoint in the AWS_* variables, as other AWS tools read
    them.
    """
    options = {
        option: os.environ[variable]
        for option, variable in {
            "KEY_ID": "AWS_ACCESS_KEY_ID",
            "SECRET": "AWS_SECRET_ACCESS_KEY",
            "SESSION_TOKEN": "AWS_SESSION_TOKEN",
            "REGION": "AWS_REGION",
        }.items()
        if os.environ.get(variable)
    }
    settings = "".join(f", {option} {quote(value)}" for option, value in options.items())
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        url = urlsplit(endpoint)
        # A server of one's own rarely has a host name for each bucket.
        settings += (
            f", ENDPOINT {quote(url.netloc)}, URL_STYLE 'path', USE_SSL"
            f" {str(url.scheme == 'https').lower()}"
        )
    connection.execute(f"CREATE OR REPLACE SECRET bondsig (TYPE s3{settings})")
