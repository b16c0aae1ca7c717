"""A site is written as a whole or not at all, and nothing else is ever replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from bondsig_assets.errors import ReportError
from bondsig_assets.reporting.site import publish as publishing
from bondsig_assets.reporting.site.publish import publish


def test_a_new_site_takes_the_place_of_the_old_one(tmp_path):
    folder = tmp_path / "deep" / "site"
    publish(folder, [("index.html", "one"), ("issuers/A.html", "a")])
    assert (folder / "issuers" / "A.html").read_text() == "a"
    n_pages, n_bytes = publish(folder, [("index.html", "two")])
    assert (folder / "index.html").read_text() == "two" and n_pages == 1
    assert not (folder / "issuers" / "A.html").exists(), "a page of the old site is left"
    assert {"uplot.js", "uplot-LICENSE.txt", "site.js"} <= {
        file.name for file in (folder / "files").iterdir()
    }
    assert n_bytes == sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    assert list(folder.parent.iterdir()) == [folder], "something is left beside it"


def test_what_fails_leaves_the_old_one(tmp_path):
    folder = tmp_path / "site"
    publish(folder, [("index.html", "one")])

    def pages():
        yield "index.html", "two"
        raise RuntimeError("the warehouse went away")

    with pytest.raises(RuntimeError):
        publish(folder, pages())
    assert (folder / "index.html").read_text() == "one"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_move_that_fails_puts_the_old_one_back(tmp_path, monkeypatch):
    folder, replace = tmp_path / "site", Path.replace
    publish(folder, [("index.html", "one")])

    def fail_once(self: Path, target: Path) -> Path:
        if target == folder and not self.name.endswith(".old"):
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail_once)
    with pytest.raises(ReportError, match="No space left"):
        publish(folder, [("index.html", "two")])
    assert (folder / "index.html").read_text() == "one"
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("kind", ["file", "other files", "below a file"])
def test_folders_that_are_no_place_for_it(tmp_path, kind):
    folder = tmp_path / "site"
    if kind == "file":
        folder.write_text("mine")
    elif kind == "other files":
        folder.mkdir()
        (folder / "thesis.txt").write_text("mine")
    else:
        (tmp_path / "file").write_text("mine")
        folder = tmp_path / "file" / "site"
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ReportError) as told:
        publish(folder, [("index.html", "one")])
    assert "\n" not in str(told.value) and str(folder) in str(told.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_is_taken(tmp_path):
    publish(tmp_path, [("index.html", "one")])
    assert (tmp_path / "index.html").exists()


def test_no_page_asks_for_anything_elsewhere():
    for file in publishing.FILES.iterdir():
        if file.suffix in (".css", ".js"):
            text = file.read_text()
            assert "fetch(" not in text and "XMLHttpRequest" not in text, file
            assert "@import" not in text and "url(" not in text, file
