"""Certificates among a team's services: both sides check, by the strictest rules of TLS."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bondsig_assets.serving import certificates
from bondsig_assets.serving.certificates import Issued, ends_at, issue

_SERVER = ssl.Purpose.SERVER_AUTH


def context(issued: Issued, folder: Path, side: ssl.Purpose) -> ssl.SSLContext:
    """One side of a connection, as Python from 3.13 on makes it by default."""
    folder.mkdir(exist_ok=True)
    for name in ("certificate", "key"):
        (folder / name).write_text(getattr(issued, name))
    made = ssl.create_default_context(side, cadata=issued.authority)
    made.load_cert_chain(folder / "certificate", folder / "key")
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags |= ssl.VERIFY_X509_STRICT
    return made


def meet(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> None:
    """A whole handshake, in memory. Raises ssl.SSLError on the side that refuses."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(down, up, server_hostname=host),
        server.wrap_bio(up, down, server_side=True),
    ]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                pass


@pytest.fixture(scope="module")
def issued() -> Issued:
    return issue("workers", ("scheduler", "127.0.0.1"))


@pytest.mark.parametrize("host", ["scheduler", "127.0.0.1"])
def test_two_of_one_authority_let_each_other_in(issued, tmp_path, host):
    sides = [context(issued, tmp_path, side) for side in (ssl.Purpose.CLIENT_AUTH, _SERVER)]
    meet(*sides, host)
    with pytest.raises(ssl.SSLCertVerificationError, match="[Hh]ostname"):
        meet(*sides, "elsewhere")


def test_another_authority_of_the_same_name_is_refused_by_both(issued, tmp_path):
    other = issue("workers", ("scheduler", "127.0.0.1"))
    server = context(issued, tmp_path / "server", ssl.Purpose.CLIENT_AUTH)
    client = context(other, tmp_path / "client", _SERVER)
    with pytest.raises(ssl.SSLCertVerificationError):
        meet(server, client, "scheduler")
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    with pytest.raises(ssl.SSLCertVerificationError):
        meet(server, client, "scheduler")


def test_one_that_has_ended_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(certificates, "_DAYS", -0.5)
    ended = issue("workers", ("scheduler",))
    sides = [context(ended, tmp_path, side) for side in (ssl.Purpose.CLIENT_AUTH, _SERVER)]
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        meet(*sides, "scheduler")


def test_it_holds_for_years_and_its_key_is_in_no_text_of_it(issued):
    for one in (issued.authority, issued.certificate):
        assert ends_at(one) > datetime.now(UTC) + timedelta(days=3000)
    assert "PRIVATE KEY" in issued.key and issued.key not in repr(issued)
