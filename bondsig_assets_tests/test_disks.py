"""Which disk is full: said where it is, and nowhere else. With real file systems of 24 MB where the
tests may mount them: the lake, Dagster's record, MLflow and temporary files, each full by itself.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from bondsig_assets import disks
from bondsig_assets.errors import HomeError
from bondsig_assets.home import Home
from bondsig_assets.warehouse import Warehouse, extensions
from bondsig_assets_tests.command_line import bondsig
from bondsig_assets_tests.graph.homes import copy_home, make_home

DAYS = ("run", "--end", "2022-07-06", "--select", "+key:trade_events")
MORE = ("run", "--end", "2022-09-30", "--select", "+key:trade_events")
FULL = 4096


@pytest.mark.parametrize(
    "text",
    [
        "(sqlite3.OperationalError) database or disk is full",
        "disk I/O error",
        "IO Error: Could not write file: No space left on device",
        "OSError: [Errno 28] x",
    ],
)
def test_such_words_are_followed_by_the_disk_that_is_full(tmp_path, monkeypatch, text):
    assert disks.explained(text, tmp_path) == text, "no disk is full"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=FULL))
    told = disks.explained(text, tmp_path / "home")
    assert told.startswith(text) and str(tmp_path) in told and "the lake" in told
    assert disks.explained(told, tmp_path / "home") == told, "it is said once"
    assert disks.explained("table scores: no rows", tmp_path) == "table scores: no rows"


def test_a_home_that_cannot_be_written_is_told_in_one_line(tmp_path):
    """A folder where a file should be: root may write into any other."""
    home = Home(tmp_path / "home")
    (home.path / "market.tmp").mkdir(parents=True)
    (home.dagster / "dagster.yaml").mkdir(parents=True)
    done = bondsig(*DAYS, "--world", "tiny", BONDSIG_HOME=str(home.path))
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert f"{home.path} cannot be written" in done.stderr and "make it writable" in done.stderr
    with pytest.raises(HomeError, match="cannot be written"):
        home.prepare_dagster()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of 24 MB at `folder`, that holds what was there and is full but for a page."""
    held = folder.with_name(folder.name + ".held")
    if folder.exists():
        shutil.copytree(folder, held)
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        if held.exists():
            shutil.copytree(held, folder, dirs_exist_ok=True)
        with (folder / "filler").open("wb") as filler:
            filler.write(b"0" * (shutil.disk_usage(folder).free - FULL))
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Home:
    home = make_home(tmp_path_factory.mktemp("disks") / "home")
    done = bondsig(*DAYS, BONDSIG_HOME=str(home.path))
    assert done.returncode == 0, done.stderr
    return home


@pytest.mark.services
@pytest.mark.parametrize(("part", "name"), [("lake", "the lake"), ("dagster", "Dagster's record")])
def test_a_run_on_a_full_disk_says_which_and_goes_on_after(small, tmp_path, part, name):
    home = copy_home(small, tmp_path / "home")
    before = Warehouse(home.path).row_counts("trace_reports")
    with small_disk(home.path / part):
        done = bondsig(*MORE, BONDSIG_HOME=str(home.path))
        assert done.returncode == 1, done.stdout
        (said,) = done.stderr.splitlines()
        assert f"the disk of {name} is full" in said and "make room" in said, said
        doctor = bondsig("doctor", BONDSIG_HOME=str(home.path))
        assert doctor.returncode == 1 and f"the disk of {name} is full" in doctor.stdout
        assert "delete nothing of the home" in doctor.stdout
        (home.path / part / "filler").unlink()
        # With room again nothing is lost, nothing half-written.
        held = Warehouse(home.path).row_counts("trace_reports")
        assert before.items() <= held.items()
        assert bondsig(*DAYS, BONDSIG_HOME=str(home.path)).returncode == 0
    print(f"\n{name} full: {said}")


@pytest.mark.services
def test_a_full_disk_of_mlflow_is_named(small, tmp_path, capsys):
    from bondsig_assets.resources.tracking import TrackingResource

    home = copy_home(small, tmp_path / "home")
    tracking = TrackingResource(home=str(home.path))
    with small_disk(home.path / "mlflow"):
        # MLflow's own error, of any kind.
        with pytest.raises(Exception) as caught:  # noqa: B017, SIM117
            with tracking.training("study", "run", {}) as it:
                it.log_param("n", 1)
        told = disks.explained(str(caught.value).splitlines()[0], home.path)
    assert "the disk of MLflow is full" in told
    print(f"\nMLflow full: {told[-160:]}")


@pytest.mark.services
def test_a_full_disk_of_temporary_files_is_named(small, tmp_path, monkeypatch):
    spill = tmp_path / "spill"
    monkeypatch.setattr(tempfile, "tempdir", str(spill))
    monkeypatch.setattr(extensions, "MEMORY_LIMIT", "64MB")
    monkeypatch.setattr(extensions, "_idle", type(extensions._idle)())
    query = (
        "select max(a) from (select a, hash(a) h from range(40000000) t(a) order by h limit"
        " 20000000)"
    )
    with small_disk(spill), pytest.raises(Exception) as caught:  # noqa: B017, PT011
        try:
            Warehouse(small.path).read(query)
        except Exception as error:
            told = disks.explained(str(error), small.path)
            raise
    assert caught.value is not None
    assert "temporary files (TMPDIR)" in told and str(spill) in told
    print(f"\nspill full: {told[-200:]}")
