"""Dagster's web server behind a guard: `python -m bondsig_assets.orchestration.webserver`.

Belongs here: putting `guard.py` in front of Dagster's own command, whose options all hold; one
more, `--allowed-hosts`, names the hosts it answers to besides this machine's own; and starting its
code server again. Not here: what is served. Nothing of this project starts `dagster-webserver`
itself.
"""

from __future__ import annotations

import functools
import itertools
import logging
import threading
from datetime import UTC, datetime
from typing import Any

import click
from dagster._core.definitions.partitions.context import PartitionLoadingContext
from dagster._core.definitions.partitions.definition import TimeWindowPartitionsDefinition
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.remote_representation.code_location import GrpcServerCodeLocation
from dagster._core.types.pagination import PaginatedResults
from dagster_webserver import cli

from bondsig_assets.orchestration.guard import LOOPBACK, Guard

#: Dagster gives neither its command nor the maker of its app a type.
dagster_cli: Any = cli
#: Seconds between two looks for code servers that are gone, and how long one may take to answer.
_LOOK_SECONDS, _ANSWER_SECONDS, _FAILED_EVERY = 5.0, 10, 12
_log = logging.getLogger("dagster-webserver")


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
        threading.Thread(target=_keep_code, args=arguments[:1], daemon=True).start()
        app = make_app(*arguments, **keywords)
        app.add_middleware(Guard, hosts=[*LOOPBACK, options["host"], *named])
        return app

    dagster_cli.create_app_from_workspace_process_context = guarded
    start(**options)


def _keep_code(context: Any) -> None:
    """Look for ever for code servers that are gone; once a minute also for one that could not
    load, as the daemon does.
    """
    pause = threading.Event()
    for look in itertools.count(1):
        pause.wait(_LOOK_SECONDS)
        try:
            reload_what_is_gone(context, failed_too=look % _FAILED_EVERY == 0)
        except Exception:  # noqa: BLE001 - whatever it was, the next look may go well
            _log.exception("code servers could not be looked at")


def reload_what_is_gone(context: Any, *, failed_too: bool = False) -> list[str]:
    """Start again every code server of `context`, the web server's, whose process is gone; their
    names. Dagster's daemon does so for its own; its web server waits for somebody to press Reload,
    and launches nothing until then.
    """
    entries = context.create_request_context().get_code_location_entries()
    gone = [
        name
        for name, entry in entries.items()
        if _is_gone(entry.code_location) or (failed_too and entry.load_error)
    ]
    for name in gone:
        _log.warning("the code server of %s is gone: it is started again", name)
        context.reload_code_location(name)
    return gone


def _is_gone(location: Any) -> bool:
    if not isinstance(location, GrpcServerCodeLocation):
        return False
    try:
        location.client.get_server_id(timeout=_ANSWER_SECONDS)
    except DagsterUserCodeUnreachableError as error:
        # One that is only slow goes on: its runs are its children.
        return "UNAVAILABLE" in str(error)
    return False


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
