"""Writing, reading, snapshots and upkeep of the warehouse in one process; see also
`test_warehouse_processes.py`.
"""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import os
import pickle
import resource
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from bondsig_assets.errors import WarehouseError
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets.warehouse.lake import Lake, _kept
from bondsig_assets_tests.rows_of import rows_of
from bondsig_assets_tests.warehouse.frames import (
    KNOWN,
    coefficients,
    day,
    predictions,
    quarantined,
    span,
    values_by_day,
    write_predictions,
)

# What a write refuses


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda frame: frame.drop("ticker"), "missing columns ticker"),
        (lambda frame: frame.with_columns(extra=1), "undeclared columns extra"),
        (
            lambda frame: frame.with_columns(prediction=pl.lit("high")),
            "prediction is String, declared Float64",
        ),
        (
            lambda frame: frame.with_columns(ticker=pl.lit(None, pl.String)),
            "ticker may not be null",
        ),
        (lambda frame: pl.concat([frame, frame.head(2)]), "4 rows share their key"),
        (
            lambda frame: frame.with_columns(trade_date=day(7)).unique("parent_id"),
            "3 of 3 rows lie outside trade_date 2024-01-01 to 2024-01-05",
        ),
    ],
)
def test_a_frame_that_does_not_fit_changes_nothing(warehouse, spoil, message):
    write_predictions(warehouse, 0, 4, 1.0)
    before = warehouse.snapshot_id()
    with pytest.raises(WarehouseError, match=message) as caught:
        warehouse.replace(
            Write("information_coefficients", coefficients(2)),
            Write("predictions", spoil(predictions(0, 4)), span(0, 4)),
        )
    assert "\n" not in str(caught.value)
    assert warehouse.snapshot_id() == before


def test_unknown_names_are_one_clear_line(warehouse, tmp_path):
    with pytest.raises(WarehouseError, match="^there is no table nothing$"):
        warehouse.read_table("nothing")
    with pytest.raises(WarehouseError, match="^table predictions has no column shoe_size$"):
        warehouse.read_table("predictions", columns=["shoe_size"])
    with pytest.raises(WarehouseError, match="^table evaluations has no partitions$"):
        warehouse.partitions("evaluations")
    with pytest.raises(WarehouseError, match="nowhere does not exist") as caught:
        warehouse.read("SELECT *\nFROM nowhere")
    assert "\n" not in str(caught.value)
    with pytest.raises(WarehouseError, match="there is no warehouse in .*/empty yet"):
        Warehouse(tmp_path / "empty").read("SELECT 1")
    with pytest.raises(WarehouseError, match="there is no warehouse in .*/empty yet"):
        write_predictions(Warehouse(tmp_path / "empty"), 0, 0)


def test_reading_cannot_write(warehouse):
    with pytest.raises(WarehouseError, match="read-only"):
        warehouse.read("DELETE FROM predictions")


# What a write replaces


def test_a_range_is_replaced_and_nothing_else(warehouse):
    write_predictions(warehouse, 0, 9, 1.0)
    write_predictions(warehouse, 3, 5, 2.0)
    assert values_by_day(warehouse) == {day(n): 2.0 if 3 <= n <= 5 else 1.0 for n in range(10)}
    assert warehouse.row_counts("predictions", span(2, 3)) == {day(2): 3, day(3): 3}


def test_an_empty_frame_only_deletes(warehouse):
    write_predictions(warehouse, 0, 9)
    warehouse.replace(Write("predictions", TABLES["predictions"].empty(), span(2, 8)))
    assert warehouse.partitions("predictions") == {day(0), day(1), day(9)}


def test_without_a_range_the_whole_table_is_replaced(warehouse):
    warehouse.replace(Write("information_coefficients", coefficients(5)))
    warehouse.replace(Write("information_coefficients", coefficients(2)))
    assert warehouse.read_table("information_coefficients").height == 2


def test_a_large_frame_is_written_in_chunks(warehouse, monkeypatch):
    monkeypatch.setattr("bondsig_assets.warehouse.warehouse.CHUNK_ROWS", 4)
    write_predictions(warehouse, 0, 4, 1.0)
    assert warehouse.row_counts("predictions") == {day(n): 3 for n in range(5)}
    assert sum(1 for _ in warehouse.home.glob("lake/files/main/predictions/**/*.parquet")) == 4


