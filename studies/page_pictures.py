"""The pictures of the documentation: `python -m studies.page_pictures docs`.

Belongs here: which picture of a home stands on which page. Not here: drawing them
(`bondsig_assets/reporting/`, `way_of_data.py`), and pictures of results (`report_pictures.py`).

The home is the present one: for the pages that of `bondsig run`, with no settings of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bondsig_assets.home import Home, current_home
from bondsig_assets.reading.books import cash_of_books
from bondsig_assets.reporting.book_pictures import save_tear_sheet
from bondsig_assets.reporting.issuer_page import draw_issuer, draw_spreads
from bondsig_assets.reporting.pictures import draw_coverage
from bondsig_assets.reporting.portfolio_pictures import save_portfolio_picture
from bondsig_assets.reporting.stamp import stamp
from bondsig_assets.warehouse import Warehouse
from studies.way_of_data import draw_way

#: The stock whose bonds traded most of late among those with a CDS: every panel has something.
_SHOWN_ISSUER = """
SELECT parent_id FROM issuer_days
WHERE trade_date = (SELECT max(trade_date) FROM issuer_days) AND cds_spread_bps IS NOT NULL
ORDER BY n_trades_21d DESC NULLS LAST, parent_id LIMIT 1
"""


def draw_pages(home: Home, folder: Path) -> list[Path]:
    """Draw every picture of the pages from `home` into `folder` and return their paths.

    Raises `ValueError` for a home without an issuer that has a CDS or without a book.
    """
    warehouse = Warehouse(home.path)
    with warehouse.on_snapshot():
        read = warehouse.read
        shown = read(_SHOWN_ISSUER)["parent_id"].to_list()
        policy = read("SELECT arg_max(policy, trade_date) AS policy FROM portfolio_days").item()
        if not shown or policy is None:
            raise ValueError(f"{home.path}: no issuer with a CDS, or no book: finish a run there")
        figures = {
            "issuer_page": draw_issuer(read, shown[0]),
            "market_spreads": draw_spreads(read),
            "coverage": draw_coverage(read),
        }
        paths = []
        for name, figure in figures.items():
            assert figure is not None, name
            paths.append(folder / f"{name}.png")
            stamp(figure, home.note).savefig(paths[-1], dpi=110, bbox_inches="tight")
        saved = (
            save_portfolio_picture(read, folder, policy, home.note),
            save_tear_sheet(warehouse, folder, home.note, cash_of_books(warehouse)),
            draw_way(home, folder / "way_of_data.png"),
        )
    return [*paths, *(path for path in saved if path is not None)]


if __name__ == "__main__":
    for drawn in draw_pages(current_home(), Path(sys.argv[1])):
        print(drawn)
