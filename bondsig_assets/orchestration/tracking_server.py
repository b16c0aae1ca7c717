"""MLflow's server behind a guard: `python -m bondsig_assets.orchestration.tracking_server`.

Belongs here: putting `guard.py` in front of MLflow's own command, whose options all hold, so that a
team's MLflow answers to the key of its services alone. Not here: one person's MLflow
(`commands/ui.py`), and the client (`resources/tracking.py`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from bondsig_assets.orchestration.guard import LOOPBACK, Guard

#: Hosts that the app answers to; uvicorn makes it in a process of its own.
_HOSTS = "BONDSIG_MLFLOW_HOSTS"


def make_app() -> Any:
    """MLflow's app, guarded."""
    from mlflow.server.fastapi_app import app

    return Guard(app, [*LOOPBACK, *os.environ.get(_HOSTS, "").split(",")])


def main() -> None:
    """Entry point."""
    import mlflow.server
    from mlflow.cli import server

    app = f"bondsig_assets.orchestration.{Path(__file__).stem}:make_app"
    setattr(mlflow.server, "_find_app", lambda _name: app)  # noqa: B010
    context = server.make_context("mlflow server", sys.argv[1:])
    names = [one for one in (context.params["allowed_hosts"] or "").split(",") if one]
    os.environ[_HOSTS] = ",".join(names)
    # MLflow checks hosts and origins too, whole headers, ports included.
    context.params |= {
        "app_name": "guarded",
        "allowed_hosts": ",".join(form for one in names for form in (one, f"{one}:*")),
        "cors_allowed_origins": ",".join(
            form for one in names for form in (f"https://{one}", f"https://{one}:*")
        ),
    }
    server.invoke(context)


if __name__ == "__main__":
    main()
