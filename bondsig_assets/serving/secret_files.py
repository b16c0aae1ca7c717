"""A team's secrets: one file each, generated once, read by the service that needs it.

Belongs here: which there are, making and reading them, logins. Not here: who may read which
(`topology.py`). None of them is ever an argument of a process.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
from datetime import datetime
from pathlib import Path

from bondsig_assets.errors import UserError
from bondsig_assets.serving.certificates import ends_at, issue

#: Secrets that are random words. The two keys of a login to the store are its name and this.
GENERATED = (
    "postgres_password",
    "dagster_password",
    "lake_password",
    "mlflow_password",
    "researcher_password",
    "store_admin",
    "store_lake",
    "store_mlflow",
    "store_researcher",
    "store_keeper",
    "service_key",
)
#: Files that people fill: logins of the proxy, what each may, and variables of alerts and sources.
FILLED = ("logins", "roles", "alerts")
#: By which scheduler, workers and runs know each other: the authority, the one certificate that it
#: signed and its key. All have the same: whoever is let in may do anything on each of them.
CERTIFIED = ("workers_authority", "workers_certificate", "workers_key")
_CERTIFIED_FOR = ("scheduler", "workers", "localhost", "127.0.0.1")
NAMES = (*GENERATED, *FILLED, *CERTIFIED)
ROLES = ("operator", "reader")
#: Variables that `alerts` may set.
_ALLOWED = re.compile(r"BONDSIG_(ALERT_\w+|SMTP|HEARTBEAT_URL|UI_URL|WRDS_\w+)|WRDS_\w+")
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_SHORTEST_PASSWORD = 12
_BYTES = 32


def make(folder: Path) -> list[str]:
    """Write those that `folder` lacks, readable by their owner alone; returns their names.

    Raises UserError where the folder cannot be written.
    """
    made = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        for name in (*GENERATED, *FILLED):
            if not (folder / name).exists():
                write(folder / name, secrets.token_hex(_BYTES) if name in GENERATED else "")
                made.append(name)
        made += _make_certificate(folder)
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror})") from error
    return made


def _make_certificate(folder: Path) -> list[str]:
    """Where one of CERTIFIED lacks all are made anew: none is of use without the other two."""
    if all((folder / name).exists() for name in CERTIFIED):
        return []
    issued = issue("workers", _CERTIFIED_FOR)
    parts = (issued.authority, issued.certificate, issued.key)
    for name, text in zip(CERTIFIED, parts, strict=True):
        write(folder / name, text)
    return list(CERTIFIED)


def certificate_ends_at(folder: Path) -> datetime:
    """When the certificate of the workers ends, UTC. Raises UserError where none can be read."""
    try:
        return ends_at(read(folder, "workers_certificate"))
    except ValueError:
        raise UserError(
            f"{folder / 'workers_certificate'} is no certificate: delete it, and `bondsig secrets"
            f" {folder}` makes it anew"
        ) from None


def read(folder: Path, name: str) -> str:
    """One secret, without the line's end. Raises UserError that names the file."""
    try:
        text = (folder / name).read_text().rstrip()
    except OSError as error:
        raise UserError(
            f"the secret {folder / name} cannot be read ({error.strerror}): `bondsig secrets"
            f" {folder}` makes what is missing"
        ) from error
    if not text and name not in FILLED:
        raise UserError(f"the secret {folder / name} is empty: delete it and make it anew")
    return text


def alert_variables(folder: Path) -> dict[str, str]:
    """What the file `alerts` sets, a NAME=value a line. Raises UserError where one is none."""
    found = {}
    for number, line in enumerate(read(folder, "alerts").splitlines(), 1):
        name, equals, value = line.strip().partition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not equals or not _ALLOWED.fullmatch(name):
            raise UserError(
                f"{folder / 'alerts'}, line {number} sets no variable of alerts: it wants"
                " BONDSIG_ALERT_WEBHOOK=…, BONDSIG_SMTP=… and the like"
            )
        found[name] = value
    return found


def add_login(folder: Path, caddy: str, name: str, role: str, password: str) -> None:
    """Let `name` in at the proxy as `role`, with another password where there is one already.

    Raises UserError for a name or password that will not do.
    """
    if not _LOGIN.fullmatch(name):
        raise UserError(f"'{name}' is no name for a login: letters, digits, . _ @ and -")
    if role not in ROLES:
        raise UserError(f"'{role}' is no role; roles are {' and '.join(ROLES)}")
    if len(password) < _SHORTEST_PASSWORD:
        raise UserError(f"the password is too short: {_SHORTEST_PASSWORD} characters at least")
    hashed = subprocess.run(
        [caddy, "hash-password"],
        input=f"{password}\n",
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    for file, value in (("logins", hashed), ("roles", role)):
        kept = [line for line in read(folder, file).splitlines() if line.split()[:1] != [name]]
        write(folder / file, "".join(f"{line}\n" for line in [*kept, f"{name} {value}"]))


def keep(folder: Path, name: str, secret: str) -> None:
    """Write a further secret of a person's, to be read by its owner alone."""
    write(folder / name, f"{secret}\n")


def new_password() -> str:
    """A password for somebody."""
    return secrets.token_urlsafe(18)


def write(path: Path, text: str) -> None:
    """The whole file or none, to be read by its owner alone."""
    partial = path.with_name(f"{path.name}.tmp")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)
