"""A warehouse for a notebook: a plain DuckDB connection that only reads, of today or of the past.

Belongs here: `connect`, and what each table looked like at a moment. Not here: opening the lake
(`lake.py`), and the reads of the graph (`warehouse.py`).
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from bondsig_assets.calendar import CUTOFF, cutoff
from bondsig_assets.errors import WarehouseError
from bondsig_assets.home import current_home
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.schema import Table, quote
from bondsig_assets.warehouse.installation import create_views
from bondsig_assets.warehouse.warehouse import Warehouse

#: The database of the views of a past moment: it is in memory and empty otherwise.
_PAST = "memory"
#: Ends that only a later row tells: until that is known they are open. A champion's last day is the
#: day on whose cutoff its successor is named.
_ENDS = {"champions": "valid_to_date"}


def connect(
    home: str | Path | None = None, *, as_of: date | datetime | str | None = None
) -> duckdb.DuckDBPyConnection:
    """The warehouse of `home` as a DuckDB connection that only reads, with all views and macros.

    `home` is a folder, or a file that `bondsig export` wrote; without it the one that BONDSIG_HOME
    names. Every statement sees the newest snapshot, also while a run writes; between `begin()` and
    `rollback()` all see one. Tables of your own: `CREATE TEMP TABLE`. The connection is an engine
    of its own: close it, or open it by `with`.

    With `as_of` (a moment in New York, or a day, which means its cutoff at 18:30) every table holds
    what was known then: no later row, no later revision, no end that was not known. Tables that
    were known at no moment, such as `evaluations`, are not there; `lake.evaluations` is the present
    of any table.

    Raises WarehouseError where there is no warehouse.

    Examples:
        >>> from datetime import date, datetime
        >>> from tempfile import TemporaryDirectory
        >>> import polars as pl
        >>> import bondsig_assets as bondsig
        >>> from bondsig_assets.tables import TABLES
        >>> from bondsig_assets.warehouse import Write
        >>> closes = pl.DataFrame(
        ...     {
        ...         "ticker": ["F", "F"],
        ...         "trade_date": [date(2024, 3, 5), date(2024, 3, 6)],
        ...         "close_usd": [12.35, 12.5],
        ...         "is_etf": [False, False],
        ...         "known_at": [datetime(2024, 3, 5, 18, 30), datetime(2024, 3, 6, 18, 30)],
        ...     }
        ... )
        >>> missing = [name for name in TABLES["equity_prices"].column_names if name not in closes]
        >>> closes = closes.with_columns(pl.lit(None).alias(name) for name in missing)
        >>> with TemporaryDirectory() as home:
        ...     warehouse = bondsig.Warehouse(home)
        ...     warehouse.initialize()
        ...     warehouse.replace(Write("equity_prices", closes))
        ...     with bondsig.connect(home) as lake:
        ...         lake.sql("select max(close_usd) from equity_prices").pl().item()
        ...     with bondsig.connect(home, as_of=date(2024, 3, 5)) as lake:
        ...         lake.sql("select max(close_usd) from equity_prices").df().iat[0, 0]
        12.5
        np.float64(12.35)
    """
    moment = _moment(as_of)
    path = Path(home).expanduser() if home is not None else current_home().path
    connection = _file(path) if path.is_file() else Warehouse(path).connect()
    try:
        if moment is not None:
            _go_back(connection, moment)
    except BaseException:
        connection.close()
        raise
    return connection


def _file(path: Path) -> duckdb.DuckDBPyConnection:
    """A connection to an exported file, attached under the name of the lake."""
    connection = duckdb.connect()
    try:
        connection.execute(f"ATTACH {quote(str(path))} AS lake (READ_ONLY)")
        connection.execute("USE lake")
    except duckdb.Error as error:
        connection.close()
        raise WarehouseError(f"{path} is no DuckDB file: {' '.join(str(error).split())}") from error
    return connection


def _moment(told: date | datetime | str | None) -> datetime | None:
    """A moment on New York's wall clock; raises WarehouseError for a text that is none."""
    if isinstance(told, str):
        try:
            told = datetime.fromisoformat(told) if len(told) > 10 else date.fromisoformat(told)
        except ValueError as error:
            raise WarehouseError(
                f"as_of is {told!r}; write 2024-03-28, which means {CUTOFF:%H:%M}, or"
                " 2024-03-28 18:30"
            ) from error
    if isinstance(told, datetime):
        return (
            told if told.tzinfo is None else told.astimezone(ZoneInfo("America/New_York"))
        ).replace(tzinfo=None)
    return cutoff(told) if told is not None else None


def _go_back(connection: duckdb.DuckDBPyConnection, moment: datetime) -> None:
    """Stand views of the same names before tables, views and macros, which see only what was known
    at `moment`: views and macros are those of the project, over tables as they were.
    """
    connection.execute(f"USE {_PAST}")
    for table in TABLES.values():
        if table.known_time and table.schema == "main":
            connection.execute(f"CREATE VIEW {table.name} AS {_as_known(table, moment)}")
    create_views(connection)


def _as_known(table: Table, moment: datetime) -> str:
    """The rows of a table that were known at `moment`, as they looked then."""
    then = f"TIMESTAMP {quote(str(moment))}"
    ends = [f"CASE WHEN known_until <= {then} THEN known_until END AS known_until"] * (
        "known_until" in table.column_names
    )
    if end := _ENDS.get(table.name):
        at = f"{end} + TIME {quote(str(CUTOFF))}"
        ends.append(f"CASE WHEN {at} <= {then} THEN {end} END AS {end}")
    replaced = f" REPLACE ({', '.join(ends)})" if ends else ""
    return f"SELECT *{replaced} FROM lake.{table.name} WHERE {table.known_time} <= {then}"