def test_matching_narrows_what_is_replaced(warehouse):
    days = [day(0), day(1)]
    warehouse.replace(Write("quarantined_rows", quarantined("bonds", [1, 2], [None, None])))
    warehouse.replace(
        Write(
            "quarantined_rows",
            quarantined("trace_reports", [1, 2], days),
            span(0, 1),
            {"table_name": "trace_reports"},
        )
    )
    warehouse.replace(
        Write(
            "quarantined_rows",
            quarantined("trace_reports", [7], [day(0)]),
            span(0, 0),
            {"table_name": "trace_reports"},
        )
    )
    kept = warehouse.read_table("quarantined_rows").select("table_name", "row_number").rows()
    assert sorted(kept) == [("bonds", 1), ("bonds", 2), ("trace_reports", 2), ("trace_reports", 7)]
    with pytest.raises(WarehouseError, match="1 of 1 rows lie outside table_name = trace_reports"):
        warehouse.replace(
            Write(
                "quarantined_rows",
                quarantined("bonds", [1], [None]),
                None,
                {"table_name": "trace_reports"},
            )
        )


def test_several_tables_change_together_or_not_at_all(warehouse, monkeypatch):
    write_predictions(warehouse, 0, 2, 1.0)
    snapshot = warehouse.snapshot_id()
    writes = (
        Write("predictions", predictions(0, 2, 2.0), span(0, 2)),
        Write("information_coefficients", coefficients(2)),
    )
    # The second statement fails after the first has run.
    broken = {
        **TABLES,
        "information_coefficients": replace(TABLES["information_coefficients"], schema="elsewhere"),
    }
    with monkeypatch.context() as patch:
        patch.setattr("bondsig_assets.warehouse.warehouse.TABLES", broken)
        with pytest.raises(
            WarehouseError,
            match=(
                "^could not write predictions, information_coefficients; the warehouse is"
                " unchanged: "
            ),
        ):
            warehouse.replace(*writes)
    assert warehouse.snapshot_id() == snapshot
    assert set(values_by_day(warehouse).values()) == {1.0}
    warehouse.replace(*writes)
    assert warehouse.snapshot_id() == snapshot + 1


