"""Which services a team has, declared once: `bondsig serve` starts these, and a test holds
`docker-compose.yml` against them.

Belongs here: names, ports, networks, secrets, folders, and who waits for whom. Not here: the
programs behind the names (`programs.py`), and starting them (`local.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

#: `front` reaches the proxy and the world, `back` reaches nothing but itself.
FRONT, BACK = "front", "back"
#: Folders that a service writes: the market's home, data of its own, sockets that it shares.
HOME, STATE, SOCKETS = "home", "state", "sockets"
#: Profile of the services that do blocks of work for runs.
WORKERS = "workers"


@dataclass(frozen=True)
class Service:
    """One service. `port` is what it listens on by itself in a container (0: on none); `once` is
    one that does its work and ends; `after` are those that must be healthy, or have ended well,
    before it starts; `secrets` are names of files that it may read, `folders` what it may write and
    `sees` what it may only read. One with a `profile` runs only where that is asked for: no service
    without it waits for one.
    """

    name: str
    what: str
    networks: tuple[str, ...]
    port: int = 0
    once: bool = False
    after: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    sees: tuple[str, ...] = ()
    published: bool = False
    profile: str = ""


#: What the graph needs to reach: the lake's catalog and files, Dagster's record, MLflow.
_GRAPH = ("dagster_password", "lake_password", "store_lake", "service_key")
#: What scheduler, workers and runs show each other, and nobody else has.
_AMONG_WORKERS = ("workers_authority", "workers_certificate", "workers_key")

TOPOLOGY: tuple[Service, ...] = (
    Service(
        "postgres",
        "catalog of the lake, Dagster's record, MLflow's database",
        (BACK,),
        port=5432,
        secrets=("postgres_password",),
        folders=(STATE,),
    ),
    Service(
        "store",
        "files of the lake and of MLflow, as S3 buckets",
        (BACK,),
        port=8333,
        secrets=("store_admin", "store_lake", "store_mlflow", "store_researcher", "store_keeper"),
        folders=(STATE,),
    ),
    Service(
        "databases",
        "roles and databases",
        (BACK,),
        once=True,
        after=("postgres",),
        secrets=(
            "postgres_password",
            "dagster_password",
            "lake_password",
            "mlflow_password",
            "researcher_password",
        ),
    ),
    Service(
        "buckets",
        "buckets of the store",
        (BACK,),
        once=True,
        after=("store",),
        secrets=("store_admin",),
    ),
    Service(
        "migrate-dagster",
        "tables of Dagster's record, and its settings",
        (BACK,),
        once=True,
        after=("databases",),
        secrets=("dagster_password",),
        folders=(HOME,),
    ),
    Service(
        "migrate-mlflow",
        "tables of MLflow's database",
        (BACK,),
        once=True,
        after=("databases",),
        secrets=("mlflow_password",),
    ),
    Service(
        "install-lake",
        "tables, views and macros of the lake",
        (BACK,),
        once=True,
        after=("databases", "buckets"),
        secrets=("lake_password", "store_lake"),
        folders=(HOME,),
    ),
    Service(
        "mlflow",
        "trainings and registered models",
        (FRONT, BACK),
        port=5000,
        after=("migrate-mlflow", "buckets"),
        secrets=("mlflow_password", "store_mlflow", "service_key"),
    ),
    # It listens on a socket, not on a port: who reaches it has it run any code. On `front` for what
    # the graph tells the world: alerts, the heartbeat, and a source like WRDS.
    Service(
        "code",
        "the graph; its runs are children of it",
        (FRONT, BACK),
        after=("migrate-dagster", "install-lake", "mlflow"),
        secrets=(*_GRAPH, "alerts", *_AMONG_WORKERS),
        folders=(HOME, SOCKETS),
    ),
    Service(
        "daemon",
        "schedules, sensors and the queue of runs",
        (BACK,),
        after=("migrate-dagster",),
        secrets=("dagster_password",),
        folders=(HOME,),
        sees=(SOCKETS,),
    ),
    Service(
        "webserver",
        "Dagster for operators",
        (FRONT, BACK),
        port=3000,
        after=("migrate-dagster",),
        secrets=("dagster_password", "service_key"),
        folders=(HOME,),
        sees=(SOCKETS,),
    ),
    Service(
        "readers",
        "Dagster for all others, who start nothing",
        (FRONT, BACK),
        port=3000,
        after=("migrate-dagster",),
        secrets=("dagster_password", "service_key"),
        folders=(HOME,),
        sees=(SOCKETS,),
    ),
    Service(
        "report",
        "the morning's pages, and how the home is",
        (FRONT, BACK),
        port=3001,
        after=("migrate-dagster", "install-lake"),
        secrets=_GRAPH,
        folders=(HOME,),
    ),
    Service(
        "proxy",
        "TLS and the login before everything",
        (FRONT,),
        port=8443,
        secrets=("service_key", "logins", "roles"),
        folders=(STATE,),
        published=True,
    ),
    Service(
        "scheduler",
        "hands blocks of runs out to workers",
        (BACK,),
        port=8786,
        secrets=_AMONG_WORKERS,
        profile=WORKERS,
    ),
    # They read the lake themselves, as a run does, and know neither Dagster's record nor MLflow.
    Service(
        "workers",
        "do blocks of runs",
        (BACK,),
        after=("scheduler",),
        secrets=("lake_password", "store_lake", *_AMONG_WORKERS),
        folders=(HOME,),
        profile=WORKERS,
    ),
)
SERVICES = {service.name: service for service in TOPOLOGY}
#: What `bondsig within` may use: what the graph does.
WITHIN = SERVICES["code"]
#: Commands that copy all of a team or put it back, and the secrets that they need besides.
KEEPING = ("backup", "restore", "upgrade")
KEEPERS = ("mlflow_password", "store_keeper")
#: Where each server's pages begin, behind the proxy.
PREFIXES = {"webserver": "/dagster", "readers": "/dagster", "mlflow": "/mlflow", "report": ""}


def chosen(has_workers: bool) -> tuple[Service, ...]:
    """The services of a team with workers, or without."""
    return tuple(one for one in TOPOLOGY if has_workers or one.profile != WORKERS)


def in_order(services: tuple[Service, ...] = TOPOLOGY) -> list[Service]:
    """`services` so that each comes after all it waits for. Raises ValueError for a circle."""
    ordered: list[Service] = []
    waiting = list(services)
    while waiting:
        names = {service.name for service in ordered}
        ready = [service for service in waiting if names.issuperset(service.after)]
        if not ready:
            raise ValueError(f"{', '.join(one.name for one in waiting)} wait for each other")
        ordered += ready
        waiting = [service for service in waiting if service not in ready]
    return ordered
