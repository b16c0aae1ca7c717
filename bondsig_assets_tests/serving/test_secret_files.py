"""Secrets: made once, for their owner alone; logins."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta

import pytest

from bondsig_assets.errors import UserError
from bondsig_assets.serving import secret_files
from bondsig_assets.serving.executables import find
from bondsig_assets.serving.secret_files import (
    CERTIFIED,
    GENERATED,
    NAMES,
    add_login,
    alert_variables,
    make,
)


def test_made_once_and_for_their_owner_alone(tmp_path):
    folder = tmp_path / "secrets"
    assert make(folder) == list(NAMES)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()} == {0o600}
    before = {name: secret_files.read(folder, name) for name in NAMES}
    assert len({before[name] for name in GENERATED}) == len(GENERATED)
    assert min(len(before[name]) for name in GENERATED) >= 32
    assert secret_files.certificate_ends_at(folder) > datetime.now(UTC) + timedelta(days=3000)
    assert make(folder) == []
    (folder / "lake_password").unlink()
    assert make(folder) == ["lake_password"]
    after = {name: secret_files.read(folder, name) for name in NAMES}
    assert [name for name in NAMES if before[name] != after[name]] == ["lake_password"]


@pytest.mark.parametrize("lacking", [CERTIFIED, CERTIFIED[2:]])
def test_an_older_folder_gets_its_certificate_whole(tmp_path, lacking):
    make(tmp_path)
    for name in lacking:
        (tmp_path / name).unlink()
    before = secret_files.read(tmp_path, "service_key")
    assert make(tmp_path) == list(CERTIFIED)
    context = ssl.create_default_context(cafile=tmp_path / CERTIFIED[0])
    context.load_cert_chain(tmp_path / CERTIFIED[1], tmp_path / CERTIFIED[2])
    assert secret_files.read(tmp_path, "service_key") == before


def test_what_is_no_certificate_is_named(tmp_path):
    make(tmp_path)
    (tmp_path / "workers_certificate").write_text("mine")
    with pytest.raises(UserError, match="workers_certificate is no certificate: delete it"):
        secret_files.certificate_ends_at(tmp_path)


def test_an_empty_secret_is_refused(tmp_path):
    make(tmp_path)
    (tmp_path / "service_key").write_text("\n")
    with pytest.raises(UserError, match="service_key is empty"):
        secret_files.read(tmp_path, "service_key")


def test_alerts_set_variables_of_alerts_alone(tmp_path):
    make(tmp_path)
    file = tmp_path / "alerts"
    file.write_text("# who is told\nBONDSIG_SMTP=smtp://me:a=b@h:587\n\nBONDSIG_ALERT_EMAIL=a@b\n")
    assert alert_variables(tmp_path) == {
        "BONDSIG_SMTP": "smtp://me:a=b@h:587",
        "BONDSIG_ALERT_EMAIL": "a@b",
    }
    for wrong in ("LD_PRELOAD=/x", "BONDSIG_CATALOG=x", "BONDSIG_SMTP"):
        file.write_text(f"\n{wrong}\n")
        with pytest.raises(UserError, match="line 2"):
            alert_variables(tmp_path)


@pytest.mark.slow
def test_a_login_is_a_hash_and_a_role_and_may_change(tmp_path):
    make(tmp_path)
    add_login(tmp_path, find("caddy"), "ann", "reader", "a long enough one")
    add_login(tmp_path, find("caddy"), "bob", "reader", "a long enough one")
    add_login(tmp_path, find("caddy"), "ann", "operator", "another long one")
    logins = dict(line.split() for line in secret_files.read(tmp_path, "logins").splitlines())
    assert set(logins) == {"ann", "bob"} and logins["ann"].startswith("$2a$")
    assert logins["ann"] != logins["bob"]
    assert secret_files.read(tmp_path, "roles").splitlines() == ["bob reader", "ann operator"]


@pytest.mark.parametrize(
    ("name", "role", "password", "told"),
    [
        ("a b", "reader", "long enough it is", "no name for a login"),
        ("}", "reader", "long enough it is", "no name for a login"),
        ("ann", "owner", "long enough it is", "roles are operator and reader"),
        ("ann", "reader", "short", "too short"),
    ],
)
def test_a_login_that_will_not_do(tmp_path, name, role, password, told):
    make(tmp_path)
    with pytest.raises(UserError, match=told):
        add_login(tmp_path, find("caddy"), name, role, password)
    assert secret_files.read(tmp_path, "logins") == ""