def test_a_full_disk_leaves_the_old_state(warehouse):
    write_predictions(warehouse, 0, 2, 1.0)
    noise = pl.DataFrame({"prediction": range(300_000)}).select(
        pl.col("prediction").hash().cast(pl.Float64)
    )["prediction"]
    big = predictions(0, 2, 2.0, issuers=100_000).with_columns(noise)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, limits[1]))
    try:
        with pytest.raises(
            WarehouseError,
            match="could not write predictions; the warehouse is unchanged: .*File too large",
        ) as caught:
            warehouse.replace(Write("predictions", big, span(0, 2)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    assert values_by_day(warehouse) == {day(n): 1.0 for n in range(3)}
    write_predictions(warehouse, 0, 0, 3.0)


# What comes back


def test_types_survive_the_round_trip(warehouse):
    scores = pl.DataFrame(
        {
            "ticker": ["A", "B"],
            "trade_date": [day(0)] * 2,
            "parent_id": ["P", "Ünï'cödé\n"],
            "score": [0.1 + 0.2, -1e-300],
            "probability_underperform": [0.5, float("inf")],
            "base_rate": [0.5, 0.5],
            "is_informed": [True, None],
            "score_rank": [0.0, -0.0],
            "prediction": [1.0, 2.0],
            "model_version": ["m", ""],
            "registry_version": ["1", "2"],
            "top_features": [["a", "b"], []],
            "top_contributions": [[1.5, None], []],
            "top_values": [[float("nan")], [0.1]],
            "known_at": [KNOWN, datetime(1970, 1, 1)],
        },
    )
    scores = scores.cast(
        {"top_features": pl.List(pl.String), "top_contributions": pl.List(pl.Float64)}
    )
    nulls = quarantined("bonds", [2**62], [None])
    warehouse.replace(Write("scores", scores, span(0, 0)), Write("quarantined_rows", nulls))
    assert_frame_equal(warehouse.read_table("scores"), scores, check_exact=True)
    assert_frame_equal(warehouse.read_table("quarantined_rows"), nulls, check_exact=True)
    assert dict(warehouse.read("SELECT * FROM scores").schema) == TABLES["scores"].polars_schema


def test_columns_are_matched_by_name(warehouse):
    frame = predictions(0, 1, 5.0)
    warehouse.replace(Write("predictions", frame.select(reversed(frame.columns)), span(0, 1)))
    assert_frame_equal(
        warehouse.read_table("predictions"),
        frame.sort("trade_date", "parent_id"),
        check_column_order=False,
    )


def test_rows_come_in_the_order_of_partition_and_key(warehouse):
    write_predictions(warehouse, 5, 9)
    warehouse.replace(
        Write("predictions", predictions(0, 4).sample(fraction=1, shuffle=True, seed=1), span(0, 4))
    )
    read = warehouse.read_table("predictions", columns=["prediction", "parent_id", "trade_date"])
    assert read.columns == ["prediction", "parent_id", "trade_date"]
    assert_frame_equal(read, read.sort("trade_date", "parent_id"))
    assert (
        warehouse.read_table(
            "predictions", between=span(3, 4), where="parent_id = 'P0' OR parent_id = 'P1'"
        ).height
        == 4
    )


@pytest.mark.slow
def test_every_empty_table_has_its_declared_types(warehouse):
    with warehouse.on_snapshot():
        for name, table in TABLES.items():
            frame = warehouse.read_table(name)
            assert (frame.height, dict(frame.schema)) == (0, table.polars_schema)


def test_query_gives_names_and_rows(warehouse):
    write_predictions(warehouse, 0, 0)
    assert warehouse.query("SELECT trade_date, count(*) AS n FROM predictions GROUP BY 1") == (
        ["trade_date", "n"],
        [(day(0), 3)],
    )
    assert warehouse.read("SELECT count(*) AS n FROM predictions WHERE ticker = ?", ["T1"])[
        "n"
    ].to_list() == [1]


def test_an_earlier_snapshot_can_be_read(warehouse):
    old = write_predictions(warehouse, 0, 3, 1.0)
    new = write_predictions(warehouse, 1, 2, 2.0)
    assert new == old + 1
    assert set(values_by_day(warehouse, at_snapshot=old).values()) == {1.0}
    assert values_by_day(warehouse)[day(1)] == 2.0


def test_reads_on_a_snapshot_see_nothing_of_what_is_written_meanwhile(warehouse):
    write_predictions(warehouse, 0, 1, 1.0)
    before, held = values_by_day(warehouse), warehouse.snapshot_id()
    with warehouse.on_snapshot(), ThreadPoolExecutor(1) as other:
        with warehouse.on_snapshot():
            assert values_by_day(warehouse) == before
        other.submit(write_predictions, warehouse, 1, 2, 2.0).result()
        write_predictions(warehouse, 3, 3, 3.0)
        assert values_by_day(warehouse) == before
        assert warehouse.snapshot_id() == held
        after = other.submit(values_by_day, warehouse).result()
    assert values_by_day(warehouse) == after
    assert after == {day(0): 1.0, day(1): 2.0, day(2): 2.0, day(3): 3.0}


def test_an_error_on_a_snapshot_ends_with_its_block(warehouse):
    write_predictions(warehouse, 0, 1, 1.0)
    with pytest.raises(WarehouseError, match="nowhere"), warehouse.on_snapshot():
        warehouse.read("FROM nowhere")
    assert len(values_by_day(warehouse)) == 2


@pytest.fixture
def attached(monkeypatch) -> list[bool]:
    """Whether read-only, for each time that this thread attached a lake."""
    found: list[bool] = []
    attach, thread = Lake._attached, threading.get_ident()

    def counted(self, read_only, create=False):
        if threading.get_ident() == thread:
            found.append(read_only)
        return attach(self, read_only, create)

    monkeypatch.setattr(Lake, "_attached", counted)
    return found


@pytest.mark.slow
def test_a_lake_that_is_kept_attached_is_read_as_it_is_now(warehouse, attached):
    """What this thread, another one and an installation wrote since the last read is there."""
    write_predictions(warehouse, 0, 1, 1.0)
    attached.clear()
    with warehouse.kept_attached(), warehouse.kept_attached(), ThreadPoolExecutor(1) as other:
        for n in range(5):
            write_predictions(warehouse, 1, 1, float(n))
            assert values_by_day(warehouse) == {day(0): 1.0, day(1): float(n)}
            other.submit(write_predictions, warehouse, 0, 0, 1.0).result()
        assert attached.count(True) == 1
        with warehouse.on_snapshot():
            held = values_by_day(warehouse)
            write_predictions(warehouse, 1, 1, 9.0)
            assert values_by_day(warehouse) == held == {day(0): 1.0, day(1): 4.0}
        assert values_by_day(warehouse)[day(1)] == 9.0
        assert attached.count(True) == 1
        with warehouse._lake.transaction("another table") as lake:
            lake.execute("CREATE TABLE later AS SELECT 7 AS n")
        assert warehouse.read("FROM later").item() == 7
        assert attached.count(True) == 1
    assert values_by_day(warehouse)[day(1)] == 9.0
    assert attached.count(True) == 2 and not _kept


def test_a_kept_lake_serves_one_read_at_a_time_and_none_after_an_error(warehouse, attached):
    write_predictions(warehouse, 0, 9, 1.0)
    attached.clear()
    with warehouse.kept_attached():
        with warehouse.stream("FROM range(100_000)") as (_, batches):
            first = next(batches)
            assert len(values_by_day(warehouse)) == 10
            assert len(first) + sum(len(one) for one in batches) == 100_000
        assert attached.count(True) == 2
        with pytest.raises(WarehouseError, match="nowhere"):
            warehouse.read("FROM nowhere")
        with pytest.raises(WarehouseError, match="could not read"):
            warehouse.read("CREATE TABLE lake.mine AS SELECT 1")
        for _ in range(3):
            assert len(values_by_day(warehouse)) == 10
    assert not _kept


@pytest.mark.slow
def test_threads_that_keep_a_lake_attached_read_and_write(warehouse):
    def work(n: int) -> int:
        with warehouse.kept_attached():
            for value in range(4):
                write_predictions(warehouse, n, n, float(value))
                assert values_by_day(warehouse)[day(n)] == value
        return n

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(8))) == list(range(8))
    assert values_by_day(warehouse) == {day(n): 3.0 for n in range(8)} and not _kept


