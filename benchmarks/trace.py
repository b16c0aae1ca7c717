"""How fast and how exact the TRACE cleaner is: `make bench-trace`, or `python -m benchmarks.trace 2
10`.

Belongs here: timing whole steps on reports of known outcome, each in a process of its own, beside
the time that DuckDB needs to read and write the same file. Not here: the reports
(`known_outcomes.py`).
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

#: What a benchmark found, for `page.py`.
FOLDER = Path("build/bench")
_CHUNK = 1_000_000
#: Millions of reports up to which everything is timed.
_IN_MEMORY = 10
_STEPS = {
    "duckdb": "DuckDB: read and write the file",
    "lifecycle": "lifecycle and double counting, in memory",
    "chain": "whole chain, in memory",
    "files": "whole chain, file to files (bondsig clean)",
}


def make_file(path: Path, millions: float) -> None:
    """A Parquet file of WRDS Enhanced with as many million reports, and their outcomes."""
    import pyarrow.parquet as pq

    from benchmarks.known_outcomes import reports_of_known_outcome

    writer, left, k = None, int(millions * 1e6), 0
    while left > 0:
        n = min(_CHUNK, left)
        table = reports_of_known_outcome(n, seed=k, first_bond=4 * k * (_CHUNK // 3000)).to_arrow()
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
        left, k = left - n, k + 1
    assert writer is not None
    writer.close()


def _parts(path: Path):
    """Reports in parts of whole issuers, as they lie in memory before cleaning: the file's chunks
    are about different bonds.
    """
    import polars as pl
    import pyarrow.parquet as pq

    from bondsig_assets.trace.layouts import normalise

    for group in range(pq.ParquetFile(path).num_row_groups):
        raw = pl.from_arrow(pq.ParquetFile(path).read_row_group(group))
        reports = normalise(raw.drop("outcome").lazy(), "wrds-enhanced").collect()
        half = reports["cusip"].str.slice(0, 6).hash() % 2
        yield from (reports.filter(half == k) for k in (0, 1))


def run_step(step: str, path: Path, out: Path) -> dict[str, float]:
    """Seconds, those of processor and peak gigabytes of one step in this process; compiling is done
    before.
    """
    rows, took, worked = 0, 0.0, 0.0
    if step == "duckdb":
        import duckdb

        duckdb.execute("SET threads = 2")
        began, busy = time.perf_counter(), time.process_time()
        duckdb.execute(
            f"COPY (FROM '{path}') TO '{out / 'copy.parquet'}' (FORMAT parquet, COMPRESSION zstd)"
        )
        took, worked = time.perf_counter() - began, time.process_time() - busy
    elif step == "files":
        from bondsig_assets.trace.layouts import scan_reports
        from bondsig_assets.trace.options import PRESETS
        from bondsig_assets.trace.partitions import clean_to

        _warm_up()
        began, busy = time.perf_counter(), time.process_time()
        clean_to(scan_reports([path]).blocks(500_000), out, PRESETS["research"])
        took, worked = time.perf_counter() - began, time.process_time() - busy
    else:
        from bondsig_assets.trace.cleaning import clean_part
        from bondsig_assets.trace.options import PRESETS
        from bondsig_assets.trace.order import order_of_knowledge, with_known_at
        from bondsig_assets.trace.outcomes import decide
        from bondsig_assets.trace.states import now

        _warm_up()
        for reports in _parts(path):
            began, busy = time.perf_counter(), time.process_time()
            if step == "lifecycle":
                dated = with_known_at(reports)
                now(decide(dated, order_of_knowledge(dated), PRESETS["none"]))
            else:
                clean_part(reports, None, PRESETS["research"], "regulatory")
            took += time.perf_counter() - began
            worked += time.process_time() - busy
            rows += reports.height
    return {
        "seconds": took,
        "cpu": worked,
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def _warm_up() -> None:
    from benchmarks.known_outcomes import reports_of_known_outcome
    from bondsig_assets.trace import clean
    from bondsig_assets.trace.layouts import normalise

    clean(normalise(reports_of_known_outcome(3_000).drop("outcome").lazy(), "wrds-enhanced"))


def wrong_outcomes(path: Path, out: Path) -> tuple[int, int]:
    """Reports, and those whose outcome came out wrong, with screens `none`; of two equal copies
    either may be the duplicate.
    """
    import duckdb

    from bondsig_assets.trace.layouts import scan_reports
    from bondsig_assets.trace.options import PRESETS
    from bondsig_assets.trace.partitions import clean_to

    clean_to(scan_reports([path]).blocks(500_000), out, PRESETS["none"])
    base = duckdb.connect()
    base.execute("SET memory_limit = '4GB'; SET preserve_insertion_order = true")
    base.execute(
        f"""
        CREATE TABLE known AS
        SELECT file_row_number AS row, outcome, cusip_id, trd_rpt_dt, msg_seq_nb, trc_st,
               rpt_side_cd
          FROM read_parquet('{path}', file_row_number = true)"""
    )
    base.execute(
        f"""
        CREATE TABLE found AS
        SELECT row, 'trade' AS found FROM '{out / "trades.parquet"}' UNION ALL
        SELECT row, CASE WHEN reason LIKE 'ended_by_%' THEN 'dead' WHEN reason LIKE '%_message' THEN
          'message' WHEN reason = 'interdealer_buy_leg' THEN 'leg'
                         WHEN reason = 'duplicate_report' THEN 'duplicate' ELSE reason END FROM
                           '{out / "rejected.parquet"}'"""
    )
    n = base.sql("SELECT count(*) FROM known").fetchone()[0]
    wrong = base.sql(
        """
        WITH every_report AS (SELECT * FROM known LEFT JOIN found USING (row)),
        unlike AS (SELECT * FROM every_report WHERE outcome IS DISTINCT FROM found)
        SELECT coalesce(sum(n), 0) FROM (
            SELECT count(*) AS n, list_sort(list(outcome)) AS wanted,
                   list_sort(list(coalesce(found, 'lost'))) AS got
            FROM unlike GROUP BY cusip_id, trd_rpt_dt, msg_seq_nb, trc_st, rpt_side_cd)
         WHERE wanted <> got"""
    ).fetchone()[0]
    return int(n), int(wrong)


def main(sizes: list[float]) -> None:
    """Prints a table for each size, in millions of reports, and writes what was found to FOLDER."""
    every = []
    for millions in sizes:
        with tempfile.TemporaryDirectory(prefix="bench-trace-") as folder:
            path, out = Path(folder) / "reports.parquet", Path(folder) / "out"
            out.mkdir()
            _child("make", path, out, millions)
            print(f"\n{millions:g} million reports, {path.stat().st_size / 1e6:.0f} MB")
            base = None
            for step, words in _STEPS.items():
                # Beyond that, what matters is that memory does not grow.
                if millions > _IN_MEMORY and step in ("lifecycle", "chain"):
                    continue
                found = _child(step, path, out, millions)
                every.append({"millions": millions, "step": step, **found})
                base = base or found["seconds"]
                seconds = found["seconds"]
                print(
                    f"  {words:48} {seconds:7.1f} s {seconds / millions:6.2f} us a row"
                    f" {seconds / base:5.1f} x DuckDB {found['cpu']:7.1f} s of processor"
                    f" {found['gigabytes']:5.2f} GB",
                    flush=True,
                )
            if millions <= _IN_MEMORY:
                n, wrong = _child("truth", path, out, millions)["truth"]
                print(f"  {'truth':48} {wrong:,} of {n:,} reports with a wrong outcome")
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "trace.json").write_text(json.dumps(every, indent=1))


def _child(step: str, path: Path, out: Path, millions: float):
    command = [
        sys.executable,
        "-m",
        "benchmarks.trace",
        f"--{step}",
        str(path),
        str(out),
        str(millions),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].startswith("--"):
        asked, source, target = sys.argv[1][2:], Path(sys.argv[2]), Path(sys.argv[3])
        if asked == "make":
            make_file(source, float(sys.argv[4]))
            print("{}")
        elif asked == "truth":
            print(json.dumps({"truth": wrong_outcomes(source, target)}))
        else:
            print(json.dumps(run_step(asked, source, target)))
    else:
        main([float(size) for size in sys.argv[1:]] or [2, 10])
