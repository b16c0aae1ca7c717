"""`bondsig ui`: Dagster's web server and daemon, and MLflow, on this machine only.

Belongs here: starting and stopping servers. Not here: what they show.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from bondsig_assets.cli import UserError
from bondsig_assets.resources.home import REPOSITORY, Home
from bondsig_assets.resources.moved_home import follow_move


def serve(home: Home, host: str, port: int, mlflow_port: int) -> None:
    """Run the servers until interrupted; when one ends, the others are stopped too."""
    if home.market() is None:
        raise UserError(f"{home.path} holds no market yet: `make run` or `bondsig run` makes one")
    if port == mlflow_port:
        raise UserError(f"--port and --mlflow-port are both {port}; they must differ")
    for number in (port, mlflow_port):
        if not 0 < number < 65536:
            raise UserError(f"{number} is no port; ports are 1 to 65535")
        if _taken(host, number):
            raise UserError(
                f"port {number} on {host} is taken; choose another with --port or --mlflow-port"
            )
    home.prepare_dagster()
    home.mlflow_artifacts.mkdir(parents=True, exist_ok=True)
    follow_move(home)
    tools = Path(sys.executable).parent
    subprocess.run(
        [tools / "dagster", "instance", "migrate"],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    workspace = str(REPOSITORY / "workspace.yaml")
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    commands: list[list[str | Path]] = [
        [tools / "dagster-webserver", "-w", workspace, "-h", host, "-p", str(port)],
        [tools / "dagster-daemon", "run", "-w", workspace],
        [
            tools / "mlflow",
            "server",
            "--backend-store-uri",
            home.mlflow_uri,
            "--artifacts-destination",
            home.mlflow_artifacts.as_uri(),
            "--serve-artifacts",
            "--host",
            host,
            "--port",
            str(mlflow_port),
            "--workers",
            "1",
        ],
    ]
    servers = [
        subprocess.Popen(command, cwd=REPOSITORY, env=environment, start_new_session=True)
        for command in commands
    ]
    print(
        f"Dagster  http://{host}:{port}\nMLflow   http://{host}:{mlflow_port}\nCtrl-C stops both.",
        flush=True,
    )
    try:
        while all(server.poll() is None for server in servers):
            time.sleep(0.5)
        ended = next(k for k, server in enumerate(servers) if server.poll() is not None)
        raise UserError(
            f"{Path(commands[ended][0]).name} ended by itself with status"
            f" {servers[ended].returncode}; its own messages stand above"
        )
    except KeyboardInterrupt:
        pass
    finally:
        for server in servers:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGTERM)
        for server in servers:
            server.wait(timeout=20)


def _taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            return probe.connect_ex((host, port)) == 0
        except OSError as error:
            raise UserError(f"--host {host}: {error.strerror or error}") from error