@pytest.mark.slow
def test_threads_share_a_warehouse(warehouse):
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda n: (write_predictions(warehouse, n, n, float(n)), warehouse.snapshot_id()),
                range(8),
            )
        )
    assert values_by_day(warehouse) == {day(n): float(n) for n in range(8)}


def test_the_handle_can_be_pickled_and_the_home_moved(warehouse):
    write_predictions(warehouse, 0, 1, 1.0)
    assert pickle.loads(pickle.dumps(warehouse)).snapshot_id() == warehouse.snapshot_id()
    moved = Warehouse(shutil.move(warehouse.home, f"{warehouse.home}-moved"))
    write_predictions(moved, 1, 2, 2.0)
    assert values_by_day(moved) == {day(0): 1.0, day(1): 2.0, day(2): 2.0}


# Upkeep


@pytest.mark.slow
def test_maintenance_keeps_what_is_named(warehouse):
    named, forgotten, model = (
        write_predictions(warehouse, 0, 9, float(value)) for value in (1, 2, 3)
    )
    write_predictions(warehouse, 2, 5, 4.0)
    row = rows_of("models", {"fold": day(0), "model_name": "x", "snapshot_id": model})
    warehouse.replace(Write("models", row))
    for number in range(10, 20):
        write_predictions(warehouse, number, number, 5.0)
    current = values_by_day(warehouse)
    files = sum(1 for _ in warehouse.home.rglob("*.parquet"))

    warehouse.maintain(older_than_days=0, keep_snapshots=[named])

    assert sum(1 for _ in warehouse.home.rglob("*.parquet")) < files
    assert values_by_day(warehouse) == current
    assert set(values_by_day(warehouse, at_snapshot=named).values()) == {1.0}
    assert set(values_by_day(warehouse, at_snapshot=model).values()) == {3.0}
    with pytest.raises(WarehouseError, match=f"No snapshot found at version {forgotten}"):
        warehouse.read_table("predictions", at_snapshot=forgotten)


@pytest.mark.slow
def test_maintenance_spares_what_is_young(warehouse):
    first = write_predictions(warehouse, 0, 1, 1.0)
    write_predictions(warehouse, 0, 1, 2.0)
    orphan = warehouse.home / "lake" / "files" / "main" / "predictions" / "orphan.parquet"
    shutil.copy(next(orphan.parent.glob("*.parquet")), orphan)
    warehouse.maintain()
    assert orphan.exists()
    assert set(values_by_day(warehouse, at_snapshot=first).values()) == {1.0}
    os.utime(orphan, (0, 0))
    warehouse.maintain()
    assert not orphan.exists()
