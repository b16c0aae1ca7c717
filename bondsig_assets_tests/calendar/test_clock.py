"""Which trading day has ended, at any moment and seen from anywhere."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from bondsig_assets.calendar import clock


@pytest.mark.parametrize(
    ("moment", "ended"),
    [
        # Friday's midnight in New York, from half a minute before it; UTC is five hours ahead.
        (datetime(2024, 1, 13, 4, 59, 30, tzinfo=UTC), date(2024, 1, 11)),
        (datetime(2024, 1, 13, 5, 0, 0, tzinfo=UTC), date(2024, 1, 12)),
        # Over the weekend and Martin Luther King's day.
        (datetime(2024, 1, 14, 12, tzinfo=UTC), date(2024, 1, 12)),
        (datetime(2024, 1, 16, 12, tzinfo=UTC), date(2024, 1, 12)),
        (datetime(2024, 1, 17, 12, tzinfo=UTC), date(2024, 1, 16)),
        # In summer it is four hours.
        (datetime(2024, 7, 3, 4, 0, 0, tzinfo=UTC), date(2024, 7, 2)),
    ],
)
def test_a_day_has_ended_at_the_midnight_after_it_in_new_york(moment, ended):
    assert clock.newest_ended_day(moment) == ended


def test_without_a_moment_it_is_now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2024, 3, 30, 6, tzinfo=clock.NEW_YORK))
    assert clock.newest_ended_day() == date(2024, 3, 28), "Good Friday was no trading day"
