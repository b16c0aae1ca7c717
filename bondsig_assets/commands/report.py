"""`bondsig report`: the pages of an evening, written as a static site.

Belongs here: where it is written and what is said of it. Not here: the pages (`reporting/site/`),
serving them (`ui.py`).
"""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

from bondsig_assets.commands.warehouse import open_warehouse
from bondsig_assets.home import Home


def write_report(home: Home, day: date | None, out: Path | None) -> None:
    """Write the site of `day` (the newest evening where None) into `out`, by default the home's
    own.
    """
    from bondsig_assets.reporting.site.make import make_site

    began = time.monotonic()
    made = make_site(open_warehouse(home), home, day, out or home.report)
    print(
        f"{made.first_page}: {made.day}, {made.n_pages} pages, {made.n_bytes / 1e6:.1f} MB, in"
        f" {time.monotonic() - began:.0f} s"
    )
