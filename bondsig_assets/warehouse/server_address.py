"""Addresses of PostgreSQL servers, with how long a silent line is borne.

Belongs here: what libpq takes as an address. Not here: passwords (`credentials.py`).

Where a network is cut nothing ends a session by itself: libpq waits for an answer for hours, and
the server keeps the session of a client that is gone, and the writer's lock with it, for as long
(TCP asks after two hours). With these parameters both give up after a minute.
"""

from __future__ import annotations

import re
from urllib.parse import quote

#: Seconds of silence, then so many questions so many seconds apart, unless the address says else.
_IDLE, _INTERVAL, _COUNT = 30, 10, 3
_UNANSWERED_MS = 1000 * (_IDLE + _INTERVAL * _COUNT)
_OURS = {
    "connect_timeout": "10",
    "keepalives_idle": str(_IDLE),
    "keepalives_interval": str(_INTERVAL),
    "keepalives_count": str(_COUNT),
    "tcp_user_timeout": str(_UNANSWERED_MS),
    # What the server does for its own end of the line.
    "options": (
        f"-c tcp_keepalives_idle={_IDLE} -c tcp_keepalives_interval={_INTERVAL}"
        f" -c tcp_keepalives_count={_COUNT} -c tcp_user_timeout={_UNANSWERED_MS}"
    ),
}


def patient_address(address: str) -> str:
    """`address` (words or a URL) with a minute's patience; what it says itself stands.

    Parameters of libpq: PostgreSQL's manual, 34.1.2. Over a socket file they mean nothing.
    """
    wanted = {
        name: value
        for name, value in _OURS.items()
        if not re.search(rf"(?:^|[\s?&]){name}\s*=", address)
    }
    if "://" in address:
        told = "&".join(f"{name}={quote(value, safe='')}" for name, value in wanted.items())
        return address + ("&" if "?" in address else "?") * bool(told) + told
    return " ".join([address, *(f"{name}='{value}'" for name, value in wanted.items())])
