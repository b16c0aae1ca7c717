"""The report's pages on this machine: `python -m bondsig_assets.orchestration.report_server`.

Belongs here: serving one folder, and beside it how the home is (`/metrics`, `/status`, `/healthz`),
behind `guard.py`. Not here: what stands in it (`reporting/site/`), when it is written, and which
numbers there are (`status.py`).
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bondsig_assets.home import Home, current_home
from bondsig_assets.orchestration.guard import LOOPBACK, Guard

if TYPE_CHECKING:
    from bondsig_assets.orchestration.status import Looking, Status

#: Nothing comes from elsewhere, and no other site shows it in a frame. Bars are widths in `style`.
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    # The next run writes it anew.
    "cache-control": "no-cache",
}
_NOTHING = "There is no report yet: `bondsig run` or `bondsig report` writes one.\n"


def report_app(folder: Path, hosts: Collection[str], home: Home | None = None) -> Starlette:
    """Serves `folder`, which may appear or be replaced later, to requests for one of `hosts`; and
    how `home` is, where it is given.
    """
    pages = Mount("/", _Pages(directory=folder, html=True, check_dir=False))
    return Starlette(
        routes=[*(_of_status(home) if home is not None else []), pages],
        middleware=[Middleware(Guard, hosts=hosts), Middleware(_WithHeaders)],
        exception_handlers={404: _not_found},
    )


def _of_status(home: Home) -> list[Route]:
    """What a monitoring system asks. `/healthz` says that this server answers and looks no further;
    the others look at the home, which loads Dagster with the first request.
    """
    looking: list[Looking] = []
    one_at_a_time = threading.Lock()

    def look() -> Status:
        from bondsig_assets.orchestration.status import Looking

        with one_at_a_time:
            if not looking:
                looking.append(Looking(home))
        return looking[0].status()

    def told_as_text(_request: Request) -> Response:
        from bondsig_assets.orchestration.exposition import CONTENT_TYPE, prometheus_text

        return Response(prometheus_text(look()), media_type=CONTENT_TYPE)

    def told_as_json(_request: Request) -> Response:
        from bondsig_assets.orchestration.exposition import as_json

        return JSONResponse(as_json(look()))

    def alive(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    return [
        Route("/metrics", told_as_text),
        Route("/status", told_as_json),
        Route("/healthz", alive),
    ]


class _Pages(StaticFiles):
    """Files of a folder that need not be there yet."""

    async def check_config(self) -> None:
        """Nothing: what is missing is answered as missing."""


class _WithHeaders:
    """Adds `_HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, with more headers."""

        async def send_with(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await self._app(scope, receive, send_with)


def _not_found(request: Request, error: Exception) -> Response:
    """One line, and what to do where there is no report at all."""
    is_first = request.url.path in ("/", "/index.html")
    detail = error.detail if isinstance(error, HTTPException) else "Not Found"
    return PlainTextResponse(_NOTHING if is_first else f"{detail}\n", 404)


def main() -> None:
    """Entry point."""
    import uvicorn

    parser = argparse.ArgumentParser(description="Serve the pages of a report.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--allowed-hosts", default="", help="Further names, with commas.")
    told = parser.parse_args()
    named = [host.strip() for host in told.allowed_hosts.split(",") if host.strip()]
    app = report_app(told.folder, [*LOOPBACK, told.host, *named], current_home())
    uvicorn.run(app, host=told.host, port=told.port, log_level="warning")


if __name__ == "__main__":
    main()
