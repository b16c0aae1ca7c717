"""What our web server mends in Dagster's. Whom it answers: `commands/test_ui.py`."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from dagster._core.definitions.partitions.context import PartitionLoadingContext
from dagster._core.definitions.partitions.definition import TimeWindowPartitionsDefinition
from dagster._core.definitions.temporal_context import TemporalContext

from bondsig_assets.orchestration.partitions import trading_days_definition
from bondsig_assets.orchestration.webserver import end_where_partitions_end

NOW = PartitionLoadingContext(
    temporal_context=TemporalContext(
        effective_dt=datetime(2026, 11, 27, 12, tzinfo=UTC), last_event_id=None
    ),
    dynamic_partitions_store=None,
)
CLOSED = trading_days_definition(date(2024, 1, 2), date(2024, 3, 28))
OPEN = trading_days_definition(date(2024, 1, 2), None)


def newest(days: TimeWindowPartitionsDefinition, cursor: str | None = None):
    return days.get_paginated_partition_keys(NOW, 3, ascending=False, cursor=cursor)


@pytest.fixture
def mended(monkeypatch) -> None:
    """The mend, taken back afterwards."""
    name = "get_paginated_partition_keys"
    stock = getattr(TimeWindowPartitionsDefinition, name)
    monkeypatch.setattr(TimeWindowPartitionsDefinition, name, stock)
    end_where_partitions_end()
    end_where_partitions_end()


def test_dagster_still_needs_it():
    """When this fails, Dagster has mended it: take ours out."""
    assert newest(CLOSED).results[0] > "2026-11-01"


@pytest.mark.usefixtures("mended")
def test_pages_of_keys_begin_with_the_last_day_of_a_market_that_has_ended():
    page = newest(CLOSED)
    assert page.results == ["2024-03-28", "2024-03-27", "2024-03-26"] and page.has_more
    assert newest(CLOSED, page.cursor).results == ["2024-03-25", "2024-03-22", "2024-03-21"]
    first = CLOSED.get_paginated_partition_keys(NOW, 2, ascending=True)
    assert first.results == ["2024-01-02", "2024-01-03"]
    every = CLOSED.get_paginated_partition_keys(NOW, 1000, ascending=True)
    assert every.results == list(CLOSED.get_partition_keys())


@pytest.mark.usefixtures("mended")
def test_a_market_that_goes_on_is_as_before():
    assert newest(OPEN).results == ["2026-11-25", "2026-11-24", "2026-11-23"]
