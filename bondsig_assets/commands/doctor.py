"""`bondsig doctor`: versions, paths, extensions, locks, dead runs, disk, inputs, red monitors,
backups, upkeep, clock; what is wrong and how to mend it.

Belongs here: looking. Not here: repairs, but for one that loses nothing: runs whose process is gone
are ended, since they hold up all others.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from bondsig_assets.commands.console import open_console
from bondsig_assets.credentials import hidden
from bondsig_assets.disks import full_disks
from bondsig_assets.errors import HomeError, SettingsError, TrackingError, WarehouseError
from bondsig_assets.home import DAGSTER_TEMPLATE, PACKAGE, SHIPPED, Home, has_own_dagster

_PACKAGES = ("polars", "numpy", "numba", "pyarrow")
_PLATFORM = ("dagster", "duckdb", "xgboost-cpu", "lightgbm", "mlflow", "great-expectations")
_EXTENSIONS = ("ducklake", "sqlite-scanner", "postgres-scanner", "httpfs")
_MINIMUM_FREE_GB = 3.0
#: A backup is missed when it is older than this.
_OLD_BACKUP_DAYS = 35
#: Seconds by which two clocks may differ.
_CLOCK_SECONDS = 120.0
_MAKE_ROOM = "make room on that disk, then `bondsig catch-up`: delete nothing of the home"

Finding = tuple[bool, str, str]


def examine(home: Home) -> bool:
    """Print every finding; true when nothing is wrong."""
    console, healthy = open_console(), True
    looks = _OF_EVERY_INSTALL + (_OF_THE_GRAPH if _has_platform() else ())
    for look in looks:
        for good, text, remedy in _safely(look, home):
            healthy &= good
            text = hidden(text)
            console.print(
                f"[green]ok[/]    {text}" if good else f"[red]wrong[/] {text}\n      mend: {remedy}"
            )
    console.print("nothing is wrong" if healthy else "see the lines marked wrong")
    return healthy


def _safely(look: Callable[[Home], Iterator[Finding]], home: Home) -> Iterator[Finding]:
    try:
        yield from look(home)
    except Exception as error:  # noqa: BLE001 - a doctor reports whatever it meets and goes on
        yield False, f"{look.__name__.strip('_')}: {str(error).splitlines()[0]}", "see the message"


def _versions(_home: Home) -> Iterator[Finding]:
    yield True, f"python {platform.python_version()} on {platform.platform()}", ""
    yield True, f"bondsig {version('bondsig')} in {PACKAGE}", ""
    for package in _PACKAGES:
        yield _installed(package, "pip install --force-reinstall bondsig")
    if not _has_platform():
        slim = (
            "slim install: `bondsig clean` works; the graph needs pip install 'bondsig[platform]'"
        )
        yield True, slim, ""
        return
    for package in _PLATFORM:
        yield _installed(package, "pip install 'bondsig[platform]'")


def _has_platform() -> bool:
    """Whether any of the graph's own libraries is there: the others should be too."""
    return any(find_spec(name) is not None for name in ("dagster", "duckdb", "mlflow"))


def _installed(package: str, remedy: str) -> Finding:
    try:
        return True, f"{package} {version(package)}", ""
    except PackageNotFoundError:
        return False, f"{package} is not installed", remedy


def _files(_home: Home) -> Iterator[Finding]:
    """What travels with the package and is read only when the graph runs."""
    for path in SHIPPED:
        found = sorted(PACKAGE.glob(path))
        yield (
            bool(found),
            f"{len(found)} of {PACKAGE / path}",
            "install bondsig again: it is damaged",
        )


def _extensions(_home: Home) -> Iterator[Finding]:
    wanted = version("duckdb")
    for name in _EXTENSIONS:
        package = f"duckdb-extension-{name}"
        try:
            found = version(package)
        except PackageNotFoundError:
            yield False, f"{package} is not installed", f"pip install {package}=={wanted}"
            continue
        yield (
            found == wanted,
            f"{package} {found}",
            f"DuckDB is {wanted}: pip install {package}=={wanted}",
        )


