"""`bondsig service NAME`: prepares one service and becomes it.

Belongs here: what a service finds in place before its program starts, and the change of user. Not
here: the program (`programs.py`), work that ends (`once.py`), health (`health.py`).
"""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from bondsig_assets.credentials import hidden
from bondsig_assets.errors import UserError
from bondsig_assets.serving import executables, once, store_guard
from bondsig_assets.serving.place import Place
from bondsig_assets.serving.programs import (
    BONDSIG,
    LAKE_BUCKET,
    MLFLOW_BUCKET,
    dagster_variables,
    keeper_variables,
    program,
    variables_within,
)
from bondsig_assets.serving.secret_files import read
from bondsig_assets.serving.topology import KEEPING, SERVICES

#: Who PostgreSQL runs as where we are root, which it refuses.
_NOT_ROOT = ("postgres", "nobody")
_WAIT_SECONDS = 2.0


def become(name: str, place: Place) -> None:
    """Do the work of a one-shot and return, or become the program of a server.

    Raises UserError for what is missing.
    """
    if name not in SERVICES:
        raise UserError(f"there is no service {name}; services are {', '.join(SERVICES)}")
    if name in once.ONCE:
        once.do(name, place)
        return
    told = program(name, place)
    if name in PREPARE:
        PREPARE[name](place)
    _exec(told.arguments, told.variables)


def within(place: Place, arguments: tuple[str, ...]) -> NoReturn:
    """Become `bondsig` with `arguments`, on the team's lake, record and MLflow."""
    is_keeping = arguments[:1] and arguments[0] in KEEPING
    variables = keeper_variables(place) if is_keeping else variables_within(place)
    _exec((*BONDSIG, *arguments), variables)


def _exec(arguments: tuple[str, ...], variables: Mapping[str, str]) -> NoReturn:
    sys.stdout.flush()
    os.execve(arguments[0], list(arguments), {**os.environ, **variables})


def _prepare_postgres(place: Place) -> None:
    """A cluster, made once, that lets nobody in without a password."""
    data = place.state / "postgres"
    password = read(place.secrets, "postgres_password")
    # Found before we become somebody who may not look everywhere.
    initdb = executables.postgres("initdb")
    _drop_root(data)
    if not (data / "PG_VERSION").exists():
        subprocess.run(
            [
                *(initdb, "-D", str(data), "-U", "postgres"),
                *("--auth=scram-sha-256", "--pwfile=/dev/stdin", "-E", "UTF8", "--no-locale"),
            ],
            input=f"{password}\n",
            text=True,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    (data / "pg_hba.conf").write_text("host all all all scram-sha-256\n")


def _drop_root(folder: Path) -> None:
    """Go on as somebody else who owns `folder`, where we are root."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        folder.chmod(0o700)
        return
    entry = next((found for name in _NOT_ROOT if (found := _user(name))), None)
    if entry is None:
        raise UserError("PostgreSQL does not run as root: start `bondsig serve` as another user")
    for owned in (folder, *folder.rglob("*")):
        os.chown(owned, entry.pw_uid, entry.pw_gid)
    folder.chmod(0o700)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.chdir("/")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(
            f"PostgreSQL runs as {entry.pw_name}, who cannot reach {folder}: set BONDSIG_HOME to a"
            f" folder whose parents others may enter, or start `bondsig serve` as a user who is not"
            " root"
        )


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _prepare_store(place: Place) -> None:
    """The store's identities: each reaches its own bucket, the researcher reads the lake's, the
    keeper fills and reads both.
    """
    all_acts = ("Read", "Write", "List", "Tagging")
    identities = {
        "admin": ["Admin"],
        "lake": [f"{act}:{LAKE_BUCKET}" for act in all_acts],
        "mlflow": [f"{act}:{MLFLOW_BUCKET}" for act in all_acts],
        "keeper": [f"{act}:{name}" for name in (LAKE_BUCKET, MLFLOW_BUCKET) for act in all_acts],
        "researcher": [f"{act}:{LAKE_BUCKET}" for act in ("Read", "List")],
    }
    told = [
        {
            "name": name,
            "credentials": [
                {"accessKey": name, "secretKey": read(place.secrets, f"store_{name}")},
            ],
            "actions": actions,
        }
        for name, actions in identities.items()
    ]
    folder = place.state / "store"
    store_guard.make(folder / "guard")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    file = folder / "identities.json"
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        json.dump({"identities": told}, opened)


def _prepare_code(place: Place) -> None:
    """No run of a graph before this one is left as at work. And a market: without one there are no
    days. Waits until somebody gives it one.
    """
    place.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.sockets.chmod(0o700)
    _end_runs_before(place)
    if place.home.market() is None:
        print(
            f"{place.home.path} holds no market yet; `bondsig within run …` makes one, and the"
            " graph is served then",
            flush=True,
        )
    while place.home.market() is None:
        time.sleep(_WAIT_SECONDS)


def _end_runs_before(place: Place) -> None:
    from dagster import DagsterInstance
    from dagster_postgres.utils import DagsterPostgresException
    from sqlalchemy.exc import SQLAlchemyError

    from bondsig_assets.orchestration.dead_runs import end_runs_of

    os.environ.update(dagster_variables(place))
    try:
        with DagsterInstance.from_config(str(place.dagster)) as instance:
            ended = end_runs_of(instance, str(place.code_socket))
    except (SQLAlchemyError, DagsterPostgresException) as error:
        said = hidden(str(error).splitlines()[0])
        raise UserError(f"Dagster's record at {place.address('postgres')}: {said}") from None
    for run in ended:
        print(f"run {run.split('-')[0]} ended with the graph before this one", flush=True)


def _prepare_proxy(place: Place) -> None:
    for name in ("data", "config"):
        (place.state / "proxy" / name).mkdir(parents=True, exist_ok=True)


PREPARE: dict[str, Callable[[Place], None]] = {
    "postgres": _prepare_postgres,
    "store": _prepare_store,
    "code": _prepare_code,
    "proxy": _prepare_proxy,
}
