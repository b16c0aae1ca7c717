"""One `bondsig ui` a home, and what the doctor may know of it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.orchestration.served import code_changed_at, only_servers, served_since


@pytest.fixture
def home(tmp_path) -> Home:
    made = Home(tmp_path)
    made.dagster.mkdir()
    return made


def test_a_second_one_is_refused_until_the_first_has_ended(home):
    assert served_since(home) is None
    with only_servers(home):
        since = served_since(home)
        assert since is not None and abs(datetime.now(UTC) - since) < timedelta(minutes=1)
        with pytest.raises(UserError, match="serves .* already") as refused, only_servers(home):
            pass
        assert "\n" not in str(refused.value)
    assert served_since(home) is None
    with only_servers(home):
        assert served_since(home) is not None


def test_code_is_as_young_as_its_youngest_file(tmp_path, monkeypatch):
    monkeypatch.setattr("bondsig_assets.orchestration.served.PACKAGE", tmp_path)
    for name, at in (("a.py", 1_000), ("b.py", 5_000), ("c.txt", 9_000)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (at, at))
    assert code_changed_at().timestamp() == 5_000
