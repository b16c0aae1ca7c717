"""`bondsig catch-up`: what it finds to do, in words, and how it ends; the work itself is noted.

Belongs here: the command on a home whose record says what is there. Not here: the whole graph
(`graph/test_cli.py`).
"""

from __future__ import annotations

import dagster as dg
import pytest

from bondsig_assets.calendar import trading_days
from bondsig_assets.definitions import build_defs
from bondsig_assets.errors import RunError
from bondsig_assets.home import Home
from bondsig_assets.orchestration import runner
from bondsig_assets_tests.alerts.sinks import http_sink
from bondsig_assets_tests.command_line import bondsig
from bondsig_assets_tests.graph.homes import make_home


def test_a_home_without_a_market_is_one_line(tmp_path):
    done = bondsig("catch-up", BONDSIG_HOME=str(tmp_path / "none"))
    assert done.returncode == 1 and "holds no market yet" in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not done.stdout


def test_a_lake_that_is_gone_is_one_line(tmp_path):
    home = make_home(tmp_path / "home")
    done = bondsig("catch-up", BONDSIG_HOME=str(home.path))
    assert done.returncode == 1 and "bondsig run" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def noted(tmp_path, monkeypatch) -> tuple[Home, list[runner.Stage]]:
    """A home whose record has every day but the last three, and the stages that are asked for."""
    home, stages = make_home(tmp_path / "home"), []
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
    with http_sink() as sink:
        done = bondsig(
            "catch-up",
            BONDSIG_HOME=str(home.path),
            BONDSIG_HEARTBEAT_URL=sink.url,
            BONDSIG_ALERT_FILE=str(tmp_path / "alerts"),
        )
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert sink.came == []
    (line,) = (tmp_path / "alerts").read_text().splitlines()
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
