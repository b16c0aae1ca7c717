"""The public names, what importing costs, and what a slim install says of the rest."""

from __future__ import annotations

import doctest
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import bondsig_assets
from bondsig_assets.errors import MissingExtraError
from bondsig_assets.extras import EXTRAS, needs

_ROOT = Path(__file__).resolve().parents[1]
#: Makes this process one of a slim install: what the extras bring cannot be imported.
_SLIM = """
import sys
from bondsig_assets.extras import EXTRAS

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in EXTRAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_every_public_name_is_there_and_documented():
    for name in bondsig_assets.__all__:
        assert getattr(bondsig_assets, name).__doc__, name
    assert set(bondsig_assets.__all__) == set(bondsig_assets._WHERE) <= set(dir(bondsig_assets))
    with pytest.raises(AttributeError, match="nothing"):
        _ = bondsig_assets.nothing


@pytest.mark.slow
@pytest.mark.parametrize("name", bondsig_assets.__all__)
def test_every_public_name_has_an_example_that_runs(name):
    """With nothing imported but what the example imports, as a reader would paste it."""
    told: list[str] = []
    found = doctest.DocTestFinder().find(getattr(bondsig_assets, name), name, globs={})
    runner = doctest.DocTestRunner()
    for test in found:
        runner.run(test, out=told.append)
    assert runner.summarize(verbose=False).attempted > 2, f"{name} has no example"
    assert not told, "".join(told)


def test_importing_loads_nothing_heavy():
    told = python("import sys, bondsig_assets; print(*sys.modules)").stdout.split()
    assert "bondsig_assets" in told
    assert not {"numpy", "polars", "numba", "pyarrow", "pydantic", "dagster", "click"} & set(told)


def test_help_loads_neither_frames_nor_the_graph():
    code = (
        "import sys\nfrom bondsig_assets.commands.cli import cli\n"
        "try:\n    cli(['--help'])\nfinally:\n    print(*sys.modules)"
    )
    told = python(code).stdout
    assert "Commands:" in told
    assert not {"numpy", "polars", "rich", "pydantic", "dagster", "duckdb"} & set(told.split())


def test_without_a_command_the_help_is_no_error():
    told = python("import sys; from bondsig_assets.commands.cli import main; main()")
    assert told.returncode == 0 and told.stderr == "" and told.stdout.startswith("Usage:")


def test_the_slim_install_cleans_links_and_values():
    names = "clean, CleanResult, Screens, scan_reports, compare, security_tree, analyze, Reference"
    done = python(_SLIM + f"from bondsig_assets import {names}\nprint('fine')")
    assert done.stdout == "fine\n", done.stderr


@pytest.mark.parametrize("name", ["Warehouse", "walk_forward"])
def test_what_the_slim_install_lacks_is_named(name):
    done = python(_SLIM + f"from bondsig_assets import {name}")
    last = done.stderr.splitlines()[-1]
    assert f"bondsig_assets.{name} needs " in last and "pip install 'bondsig[platform]'" in last


def test_a_command_of_the_graph_says_what_is_missing():
    run = "sys.argv = ['bondsig', 'run']\nfrom bondsig_assets.commands.cli import main\nmain()"
    done = python(_SLIM + run)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "pip install 'bondsig[platform]'" in done.stderr


def test_what_no_extra_brings_is_not_called_one():
    with pytest.raises(ModuleNotFoundError, match="nowhere"), needs("this"):
        import nowhere  # type: ignore[import-not-found] # noqa: F401
    with pytest.raises(MissingExtraError, match=r"this needs jax.*bondsig\[deep\]"), needs("this"):
        raise ModuleNotFoundError("No module named 'jax.numpy'", name="jax.numpy")


def test_the_extras_are_those_of_the_package():
    declared = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    extras = declared["optional-dependencies"]
    assert {*EXTRAS.values(), "dev"} == set(extras)
    base = {line.split(">")[0].split("=")[0] for line in declared["dependencies"]}
    assert not base & set(EXTRAS)
    for extra in set(EXTRAS.values()):
        brought = " ".join(extras[extra]).replace("-", "_").replace("xgboost_cpu", "xgboost")
        direct = {"sqlalchemy", "starlette", "adbc_driver_manager"}
        for module in (m for m, of in EXTRAS.items() if of == extra and m not in direct):
            assert module in brought, f"{module} is said to come with [{extra}]"
