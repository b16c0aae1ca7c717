"""The site out of files that are read in the repository as well.

Belongs here: what MkDocs must be told because README.md and others stand at the top of the
repository, and because pages link to files beside `docs/`. Not here: words, and looks
(`mkdocs.yml`).

README.md, CONTRIBUTING.md and CHANGELOG.md become pages. A link from any page to a file or folder
outside `docs/` leads to a page that shows it, so that no link needs a network or a host.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
#: Page of the site → file at the top of the repository.
TOP = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
#: Where files outside `docs/` are shown.
SHOWN = "repository"
_LANGUAGES = {".py": "python", ".toml": "toml", ".sql": "sql", ".yml": "yaml", ".yaml": "yaml"}
_LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that no file under `docs/` is."""
    texts = {page: (ROOT / source).read_text(encoding="utf-8") for page, source in TOP.items()}
    for page, text in texts.items():
        files.append(File.generated(config, page, content=text))
    for path in DOCS.rglob("*.md"):
        texts[path.relative_to(DOCS).as_posix()] = path.read_text(encoding="utf-8")
    wanted = {target for page, text in texts.items() for target in _outside(page, text)}
    wanted |= {file for folder in wanted for file in _inside(folder)}
    for target in sorted(wanted):
        files.append(File.generated(config, _page_of(target), content=_shown(target)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turn every link as it is in the repository into one of the site."""
    here = page.file.src_uri
    if here.startswith(SHOWN):
        return markdown

    def turned(link: re.Match[str]) -> str:
        path = _path_of(here, link[1])
        if path is None or not path.exists():
            return link[0]
        target = _page_of(path)
        return f"]({posixpath.relpath(target, posixpath.dirname(here) or '.')}{link[2] or ''})"

    return _LINK.sub(turned, markdown)


def _path_of(page: str, target: str) -> Path | None:
    """The file of the repository that a link means; None for one that leads away."""
    if ":" in target:
        return None
    folder = ROOT if page in TOP else (DOCS / page).parent
    return (folder / target).resolve()


def _outside(page: str, text: str) -> Iterator[Path]:
    """Files and folders of the repository that a page links to and that are no page."""
    for target, _ in _LINK.findall(text):
        path = _path_of(page, target)
        if path is None or not path.exists() or not path.is_relative_to(ROOT):
            continue
        if not path.is_relative_to(DOCS) and str(path.relative_to(ROOT)) not in TOP.values():
            yield path


def _inside(path: Path) -> list[Path]:
    """What a folder shows: its files of text."""
    if not path.is_dir():
        return []
    return sorted(file for file in path.iterdir() if file.suffix in {*_LANGUAGES, ".csv"})


def _page_of(path: Path) -> str:
    """The file of the site, relative to its root, that stands for a file of the repository."""
    name = path.relative_to(ROOT).as_posix()
    for page, source in TOP.items():
        if name == source:
            return page
    if path.is_relative_to(DOCS):
        inner = path.relative_to(DOCS).as_posix()
        return posixpath.join(inner, "index.md") if path.is_dir() else inner
    return f"{SHOWN}/{name}/index.md" if path.is_dir() else f"{SHOWN}/{name}.md"


def _shown(path: Path) -> str:
    """A file, or what a folder holds, as a page that the search leaves out."""
    head = f"---\nsearch:\n  exclude: true\n---\n\n# `{path.relative_to(ROOT).as_posix()}`\n\n"
    if path.is_dir():
        lines = (f"- [{file.name}]({file.name}.md)" for file in _inside(path))
        return head + "\n".join(lines) + "\n"
    text = path.read_text(encoding="utf-8")
    return f"{head}````{_LANGUAGES.get(path.suffix, 'text')}\n{text}\n````\n"
