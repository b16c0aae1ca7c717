"""`bondsig serve`, `service`, `within`, `secrets`, `login`: a team's servers.

Belongs here: what these print. Not here: the servers (`serving/`).
"""

from __future__ import annotations

import sys
from getpass import getpass
from pathlib import Path

from bondsig_assets.errors import UserError
from bondsig_assets.home import Home


def serve_here(home: Home, port: int, workers: int) -> None:
    """Run the topology until interrupted."""
    from bondsig_assets.extras import needs

    with needs("bondsig serve"):
        import boto3
        import cryptography
        import dagster_postgres
        import psycopg2

        assert boto3 and cryptography and dagster_postgres and psycopg2

        from bondsig_assets.serving.local import serve
    if workers:
        with needs("bondsig serve --workers"):
            import distributed

            assert distributed
    serve(home, port, workers, lambda text: print(text, flush=True))


def be_service(name: str, check: bool) -> None:
    """Become the service `name`, or say whether it is well."""
    from bondsig_assets.serving.place import here

    if not check:
        from bondsig_assets.serving.entry import become

        become(name, here())
        return
    from bondsig_assets.serving.health import trouble

    if wrong := trouble(name, here()):
        raise UserError(wrong)


def run_within(arguments: tuple[str, ...]) -> None:
    """Become `bondsig` with `arguments`, within the team."""
    from bondsig_assets.serving.entry import within
    from bondsig_assets.serving.place import here

    within(here(), arguments)


def make_secrets(folder: Path) -> None:
    """Make what is lacking, and say what was made."""
    from bondsig_assets.extras import needs
    from bondsig_assets.serving import secret_files

    with needs("bondsig secrets"):
        import cryptography

        assert cryptography
    made = secret_files.make(folder)
    print(f"{folder}: {', '.join(made) if made else 'nothing was lacking'}")
    if not secret_files.read(folder, "logins"):
        print(f"nobody can log in yet: `bondsig login NAME --role operator --secrets {folder}`")
    print(f"the workers' certificate ends on {secret_files.certificate_ends_at(folder):%Y-%m-%d}")


def add_login(folder: Path, name: str, role: str) -> None:
    """Let `name` in."""
    from bondsig_assets.serving import executables, secret_files

    is_asked = sys.stdin.isatty()
    password = getpass(f"Password for {name}: ") if is_asked else sys.stdin.readline().rstrip("\n")
    secret_files.add_login(folder, executables.find("caddy"), name, role, password)
    print(f"{name} may log in as {role} once the proxy was started again")
