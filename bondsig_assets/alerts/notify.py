"""`notify(event)`: one message to every target, and never an error.

Belongs here: going through the targets, and telling the log of one that fails, once. Not here: a
target (`targets.py`), what becomes of a message that one did not take (`outbox.py`).
"""

from __future__ import annotations

import logging
from pathlib import Path

from bondsig_assets.alerts import outbox
from bondsig_assets.alerts.events import Event
from bondsig_assets.alerts.settings import AlertSettings, alert_settings
from bondsig_assets.alerts.targets import targets
from bondsig_assets.errors import AlertError, SettingsError

_log = logging.getLogger(__name__)
#: Complaints that the log of this process has.
_told: set[str] = set()


def notify(event: Event, settings: AlertSettings | None = None, home: str = "") -> list[str]:
    """Send `event` to every target that the environment, or `settings`, declares; returns what
    failed, a line each. What a target did not take is kept in `home`, where that is given, and sent
    before the next. It raises nothing: an alert that is lost must not cost a run.
    """
    settings, text, failed = settings or usable_settings(), event.text(home), []
    silent = outbox.send_again(Path(home), settings) if home else set()
    for name, send in targets(settings).items():
        if name in silent:
            _keep(home, name, text)
            continue
        try:
            send(text, settings)
        except AlertError as error:
            failed.append(tell_once(f"alert not sent: {error}"))
            _keep(home, name, text)
        except Exception as error:  # noqa: BLE001 - its words may hold a secret: its kind alone
            failed.append(tell_once(f"alert not sent: {name}: {type(error).__name__}"))
            _keep(home, name, text)
    return failed


def _keep(home: str, target: str, text: str) -> None:
    """Keep a message for a target that did not take it, where there is a home to keep it in."""
    try:
        if home:
            outbox.keep(Path(home), target, text)
    except OSError as error:
        tell_once(f"alert not kept: {type(error).__name__}")


def usable_settings() -> AlertSettings:
    """What the environment declares; nothing, and a line in the log, where that cannot be used."""
    try:
        return alert_settings()
    except SettingsError as error:
        tell_once(str(error))
        return AlertSettings()


def tell_once(complaint: str) -> str:
    """Put a complaint into the log, unless this process has done so; returns it."""
    if complaint not in _told:
        _told.add(complaint)
        _log.warning(complaint)
    return complaint
