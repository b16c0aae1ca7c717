"""Report days that were delivered from a disseminated table before Enhanced reached them.

Belongs here: when their Enhanced reports are delivered, and the file that remembers it. Not here:
reading them (`source.py`), what they change (`trace/`).

Enhanced comes months after the trades. A day that had been read of Standard or 144A by then keeps
those deliveries, and its Enhanced reports are a delivery of their own, of the day they were first
seen on or after: the uncapped par is known from then on, and any past view stays capped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import uuid4

from filelock import FileLock

from bondsig_assets.calendar import at_or_after, offset
from bondsig_assets.errors import SourceError

#: Calendar days whose Enhanced reports are delivered on one trading day: months arrive at once, and
#: a day's run stays a day's run.
DAYS_A_DELIVERY = 7
#: Trading days within which all that arrived at once is delivered, years of it too.
LONGEST_DELIVERY = 63


@dataclass(frozen=True)
class Arrivals:
    """The file `enhanced-arrivals.json` in `folder`: report day → trading day of its late
    delivery.
    """

    folder: Path

    @property
    def _path(self) -> Path:
        return self.folder / "enhanced-arrivals.json"

    def read(self) -> dict[date, date]:
        """Report day → trading day on which its Enhanced reports are delivered. Raises SourceError
        when the file is damaged.
        """
        if not self._path.is_file():
            return {}
        try:
            stored = json.loads(self._path.read_text())
            return {
                date.fromisoformat(day): date.fromisoformat(delivered)
                for day, delivered in stored.items()
            }
        except (ValueError, AttributeError, TypeError):
            raise SourceError(
                f"{self._path}: damaged; without it the deliveries of Enhanced cannot be told:"
                " restore it from a copy"
            ) from None

    def add(self, arrived: Iterable[date], seen: date) -> dict[date, date]:
        """All arrivals, with those of `arrived` that are new delivered from the trading day at or
        after `seen`, a few days at a time.
        """
        known = self.read()
        if not set(arrived) - set(known):
            return known
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".arrivals.lock"):
            known = self.read()
            first = max([at_or_after(seen), *(offset(day, 1) for day in known.values())])
            new = sorted(set(arrived) - set(known))
            at_once = max(DAYS_A_DELIVERY, -(-len(new) // LONGEST_DELIVERY))
            known |= {day: offset(first, place // at_once) for place, day in enumerate(new)}
            partial = self._path.with_suffix(f".{uuid4().hex}")
            partial.write_text(
                json.dumps(
                    {str(day): str(delivered) for day, delivered in sorted(known.items())}, indent=0
                )
            )
            partial.replace(self._path)
        return known
