"""What our web server mends in Dagster's. Whom it answers: `commands/test_ui.py`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from dagster._core.definitions.partitions.context import PartitionLoadingContext
from dagster._core.definitions.partitions.definition import TimeWindowPartitionsDefinition
from dagster._core.definitions.temporal_context import TemporalContext
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.remote_representation.code_location import GrpcServerCodeLocation

from bondsig_assets.orchestration.partitions import trading_days_definition
from bondsig_assets.orchestration.webserver import end_where_partitions_end, reload_what_is_gone

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


def location(trouble: str = "") -> SimpleNamespace:
    """A code location whose server answers, or says what Dagster's client says then."""

    def get_server_id(timeout: int) -> str:
        if trouble:
            raise DagsterUserCodeUnreachableError(trouble)
        return "one"

    held = object.__new__(GrpcServerCodeLocation)
    vars(held)["client"] = SimpleNamespace(get_server_id=get_server_id)
    # What it lets go of at its end was never made.
    vars(held)["cleanup"] = lambda: None
    return SimpleNamespace(code_location=held, load_error=None)


def test_a_code_server_that_is_gone_is_started_again_and_one_that_is_slow_is_not():
    """What a real one that was killed answers: `commands/test_server_faults.py`."""
    entries = {
        "well": location(),
        "slow": location("request timed out due to taking longer than 10 seconds to complete."),
        "gone": location("Could not reach user code server. gRPC Error code: UNAVAILABLE"),
        "broken": SimpleNamespace(code_location=None, load_error="no such module"),
    }
    reloaded: list[str] = []
    context = SimpleNamespace(
        create_request_context=lambda: SimpleNamespace(get_code_location_entries=lambda: entries),
        reload_code_location=reloaded.append,
    )
    assert reload_what_is_gone(context) == reloaded == ["gone"]
    assert reload_what_is_gone(context, failed_too=True) == ["gone", "broken"]
