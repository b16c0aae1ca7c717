"""The server of the report: one folder, to its own names, and nothing beside it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bondsig_assets.home import Home
from bondsig_assets.orchestration.guard import LOOPBACK
from bondsig_assets.orchestration.report_server import report_app


def ask(
    folder: Path,
    path: str,
    host: str = "127.0.0.1:3001",
    method: str = "GET",
    home: Home | None = None,
    **more: str,
) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers of an answer."""
    sent: list[dict[str, Any]] = []
    came = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        while not came:
            await asyncio.sleep(60)  # Whoever asked stays until the answer is there.
        return came.pop()

    async def send(message):
        sent.append(message)

    headers = {"host": host, **more}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(report_app(folder, LOOPBACK, home)(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return (
        sent[0]["status"],
        body.decode(),
        {name.decode(): value.decode() for name, value in sent[0]["headers"]},
    )


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "home" / "report" / "files").mkdir(parents=True)
    (tmp_path / "home" / "report" / "index.html").write_text("the report")
    (tmp_path / "home" / "report" / "files" / "site.js").write_text("1")
    (tmp_path / "home" / "market.json").write_text("not yours")
    return tmp_path / "home" / "report"


def test_pages_are_answered_and_may_load_nothing_from_elsewhere(folder):
    for path in ("/", "/index.html"):
        status, said, headers = ask(folder, path)
        assert (status, said) == (200, "the report")
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert ask(folder, "/files/site.js")[0] == 200


@pytest.mark.parametrize("path", ["/../market.json", "/files/../../market.json", "/none.html"])
def test_nothing_beside_it_is(folder, path):
    status, said, _ = ask(folder, path)
    assert status == 404 and "yours" not in said


def test_a_link_out_of_it_is_not_followed(folder):
    (folder / "link.json").symlink_to(folder.parent / "market.json")
    assert ask(folder, "/link.json")[0] == 404


def test_other_hosts_and_sites_are_refused(folder):
    assert ask(folder, "/", host="evil.example")[0] == 403
    assert ask(folder, "/", origin="http://evil.example")[0] == 403
    assert ask(folder, "/", **{"sec-fetch-site": "cross-site"})[0] == 403
    assert ask(folder, "/", method="POST")[0] == 405


def test_before_there_is_one_it_says_what_to_do(tmp_path):
    status, said, _ = ask(tmp_path / "report", "/")
    assert status == 404 and "`bondsig report`" in said


def test_how_the_home_is_is_told_to_the_same_hosts_and_sites_alone(folder):
    home = Home(folder.parent)
    status, said, headers = ask(folder, "/metrics", home=home)
    assert status == 200 and headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'bondsig_unreadable{part="market"} 1' in said.splitlines()
    status, said, headers = ask(folder, "/status", home=home)
    assert status == 200 and json.loads(said)["unreadable"] == ["market"]
    assert ask(folder, "/healthz", home=home)[:2] == (200, "ok\n")
    for path in ("/metrics", "/status", "/healthz"):
        assert ask(folder, path, host="evil.example", home=home)[0] == 403
        assert ask(folder, path, home=home, origin="http://evil.example")[0] == 403
        assert ask(folder, path, method="POST", home=home)[0] == 405
    assert ask(folder, "/", home=home)[1] == "the report"
