"""The whole site of one evening: which day, what is asked, which pages.

Belongs here: putting pages together for `bondsig report` and the daily job. Not here: what one page
shows, where the site is served (`orchestration/report_server.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bondsig_assets.calendar import at_or_before
from bondsig_assets.errors import ReportError
from bondsig_assets.home import Home
from bondsig_assets.portfolio.settings import load_settings
from bondsig_assets.reporting.site import data, issuer, record, today
from bondsig_assets.reporting.site.layout import Frame
from bondsig_assets.reporting.site.publish import publish
from bondsig_assets.reporting.site.questions import Answer, Evening, ask, ask_elsewhere, tables_of
from bondsig_assets.reporting.waterfall import Read
from bondsig_assets.warehouse import Warehouse


@dataclass(frozen=True)
class Made:
    """A site that was written: its evening, its first page, and how large it is."""

    day: date
    first_page: Path
    n_pages: int
    n_bytes: int


def make_site(warehouse: Warehouse, home: Home, day: date | None, folder: Path) -> Made:
    """Write the site of `day` (the newest evening where None) into `folder`. Raises ReportError in
    one line where there is nothing to show, or nowhere to write.
    """
    market = home.market()
    if market is None:
        raise ReportError(f"{home.path} holds no market yet: `make run` or `bondsig run` makes one")
    # Apart from the snapshot, in which one question that fails would end the others.
    log = home.dagster / "history" / "runs" / "index.db"
    elsewhere = ask_elsewhere(warehouse.read, today.checks(log)) if log.exists() else {}
    with warehouse.on_snapshot():
        day = evening_of(warehouse.read, home, day)
        evening = Evening(day, load_settings(home.portfolio_file).policy, tables_of(warehouse.read))
        written = pages(warehouse.read, evening, market.describe(), home.note, elsewhere)
        n_pages, n_bytes = publish(folder, written)
    return Made(day, folder.absolute() / "index.html", n_pages, n_bytes)


def pages(
    read: Read, evening: Evening, market: str, note: str, elsewhere: Mapping[str, Answer]
) -> Iterator[tuple[str, str]]:
    """Every page: its path within the site and its HTML. `elsewhere`: answers that came from beside
    the warehouse.
    """
    issuers = ask(read, issuer.questions(evening))
    files = issuer.files_of(issuers["listed"].rows)
    frame = Frame(evening.day, market[:1].upper() + market[1:], note, files)
    answers = {**elsewhere, **ask(read, today.questions(evening))}
    yield "index.html", today.page(answers, evening, frame)
    yield "record.html", record.page(ask(read, record.questions(evening)), evening, frame)
    yield "data.html", data.page(ask(read, data.questions(evening)), frame)
    yield "issuers.html", issuer.list_page(issuers, frame)
    yield from issuer.pages(issuers, frame)


def evening_of(read: Read, home: Home, day: date | None) -> date:
    """`day`, or the newest with scores or a reason why it has none. Raises ReportError for one
    without either.
    """
    days = "(SELECT trade_date FROM scores UNION SELECT trade_date FROM unscored_days)"
    first, last = read(f"SELECT min(trade_date), max(trade_date) FROM {days}").row(0)
    if first is None:
        raise ReportError(f"{home.path} has no scores yet: `bondsig run` makes them")
    asked: date = day or last
    if read(f"SELECT 1 FROM {days} WHERE trade_date = DATE '{asked}' LIMIT 1").is_empty():
        is_closed = first <= asked <= last and at_or_before(asked) != asked
        why = "is no trading day" if is_closed else "has no scores"
        raise ReportError(
            f"{asked} {why}: there are {first} … {last}, on trading days; `bondsig report` without"
            " --date takes the newest"
        )
    return asked
