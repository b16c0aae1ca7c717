"""What time it is in New York, and which trading day has ended last.

Belongs here: the one look at the clock from which a market learns how far it has come. Not here:
which days are trading days (`days.py`).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from bondsig_assets.calendar.days import at_or_before

NEW_YORK = ZoneInfo("America/New_York")


def now() -> datetime:
    """This moment, New York."""
    return datetime.now(NEW_YORK)


def newest_ended_day(moment: datetime | None = None) -> date:
    """The last trading day before the date of `moment` (default: now) in New York: a day has ended
    at the midnight after it.
    """
    today = (moment or now()).astimezone(NEW_YORK).date()
    return at_or_before(today - timedelta(days=1))
