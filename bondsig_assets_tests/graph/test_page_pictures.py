"""The pictures of the documentation's pages: one command draws them all, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from studies.page_pictures import draw_pages

pytestmark = pytest.mark.slow

_DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_picture_of_the_pages_is_drawn(full_home, tmp_path):
    drawn = draw_pages(full_home, tmp_path)
    assert {path.name for path in drawn} == {path.name for path in _DOCS.glob("*.png")}
    assert all(path.stat().st_size > 10_000 for path in drawn)
