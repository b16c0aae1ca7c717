"""Writing a site: all of it or nothing.

Belongs here: files and folders. Not here: what stands in them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from bondsig_assets.errors import ReportError
from bondsig_assets.home import PACKAGE

#: What the pages of every site share, with uPlot and its licence.
FILES = PACKAGE / "data" / "site"
#: In every folder we wrote, so that no other one is ever replaced.
MARKER = "files/site.css"


def publish(folder: Path, pages: Iterable[tuple[str, str]]) -> tuple[int, int]:
    """Write `pages` (path within the site, HTML) and what they share into `folder`, in the place of
    the site that is there; how many pages, and bytes in all.

    Written beside it and moved there when complete: whoever reads meanwhile has the old one, and
    what fails leaves it alone. Raises ReportError for a folder that is no site, or cannot be
    written.
    """
    folder = folder.absolute()
    _require_ours(folder)
    beside = folder.parent / f".{folder.name}.{os.getpid()}"
    try:
        shutil.rmtree(beside, ignore_errors=True)
        (beside / "issuers").mkdir(parents=True)
        shutil.copytree(FILES, beside / "files")
        n_pages = 0
        for path, html in pages:
            (beside / path).write_text(html, encoding="utf-8")
            n_pages += 1
        n_bytes = sum(file.stat().st_size for file in beside.rglob("*") if file.is_file())
        _put(beside, folder)
    except OSError as error:
        raise ReportError(
            f"'{folder}' cannot be written ({error.strerror or error}): give another folder with"
            " --out"
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return n_pages, n_bytes


def _require_ours(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ReportError(f"'{folder}' is a file: give a folder with --out")
    try:
        is_other = folder.is_dir() and any(folder.iterdir()) and not (folder / MARKER).exists()
    except OSError as error:
        raise ReportError(f"'{folder}' cannot be read ({error.strerror or error})") from error
    if is_other:
        raise ReportError(
            f"'{folder}' holds other files, and no report: give an empty or new folder with --out"
        )


def _put(new: Path, folder: Path) -> None:
    """`new` in the place of `folder`."""
    old = folder.parent / f".{folder.name}.{os.getpid()}.old"
    if folder.exists():
        folder.replace(old)
    try:
        new.replace(folder)
    except OSError:
        if old.exists():
            old.replace(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
