"""Who may talk to a web server of ours: ASGI middleware that turns other sites' requests away.

Belongs here: judging a request by its headers. Not here: who a person is (a proxy asks for a
login), or which server is guarded (`webserver.py`).

Dagster's web server asks nobody: a page of any site, open in a browser on the same machine, could
start runs with one GET, or by letting its own name point at 127.0.0.1. So a request has to name a
host that this server is known by, come from no other site, and not carry GraphQL in a GET.

A team's servers stand behind a proxy that asks for a login. Where BONDSIG_SERVICE_KEY is set, a
request has to bring it, as the proxy and the team's own services do: whoever goes past the proxy is
told nothing.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

#: Names of this machine itself, which no other can have.
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_POLICY_VIOLATION = 1008
#: The key that the proxy brings, where there is one.
KEY_VARIABLE = "BONDSIG_SERVICE_KEY"


class Guard:
    """Lets through what asks for one of `hosts` (names without ports) and comes from no other
    site.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = {host.lower().strip("[]") for host in hosts}
        self._key = os.environ.get(KEY_VARIABLE, "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it in one line."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        refused = self._refusal(scope)
        if refused is None:
            return await self._app(scope, receive, send)
        status, why = refused
        if scope["type"] == "websocket":
            return await WebSocketClose(_POLICY_VIOLATION, why)(scope, receive, send)
        return await PlainTextResponse(why + "\n", status)(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason of a request that is turned away, None for one that may pass."""
        headers = Headers(scope=scope)
        if self._key and not _brings(headers, self._key):
            return 401, "this server answers to the proxy in front of it alone"
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or _name(hosts[0]) not in self._hosts:
            return 403, (
                "this server is not known by that name; --allowed-hosts says which it answers to"
            )
        if any(not _same_place(origin, hosts[0]) for origin in origins):
            return 403, "requests of other sites are refused (Origin)"
        if "cross-site" in headers.getlist("sec-fetch-site") and not _is_followed_link(
            scope, headers
        ):
            return 403, "requests of other sites are refused (Sec-Fetch-Site)"
        if _asks_by_get(scope):
            return 405, "GraphQL is answered to POST alone"
        return None


def _brings(headers: Headers, key: str) -> bool:
    """Whether a request has the key, once."""
    told = headers.getlist("authorization")
    return len(told) == 1 and hmac.compare_digest(told[0].encode(), f"Bearer {key}".encode())


def _name(host: str) -> str | None:
    """Host name of a Host header, without its port; None where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname if parts.netloc == host and not parts.username else None


def _same_place(origin: str, host: str) -> bool:
    """Whether an Origin is the place that the Host header names, port included."""
    try:
        of_origin, of_host = urlsplit(origin), urlsplit(f"//{host}")
        default = _DEFAULT_PORTS.get(of_origin.scheme)
        return (
            default is not None
            and of_origin.hostname == of_host.hostname
            and (of_origin.port or default) == (of_host.port or default)
        )
    except ValueError:
        return False


def _is_graphql(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.rstrip("/").endswith("/graphql")


def _asks_by_get(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and _is_graphql(scope)


def _is_followed_link(scope: Scope, headers: Headers) -> bool:
    """A person who follows a link to a page, from a mail say: it reads, and the answer is not the
    other site's to see.
    """
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and not _is_graphql(scope)
        and headers.getlist("sec-fetch-mode") == ["navigate"]
        and headers.getlist("sec-fetch-dest") == ["document"]
    )
