"""What the audit believes: a service that knows the canary, and no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studies.audit import NOT_ASKED, audit

LOCKS = [Path("requirements.lock")]


def told(**advisories: str) -> str:
    """pip-audit's JSON: package → its advisory, none where that is empty."""
    return json.dumps(
        {
            "dependencies": [
                {
                    "name": name,
                    "version": "1.0",
                    "vulns": [{"id": one, "fix_versions": ["1.1"]}] if one else [],
                }
                for name, one in advisories.items()
            ],
            "fixes": [],
        }
    )


def answers(*, canary: dict[str, str], locks: tuple[int, str, str]):
    """What services say of the canary, and the one that is believed of the locks."""

    def ask(service, files):
        if files == LOCKS:
            return locks
        assert [file.read_text() for file in files] == ["jinja2==2.11.2\n"]
        return 1, canary.get(service, ""), "no name"

    return ask


KNOWS = {"pypi": told(jinja2="PYSEC-2021-66")}


@pytest.mark.parametrize("canary", [{}, {"pypi": told(jinja2=""), "osv": "<html>"}])
def test_a_service_that_does_not_know_the_canary_is_never_believed(canary):
    """A mirror: it finds nothing in anything, and would find nothing in the locks."""
    ask = answers(canary=canary, locks=(0, told(numpy=""), ""))
    assert audit(ask, LOCKS) == (0, NOT_ASKED)
    assert "none in" not in NOT_ASKED


def test_what_is_found_fails_and_is_named():
    ask = answers(canary=KNOWS, locks=(1, told(numpy="", mlflow="CVE-2026-1"), ""))
    status, said = audit(ask, LOCKS)
    assert status == 1 and "mlflow 1.0: CVE-2026-1, mended in 1.1" in said and "numpy" not in said


def test_nothing_found_by_who_knows_is_said_with_its_name():
    for service in ("pypi", "osv"):
        ask = answers(canary={service: KNOWS["pypi"]}, locks=(0, told(numpy=""), ""))
        assert audit(ask, LOCKS) == (
            0,
            f"known vulnerabilities ({service}): none in requirements.lock",
        )


def test_a_package_that_could_not_be_asked_about_fails():
    ask = answers(canary=KNOWS, locks=(1, "", "WARNING: x\nERROR: numpy: not found on PyPI\n"))
    status, said = audit(ask, LOCKS)
    assert status == 1 and said.endswith("numpy: not found on PyPI")