def _team(home: Home) -> Iterator[Finding]:
    """Whether market and settings of the home are those that a team shares."""
    if not os.environ.get("BONDSIG_CATALOG"):
        return
    from bondsig_assets.warehouse.shared_settings import follow

    try:
        follow(home)
    except HomeError as error:
        yield False, str(error), "see the message"
        return
    yield True, "market and settings are those of the lake", ""


def _home(home: Home) -> Iterator[Finding]:
    if not home.path.exists():
        yield True, f"home {home.path} does not exist yet: `make run` makes it", ""
        return
    yield (
        os.access(home.path, os.W_OK),
        f"home {home.path}",
        "make it writable, or set BONDSIG_HOME to another folder",
    )
    try:
        market = home.market()
        yield True, f"market: {market.describe() if market else 'none yet'}", ""
    except HomeError as error:
        yield False, str(error), "restore market.json, or move the home aside and run again"


def _disk(home: Home) -> Iterator[Finding]:
    for line in full_disks(home.path):
        yield False, line, _MAKE_ROOM
    folder = next(path for path in (home.path, *home.path.parents) if path.exists())
    free = shutil.disk_usage(folder).free / 1e9
    yield (
        free >= _MINIMUM_FREE_GB,
        f"{free:.1f} GB free at {folder}",
        f"the demo needs about {_MINIMUM_FREE_GB:g} GB: free some, or move BONDSIG_HOME",
    )


def _lake(home: Home) -> Iterator[Finding]:
    if not (home.path / "lake").exists():
        return
    from bondsig_assets.warehouse import Warehouse

    try:
        warehouse = Warehouse(home.path)
        rows = warehouse.read("SELECT count(*) AS n FROM scores")["n"][0]
        yield True, f"warehouse readable: snapshot {warehouse.snapshot_id()}, {rows:,} scores", ""
    except WarehouseError as error:
        yield False, str(error), _remedy_of_lake(home)
        return
    if elsewhere := warehouse.plainly_attached():
        text = (
            f"moved or copied: a plain ATTACH of it reads {elsewhere} until the next `bondsig run`;"
            " `bondsig attach` prints what reads it here"
        )
        yield True, text, ""
    for lock in sorted((home.path / "lake").glob("*.lock")):
        yield _lock_finding(lock)


def _remedy_of_lake(home: Home) -> str:
    """A lake that cannot be read is not lost where it only could not be written."""
    if full_disks(home.path):
        return _MAKE_ROOM
    if not os.access(home.path / "lake", os.W_OK):
        return "make the home writable: reading its catalog keeps a journal beside it"
    return (
        "restore a backup of the home; without one, move it aside (`mv`), run again, and delete it"
        " when the new one is good"
    )


def _inputs(home: Home) -> Iterator[Finding]:
    """Inputs that nobody delivered are told, not held against the home: it may do without."""
    if not (home.path / "lake").exists():
        return
    from bondsig_assets.commands.inputs import lacking_in_home, odd_units
    from bondsig_assets.warehouse import Warehouse

    warehouse = Warehouse(home.path)
    for line in odd_units(warehouse, home.market()):
        yield (
            False,
            line,
            "mend the unit in source.toml and run again, or say unusual = true if the numbers are"
            " right",
        )
    for line in lacking_in_home(warehouse):
        yield True, f"does without: {line}", ""


def _lock_finding(lock: Path) -> Finding:
    from filelock import FileLock, Timeout

    probe = FileLock(lock)
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return True, f"{lock} is held: a run is writing", ""
    probe.release()
    return True, f"{lock} is free", ""


def _runs(home: Home) -> Iterator[Finding]:
    if not home.dagster.exists():
        return
    from bondsig_assets.orchestration.dead_runs import end_dead_runs
    from bondsig_assets.orchestration.runner import open_instance

    with open_instance(home) as instance:
        ended = end_dead_runs(instance)
    for run in ended:
        yield True, f"ended {run}: it was killed, or the machine restarted", ""
    if not ended:
        yield True, "every run that Dagster believes alive is", ""


