"""What happens to one block where it is done, and how that is told to whoever handed it out.

Belongs here: what runs on the other side, before and after the caller's function. Not here: which
side that is (`processes.py`, `cluster.py`), and whether a block is tried again (`mapping.py`).
"""

from __future__ import annotations

import logging
import os
import pickle
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from bondsig_assets.blocks.settings import VARIABLE
from bondsig_assets.credentials import hidden, holds_secret
from bondsig_assets.errors import BondsigError, WarehouseError

_log = logging.getLogger(__name__)

#: Libraries beside our own that results rest on, to the last bit.
_LIBRARIES = ("numpy", "numba", "polars", "duckdb", "xgboost-cpu", "lightgbm", "scipy")
#: Libraries that would take all cores, and the variable that leaves them one.
ONE_THREAD = dict.fromkeys(
    ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


@dataclass(frozen=True)
class Done:
    """What a block gave."""

    result: Any


@dataclass(frozen=True)
class Failed:
    """A block that gave nothing: where, and why in a line. `final` is an error of the block itself,
    which no other place would mend.
    """

    where: str
    why: str
    final: BondsigError | None = None


Outcome = Done | Failed


def attempt(function: Callable[[Any, Any], Any], shared: Any, block: Any, where: str) -> Outcome:
    """Do one block; whatever goes wrong in it is told, not raised."""
    try:
        return Done(function(shared, block))
    except BondsigError as error:
        # The warehouse may be down for a moment, or a disk full on one machine alone.
        final = None if isinstance(error, WarehouseError) or not _travels(error) else error
        return Failed(where, in_a_line(error), final)
    except Exception as error:  # noqa: BLE001 - whatever it is, its block is named with it
        # One line travels; where in the code it was stays in the log of this side.
        _log.warning("a block failed on %s", where, exc_info=None if holds_secret(error) else error)
        return Failed(where, in_a_line(error))


def in_a_line(error: BaseException) -> str:
    """The first line of an error, with its kind where it is none of ours."""
    text = hidden(next(iter(str(error).splitlines()), ""))
    return text if isinstance(error, BondsigError) else f"{type(error).__name__}: {text}"


def _travels(error: BondsigError) -> bool:
    try:
        return str(pickle.loads(pickle.dumps(error))) == str(error)
    except (TypeError, AttributeError, pickle.PicklingError):
        return False


@cache
def identity() -> dict[str, str]:
    """Versions of everything that a result rests on."""
    found = {"Python": platform.python_version()}
    for name in ("bondsig", *_LIBRARIES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def differs(here: dict[str, str], there: dict[str, str]) -> str:
    """In what another place is another one than `here`, in words; empty where in nothing."""
    return ", ".join(
        f"{name} {there.get(name, 'none')} instead of {wanted}"
        for name, wanted in here.items()
        if there.get(name, "none") != wanted
    )


def settle_in() -> None:
    """Leave one core to each library that is loaded from now on, and hand out nothing further."""
    os.environ.update(ONE_THREAD)
    os.environ.pop(VARIABLE, None)
