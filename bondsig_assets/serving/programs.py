"""What each service runs: its arguments, and the environment that its secrets become.

Belongs here: one function a service, the same in a container and on one machine. Not here: starting
it (`entry.py`), and what one-shots do (`once.py`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from bondsig_assets.blocks import settings as blocks
from bondsig_assets.errors import UserError
from bondsig_assets.home import PACKAGE
from bondsig_assets.serving import executables, store_guard
from bondsig_assets.serving.place import PROCESSES, Place
from bondsig_assets.serving.secret_files import CERTIFIED, alert_variables, read
from bondsig_assets.serving.topology import PREFIXES

#: Files of `deploy/`, which travel with the package.
DEPLOY = PACKAGE / "deploy"
LAKE_BUCKET, MLFLOW_BUCKET = "lake", "mlflow"
_ARTIFACTS = "artifacts"
#: What `bondsig` is run by, so that it need not be on PATH.
BONDSIG = (
    sys.executable,
    "-c",
    "import sys; from bondsig_assets.commands.cli import main; sys.argv[0] = 'bondsig'; main()",
)
#: SeaweedFS and botocore want some name here.
_REGION = "us-east-1"


@dataclass(frozen=True)
class Program:
    """Arguments, and variables besides those of the process that starts it. Secrets are among the
    variables alone.
    """

    arguments: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


def program(name: str, place: Place) -> Program:
    """What the service `name` runs. Raises UserError where a secret or a program is missing."""
    return PROGRAMS[name](place)


def variables_within(place: Place) -> dict[str, str]:
    """What `bondsig` needs in its environment to work on the team's lake, record and MLflow."""
    return {
        **lake_variables(place),
        **dagster_variables(place),
        **tracking_variables(place),
        **workers_variables(place),
        **alert_variables(place.secrets),
    }


def keeper_variables(place: Place) -> dict[str, str]:
    """What the commands that keep all of a team need: the same, with a key of both buckets,
    MLflow's database, and PostgreSQL's programs of the server's own version.
    """
    from bondsig_assets.upkeep.server_databases import MLFLOW_DATABASE
    from bondsig_assets.upkeep.team_backup import ARTIFACTS

    programs = Path(executables.postgres("pg_dump")).parent
    password = quote(read(place.secrets, "mlflow_password"), safe="")
    at = place.address("postgres")
    return {
        **variables_within(place),
        **store_variables(place, "keeper"),
        MLFLOW_DATABASE: f"postgresql://mlflow:{password}@{at}/mlflow",
        ARTIFACTS: f"s3://{MLFLOW_BUCKET}/{_ARTIFACTS}",
        "PATH": os.pathsep.join([str(programs), *os.get_exec_path()]),
    }


def store_variables(place: Place, identity: str) -> dict[str, str]:
    """How one of the store's identities reaches it."""
    return {
        "AWS_ENDPOINT_URL": f"http://{place.address('store')}",
        "AWS_ACCESS_KEY_ID": identity,
        "AWS_SECRET_ACCESS_KEY": read(place.secrets, f"store_{identity}"),
        "AWS_REGION": _REGION,
        "AWS_DEFAULT_REGION": _REGION,
    }


def pages_url(place: Place) -> str:
    """Where people find the team's pages, unless BONDSIG_UI_URL knows better."""
    host, port = place.proxy_hosts()[0], place.address("proxy").port
    return f"https://{host}" if place.listen == "0.0.0.0" else f"https://{host}:{port}"


def lake_variables(place: Place) -> dict[str, str]:
    """How the lake is reached: catalog and files."""
    at = place.address("postgres")
    return {
        "BONDSIG_CATALOG": f"postgres:host={at.host} port={at.port} dbname=lake user=lake",
        "PGPASSWORD": read(place.secrets, "lake_password"),
        "BONDSIG_STORAGE": f"s3://{LAKE_BUCKET}/files",
        **store_variables(place, "lake"),
    }


def dagster_variables(place: Place) -> dict[str, str]:
    """How Dagster's record is reached; `deploy/dagster.yaml` names these."""
    at = place.address("postgres")
    return {
        "DAGSTER_HOME": str(place.dagster),
        "BONDSIG_DAGSTER_HOST": at.host,
        "BONDSIG_DAGSTER_PORT": str(at.port),
        "BONDSIG_DAGSTER_PASSWORD": read(place.secrets, "dagster_password"),
        # Else the events of a range of days go one by one.
        "DAGSTER_EVENT_BATCH_SIZE": "1000",
        "BONDSIG_UI_URL": os.environ.get("BONDSIG_UI_URL") or f"{pages_url(place)}/dagster",
        "DO_NOT_TRACK": "true",
    }


