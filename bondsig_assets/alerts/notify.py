"""`notify(event)`: one message to every target, and never an error.

Belongs here: going through the targets, and telling the log of one that fails, once. Not here: a
target (`targets.py`).
"""

from __future__ import annotations

import logging

from bondsig_assets.alerts.events import Event
from bondsig_assets.alerts.settings import AlertSettings, alert_settings
from bondsig_assets.alerts.targets import targets
from bondsig_assets.errors import AlertError, SettingsError

_log = logging.getLogger(__name__)
#: Complaints that the log of this process has.
_told: set[str] = set()


def notify(event: Event, settings: AlertSettings | None = None, home: str = "") -> list[str]:
    """Send `event` to every target that the environment, or `settings`, declares; returns what
    failed, a line each. It raises nothing: an alert that is lost must not cost a run.
    """
    settings, text, failed = settings or usable_settings(), event.text(home), []
    for name, send in targets(settings).items():
        try:
            send(text, settings)
        except AlertError as error:
            failed.append(tell_once(f"alert not sent: {error}"))
        except Exception as error:  # noqa: BLE001 - its words may hold a secret: its kind alone
            failed.append(tell_once(f"alert not sent: {name}: {type(error).__name__}"))
    return failed


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
