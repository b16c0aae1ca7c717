"""`bondsig worker`: a process, or several, that do blocks of work for a Dask scheduler.

Belongs here: what a worker is started with. Not here: what it does (`blocks/`).
"""

from __future__ import annotations

import os
import sys

from bondsig_assets.blocks.attempts import settle_in
from bondsig_assets.blocks.settings import at_address
from bondsig_assets.extras import needs

#: Seconds a worker looks for its scheduler before it ends, for whoever starts it again.
_DEATH_SECONDS = 60
#: Dask serves HTTP without its dashboard too, on all of a machine's addresses unless told.
_HTTP = "127.0.0.1:0"


def become_worker(address: str, host: str, processes: int, memory: str) -> None:
    """Become the worker. Raises SettingsError for an address that is none."""
    with needs("bondsig worker"):
        import distributed

        assert distributed
    arguments = worker_arguments(address, host, processes, memory)
    settle_in()
    sys.stdout.flush()
    os.execv(arguments[0], arguments)


def worker_arguments(address: str, host: str, processes: int, memory: str) -> list[str]:
    """What is run: one thread a process, which a nanny starts again when it dies."""
    told = at_address(address)
    files = zip(("--tls-ca-file", "--tls-cert", "--tls-key"), told.tls or (), strict=False)
    return [
        *(sys.executable, "-m", "dask", "worker", address, "--host", host),
        *("--nworkers", str(processes), "--nthreads", "1", "--memory-limit", memory),
        *("--no-dashboard", "--dashboard-address", _HTTP),
        *("--death-timeout", str(_DEATH_SECONDS)),
        *(part for name, file in files for part in (name, str(file))),
    ]
