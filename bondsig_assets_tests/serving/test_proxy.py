"""The proxy by itself: single sign-on, what it tells the servers behind, and its certificate."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
import threading
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from bondsig_assets.home import Home
from bondsig_assets.serving import secret_files
from bondsig_assets.serving.entry import PREPARE
from bondsig_assets.serving.health import trouble
from bondsig_assets.serving.place import Address, Place, machine
from bondsig_assets.serving.programs import program
from bondsig_assets_tests.graph.team import free_port

pytestmark = pytest.mark.services


class _Behind(BaseHTTPRequestHandler):
    """A server behind the proxy: says who it is and what it was told."""

    def do_GET(self) -> None:
        told = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps({"at": self.server.server_address[1], **told}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _SignOn(_Behind):
    """A forward-auth service: knows two people by their cookie."""

    def do_GET(self) -> None:
        groups = {"ann": "staff,bondsig-operators", "bob": "staff"}
        name = self.headers.get("cookie", "").removeprefix("session=")
        self.send_response(200 if name in groups else 401)
        if name in groups:
            self.send_header("remote-user", name)
            self.send_header("remote-groups", groups[name])
        self.send_header("content-length", "0")
        self.end_headers()


@contextmanager
def serving(kind: type[BaseHTTPRequestHandler]):
    """Port of a server of `kind`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def proxied(folder: Path, **variables: str):
    """A running proxy with a server behind each of its ways: (place, port of each)."""
    with serving(_Behind) as one, serving(_Behind) as two, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        at = {"webserver": one, "readers": two, "mlflow": two, "report": two}
        ports = {**at, "proxy": free_port()}
        place = machine(
            Home(folder), {name: Address("127.0.0.1", port) for name, port in ports.items()}
        )
        secret_files.make(place.secrets)
        PREPARE["proxy"](place)
        told = program("proxy", place)
        process = subprocess.Popen(
            told.arguments, env={**os.environ, **told.variables}, stderr=subprocess.DEVNULL
        )
        try:
            until = time.monotonic() + 60
            while "does not answer" in trouble("proxy", place):
                assert process.poll() is None and time.monotonic() < until
                time.sleep(0.1)
            yield place, ports
        finally:
            process.kill()
            process.wait()


def ask(place: Place, path: str, **headers: str) -> tuple[int, dict]:
    """Status and what the server behind says it was told."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = place.address("proxy").port
    with closing(
        http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)
    ) as connection:
        connection.request(
            "GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if answer.status == 200 else {}


def test_single_sign_on_says_who_and_in_which_role(tmp_path):
    with (
        serving(_SignOn) as sign_on,
        proxied(
            tmp_path,
            BONDSIG_LOGIN="sso",
            BONDSIG_SSO=f"127.0.0.1:{sign_on}",
            BONDSIG_SSO_PATH="/verify",
            BONDSIG_SSO_OPERATORS="bondsig-operators",
        ) as (place, ports),
    ):
        key = secret_files.read(place.secrets, "service_key")
        assert ask(place, "/dagster/")[0] == 401
        forged = {"remote_user": "ann", "remote_groups": "bondsig-operators"}
        assert ask(place, "/dagster/", **forged)[0] == 401
        for name, role, way in (("ann", "operator", "webserver"), ("bob", "reader", "readers")):
            status, told = ask(place, "/dagster/", cookie=f"session={name}", **forged)
            assert (status, told["at"]) == (200, ports[way])
            assert (told["x-bondsig-user"], told["x-bondsig-role"]) == (name, role)
            assert told["authorization"] == f"Bearer {key}"
            posed = {"x_bondsig_user": "root", "x_bondsig_role": "operator"}
            told = ask(place, "/", cookie=f"session={name}", **posed)[1]
            assert (told["x-bondsig-user"], told["x-bondsig-role"]) == (name, role)


def certificate(folder: Path, ends: datetime) -> str:
    """Files of a certificate for 127.0.0.1 that ends then, as BONDSIG_TLS names them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bonds.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=90))
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("bonds.example")]), False)
        .sign(key, hashes.SHA256())
    )
    files = folder / f"{ends:%Y}.crt", folder / f"{ends:%Y}.key"
    files[0].write_bytes(made.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return " ".join(map(str, files))


def test_a_certificate_that_has_expired_is_told(tmp_path):
    now = datetime.now(UTC)
    for ends, told in ((now - timedelta(days=400), "certificate expired at"), (now, "")):
        ends += timedelta(days=30)
        names = {"BONDSIG_SITE": "bonds.example", "BONDSIG_TLS": certificate(tmp_path, ends)}
        with proxied(tmp_path / f"{ends:%Y}", **names) as (place, _):
            found = trouble("proxy", place)
            assert told in found and bool(told) == bool(found), found
