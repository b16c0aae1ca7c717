"""A wheel as a release would make it, installed outside the repository: it cleans, runs, serves.

Belongs here: what only an installed package can show. Libraries come from the environment of the
tests, without its editable bondsig, so that nothing is downloaded.
"""

from __future__ import annotations

import os
import signal
import site
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest

from bondsig_assets.home import PACKAGE, SHIPPED
from bondsig_assets_tests.commands.served_home import answers, free_port
from bondsig_assets_tests.trace.layouts.samples import ENHANCED

pytestmark = pytest.mark.services

_ROOT = Path(__file__).resolve().parents[1]


class Installed:
    """An environment that holds the wheel, and an empty folder to work in."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.python = folder / "env" / "bin" / "python"
        self.bondsig = self.python.with_name("bondsig")
        self.work = folder / "work"
        self.work.mkdir()
        venv.create(folder / "env", with_pip=True)
        pip = [self.python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel]
        subprocess.run(pip, check=True)
        # As a path, site-packages brings its libraries but not the hook of an editable install.
        inherited = {name: value for name, value in os.environ.items() if name != "BONDSIG_HOME"}
        self.environment = {**inherited, "PYTHONPATH": site.getsitepackages()[0]}

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """`bondsig` in the empty folder."""
        return subprocess.run(
            [self.bondsig, *arguments],
            cwd=self.work,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=500,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    # By way of an sdist, whose folder is temporary: a wheel built here would take along what an
    # earlier one left in build/.
    build = [sys.executable, "-m", "build", "--outdir", str(folder / "dist")]
    subprocess.run(build, cwd=_ROOT, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    return Installed(folder, wheel)


def test_everything_travels_and_it_is_not_the_checkout(installed):
    code = "import bondsig_assets.home as h; print(h.PACKAGE, h.CHECKOUT, h.current_home().path)"
    told = subprocess.run(
        [installed.python, "-c", code],
        cwd=installed.work,
        env=installed.environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert Path(told[0]).is_relative_to(installed.python.parents[1])
    assert told[1:] == ["None", str(installed.work / ".bondsig")]
    for path in SHIPPED:
        there = {file.name for file in Path(told[0]).glob(path)}
        assert there == {file.name for file in PACKAGE.glob(path)} != set()
    assert (Path(told[0]) / "py.typed").exists()


def test_it_cleans(installed):
    (installed.work / "enhanced.csv").write_text(ENHANCED)
    done = installed.run("clean", "enhanced.csv", "--out", "cleaned")
    assert done.returncode == 0, done.stderr
    assert (installed.work / "cleaned" / "trades.parquet").exists()


def test_it_runs_asks_and_serves(installed):
    done = installed.run("run", "--world", "tiny", "--end", "2022-09-30")
    assert done.returncode == 0, done.stderr
    asked = installed.run("sql", "select count(*) as n from trades", "-f", "csv")
    assert int(asked.stdout.split()[1]) > 1000, asked.stderr
    doctor = installed.run("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert "sql/views" in doctor.stdout and "nothing is wrong" in doctor.stdout
    port, mlflow_port, report_port = free_port(), free_port(), free_port()
    server = subprocess.Popen(
        [
            *(installed.bondsig, "ui", "--port", str(port), "--mlflow-port", str(mlflow_port)),
            *("--report-port", str(report_port)),
        ],
        cwd=installed.work,
        env=installed.environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 120
        while not (answers(port, "/server_info") and answers(mlflow_port, "/health")):
            assert server.poll() is None and time.monotonic() < until
            time.sleep(0.5)
        for page in ("/", "/files/uplot.js", "/files/uplot-LICENSE.txt"):
            assert answers(report_port, page), page
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(40) == 0


def test_a_missing_file_is_found(installed):
    views = next(installed.python.parents[1].glob("lib/*/site-packages/bondsig_assets/sql/views"))
    hidden = views.with_name("hidden")
    views.rename(hidden)
    try:
        doctor = installed.run("doctor")
    finally:
        hidden.rename(views)
    assert doctor.returncode == 1 and "install bondsig again: it is damaged" in doctor.stdout
