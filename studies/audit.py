"""`make audit`: known vulnerabilities of what the locks name, and a bill of materials.

Belongs here: asking pip-audit, judging whether anybody answered, and CycloneDX. Not here: which
versions are allowed (`pyproject.toml`). Run as `python -m studies.audit TOOLS OUT LOCK…`: the
folder of the tools, where the bill goes, and the locks, of which the first is what is billed.

Behind a mirror of packages pip-audit finds no advisories and, where it is not strict, says that
there are none. So a package with advisories that everybody knows is asked about first: only a
service that knows them is believed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

#: Has had advisories since 2020 (CVE-2020-28493 is one of them).
CANARY = "jinja2==2.11.2"
SERVICES = ("pypi", "osv")
NOT_ASKED = (
    "known vulnerabilities: NOT ASKED. No advisory service (PyPI's, OSV) was reached from here:"
    " run `make audit` where one is"
)
Ask = Callable[[str, Sequence[Path]], tuple[int, str, str]]


def audit(ask: Ask, locks: Sequence[Path]) -> tuple[int, str]:
    """Exit status and what to print: that of the first service that knows the canary's advisories;
    0, and that nothing was asked, where none does.
    """
    with tempfile.TemporaryDirectory() as folder:
        canary = Path(folder) / "canary.txt"
        canary.write_text(CANARY + "\n")
        answering = [name for name in SERVICES if _advisories(ask(name, [canary])[1])]
    if not answering:
        return 0, NOT_ASKED
    status, out, error = ask(answering[0], locks)
    found = _advisories(out)
    if found:
        return 1, "\n".join([f"known vulnerabilities ({answering[0]}): {len(found)}", *found])
    if status:
        # Strict: one package that could not be asked about fails all of it.
        last = error.strip().splitlines()
        return status, f"the audit failed: {last[-1] if last else 'pip-audit said nothing'}"
    names = ", ".join(lock.name for lock in locks)
    return 0, f"known vulnerabilities ({answering[0]}): none in {names}"


def _advisories(out: str) -> list[str]:
    """`name version: advisory, mended in` of pip-audit's JSON; empty for any other text."""
    try:
        told: Any = json.loads(out)
    except ValueError:
        return []
    return [
        f"{package['name']} {package.get('version', '')}: {one['id']}, mended in"
        f" {', '.join(one.get('fix_versions', [])) or 'no version'}"
        for package in told.get("dependencies", [])
        for one in package.get("vulns", [])
    ]


def _pip_audit(tools: Path) -> Ask:
    def ask(service: str, locks: Sequence[Path]) -> tuple[int, str, str]:
        command: list[str | Path] = [tools / "pip-audit", "--strict", "--no-deps", "--disable-pip"]
        command += ["--progress-spinner", "off", "--timeout", "15", "-f", "json", "-s", service]
        for lock in locks:
            command += ["-r", lock]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    return ask


def bill_of_materials(tools: Path, out: Path, lock: Path) -> int:
    """Write what `lock` installs as CycloneDX JSON; how many components there are.

    From the lock and not from an environment, which takes a minute and holds whatever somebody has
    put there. Raises CalledProcessError where the tool fails.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = [tools / "cyclonedx-py", "requirements", "--no-validate"]
    command += ["--pyproject", "pyproject.toml", "--output-reproducible", "--of", "JSON"]
    subprocess.run([*command, "-o", out, lock], check=True)
    told: Any = json.loads(out.read_text())
    assert told["bomFormat"] == "CycloneDX", "the tool was asked for CycloneDX"
    return len(told["components"])


def main(arguments: Sequence[str]) -> int:
    """Entry point."""
    tools, out, *locks = [Path(one) for one in arguments]
    components = bill_of_materials(tools, out, locks[0])
    print(f"bill of materials of {locks[0]}: {components} components in {out}", flush=True)
    status, said = audit(_pip_audit(tools), locks)
    print(said)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
