"""Dagster's web server behind a guard: `python -m bondsig_assets.orchestration.webserver`.

Belongs here: putting `guard.py` in front of Dagster's own command, whose options all hold; one
more, `--allowed-hosts`, names the hosts it answers to besides this machine's own. Not here: what is
served. Nothing of this project starts `dagster-webserver` itself.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Any

import click
from dagster._core.definitions.partitions.context import PartitionLoadingContext
from dagster._core.definitions.partitions.definition import TimeWindowPartitionsDefinition
from dagster._core.types.pagination import PaginatedResults
from dagster_webserver import cli

from bondsig_assets.orchestration.guard import LOOPBACK, Guard

#: Dagster gives neither its command nor the maker of its app a type.
dagster_cli: Any = cli


def main() -> None:
    """Entry point."""
    command = dagster_cli.create_dagster_webserver_cli()
    option = click.Option(
        ["--allowed-hosts"], default="", help="Further host names to answer to, with commas."
    )
    command.params.append(option)
    command.callback = functools.partial(_serve, command.callback)
    command(auto_envvar_prefix="DAGSTER_WEBSERVER")


def _serve(start: Any, *, allowed_hosts: str, **options: Any) -> None:
    """Dagster's own start, with every app it makes guarded."""
    end_where_partitions_end()
    make_app = dagster_cli.create_app_from_workspace_process_context
    named = [host.strip() for host in allowed_hosts.split(",") if host.strip()]

    def guarded(*arguments: Any, **keywords: Any) -> Any:
        app = make_app(*arguments, **keywords)
        app.add_middleware(Guard, hosts=[*LOOPBACK, options["host"], *named])
        return app

    dagster_cli.create_app_from_workspace_process_context = guarded
    start(**options)


def end_where_partitions_end() -> None:
    """Let pages of partition keys, newest first, begin with the last partition there is.

    Dagster 1.13 begins them with the newest window that could be, as if a market that has ended
    went on: plots of its daily assets ask for keys of the present, and stay empty.
    """
    stock = TimeWindowPartitionsDefinition.get_paginated_partition_keys
    if getattr(stock, "ends", False):
        return

    @functools.wraps(stock)
    def paginated(
        self: TimeWindowPartitionsDefinition,
        context: PartitionLoadingContext,
        limit: int,
        ascending: bool,
        cursor: str | None = None,
    ) -> PaginatedResults[str]:
        until = self.end_timestamp
        if until is not None and until < context.effective_dt.timestamp():
            context = context.updated(datetime.fromtimestamp(until, UTC), None)
        return stock(self, context, limit, ascending, cursor)

    vars(paginated)["ends"] = True
    setattr(TimeWindowPartitionsDefinition, stock.__name__, paginated)


if __name__ == "__main__":
    main()