def tracking_variables(place: Place) -> dict[str, str]:
    """How MLflow is reached."""
    return {
        "BONDSIG_MLFLOW": f"http://{place.address('mlflow')}{PREFIXES['mlflow']}",
        "MLFLOW_TRACKING_TOKEN": read(place.secrets, "service_key"),
        # It would print an address that no person reaches.
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }


def workers_variables(place: Place) -> dict[str, str]:
    """How a run reaches the workers; nothing where none are asked for."""
    if not place.workers:
        return {}
    return {blocks.VARIABLE: _scheduler_url(place), **tls_variables(place)}


def tls_variables(place: Place) -> dict[str, str]:
    """The files by which scheduler, workers and runs know each other. Raises UserError where one is
    missing.
    """
    for name in CERTIFIED:
        read(place.secrets, name)
    variables = (blocks.CA, blocks.CERTIFICATE, blocks.KEY)
    paths = (str(place.secrets / name) for name in CERTIFIED)
    return dict(zip(variables, paths, strict=True))


def _scheduler_url(place: Place) -> str:
    return f"tls://{place.address('scheduler')}"


def _keyed(place: Place) -> dict[str, str]:
    """The key that the proxy, and nobody else, brings to a server of pages."""
    return {"BONDSIG_SERVICE_KEY": read(place.secrets, "service_key")}


def mlflow_database(place: Place) -> str:
    """MLflow's database, its password left to PGPASSWORD."""
    return f"postgresql+psycopg2://mlflow@{place.address('postgres')}/mlflow"


