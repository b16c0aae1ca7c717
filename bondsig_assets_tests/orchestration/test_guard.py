"""Which requests a guarded server lets through, judged by their headers alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bondsig_assets.orchestration.guard import LOOPBACK, Guard

HOST = ("host", "127.0.0.1:3000")


def answer(
    *headers: tuple[str, str],
    method: str = "POST",
    path: str = "/graphql",
    kind: str = "http",
    hosts: tuple[str, ...] = LOOPBACK,
) -> int | str:
    """Status of the answer, or `websocket.close`; 200 where the request reached the app."""
    sent: list[dict[str, Any]] = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})

    async def receive():
        return {"type": "websocket.connect" if kind == "websocket" else "http.request"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    asyncio.run(Guard(app, hosts)(scope, receive, send))
    return sent[0].get("status", sent[0]["type"])


@pytest.mark.parametrize(
    "host", ["127.0.0.1:3000", "localhost:3000", "LOCALHOST", "127.0.0.1", "[::1]:3000", "[::1]"]
)
def test_its_own_names_are_answered(host):
    assert answer(("host", host)) == 200
    assert answer(("host", host), ("origin", f"http://{host}")) == 200
    assert answer(("host", host), ("origin", f"http://{host}"), kind="websocket") == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:3000",
        "evil.example@127.0.0.1",
        "127.0.0.1:3000@evil.example",
        "127.0.0.1:99999",
        "127.0.0.1/evil",
        "10.0.0.1:3000",
        "0.0.0.0:3000",
        "",
    ],
)
def test_other_names_are_refused_on_every_path(host):
    assert answer(("host", host)) == 403
    assert answer(("host", host), method="GET", path="/") == 403
    assert answer(("host", host), kind="websocket") == "websocket.close"


def test_no_host_and_two_hosts_are_refused():
    assert answer() == 403
    assert answer(HOST, ("host", "evil.example")) == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost:5000",
        "http://127.0.0.1:5000",
        "http://localhost:3000",
        "https://127.0.0.1",
        "null",
        "file://",
        "",
        "http://127.0.0.1:99999",
    ],
)
def test_another_origin_is_refused(origin):
    assert answer(HOST, ("origin", origin)) == 403
    assert answer(HOST, ("origin", origin), kind="websocket") == "websocket.close"
    assert answer(HOST, ("origin", origin), path="/report_asset_materialization/x") == 403


def test_one_of_two_origins_is_enough_to_refuse():
    assert answer(HOST, ("origin", "http://127.0.0.1:3000"), ("origin", "http://e.example")) == 403


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/prefix/graphql"])
def test_graphql_is_not_asked_by_get(method, path):
    assert answer(HOST, method=method, path=path) == 405
    assert answer(HOST, ("upgrade", "websocket"), method=method, path=path) == 405, (
        "an upgrade that is none"
    )
    assert answer(HOST, path=path) == 200
    assert answer(HOST, path=path, kind="websocket") == 200


def test_cross_site_requests_are_refused_but_for_a_followed_link():
    cross, navigate = ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")
    document = ("sec-fetch-dest", "document")
    assert answer(HOST, cross) == 403
    assert answer(HOST, cross, method="GET", path="/server_info") == 403
    assert answer(HOST, cross, navigate, document, method="GET", path="/runs/1") == 200
    assert answer(HOST, cross, navigate, document, method="GET") == 403
    assert answer(HOST, cross, navigate, document, path="/runs/1") == 403, "a form that is sent"
    assert (
        answer(HOST, cross, navigate, ("sec-fetch-dest", "iframe"), method="GET", path="/") == 403
    )
    assert answer(HOST, cross, kind="websocket") == "websocket.close"
    for place in ("same-origin", "none"):
        assert answer(HOST, ("sec-fetch-site", place)) == 200


def test_a_proxy_in_front_is_named():
    named = (*LOOPBACK, "bondsig.example")
    behind = ("host", "bondsig.example")
    assert answer(behind) == 403
    assert answer(behind, ("origin", "https://bondsig.example"), hosts=named) == 200
    assert answer(behind, ("origin", "https://evil.example"), hosts=named) == 403


def test_the_life_of_the_server_is_not_its_business():
    assert answer(kind="lifespan") == 200


def test_where_there_is_a_key_it_has_to_be_brought_once(monkeypatch):
    monkeypatch.setenv("BONDSIG_SERVICE_KEY", "k" * 20)
    right = ("authorization", "Bearer " + "k" * 20)
    assert answer(HOST, right) == 200
    for wrong in (
        (),
        (("authorization", "Bearer guess"),),
        (("authorization", "Bearer "),),
        (("authorization", "k" * 20),),
        (right, right),
        (("authorization", "Bearer grüße"),),
    ):
        assert answer(HOST, *wrong) == 401, wrong
    assert answer(HOST, kind="websocket") == "websocket.close"
    assert answer(("host", "evil.example"), right) == 403
