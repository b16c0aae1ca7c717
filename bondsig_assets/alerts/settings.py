"""Where alerts go, from the environment: never from arguments, which every list of processes shows.

Belongs here: reading and checking them. Not here: sending (`targets.py`). A value that is a secret
(an address of a webhook, a password) is in no text that this room makes, its own errors included.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from bondsig_assets.errors import SettingsError

WEBHOOK = "BONDSIG_ALERT_WEBHOOK"
EMAIL = "BONDSIG_ALERT_EMAIL"
FILE = "BONDSIG_ALERT_FILE"
SENDER = "BONDSIG_ALERT_FROM"
SMTP = "BONDSIG_SMTP"
SECONDS = "BONDSIG_ALERT_SECONDS"
HEARTBEAT = "BONDSIG_HEARTBEAT_URL"
UI = "BONDSIG_UI_URL"
_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True)
class MailServer:
    """A server that takes mail; `is_tls` from the first byte, else STARTTLS where it offers it."""

    host: str
    port: int
    is_tls: bool
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class AlertSettings:
    """Targets (empty: none), and the address that links begin with."""

    webhook: str = field(default="", repr=False)
    email: tuple[str, ...] = ()
    sender: str = "bondsig@localhost"
    mail_server: MailServer | None = None
    file: Path | None = None
    heartbeat: str = field(default="", repr=False)
    ui: str = "http://127.0.0.1:3000"
    seconds: float = 10.0

    @property
    def has_target(self) -> bool:
        """Whether anybody is told anything."""
        return bool(self.webhook or self.email or self.file)

    def link(self, path: str) -> str:
        """Address of a page of Dagster's UI."""
        return f"{self.ui.rstrip('/')}/{path.lstrip('/')}"


def alert_settings(environment: Mapping[str, str] | None = None) -> AlertSettings:
    """The settings that the environment declares; raises SettingsError naming the variable, without
    its value.
    """
    said = os.environ if environment is None else environment
    email = tuple(one.strip() for one in said.get(EMAIL, "").split(",") if one.strip())
    for one in email:
        if "@" not in one.strip("@") or any(sign in one for sign in "\r\n "):
            raise SettingsError(f"{EMAIL} is no list of mail addresses; write one@host,other@host")
    server = _mail_server(said.get(SMTP, "").strip())
    if email and server is None:
        raise SettingsError(f"{EMAIL} needs {SMTP}, as smtp://user:password@host:587")
    return AlertSettings(
        webhook=_address(said, WEBHOOK),
        email=email,
        sender=said.get(SENDER, "").strip() or AlertSettings.sender,
        mail_server=server,
        file=Path(said[FILE]).expanduser() if said.get(FILE, "").strip() else None,
        heartbeat=_address(said, HEARTBEAT),
        ui=_address(said, UI) or AlertSettings.ui,
        seconds=_seconds(said.get(SECONDS, "").strip()),
    )


def _address(said: Mapping[str, str], name: str) -> str:
    """An http or https address, empty where there is none."""
    text = said.get(name, "").strip()
    if text and (
        _split(name, text).scheme not in ("http", "https") or not _split(name, text).netloc
    ):
        raise SettingsError(f"{name} is no http or https address; write it whole, or unset it")
    return text


def _split(name: str, text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise SettingsError(f"{name} is no address; write it whole, or unset it") from None
    return parts


def _mail_server(text: str) -> MailServer | None:
    if not text:
        return None
    parts = _split(SMTP, text)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise SettingsError(
            f"{SMTP} is no mail server; write smtp://host:25 or smtps://user:password@host"
        )
    return MailServer(
        parts.hostname,
        parts.port or _PORTS[parts.scheme],
        parts.scheme == "smtps",
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )


def _seconds(text: str) -> float:
    if not text:
        return AlertSettings.seconds
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 30:
        raise SettingsError(f"{SECONDS} must be a number of seconds above 0, at most 30")
    return seconds
