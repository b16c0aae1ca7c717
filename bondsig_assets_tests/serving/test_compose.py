"""`docker-compose.yml`, the Dockerfile and what they name are what `bondsig serve` starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bondsig_assets.home import CHECKOUT, DAGSTER_TEMPLATE, PACKAGE
from bondsig_assets.serving import secret_files
from bondsig_assets.serving.programs import DEPLOY
from bondsig_assets.serving.topology import (
    HOME,
    KEEPERS,
    KEEPING,
    SOCKETS,
    STATE,
    TOPOLOGY,
    WITHIN,
    Service,
    chosen,
)

assert CHECKOUT is not None
COMPOSE: dict = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
SERVICES: dict = COMPOSE["services"]
ASKED, KEEPER = "bondsig", "keeper"


def test_they_are_the_declared_services():
    assert set(SERVICES) == {*(one.name for one in TOPOLOGY), ASKED, KEEPER}


@pytest.mark.parametrize("service", TOPOLOGY, ids=lambda one: one.name)
def test_a_service_is_as_declared(service: Service):
    told = SERVICES[service.name]
    assert told["command"] == ["service", service.name]
    assert told["networks"] == list(service.networks)
    assert told["secrets"] == list(service.secrets)
    assert list(told.get("depends_on", {})) == list(service.after)
    for name in service.after:
        is_once = next(one.once for one in TOPOLOGY if one.name == name)
        wanted = "service_completed_successfully" if is_once else "service_healthy"
        assert told["depends_on"][name]["condition"] == wanted
    if service.once:
        assert "healthcheck" not in told and told["restart"].startswith("on-failure")
    else:
        asked = ["CMD", "bondsig", "service", service.name, "--check"]
        assert told["healthcheck"]["test"] == asked and told["restart"] == "unless-stopped"
    mounted = set(told.get("volumes", []))
    wanted = {
        HOME: "home:/srv/home",
        SOCKETS: "sockets:/srv/sockets",
        STATE: f"{service.name}:/srv/state/{service.name}",
    }
    assert mounted == {
        *(wanted[name] for name in service.folders),
        *(f"{wanted[name]}:ro" for name in service.sees),
    }
    assert ("ports" in told) == service.published
    assert told.get("profiles", []) == [service.profile][: bool(service.profile)]


def test_a_command_on_asking_has_what_the_graph_has():
    told = SERVICES[ASKED]
    assert told["entrypoint"] == ["bondsig", "within"] and told["profiles"] == ["asked"]
    assert told["secrets"] == list(WITHIN.secrets) and told["networks"] == list(WITHIN.networks)
    assert told["environment"] == SERVICES[WITHIN.name]["environment"]


def test_the_keeper_alone_of_commands_has_the_secrets_of_backups():
    told, asked = SERVICES[KEEPER], SERVICES[ASKED]
    for name in ("entrypoint", "profiles", "environment", "networks", "depends_on"):
        assert told[name] == asked[name]
    assert told["secrets"] == [*WITHIN.secrets, *KEEPERS]
    assert told["command"][0] in KEEPING
    assert told["volumes"] == [*asked["volumes"], "${BONDSIG_BACKUPS:-./backups}:/backups"]


@pytest.mark.parametrize("name", SERVICES)
def test_none_has_more_rights_than_it_needs(name):
    told = SERVICES[name]
    assert told["user"] == "10001:10001" and told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in told and "cap_add" not in told and "network_mode" not in told
    assert not any("docker.sock" in one for one in told.get("volumes", []))
    limits = told["deploy"]["resources"]["limits"]
    assert set(limits) == {"cpus", "memory", "pids"}
    assert not any(
        re.search("PASSWORD|SECRET|TOKEN|KEY", one) for one in told.get("environment", {})
    )


def test_one_port_is_published_and_on_this_machine_alone():
    assert [SERVICES[one].get("ports") for one in SERVICES if "ports" in SERVICES[one]] == [
        ["${BONDSIG_PUBLISH:-127.0.0.1:443}:8443"]
    ]
    assert next(one.port for one in TOPOLOGY if one.published) == 8443
    assert COMPOSE["networks"]["back"] == {"internal": True}


def test_every_secret_is_a_file():
    assert set(COMPOSE["secrets"]) == set(secret_files.NAMES)
    for name, told in COMPOSE["secrets"].items():
        assert told["file"].endswith(f"/{name}")


def test_every_variable_exists_in_the_code_and_in_the_example():
    text = (CHECKOUT / "docker-compose.yml").read_text()
    asked = set(re.findall(r"\$\{(\w+)", text))
    example = set(re.findall(r"^#?(\w+)=", (CHECKOUT / ".env.example").read_text(), re.M))
    # Compose itself reads the names of profiles.
    assert {*asked, "COMPOSE_PROFILES"} == example
    given = {name for one in SERVICES.values() for name in one.get("environment", {})}
    code = "".join(
        path.read_text() for path in [*PACKAGE.rglob("*.py"), DEPLOY / "Caddyfile"]
    ) + "".join(path.read_text() for path in DEPLOY.rglob("*.caddy"))
    assert given and not [name for name in given if name not in code]


def test_compose_takes_it_and_says_what_must_be_set(tmp_path):
    binary = Path(sys.executable).parent / "docker-compose"
    command = [binary, "--env-file", "/dev/null", "-f", CHECKOUT / "docker-compose.yml"]
    bare = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    asked = {"capture_output": True, "text": True, "check": False}
    told = {**bare, "BONDSIG_SITE": "127.0.0.1"}
    whole = subprocess.run([*command, "config", "--services"], env=told, **asked)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert set(whole.stdout.split()) == {one.name for one in chosen(has_workers=False)}
    told |= {"COMPOSE_PROFILES": "workers", "BONDSIG_WORKER_PROCESSES": "3"}
    more = subprocess.run([*command, "config"], env=told, **asked)
    assert (more.returncode, more.stderr) == (0, "")
    started = yaml.safe_load(more.stdout)["services"]
    assert set(started) == {one.name for one in TOPOLOGY}
    assert started["code"]["environment"]["BONDSIG_WORKER_PROCESSES"] == "3"
    assert float(started["workers"]["deploy"]["resources"]["limits"]["cpus"]) == 3
    unset = subprocess.run([*command, "config", "-q"], env=bare, **asked)
    assert unset.returncode and "BONDSIG_SITE" in unset.stderr and ".env.example" in unset.stderr


def test_hadolint_has_no_complaint():
    binary = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(
        [binary, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_has_what_it_copies_and_where_services_look():
    text = (DEPLOY / "Dockerfile").read_text()
    ignored = (CHECKOUT / ".dockerignore").read_text().splitlines()
    copied = [
        one
        for line in re.findall(r"^COPY (.+)$", text, re.M)
        for one in line.split()[:-1]
        if not one.startswith("-")
    ]
    assert copied and all((CHECKOUT / one).exists() and f"!{one}" in ignored for one in copied)
    assert "USER 10001:10001" in text and 'ENTRYPOINT ["bondsig"]' in text
    for path in ("/srv/home", "/srv/sockets", *(f"/srv/state/{one}" for one in ("postgres",))):
        assert path in text


@pytest.mark.parametrize("login", ["basic", "sso"])
def test_caddy_takes_its_settings(login, tmp_path):
    for name in ("logins", "roles"):
        (tmp_path / name).touch()
    told = {
        "BONDSIG_SITES": "https://127.0.0.1:8443, https://localhost:8443",
        "BONDSIG_FIRST_SITE": "127.0.0.1",
        "BONDSIG_LISTEN": "127.0.0.1",
        "BONDSIG_PORT": "8443",
        "BONDSIG_SECRETS": str(tmp_path),
        "BONDSIG_TLS": "internal",
        "BONDSIG_LOGIN": login,
        "BONDSIG_SSO": "127.0.0.1:9091",
        "BONDSIG_SSO_PATH": "/api/authz/forward-auth",
        "BONDSIG_SSO_OPERATORS": "operators",
        "XDG_DATA_HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        **{f"BONDSIG_{one}_AT": "127.0.0.1:1" for one in ("WEBSERVER", "READERS", "MLFLOW")},
        "BONDSIG_REPORT_AT": "127.0.0.1:1",
    }
    (tmp_path / "logins").write_text("ann $2a$14$cTArU5rMqz86k6517S3oQ.2lqGLji.evV2UDoyJQdkj\n")
    done = subprocess.run(
        [Path(sys.executable).parent / "caddy", "validate", "--adapter", "caddyfile"]
        + ["--config", DEPLOY / "Caddyfile"],
        env={"PATH": os.environ["PATH"], **told},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_both_settings_of_dagster_agree_on_what_is_no_matter_of_places():
    own = yaml.safe_load(DAGSTER_TEMPLATE.read_text())
    team = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    for name in ("telemetry", "nux", "concurrency", "python_logs", "run_retries", "retention"):
        assert own[name] == team[name]
    assert team["run_monitoring"]["enabled"] is True
