"""What BONDSIG_WORKERS may say."""

from __future__ import annotations

import pytest

from bondsig_assets.blocks import Workers, workers
from bondsig_assets.errors import SettingsError


def test_nothing_a_number_or_an_address():
    assert workers({}) == workers({"BONDSIG_WORKERS": " "}) == Workers()
    assert not Workers().is_elsewhere
    assert workers({"BONDSIG_WORKERS": "3"}) == Workers(processes=3)
    assert workers({"BONDSIG_WORKERS": "tcp://desk:8786"}) == Workers(address="tcp://desk:8786")


def test_who_sees_the_files_of_this_machine():
    assert Workers().is_on_this_machine and Workers(processes=2).is_on_this_machine
    assert Workers(address="tcp://127.0.0.1:8786").is_on_this_machine
    assert not Workers(address="tcp://desk:8786").is_on_this_machine


@pytest.mark.parametrize("told", ["0", "-1", "many", "http://desk:1", "tcp://desk", "tcp://a:b"])
def test_anything_else_is_refused_in_one_line(told):
    with pytest.raises(SettingsError) as raised:
        workers({"BONDSIG_WORKERS": told})
    assert f"'{told}'" in str(raised.value) and "\n" not in str(raised.value)


def test_tls_needs_its_files(tmp_path):
    told = {"BONDSIG_WORKERS": "tls://desk:8786"}
    with pytest.raises(SettingsError, match="BONDSIG_WORKERS_CA is not set"):
        workers(told)
    for name in ("CA", "CERT", "KEY"):
        told[f"BONDSIG_WORKERS_{name}"] = str(tmp_path / name)
    with pytest.raises(SettingsError, match="where no file is"):
        workers(told)
    for name in ("CA", "CERT", "KEY"):
        (tmp_path / name).touch()
    held = workers(told)
    assert held.tls == tuple(tmp_path / name for name in ("CA", "CERT", "KEY"))