def _monitors(home: Home) -> Iterator[Finding]:
    """What `bondsig monitor` says is red."""
    if not (home.path / "lake").exists():
        return
    from bondsig_assets.monitoring.alarms import red, remedy
    from bondsig_assets.warehouse import Warehouse

    warehouse = Warehouse(home.path)
    with warehouse.on_snapshot():
        day = warehouse.read("SELECT max(trade_date) AS day FROM monitored_days")["day"][0]
        if day is None:
            yield True, "nothing was watched yet", ""
            return
        evening = warehouse.read_table("monitors", between=(day, day))
        rows = red(evening, warehouse.read_table("alarms"), day)
    if rows.is_empty():
        yield True, f"{evening.height} monitors of {day}: nothing is red", ""
    for rang, name, text in rows.iter_rows():
        yield False, f"monitor of {rang}: {text}", remedy(name)


def _mlflow(home: Home) -> Iterator[Finding]:
    if not os.environ.get("BONDSIG_MLFLOW") and not home.mlflow_database.exists():
        return
    from bondsig_assets.resources.tracking import TrackingResource

    tracking = TrackingResource(home=str(home.path))
    try:
        yield (
            True,
            f"MLflow at {tracking.place} answers: {tracking.n_experiments()} experiments",
            "",
        )
    except TrackingError as error:
        yield (
            False,
            str(error),
            (
                "start the server BONDSIG_MLFLOW names, or unset it; without MLflow nothing is"
                " trained or scored"
            ),
        )


def _settings(home: Home) -> Iterator[Finding]:
    if has_own_dagster():
        yield True, f"{home.dagster / 'dagster.yaml'} is the team's own and used as it is", ""
        return
    copied = home.dagster / "dagster.yaml"
    if copied.exists():
        same = copied.read_text().startswith(DAGSTER_TEMPLATE.read_text())
        differs = "differs from the template; the next run or `make ui` writes it again"
        yield True, f"{copied} {'follows the template' if same else differs}", ""


def _backups(home: Home) -> Iterator[Finding]:
    """How old the newest backup is. A home that never had one is told, not held against it."""
    from bondsig_assets.orchestration.backup_record import SERVERS, newest_record

    record, is_team = newest_record(home), any(os.environ.get(name) for name in SERVERS)
    # A team's backups may be made from another machine.
    if home.market() is None or record is None and is_team:
        return
    if record is None:
        yield True, "never backed up: `bondsig backup DIR` does it (docs/operations.md)", ""
        return
    days = record.age_seconds(datetime.now(UTC).timestamp()) / 86400
    # The container that makes a team's backups is the only one that sees them.
    is_seen = is_team or record.folder.exists()
    yield (
        is_seen and days <= _OLD_BACKUP_DAYS,
        f"newest backup {record.folder}, {days:.1f} days old"
        + ("" if is_seen else ", is not there any more"),
        f"bondsig backup {record.folder.parent}",
    )


def _upkeep(home: Home) -> Iterator[Finding]:
    """What upkeep would do now."""
    if not (home.path / "lake").exists():
        return
    from bondsig_assets.upkeep.event_log import prunable
    from bondsig_assets.upkeep.maintain import EVENT_DAYS, SNAPSHOT_DAYS
    from bondsig_assets.warehouse import Warehouse

    tables, snapshots = Warehouse(home.path).upkeep_due(SNAPSHOT_DAYS)
    runs = prunable(home, datetime.now(UTC) - timedelta(days=EVENT_DAYS))
    due = (
        f"`bondsig maintain` would merge files of {tables} tables, forget {snapshots:,} snapshots"
        f" and throw away the logs of {runs:,} runs"
    )
    yield True, due if tables + snapshots + runs else "upkeep has nothing to do", ""


