"""For whom this process works."""

from __future__ import annotations

import getpass
import socket

from bondsig_assets.machine import who


def test_who_works_here_is_named_or_found(monkeypatch):
    monkeypatch.setenv("BONDSIG_USER", " ada ")
    assert who() == "ada"
    monkeypatch.setenv("BONDSIG_USER", "")
    assert who() == f"{getpass.getuser()}@{socket.gethostname()}"

    def nameless():
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert who().partition("@")[0].isdigit()
