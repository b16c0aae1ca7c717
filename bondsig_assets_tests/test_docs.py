"""Generated pages are current, and the pages name no place that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from studies.dictionary import PAGES, TRUTH

_ROOT = Path(__file__).resolve().parents[1]


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


def test_every_module_says_what_belongs_there():
    for module in (_ROOT / "bondsig_assets").rglob("*.py"):
        text = " ".join(module.read_text().split())
        assert (
            "Belongs here" in text or "Belongs in this package" in text
        ) and "Not here" in text, f"{module} opens without saying what belongs there"
