"""For whom this process works, and what its collections of garbage pass over."""

from __future__ import annotations

import gc
import getpass
import socket
import sys

from bondsig_assets.machine import keep_what_lives, who


def test_who_works_here_is_named_or_found(monkeypatch):
    monkeypatch.setenv("BONDSIG_USER", " ada ")
    assert who() == "ada"
    monkeypatch.setenv("BONDSIG_USER", "")
    assert who() == f"{getpass.getuser()}@{socket.gethostname()}"

    def nameless():
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert who().partition("@")[0].isdigit()


def test_what_lives_is_passed_over_and_garbage_of_later_is_found():
    threshold, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        keep_what_lives()
        assert gc.get_freeze_count() >= max(frozen, len(sys.modules))
        circle: list[object] = []
        circle.append(circle)
        del circle
        assert gc.collect() > 0
    finally:
        gc.set_threshold(*threshold)
