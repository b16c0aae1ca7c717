"""Secrets that the environment gives this process, and texts without them.

Belongs here: which variables hold one, and taking it out of a text. Not here: using one. Libraries
quote what they were given in their errors (DuckDB a whole connection string, MLflow an address with
its password), and such a text goes far: to a terminal, a log, Dagster's record, a chat.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

#: Variables that are a secret as a whole.
_WHOLE = (
    "PGPASSWORD",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "BONDSIG_DAGSTER_PASSWORD",
    "BONDSIG_SERVICE_KEY",
)
#: Addresses with a user and a password in them.
_WITH_PASSWORD = (
    "BONDSIG_CATALOG",
    "BONDSIG_MLFLOW",
    "BONDSIG_MLFLOW_DATABASE",
    "BONDSIG_SMTP",
    "BONDSIG_UI_URL",
    "AWS_ENDPOINT_URL",
)
#: Addresses that only those may know who may use them.
_CAPABILITIES = ("BONDSIG_ALERT_WEBHOOK", "BONDSIG_HEARTBEAT_URL")
_WORD = re.compile(r"\bpassword\s*=\s*(?:'((?:\\.|[^'\\])*)'|(\S+))")
_IN_URL = re.compile(r"://[^/\s@:]*:([^/\s@]+)@")
#: A text of a letter or two is no secret and would be found everywhere.
_SHORTEST = 4
_HIDDEN = "***"


def secrets() -> list[str]:
    """What a text must not show, the longest first."""
    return sorted(
        {one for one in _declared() if len(one) >= _SHORTEST},
        key=lambda one: (-len(one), one),
    )


def hidden(text: str) -> str:
    """`text` with `***` for every secret of the environment."""
    for secret in secrets():
        text = text.replace(secret, _HIDDEN)
    return text


def holds_secret(error: BaseException) -> bool:
    """Whether the words of an error, or of what led to it, hold one: then it must not be shown as
    the cause of another.
    """
    found: BaseException | None = error
    # An error that was raised again while its own wrapper was handled leads back to itself.
    been: set[int] = set()
    while found is not None and id(found) not in been:
        if hidden(str(found)) != str(found):
            return True
        been.add(id(found))
        found = found.__cause__ or found.__context__
    return False


def password_in(address: str) -> str:
    """The password in an address, of words or a URL; empty where there is none."""
    for quoted, plain in _WORD.findall(address):
        return re.sub(r"\\(.)", r"\1", quoted or plain)
    return unquote(next(iter(_IN_URL.findall(address)), ""))


def _declared() -> Iterator[str]:
    for name in _WHOLE:
        yield os.environ.get(name, "")
    for name in _WITH_PASSWORD:
        told = os.environ.get(name, "")
        for one in (*_WORD.findall(told), *((found,) for found in _IN_URL.findall(told))):
            for password in filter(None, one):
                yield from (password, unquote(password), re.sub(r"\\(.)", r"\1", password))
    for name in _CAPABILITIES:
        told = os.environ.get(name, "").strip()
        yield told
        try:
            parts = urlsplit(told)
        except ValueError:
            continue
        # Without its first /, which alone is no secret.
        yield f"{parts.path}?{parts.query}".strip("/?") if parts.query else parts.path.strip("/")
