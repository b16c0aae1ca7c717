"""Generated pages are current, and the pages name no place that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bondsig_assets.commands.cli import cli
from bondsig_assets.learning.models.catalogue import KINDS
from bondsig_assets.sources.registry import SOURCES
from studies.dictionary import PAGES, TRUTH

_ROOT = Path(__file__).resolve().parents[1]
#: Pages that a command writes; README's lines are paragraphs, and its table comes from a study.
_NOT_BY_HAND = {*PAGES, "results.md", "results_0_1.md", "hindsight.md", "simulated_market.md"}
_BY_HAND = [
    page
    for page in sorted([*_ROOT.glob("*.md"), *(_ROOT / "docs").rglob("*.md")])
    if page.name not in _NOT_BY_HAND
]
_WIDE = 100


def too_wide(text: str) -> list[str]:
    """Lines of prose over 100 columns; tables, code, and a link too long to break may be wider."""
    found, fenced = [], False
    for number, line in enumerate(text.splitlines(), 1):
        fenced ^= line.startswith("```")
        is_code = fenced or line.startswith("    ")
        longest = max(map(len, line.split()), default=0)
        if len(line) > _WIDE and not is_code and not line.startswith("|") and longest < _WIDE - 20:
            found.append(f"line {number}: {len(line)} columns")
    return found


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_current(name):
    assert (_ROOT / "docs" / name).read_text().split(TRUTH)[0] == PAGES[name](), (
        f"docs/{name} is old: run `make docs`"
    )


@pytest.mark.parametrize(
    "page",
    [_ROOT / "README.md", *sorted((_ROOT / "docs").rglob("*.md"))],
    ids=lambda page: page.name,
)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", _BY_HAND, ids=lambda page: page.name)
def test_prose_keeps_within_100_columns(page):
    assert not too_wide(page.read_text()), page.name


def test_what_may_be_wider_than_100_columns():
    wide = "word " * 25
    assert too_wide(wide) and too_wide(f"text\n- {wide}") == ["line 2: 127 columns"]
    for fine in (f"| {wide} |", f"    {wide}", f"```\n{wide}\n```", f"[x](https://{'x' * 120})"):
        assert not too_wide(fine), fine


def test_the_page_on_architecture_names_every_room_and_only_functions_that_exist():
    page, package = (_ROOT / "docs" / "architecture.md").read_text(), _ROOT / "bondsig_assets"
    listed = set(re.findall(r"^\| `([a-z_]+)/?(?:\.py)?` \|", page, re.M))
    there = {path.stem for path in package.iterdir() if path.is_dir() or path.suffix == ".py"}
    beside = {"__init__", "__main__", "__pycache__", "data", "dagster", "deploy", "sql", "extras"}
    assert listed == there - beside
    for room, module, function in re.findall(r"`([a-z_]+)\.([a-z_]+)\.([a-z_]+)`", page):
        text = (package / room / f"{module}.py").read_text()
        assert f"\ndef {function}(" in text, f"{room}.{module}.{function} is no more"


def test_the_guide_for_contributors_names_only_tests_and_files_that_exist():
    guide = (_ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", guide)
    assert named
    for file, name in named:
        text = (_ROOT / "bondsig_assets_tests" / file).read_text()
        assert f"\ndef {name}(" in text, f"{file}::{name} is no more"
    places = re.findall(r"`((?:bondsig_assets|bondsig_assets_tests|docs|sql)/[\w/.]*)`", guide)
    for place in places:
        assert "NAME" in place or (_ROOT / place).exists(), f"{place} is no more"


def test_hooks_run_before_a_commit_what_make_lint_runs():
    hooks, makefile = (
        (_ROOT / name).read_text() for name in (".pre-commit-config.yaml", "Makefile")
    )
    wanted = re.search(r"^lint: ([a-z\- ]+)", makefile, re.M)
    assert wanted and re.search(r"^\t.*--jobs=2 kernels lint collect$", makefile, re.M)
    assert re.findall(r"entry: make --silent ([a-z-]+)$", hooks, re.M) == wanted[1].split()
    assert set(re.findall(r"repo: (\S+)", hooks)) == {"local"}, "a hook would be fetched"


def test_every_module_says_what_belongs_there():
    for module in (_ROOT / "bondsig_assets").rglob("*.py"):
        text = " ".join(module.read_text().split())
        assert (
            "Belongs here" in text or "Belongs in this package" in text
        ) and "Not here" in text, f"{module} opens without saying what belongs there"


def test_the_pages_name_every_model_source_and_command():
    learning = (_ROOT / "docs" / "learning.md").read_text()
    everything = " ".join(page.read_text() for page in _BY_HAND)
    for kind in KINDS:
        assert f"`{kind}`" in learning, f"docs/learning.md lacks the model {kind}"
    for command in cli.commands:
        assert f"bondsig {command}" in everything, f"no page shows bondsig {command}"
    rooms = {path.parent.name for path in (_ROOT / "bondsig_assets/sources").glob("*/__init__.py")}
    assert rooms == set(SOURCES), "a room of sources/ without an entry in sources/registry.py"
    for source in SOURCES:
        assert f"--source {source}" in everything or source == "simulated", source


def test_modules_that_texts_name_exist():
    for module in [*(_ROOT / "bondsig_assets").rglob("*.py"), *(_ROOT / "studies").glob("*.py")]:
        for name in set(re.findall(r"`([a-z_/0-9]+\.py)`", module.read_text())):
            places = (module.parent, module.parents[1], _ROOT / "bondsig_assets", _ROOT)
            assert any((place / name).exists() for place in places), f"{module} names {name}"
