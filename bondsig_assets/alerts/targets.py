"""Sending a message: to a webhook, by mail, to the end of a file.

Belongs here: one function a target, that raises AlertError when a message did not get through. Not
here: what is said (`events.py`), and what happens then (`notify.py`). An error names the host or
the file and nothing else of an address: the rest of a webhook's is its password.
"""

from __future__ import annotations

import http.client
import json
import os
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import urlsplit

from bondsig_assets.alerts.settings import AlertSettings, MailServer
from bondsig_assets.errors import AlertError

#: What a loopback name looks like: a password may go there in the clear.
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
Send = Callable[[str, AlertSettings], None]


def to_webhook(text: str, settings: AlertSettings) -> None:
    """POST `{"text": message}`, which Slack, Mattermost, Teams and others take."""
    request = urllib.request.Request(
        settings.webhook,
        json.dumps({"text": text}).encode(),
        {"Content-Type": "application/json; charset=utf-8"},
    )
    call(request, "webhook", settings.seconds)


def by_email(text: str, settings: AlertSettings) -> None:
    """One mail to all recipients; its subject is the message's first line."""
    server = settings.mail_server
    assert server is not None, "alert_settings refuses recipients without a server"
    mail = EmailMessage()
    mail["Subject"] = text.splitlines()[0]
    mail["From"], mail["To"] = settings.sender, ", ".join(settings.email)
    mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain="bondsig.invalid")
    # Other machines' out-of-office notes stay away.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    try:
        with _connected(server, settings.seconds) as connection:
            connection.send_message(mail)
    except (smtplib.SMTPException, OSError) as error:
        # What the server answered may hold the user's name: its kind and number are enough.
        code = getattr(error, "smtp_code", None)
        told = f"{type(error).__name__}{f' {code}' if code else ''}"
        raise AlertError(f"mail server {server.host}:{server.port}: {told}") from None


def to_file(text: str, settings: AlertSettings) -> None:
    """Append the message to a file: one JSON object a line, with the moment (UTC)."""
    assert settings.file is not None
    line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), "text": text})
    try:
        settings.file.parent.mkdir(parents=True, exist_ok=True)
        # One write, so that lines of two processes do not mix.
        descriptor = os.open(settings.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            os.write(descriptor, (line + "\n").encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise AlertError(
            f"file {settings.file}: {error.strerror or type(error).__name__}"
        ) from None


def targets(settings: AlertSettings) -> dict[str, Send]:
    """Name → function of every target that was declared."""
    declared: dict[str, tuple[object, Send]] = {
        "webhook": (settings.webhook, to_webhook),
        "email": (settings.email, by_email),
        "file": (settings.file, to_file),
    }
    return {name: send for name, (where, send) in declared.items() if where}


def call(request: urllib.request.Request, what: str, seconds: float) -> None:
    """Send a request; raises AlertError naming `what` and its host unless it is answered with 2xx
    in time.
    """
    host = urlsplit(request.full_url).hostname
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return
    except urllib.error.HTTPError as error:
        told = f"answered {error.code}"
        error.close()
    except TimeoutError:
        told = f"did not answer within {seconds:g} s"
    except urllib.error.URLError as error:
        reason = error.reason
        told = (
            f"did not answer within {seconds:g} s"
            if isinstance(reason, TimeoutError)
            else (getattr(reason, "strerror", None) or type(reason).__name__)
        )
    except (OSError, ValueError, http.client.HTTPException) as error:
        told = type(error).__name__
    raise AlertError(f"{what} at {host}: {told}")


def _connected(server: MailServer, seconds: float) -> smtplib.SMTP:
    """A session, logged in; raises SMTPException rather than send a password in the clear to
    another machine.
    """
    secure = ssl.create_default_context()
    connection: smtplib.SMTP = (
        smtplib.SMTP_SSL(server.host, server.port, timeout=seconds, context=secure)
        if server.is_tls
        else smtplib.SMTP(server.host, server.port, timeout=seconds)
    )
    try:
        connection.ehlo()
        is_secure = server.is_tls
        if not is_secure and connection.has_extn("starttls"):
            connection.starttls(context=secure)
            connection.ehlo()
            is_secure = True
        if server.user:
            if not is_secure and server.host not in _LOOPBACK:
                raise smtplib.SMTPNotSupportedError("no TLS")
            connection.login(server.user, server.password)
    except BaseException:
        connection.close()
        raise
    return connection