def mlflow_variables(place: Place) -> dict[str, str]:
    """How MLflow reaches its database, and what it leaves undone."""
    return {
        "PGPASSWORD": read(place.secrets, "mlflow_password"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        # Seven idle job consumers of 200 MB each otherwise.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def _postgres(place: Place) -> Program:
    at = place.address("postgres")
    return Program(
        (
            *(executables.postgres("postgres"), "-D", str(place.state / "postgres")),
            *("-h", place.listen, "-p", str(at.port)),
            *("-c", "unix_socket_directories=", "-c", "max_connections=200"),
            *("-c", "password_encryption=scram-sha-256"),
        )
    )


def _store(place: Place) -> Program:
    """Its S3 port alone listens beyond this machine; master, filer and volumes stay on loopback and
    ask for keys there too.
    """
    at, state = place.address("store"), place.state / "store"
    # Ports beside the one that others use: from the kernel on one machine, else any.
    inner = [str(place.addresses[name].port) for name in STORE_PORTS if name in place.addresses]
    master, volume, filer, *grpc = inner or [
        "9333",
        "8080",
        "8888",
        "19333",
        "18080",
        "18888",
        "18333",
    ]
    return Program(
        (
            *(executables.find("weed"), "server", "-dir", str(state / "data")),
            *("-ip", "127.0.0.1", "-ip.bind", "127.0.0.1", "-s3.ip.bind", place.listen),
            *("-master.port", master, "-volume.port", volume, "-filer.port", filer),
            *("-master.port.grpc", grpc[0], "-volume.port.grpc", grpc[1]),
            *("-filer.port.grpc", grpc[2], "-s3.port.grpc", grpc[3]),
            *("-s3", "-s3.port", str(at.port), "-s3.config", str(state / "identities.json")),
            *("-s3.port.iceberg", "0", "-s3.port.lance", "0", "-s3.iam=false"),
            *("-volume.max=0", "-master.volumeSizeLimitMB=1000", "-master.telemetry=false"),
        ),
        store_guard.variables(state / "guard"),
    )


#: Names, in `addresses`, of the ports that SeaweedFS opens beside the S3 port.
STORE_PORTS = (
    "store-master",
    "store-volume",
    "store-filer",
    "store-master-grpc",
    "store-volume-grpc",
    "store-filer-grpc",
    "store-s3-grpc",
)


def _mlflow(place: Place) -> Program:
    at = place.address("mlflow")
    return Program(
        (
            *(sys.executable, "-m", "bondsig_assets.orchestration.tracking_server"),
            *("--backend-store-uri", mlflow_database(place)),
            *("--serve-artifacts", "--artifacts-destination", f"s3://{MLFLOW_BUCKET}/{_ARTIFACTS}"),
            *("--host", place.listen, "--port", str(at.port), "--workers", "1"),
            *("--static-prefix", PREFIXES["mlflow"]),
            *("--allowed-hosts", ",".join(_named(place, "mlflow"))),
        ),
        {**mlflow_variables(place), **store_variables(place, "mlflow"), **_keyed(place)},
    )


def _named(place: Place, name: str) -> list[str]:
    """Hosts that a server of pages answers to: the proxy's, and its own name."""
    return list(dict.fromkeys([*place.proxy_hosts(), place.address(name).host]))


def _code(place: Place) -> Program:
    return Program(
        (
            *(sys.executable, "-m", "dagster", "api", "grpc"),
            *("-m", "bondsig_assets.definitions", "-s", str(place.code_socket)),
            *("--location-name", "bondsig_assets.definitions"),
        ),
        variables_within(place),
    )


def _daemon(place: Place) -> Program:
    return Program(
        (sys.executable, "-m", "dagster._daemon", "run", "-w", str(workspace_file(place))),
        dagster_variables(place),
    )


def _webserver(place: Place, name: str = "webserver", *more: str) -> Program:
    return Program(
        (
            *(sys.executable, "-m", "bondsig_assets.orchestration.webserver"),
            *("-w", str(workspace_file(place)), "-h", place.listen),
            *("-p", str(place.address(name).port), "--path-prefix", PREFIXES[name]),
            *("--allowed-hosts", ",".join(_named(place, name)), *more),
        ),
        {**dagster_variables(place), **_keyed(place)},
    )


def _readers(place: Place) -> Program:
    return _webserver(place, "readers", "--read-only")


def _report(place: Place) -> Program:
    return Program(
        (
            *(sys.executable, "-m", "bondsig_assets.orchestration.report_server"),
            *(str(place.home.report), "--host", place.listen),
            *("--port", str(place.address("report").port)),
            *("--allowed-hosts", ",".join(_named(place, "report"))),
        ),
        {**lake_variables(place), **dagster_variables(place), **_keyed(place)},
    )


def _proxy(place: Place) -> Program:
    port, hosts = place.address("proxy").port, place.proxy_hosts()
    state = place.state / "proxy"
    servers = {
        f"BONDSIG_{name.upper()}_AT": str(place.address(name))
        for name in ("webserver", "readers", "mlflow", "report")
    }
    return Program(
        (
            *(executables.find("caddy"), "run", "--adapter", "caddyfile"),
            *("--config", str(DEPLOY / "Caddyfile")),
        ),
        {
            "BONDSIG_SITES": ", ".join(f"https://{host}:{port}" for host in hosts),
            "BONDSIG_FIRST_SITE": hosts[0],
            "BONDSIG_LISTEN": place.listen,
            "BONDSIG_PORT": str(port),
            "BONDSIG_SECRETS": str(place.secrets),
            "BONDSIG_TLS": os.environ.get("BONDSIG_TLS") or "internal",
            "BONDSIG_LOGIN": os.environ.get("BONDSIG_LOGIN") or "basic",
            # Caddy keeps certificates and its copy of the settings here.
            "XDG_DATA_HOME": str(state / "data"),
            "XDG_CONFIG_HOME": str(state / "config"),
            **servers,
        },
    )


def _scheduler(place: Place) -> Program:
    files = tls_variables(place)
    return Program(
        (
            *(sys.executable, "-m", "dask", "scheduler", "--protocol", "tls"),
            *("--host", place.listen, "--port", str(place.address("scheduler").port)),
            *("--tls-ca-file", files[blocks.CA], "--tls-cert", files[blocks.CERTIFICATE]),
            *("--tls-key", files[blocks.KEY]),
            *("--no-dashboard", "--dashboard-address", "127.0.0.1:0"),
        ),
        _DASK,
    )


def _workers(place: Place) -> Program:
    if not place.workers:
        raise UserError(
            f"{PROCESSES} is not set: it says how many processes do blocks, and to runs that there"
            " are some"
        )
    return Program(
        (
            *(*BONDSIG, "worker", _scheduler_url(place), "--host", place.listen),
            # Of the memory that the container may take, or else the machine has.
            *("--processes", str(place.workers), "--memory", f"{1 / place.workers:.3f}"),
        ),
        {**lake_variables(place), **tls_variables(place), **_DASK, "BONDSIG_THREADS": "1"},
    )


#: Dask serves HTTP to anybody, on loopback: nothing is to be had there. And a health check that
#: leaves once it was let in is no news.
_DASK = {
    "DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES": "[]",
    "DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": "[]",
    "DASK_LOGGING": "{'distributed.comm': 'warning'}",
}


def workspace_file(place: Place) -> Path:
    """Where Dagster's servers read at which socket the graph answers."""
    return place.dagster / "workspace.yaml"


PROGRAMS: dict[str, Callable[[Place], Program]] = {
    "postgres": _postgres,
    "store": _store,
    "mlflow": _mlflow,
    "code": _code,
    "daemon": _daemon,
    "webserver": _webserver,
    "readers": _readers,
    "report": _report,
    "proxy": _proxy,
    "scheduler": _scheduler,
    "workers": _workers,
}
