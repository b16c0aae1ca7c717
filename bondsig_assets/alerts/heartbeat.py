"""The dead man's switch: a call that says all is well, so that silence says the contrary.

Belongs here: the call. Not here: when all is well (`orchestration/alerting.py`). Whoever is called
(healthchecks.io, Uptime Kuma, a cron job of your own) raises the alarm when no call came: a machine
that is down, or a daemon that is dead, can tell nobody.
"""

from __future__ import annotations

import urllib.request

from bondsig_assets.alerts.notify import tell_once
from bondsig_assets.alerts.settings import AlertSettings
from bondsig_assets.alerts.targets import call
from bondsig_assets.errors import AlertError


def ping(settings: AlertSettings) -> str:
    """GET the address that `settings` have for it; returns what failed, empty where nothing did or
    there is no address.
    """
    if not settings.heartbeat:
        return ""
    try:
        call(urllib.request.Request(settings.heartbeat), "heartbeat", settings.seconds)
    except AlertError as error:
        return tell_once(f"heartbeat not sent: {error}")
    return ""
