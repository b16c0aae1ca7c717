"""The notebooks run as scripts on a whole home, and say what the warehouse says."""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from bondsig_assets.warehouse import Warehouse

pytestmark = pytest.mark.slow

_FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(path.stem for path in _FOLDER.glob("*.py"))


def told(name: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the cells of a notebook defined, run from top to bottom."""
    monkeypatch.setenv("BONDSIG_HOME", str(home))
    spec = importlib.util.spec_from_file_location(name, _FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    outputs, defined = module.app.run()
    assert len(outputs) > 5
    return dict(defined)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_a_script_without_faults(name, full_home):
    environment = {**os.environ, "BONDSIG_HOME": str(full_home.path), "MPLBACKEND": "Agg"}
    for command in (["-m", "marimo", "check", "--strict"], []):
        done = subprocess.run(
            [sys.executable, *command, str(_FOLDER / f"{name}.py")],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_first_look_counts_what_is_there(full_home, monkeypatch):
    found = told("first_look", full_home.path, monkeypatch)
    warehouse = Warehouse(full_home.path)
    (n_reports,) = warehouse.read("select count(*) from trace_reports").row(0)
    assert found["n_reports"] == n_reports == found["n_trades"] + found["rejected"]["reports"].sum()
    assert found["tables"].filter(pl.col("meaning") == "").is_empty()
    assert {"scores", "trade_events"} <= set(found["tables"]["table_name"])
    assert found["path"]["score"].count() and found["path"]["close_usd"].count()
    assert found["why"].height == 10 and found["knows"].height > 3
    # Something became known in between.
    assert not found["as_known_then"].equals(found["as_known_now"])


def test_the_own_feature_is_judged_over_the_control(full_home, monkeypatch):
    found = told("own_feature", full_home.path, monkeypatch)
    answer = found["rows"].filter(
        pl.col("slice") == "all", pl.col("model_name") == "unanswered_widening_over_equity"
    )
    (ic,), (least,) = (
        answer[name].to_list()
        for name in ("size_weighted_ic", "smallest_detectable_size_weighted_ic")
    )
    assert f"{ic:+.4f}" in found["verdict"] and f"{least:.4f}" in found["verdict"]
    # The control is judged as the warehouse judges it.
    judged = Warehouse(full_home.path).read(
        "select size_weighted_ic, n_days from evaluations where model_name = 'equity_only'"
        " and slice = 'all' and horizon_days = 5"
    )
    mine = found["rows"].filter(pl.col("slice") == "all", pl.col("model_name") == "equity_only")
    assert mine.select(judged.columns).equals(judged)
    # Dealt out anew, the same values are luck.
    assert len(found["luck"]) == 9 and abs(sum(found["luck"]) / 9) < 2
