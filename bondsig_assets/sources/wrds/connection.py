"""How WRDS is reached: settings and credentials from the environment, one connection, its errors in
one line.

Belongs here: everything that touches a credential, the driver, and the wording of its failures.
Not here: what is asked (`queries.py`) and what is kept (`cache.py`).

The driver is `adbc-driver-postgresql` (Apache-2.0, part of Apache Arrow): it reads binary COPY
straight into Arrow and carries its own libpq, so nothing need be installed on the machine. libpq
itself takes the password from PGPASSWORD or the password file: it is in no address, argument or
setting of ours.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from bondsig_assets.credentials import secrets
from bondsig_assets.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa

HOST, PORT, DATABASE = "wrds-pgdata.wharton.upenn.edu", 9737, "wrds"
SSLMODES = ("require", "verify-ca", "verify-full", "prefer", "allow", "disable")
#: Seconds to connect; a dead line is noticed after a minute and a half.
_CONNECTING = {
    "connect_timeout": 30,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 6,
    "gssencmode": "disable",
}
#: Arrow that arrives at once, bytes; a report takes about 300.
_BATCH_BYTES = 16 << 20
#: What the driver says before the server does.
_PREFIX = re.compile(r"^([A-Z_]+: )?(\[libpq\] )?(Failed to [a-z]+( query)?: )?(ERROR: +)?")


@dataclass(frozen=True)
class WrdsSettings:
    """Where the server is and who asks. The password is not among them: the driver finds it
    itself.
    """

    username: str
    host: str = HOST
    port: int = PORT
    database: str = DATABASE
    sslmode: str = "require"

    @classmethod
    def from_environment(cls) -> WrdsSettings:
        """Settings as WRDS_USERNAME, BONDSIG_WRDS_HOST, _PORT, _DATABASE and _SSLMODE say.

        The password must be in PGPASSWORD or in the password file (`~/.pgpass`, or the one
        PGPASSFILE names), whose line also gives the user name where WRDS_USERNAME is not set.
        Raises SourceError that says what to set.
        """
        given = os.environ.get
        port = str(whole_number("BONDSIG_WRDS_PORT", PORT))
        sslmode = given("BONDSIG_WRDS_SSLMODE") or "require"
        if sslmode not in SSLMODES:
            raise SourceError(
                f"BONDSIG_WRDS_SSLMODE = {sslmode!r} should be one of {', '.join(SSLMODES)}"
            )
        host, database, username = (
            given("BONDSIG_WRDS_HOST") or HOST,
            given("BONDSIG_WRDS_DATABASE") or DATABASE,
            given("WRDS_USERNAME") or "",
        )
        entry = _password_entry(host, port, database, username)
        if not username and entry and entry[0] != "*":
            username = entry[0]
        wanting = [] if username else ["WRDS_USERNAME"]
        wanting += [] if entry or given("PGPASSWORD") else ["PGPASSWORD"]
        if wanting:
            line = f"{host}:{port}:{database}:{username or 'USERNAME'}:PASSWORD"
            raise SourceError(
                f"no WRDS credentials: set {' and '.join(wanting)}, or put the line {line} into"
                f" {_password_file()} (mode 600)"
            )
        return cls(username, host, int(port), database, sslmode)

    @property
    def address(self) -> str:
        """The server in words."""
        return f"{self.host}:{self.port}/{self.database}"

    def uri(self) -> str:
        """The address for the driver, without a password."""
        said = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.username,
            "sslmode": self.sslmode,
            "application_name": "bondsig",
        }
        return "postgresql:///?" + urlencode({**said, **_CONNECTING}, quote_via=quote)


def cache_folder() -> Path:
    """Where what was read is kept: BONDSIG_WRDS_CACHE, by default `~/.cache/bondsig/wrds`."""
    return Path(os.environ.get("BONDSIG_WRDS_CACHE") or "~/.cache/bondsig/wrds").expanduser()


def whole_number(name: str, default: int) -> int:
    """The environment variable `name`. Raises SourceError when it is no whole number."""
    text = os.environ.get(name) or str(default)
    if not text.isdigit():
        raise SourceError(f"{name} = {text!r} should be a whole number such as {default}")
    return int(text)


class Connection:
    """An open connection that answers with Arrow, and with SourceError of one line when it
    cannot.
    """

    def __init__(self, settings: WrdsSettings, driver: Any):
        self._settings, self._driver = settings, driver

    @contextmanager
    def stream(self, sql: str, about: str) -> Iterator[Iterator[pa.RecordBatch]]:
        """The rows of `sql`, batch after batch as they arrive; `about` names what is read when it
        fails.
        """
        cursor = self._driver.cursor()
        try:
            with _as_source_errors(self._settings, about):
                cursor.adbc_statement.set_options(
                    **{"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)}
                )
                cursor.execute(sql)
                reader = cursor.fetch_record_batch()
            yield self._batches(reader, about)
        finally:
            with suppress(Exception):
                cursor.close()

    def rows(self, sql: str, about: str) -> list[dict[str, Any]]:
        """The rows of a small answer. Raises SourceError as `stream` does."""
        with self.stream(sql, about) as batches:
            return [row for batch in batches for row in batch.to_pylist()]

    def _batches(self, reader: Any, about: str) -> Iterator[pa.RecordBatch]:
        while True:
            with _as_source_errors(self._settings, about):
                batch = next(reader, None)
            if batch is None:
                return
            yield batch


@contextmanager
def connect(settings: WrdsSettings) -> Iterator[Connection]:
    """A connection to the server, closed in the end. Raises SourceError when it cannot be made."""
    from adbc_driver_postgresql import dbapi

    with _as_source_errors(settings, "the connection"):
        # Each statement for itself: a transaction held open for hours is what database
        # administrators kill.
        driver = dbapi.connect(settings.uri(), autocommit=True)
    try:
        yield Connection(settings, driver)
    finally:
        with suppress(Exception):
            driver.close()


def scrub(text: str) -> str:
    """`text` on one line and without any password this process could know."""
    for secret in _secrets():
        text = text.replace(secret, "***")
    return " ".join(text.split())


@contextmanager
def _as_source_errors(settings: WrdsSettings, about: str) -> Iterator[None]:
    """Failures of the driver as SourceError; a traceback does not show the original, which could
    tell more.
    """
    import pyarrow as pa
    from adbc_driver_manager import Error

    try:
        yield
    except (Error, OSError, pa.ArrowException) as error:
        raise SourceError(
            scrub(_explained(settings, about, str(error), getattr(error, "sqlstate", None) or ""))
        ) from None


def _explained(settings: WrdsSettings, about: str, text: str, state: str) -> str:
    where = settings.address
    detail = _PREFIX.sub("", text.split("Query was:")[0].split("LINE 1:")[0]).strip(". \n")
    cases = (
        (
            "authentication failed" in text
            or "no password supplied" in text
            or state in ("28P01", "28000"),
            (
                f"{where} refused user '{settings.username}': check WRDS_USERNAME and PGPASSWORD"
                f" (or the line in {_password_file()}); approve the two-factor request if WRDS"
                " sent one"
            ),
        ),
        (
            "does not exist" in text and "FATAL" in text,
            f"{where} has no such user or database; check BONDSIG_WRDS_DATABASE and WRDS_USERNAME",
        ),
        (
            ("SSL" in text or "certificate" in text) and "Failed to connect" in text,
            (
                f"{where}: no encrypted connection ({detail}); BONDSIG_WRDS_SSLMODE is"
                f" {settings.sslmode}"
            ),
        ),
        (
            "Failed to connect" in text,
            (
                f"{where} cannot be reached ({detail}); check the network, BONDSIG_WRDS_HOST and"
                " BONDSIG_WRDS_PORT"
            ),
        ),
        (
            state in ("42P01", "3F000"),
            f"{where} has no {about}; check BONDSIG_WRDS_DATABASE, or leave the table out",
        ),
        (
            state == "42501",
            (
                f"user '{settings.username}' may not read {about}: the institution's WRDS"
                " subscription must include it, or leave the table out"
            ),
        ),
        (state == "42703", f"{about}: a column is missing ({detail})"),
        (
            state == "57014",
            (
                f"{about}: the server stopped the query ({detail}); set BONDSIG_WRDS_DAYS lower so"
                " that each asks for less"
            ),
        ),
        (
            not state or state.startswith(("08", "57P")),
            (
                f"{about}: the connection to {where} broke off ({detail}); finished batches are"
                " kept, run the same command again to go on"
            ),
        ),
    )
    return next((line for applies, line in cases if applies), f"{about}: the server says: {detail}")


def _password_file() -> Path:
    return Path(os.environ.get("PGPASSFILE") or "~/.pgpass").expanduser()


def _password_entry(host: str, port: str, database: str, username: str) -> tuple[str, str] | None:
    """User and password of the first line of the password file that fits; an empty `username` fits
    any.
    """
    file = _password_file()
    if not file.is_file():
        return None
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        parts = [re.sub(r"\\(.)", r"\1", part) for part in re.split(r"(?<!\\):", line, maxsplit=4)]
        if line.startswith("#") or len(parts) < 5:
            continue
        wanted = (host, port, database, username or parts[3])
        if all(found in ("*", want) for found, want in zip(parts[:4], wanted, strict=True)):
            return parts[3], parts[4]
    return None


def _secrets() -> list[str]:
    """Passwords that a text must not show, the longest first."""
    found = secrets()
    file = _password_file()
    if file.is_file():
        with suppress(OSError):
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            found += [
                re.split(r"(?<!\\):", line, maxsplit=4)[-1]
                for line in lines
                if line.count(":") >= 4 and not line.startswith("#")
            ]
    # A text of a letter or two is no password and would be found everywhere.
    return sorted({secret for secret in found if len(secret) > 3}, key=len, reverse=True)
