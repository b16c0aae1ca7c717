"""The documentation site builds strictly, every link inside it leads somewhere, and it asks no
other host for anything.
"""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import bondsig_assets

pytestmark = pytest.mark.slow

_ROOT = Path(__file__).resolve().parents[1]
#: What a browser loads by itself.
_LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src"}


class _Page(HTMLParser):
    """Links, ids, and what is loaded, of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.text: list[str] = []
        self._code = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        self._code += tag in ("code", "pre", "script", "style")
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in _LOADED and _LOADED[tag] in given:
            self.loaded.append(given[_LOADED[tag]])
        if tag == "link" and given.get("rel") != "canonical" and "href" in given:
            self.loaded.append(given["href"])

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("code", "pre", "script", "style")

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.text.append(data)


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[Path, _Page]:
    """The pages of the site, built as `make docs-site` does but for where it goes."""
    folder = tmp_path_factory.mktemp("site")
    # Not --quiet: it keeps warnings from being counted, and with them strictness.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir"]
    done = subprocess.run(
        [*command, str(folder)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {path: _Page(path.read_text()) for path in folder.rglob("*.html")}


def test_every_link_leads_somewhere(pages):
    astray = []
    for path, page in pages.items():
        # The page for links that lead nowhere is served from anywhere.
        for link in [*page.links, *page.loaded] if path.name != "404.html" else []:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                astray.append(f"{path.name}: {link}")
            elif parts.fragment and target in pages:
                anchor = unquote(parts.fragment)
                if anchor not in pages[target].ids and not anchor.startswith("__"):
                    astray.append(f"{path.name}: {link} (no such place on the page)")
    assert not astray, "\n".join(astray)


def test_nothing_is_loaded_from_another_host(pages):
    for path, page in pages.items():
        assert not [link for link in page.loaded if urlsplit(link).netloc], path.name


def test_every_public_name_has_its_place(pages):
    (api,) = (page for path, page in pages.items() if path.name == "api.html")
    for name in bondsig_assets.__all__:
        where = f"bondsig_assets.{bondsig_assets._WHERE[name]}"
        assert any(i.startswith(where) and i.endswith(f".{name}") for i in api.ids), name


def test_tables_lists_and_examples_are_drawn(pages):
    for path, page in pages.items():
        text = "".join(page.text)
        for raw in ("|---", "\n>>> ", "\n- ", "```", ":::"):
            assert raw not in text, f"{path.name} shows {raw!r} as it is written"