def _upgrades(home: Home) -> Iterator[Finding]:
    """What of the home is of an older version."""
    if home.market() is None:
        return
    from bondsig_assets.upkeep.upgrade import pending, told_besides

    for line in told_besides(home):
        yield True, line, ""
    waiting = pending(home)
    more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
    yield (
        not waiting,
        f"of an older version: {waiting[0]}{more}" if waiting else "the home is of this version",
        "bondsig upgrade",
    )


def _clock(home: Home) -> Iterator[Finding]:
    """A clock that was set back: what was written last is in the future, and what is written now
    would seem older than it.
    """
    from bondsig_assets.warehouse import Warehouse

    newest: dict[str, datetime] = {}
    if Warehouse(home.path).exists and (at := Warehouse(home.path).lake_state().newest_at):
        newest["the newest snapshot"] = at
    if home.dagster.exists():
        from bondsig_assets.orchestration.runner import open_instance

        with open_instance(home) as instance:
            for record in instance.get_run_records(limit=1):
                newest["the newest run"] = record.create_timestamp
    ahead = {name: at - datetime.now(UTC) for name, at in newest.items()}
    for name, by in ahead.items():
        if by.total_seconds() > _CLOCK_SECONDS:
            yield (
                False,
                f"the clock was set back: {name} is of {newest[name]:%Y-%m-%d %H:%M} UTC,"
                f" {by.total_seconds() / 3600:.1f} hours from now",
                "set the clock right; what is made until then seems older than what it rests on, so"
                " `bondsig catch-up` afterwards makes it again",
            )
    if newest and all(by.total_seconds() <= _CLOCK_SECONDS for by in ahead.values()):
        yield True, "nothing was written in the future of this clock", ""


def _alerts(home: Home) -> Iterator[Finding]:
    """Who is told, without the addresses: those of webhooks are secrets; and what was not."""
    from bondsig_assets.alerts.outbox import unsent
    from bondsig_assets.alerts.settings import alert_settings
    from bondsig_assets.alerts.targets import targets

    try:
        settings = alert_settings()
    except SettingsError as error:
        yield False, str(error), "set it right in the environment of `bondsig ui`, or unset it"
        return
    names = [*targets(settings), *(["heartbeat"] if settings.heartbeat else [])]
    told = f"alerts go to: {', '.join(names)}" if names else "nobody is told of failures"
    yield True, f"{told} (docs/operations.md)", ""
    waiting = unsent(home.path)
    for name in sorted({row.target for row in waiting}):
        oldest = min(row.at for row in waiting if row.target == name)
        yield (
            False,
            f"{name} has not taken alerts since {oldest} UTC; they are kept and sent again",
            "see that target; the log of `bondsig ui` says what it answered",
        )


def _servers(home: Home) -> Iterator[Finding]:
    """Which servers run on the home: `bondsig ui` once, of this code, and no other daemon."""
    if not home.dagster.exists():
        return
    from bondsig_assets.orchestration.runner import open_instance
    from bondsig_assets.orchestration.served import code_changed_at, served_since
    from bondsig_assets.orchestration.status import daemons

    if since := served_since(home):
        yield (
            code_changed_at() <= since,
            f"`bondsig ui` serves this home since {since:%Y-%m-%d %H:%M} UTC"
            + ("" if code_changed_at() <= since else "; bondsig was changed after that"),
            "start `bondsig ui` again: its servers are of the code before",
        )
    with open_instance(home) as instance:
        heard = len(daemons(instance, datetime.now(UTC).timestamp()))
    if heard > 1:
        yield (
            False,
            f"{heard} of Dagster's daemons were heard of within a minute: two launch a run twice",
            "let one `bondsig ui` run and end every other `dagster-daemon` of this home; right"
            " after a restart, look again in a minute",
        )


_OF_EVERY_INSTALL = (_versions, _files, _home, _disk)
_OF_THE_GRAPH = (
    _extensions,
    _team,
    _lake,
    _inputs,
    _runs,
    _mlflow,
    _monitors,
    _settings,
    _alerts,
    _servers,
    _upgrades,
    _upkeep,
    _backups,
    _clock,
)
