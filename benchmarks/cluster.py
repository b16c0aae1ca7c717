"""What handing blocks to others costs and brings: `make bench-cluster`, over a home that `bondsig
run` made.

Belongs here: the same days of several tables made by threads of this process, by processes beside
it and by workers of a Dask scheduler on this machine, in turn, with medians and spreads. Not here:
whether they make the same bits (tests), writing to the lake.

On a machine with two cores nothing can show how hundreds scale; what can be seen is what a block
costs beside its work, which is what limits them.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import dagster as dg

from benchmarks.trace import FOLDER
from bondsig_assets.assets.clean import analytics_between, bond_days_between
from bondsig_assets.assets.common import made_anywhere
from bondsig_assets.assets.features import issuer_days_between
from bondsig_assets.assets.portfolio import risk_between
from bondsig_assets.blocks.settings import VARIABLE
from bondsig_assets.bonds.known_terms import Reference
from bondsig_assets.calendar import trading_days
from bondsig_assets.home import current_home
from bondsig_assets.portfolio.settings import load_settings
from bondsig_assets.reading.portfolio import lookback_days
from bondsig_assets.warehouse import Warehouse

_TIMES = 3
#: Days that are made, the last ones of the home, and those of a block.
_DAYS, _BLOCK = 252, 42


def main() -> None:
    """Time every table in every place and write what was found to FOLDER."""
    warnings.simplefilter("ignore")
    home = current_home()
    span = home.date_range()
    if span is None:
        sys.exit(f"{home.path} holds no market yet: `make run` makes one")
    warehouse, days = Warehouse(home.path), trading_days(*span)[-_DAYS:]
    with warehouse.on_snapshot():
        reference = Reference(*(warehouse.read_table(name) for name in Reference._fields))
    book = load_settings(home.portfolio_file)
    asked: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
        "bond_day_revisions": (bond_days_between, ()),
        "bond_analytics": (analytics_between, (reference,)),
        "issuer_days": (issuer_days_between, ()),
        "factor_exposures": (risk_between, (book.risk, lookback_days(book))),
    }
    found = []
    print(f"{'table':20}{'blocks':>7}" + "".join(f"{name:>22}" for name in _PLACES))
    for table, (make, given) in asked.items():
        context = _context(table, days)
        seconds = _seconds(partial(made_anywhere, context, warehouse, make, *given, days=_BLOCK))
        n_blocks = -(-len(days) // _BLOCK)
        found.append({"table": table, "blocks": n_blocks, "seconds": seconds})
        print(f"{table:20}{n_blocks:7}" + "".join(_told(seconds[name]) for name in _PLACES))
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "cluster.json").write_text(json.dumps(found, indent=1))


def _told(seconds: list[float]) -> str:
    middle = statistics.median(seconds)
    return f"{middle:9.2f} s ({min(seconds):.2f}-{max(seconds):.2f})".rjust(22)


def _context(table: str, days: list[date]) -> Any:
    """What an asset of `table` would be asked to make."""
    keys = SimpleNamespace(start=days[0].isoformat(), end=days[-1].isoformat())
    return SimpleNamespace(partition_key_range=keys, asset_key=dg.AssetKey(table))


def _seconds(run: Callable[[], Iterable[object]]) -> dict[str, list[float]]:
    """Seconds of `run` in each place, one after the other, in turn."""
    took: dict[str, list[float]] = {name: [] for name in _PLACES}
    for _ in range(_TIMES):
        for name, place in _PLACES.items():
            with place() as told:
                os.environ[VARIABLE] = told
                began = perf_counter()
                for _ in run():
                    pass
                took[name].append(perf_counter() - began)
                del os.environ[VARIABLE]
    return took


@contextmanager
def _here() -> Iterator[str]:
    yield ""


@contextmanager
def _two_processes() -> Iterator[str]:
    yield "2"


@contextmanager
def _dask(n: int) -> Iterator[str]:
    """Workers that have done a block before: a cluster stands for longer than a run."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=n, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.run(_warm)
        yield cluster.scheduler_address


def _warm() -> None:
    """Import what blocks import."""
    import bondsig_assets.definitions
    import bondsig_assets.features.issuer_days

    assert bondsig_assets.definitions and bondsig_assets.features.issuer_days


_PLACES: dict[str, Callable[[], Any]] = {
    "threads here": _here,
    "2 processes": _two_processes,
    "Dask, 1 worker": lambda: _dask(1),
    "Dask, 2 workers": lambda: _dask(2),
}


if __name__ == "__main__":
    main()
