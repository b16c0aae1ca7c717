"""`bondsig catch-up`: what it finds to do, in words, and how it ends; the work itself is noted.

Belongs here: the command on a home whose record says what is there. Not here: the whole graph
(`graph/test_cli.py`).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from bondsig_assets.alerts.outbox import keep
from bondsig_assets.calendar import trading_days
from bondsig_assets.definitions import build_defs
from bondsig_assets.errors import RunError
from bondsig_assets.home import Home, Market
from bondsig_assets.orchestration import runner
from bondsig_assets.sources.files import FilesSource
from bondsig_assets.sources.reach import fingerprint
from bondsig_assets.sources.registry import source_through
from bondsig_assets_tests.alerts.sinks import http_sink
from bondsig_assets_tests.command_line import bondsig
from bondsig_assets_tests.graph.homes import make_home
from bondsig_assets_tests.sources.files_fixtures import PRICES, folder, lines

pytestmark = pytest.mark.slow


def test_a_home_without_a_market_is_one_line(tmp_path):
    done = bondsig("catch-up", BONDSIG_HOME=str(tmp_path / "none"))
    assert done.returncode == 1 and "holds no market yet" in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not done.stdout


def test_a_lake_that_is_gone_is_one_line(tmp_path):
    home = make_home(tmp_path / "home")
    done = bondsig("catch-up", BONDSIG_HOME=str(home.path))
    assert done.returncode == 1 and "bondsig run" in done.stderr
    assert len(done.stderr.splitlines()) == 1


Noted = tuple[Home, list[runner.Stage]]


@pytest.fixture
def noted(tmp_path, monkeypatch) -> Noted:
    """A home of the simulated market whose record has every day but the last three, and the stages
    that are asked for.
    """
    return note(make_home(tmp_path / "home"), monkeypatch)


@pytest.fixture
def from_files(tmp_path, monkeypatch) -> Noted:
    """The same of a market of one file of prices, of ten days."""
    days = trading_days(date(2024, 3, 15), date(2024, 3, 28))
    rows = [f"AAA,{day},{place}" for place, day in enumerate(days, 10)]
    folder(tmp_path / "files", PRICES, prices_csv=lines("symbol,date,close", *rows))
    market = Market(source="files", data=str(tmp_path / "files"))
    home = Home(tmp_path / "home")
    home.claim(market, (days[0], days[-1]), fingerprint(market))
    return note(home, monkeypatch)


def note(home: Home, monkeypatch: pytest.MonkeyPatch) -> Noted:
    """Let the record of `home` lack three days, and stages be noted and not run."""
    stages: list[runner.Stage] = []
    (home.path / "lake").mkdir()
    (home.path / "lake" / "catalog.sqlite").touch()
    defs = build_defs(home)
    graph = defs.resolve_asset_graph()
    span = home.date_range()
    assert span is not None
    days = [day.isoformat() for day in trading_days(*span)][-10:-3]
    with runner.open_instance(home) as instance:
        for level in graph.toposorted_asset_keys_by_level:
            for key in level:
                node = graph.get(key)
                name = key.path[-1]
                if node.partitions_def is None:
                    instance.report_runless_asset_event(dg.AssetMaterialization(name))
                elif name == "models":
                    for fold in node.partitions_def.get_partition_keys():
                        instance.report_runless_asset_event(
                            dg.AssetMaterialization(name, partition=fold)
                        )
                else:
                    for day in days:
                        instance.report_runless_asset_event(
                            dg.AssetMaterialization(name, partition=day)
                        )

    def execute(_defs, instance: dg.DagsterInstance, stage: runner.Stage) -> None:
        stages.append(stage)
        for name in stage.assets:
            partitions = graph.get(dg.AssetKey(name)).partitions_def
            keys = partitions.get_partition_keys() if partitions else []
            for first, last in stage.key_ranges:
                for key in [one for one in keys if first <= one <= last] or [None]:
                    instance.report_runless_asset_event(
                        dg.AssetMaterialization(name, partition=key)
                    )

    monkeypatch.setattr(runner, "execute", execute)
    monkeypatch.setattr(runner, "to_retrain", lambda *_: set())
    nothing = {
        "filtered_otherwise": set(),
        "targets_of_other_settings": {"target_positions": set()},
        "monitored_by_other_settings": {"monitors": set()},
    }
    for name, value in nothing.items():
        monkeypatch.setattr(
            f"bondsig_assets.orchestration.outdated.{name}", lambda *_, value=value: value
        )
    monkeypatch.setattr("bondsig_assets.commands.run.open_warehouse", lambda _home: None)
    return home, stages


def test_missing_days_are_one_range_a_stage_and_the_second_call_has_nothing_to_do(noted):
    home, stages = noted
    first = bondsig("catch-up", BONDSIG_HOME=str(home.path))
    assert first.returncode == 0, first.stderr
    assert "to do: 3 days missing (2024-03-26 … 2024-03-28)" in first.stdout
    assert first.stdout.splitlines()[-1].startswith("caught up in ")
    assert first.stdout.splitlines()[-1].endswith("3 days missing (2024-03-26 … 2024-03-28)")
    assert [stage.key_ranges for stage in stages] == [(("2024-03-26", "2024-03-28"),)] * 2
    assert "trace_reports" in stages[0].assets and "scores" in stages[1].assets
    again = bondsig("catch-up", BONDSIG_HOME=str(home.path))
    assert again.returncode == 0 and again.stdout.splitlines() == [
        "nothing to do: all days to 2024-03-28 are there and up to date, the last of this market"
    ]
    assert len(stages) == 2


def test_the_heartbeat_follows_when_all_is_there(noted, monkeypatch):
    home, _ = noted
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http_sink() as sink:
        for _ in range(2):
            done = bondsig(
                "catch-up",
                BONDSIG_HOME=str(home.path),
                BONDSIG_HEARTBEAT_URL=f"{sink.url}/hunter2",
            )
            assert done.returncode == 0 and "heartbeat" not in done.stdout
        assert [path for path, _ in sink.came] == ["/hunter2"] * 2
        sink.status = 404
        refused = bondsig(
            "catch-up", BONDSIG_HOME=str(home.path), BONDSIG_HEARTBEAT_URL=f"{sink.url}/hunter2"
        )
    assert refused.returncode == 0, "what a target does costs no run"
    assert refused.stdout.splitlines()[-1] == (
        "heartbeat not sent: heartbeat at 127.0.0.1: answered 404"
    )


def test_a_run_that_failed_is_told_and_no_heartbeat_follows(noted, monkeypatch, tmp_path):
    home, _ = noted

    def fail(*_):
        raise RunError("trade_events: no space left on device")

    monkeypatch.setattr(runner, "execute", fail)
    keep(home.path, "file", "what nobody took")
    with http_sink() as sink:
        done = bondsig(
            "catch-up",
            BONDSIG_HOME=str(home.path),
            BONDSIG_HEARTBEAT_URL=sink.url,
            BONDSIG_ALERT_FILE=str(tmp_path / "alerts"),
        )
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert sink.came == []
    late, line = (tmp_path / "alerts").read_text().splitlines()
    assert "what nobody took" in late and "sent late" in late
    assert "run of bondsig catch-up failed" in line and "no space left on device" in line


def test_days_that_changed_are_counted_and_made_again(noted):
    home, stages = noted
    bondsig("catch-up", BONDSIG_HOME=str(home.path))
    stages.clear()
    with runner.open_instance(home) as instance:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                "trace_reports", partition="2024-03-27", metadata={"dagster/partition_row_count": 9}
            )
        )
    done = bondsig("catch-up", BONDSIG_HOME=str(home.path))
    assert done.returncode == 0, done.stderr
    assert "to do: 2 days out of date" in done.stdout
    assert "(2024-03-27 … 2024-03-28)" in done.stdout
    remade = {name for stage in stages for name in stage.assets}
    assert {"trade_events", "issuer_days", "scores"} <= remade
    assert not remade & {"trace_reports", "equity_prices"}


def change(home: Home, old: str, new: str) -> None:
    market = home.market()
    assert market is not None
    file = Path(market.data) / "prices.csv"
    file.write_text(file.read_text().replace(old, new))


def as_taken_in(home: Home) -> FilesSource:
    """What the files were before they changed."""
    market = home.market()
    assert market is not None
    return FilesSource(Path(market.data))


class Lake:
    """Stands for the warehouse: holds what a source brought."""

    def __init__(self, source: FilesSource) -> None:
        self._source = source

    def read_table(self, table: str, *, between: tuple[date, date]) -> pl.DataFrame:
        return self._source.daily(table, *between).rows


def test_of_files_that_changed_only_days_that_differ_are_taken_in_again(from_files, monkeypatch):
    home, stages = from_files
    bondsig("catch-up", BONDSIG_HOME=str(home.path))
    stages.clear()
    held = Lake(as_taken_in(home))
    held.read_table("equity_prices", between=(date(2024, 3, 15), date(2024, 3, 28)))
    monkeypatch.setattr("bondsig_assets.commands.catch_up.open_warehouse", lambda _home: held)
    change(home, "AAA,2024-03-26,17", "AAA,2024-03-26,17.5")
    source_through.cache_clear()
    done = bondsig("catch-up", BONDSIG_HOME=str(home.path))
    assert done.returncode == 0, done.stderr
    assert "late data: equity_prices of 1 day (2024-03-26 … 2024-03-26)" in done.stdout
    assert "the files have changed: reading again the tables that have no days" in done.stdout
    assert stages[0].key_ranges == (("", ""),) and "bonds" in stages[0].assets
    assert "equity_prices" in stages[1].assets
    assert stages[1].key_ranges[0][0] == "2024-03-26"
    assert "trace_reports" not in stages[1].assets
    stages.clear()
    again = bondsig("catch-up", BONDSIG_HOME=str(home.path))
    assert again.stdout.startswith("nothing to do: ") and stages == []


def test_changed_files_are_looked_for_again_after_a_run_that_failed(from_files, monkeypatch):
    home, _ = from_files
    bondsig("catch-up", BONDSIG_HOME=str(home.path))
    held = Lake(as_taken_in(home))
    held.read_table("equity_prices", between=(date(2024, 3, 15), date(2024, 3, 28)))
    monkeypatch.setattr("bondsig_assets.commands.catch_up.open_warehouse", lambda _home: held)
    change(home, "AAA,2024-03-26,17", "AAA,2024-03-26,17.5")
    source_through.cache_clear()

    def fail(*_):
        raise RunError("equity_prices: no space left on device")

    with monkeypatch.context() as failing:
        failing.setattr(runner, "execute", fail)
        assert bondsig("catch-up", BONDSIG_HOME=str(home.path)).returncode == 1
    again = bondsig("catch-up", BONDSIG_HOME=str(home.path))
    assert "late data: equity_prices of 1 day" in again.stdout
