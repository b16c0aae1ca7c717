"""Whether a service does its work: what a container's health check and `bondsig serve` ask.

Belongs here: one question a service, answered in words where it is not well. Not here: waiting for
an answer (`local.py`).
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import subprocess
import sys
from datetime import UTC, datetime

from bondsig_assets.blocks import settings as blocks
from bondsig_assets.errors import WorkersError
from bondsig_assets.serving import executables
from bondsig_assets.serving.place import Place
from bondsig_assets.serving.programs import dagster_variables, tls_variables, workers_variables
from bondsig_assets.serving.secret_files import read
from bondsig_assets.serving.topology import PREFIXES, SERVICES

#: Paths that answer 200 once a server of pages works.
PATHS = {
    "mlflow": "/mlflow/health",
    "webserver": "/dagster/server_info",
    "readers": "/dagster/server_info",
    "report": "/healthz",
}
_SECONDS = 10.0


def trouble(name: str, place: Place) -> str:
    """What is wrong with the service `name`, empty where nothing is. Raises UserError where a
    secret is missing.
    """
    try:
        return ASK.get(name, _pages)(name, place)
    except (OSError, http.client.HTTPException) as error:
        return f"{name} does not answer ({error})"
    except WorkersError as error:
        return f"{name}: {error}"


def _pages(name: str, place: Place) -> str:
    at = place.address(name)
    connection = http.client.HTTPConnection(_reached(at.host), at.port, timeout=_SECONDS)
    key = read(place.secrets, "service_key")
    connection.request("GET", PATHS[name], headers={"Authorization": f"Bearer {key}"})
    status = connection.getresponse().status
    connection.close()
    return "" if status == 200 else f"{name} answers {status}"


def _reached(host: str) -> str:
    return "127.0.0.1" if host == "0.0.0.0" else host


def _postgres(name: str, place: Place) -> str:
    at = place.address(name)
    done = subprocess.run(
        [executables.postgres("pg_isready"), "-h", at.host, "-p", str(at.port), "-d", "postgres"],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else f"{name}: {done.stdout.strip()}"


def _store(name: str, place: Place) -> str:
    at = place.address(name)
    connection = http.client.HTTPConnection(at.host, at.port, timeout=_SECONDS)
    connection.request("GET", "/healthz")
    status = connection.getresponse().status
    connection.close()
    return "" if status == 200 else f"{name} answers {status}"


def _code(name: str, place: Place) -> str:
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(f"unix:{place.code_socket}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service="DagsterApi"), timeout=_SECONDS
            )
        except grpc.RpcError as error:
            return f"{name} does not answer ({error.code().name})"
    is_well = answer.status == health_pb2.HealthCheckResponse.SERVING
    return "" if is_well else f"{name} is not serving"


def _daemon(name: str, place: Place) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dagster._daemon", "liveness-check"],
        env={**os.environ, **dagster_variables(place)},
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else f"{name} has no heartbeat"


def _proxy(name: str, place: Place) -> str:
    """It asks for a login, under a certificate that holds."""
    at, host = place.address(name), place.proxy_hosts()[0]
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(
        "127.0.0.1", at.port, timeout=_SECONDS, context=context
    )
    connection.request("GET", "/", headers={"Host": host})
    certificate = connection.sock.getpeercert(binary_form=True)
    status = connection.getresponse().status
    connection.close()
    if expired := _expired(certificate):
        return f"{name}: {expired}"
    return "" if status in (401, 302, 303) else f"{name} asks for no login: it answers {status}"


def _scheduler(name: str, place: Place) -> str:
    """It lets in whoever has the team's certificate, and has it too."""
    at, files = place.address(name), tls_variables(place)
    context = ssl.create_default_context(cafile=files[blocks.CA])
    context.load_cert_chain(files[blocks.CERTIFICATE], files[blocks.KEY])
    with (
        socket.create_connection((at.host, at.port), timeout=_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=at.host) as secured,
    ):
        # The scheduler speaks first. A server that refuses our side says so only now.
        return "" if secured.recv(1) else f"{name} hangs up"


def _workers(name: str, place: Place) -> str:
    """The scheduler knows some."""
    from bondsig_assets.blocks.cluster import connected

    variables = workers_variables(place)
    if not variables:
        return f"{name}: none are asked for"
    with connected(blocks.at_address(variables[blocks.VARIABLE], variables)) as client:
        there = len(client.scheduler_info()["workers"])
    return "" if there >= place.workers else f"{name}: {there} of {place.workers} are there"


def _expired(certificate: bytes | None) -> str:
    from cryptography import x509

    if not certificate:
        return "no certificate"
    until = x509.load_der_x509_certificate(certificate).not_valid_after_utc
    return f"its certificate expired at {until:%Y-%m-%d %H:%M} UTC" if until < _now() else ""


def _now() -> datetime:
    return datetime.now(UTC)


ASK = {
    "postgres": _postgres,
    "store": _store,
    "code": _code,
    "daemon": _daemon,
    "proxy": _proxy,
    "scheduler": _scheduler,
    "workers": _workers,
}
assert {*ASK, *PATHS} == {one.name for one in SERVICES.values() if not one.once}
assert PATHS.keys() == PREFIXES.keys()
