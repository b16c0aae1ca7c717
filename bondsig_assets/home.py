"""Where state lives: one folder, `BONDSIG_HOME`, that holds one market.

Belongs here: the paths under the home and which market it was made for. Not here: what is
in the lake (`warehouse/`) and how a source is read (`sources/registry.py`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from bondsig_assets.errors import HomeError

#: Folder of the package, with the files that travel with it (`sql/`, `data/`, `dagster.yaml`).
PACKAGE = Path(__file__).resolve().parent
#: The repository, where this is a checkout of it and not an installed package.
CHECKOUT = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").exists() else None
#: What the package must hold beside its code.
SHIPPED = (
    "sql/views/*.sql",
    "sql/examples/*.sql",
    "sql/migrations/*.sql",
    "data/*.csv",
    "data/site/*",
    "dagster.yaml",
    "deploy/*",
    "deploy/login/*",
)
#: Settings of Dagster's instance, for every home.
DAGSTER_TEMPLATE = PACKAGE / "dagster.yaml"
VIEWS = ("live", "regulatory")
#: Version of the simulated market: raised with every change of what a seed gives. A home keeps the
#: one it was made with. 2: simple returns without drift, a market that goes on, lead shapes,
#: dividends and splits, macro series, borrow rates.
WORLD_VERSION = 2


#: Added to the template, because it needs the home's path.
_EVENT_LOG = """event_log_storage:
  module: bondsig_assets.resources.event_log
  class: ReusingSqliteEventLogStorage
  config:
    base_dir: "{folder}"
"""


@dataclass(frozen=True)
class Market:
    """What one home holds. For `files`, `data` is the folder and `config` its source.toml where
    that lies elsewhere; for `simulated` the world's name, seed and lead, the version of the
    simulator, and whether it goes on day by day (`is_live`) from its first day (the world's own
    where `first_day` is empty). For `wrds`, `tables` are the TRACE tables (all when empty), and
    everything else comes from files as above, if any; whether lost times are allowed does not make
    it another market.
    """

    source: str = "simulated"
    data: str = ""
    config: str = ""
    world: str = "demo"
    seed: int = 1
    lead_strength: float = 0.20
    lead_shape: str = "sparse"
    lead_path: str = "constant"
    world_version: int = WORLD_VERSION
    view: str = "live"
    tables: str = ""
    allow_missing_times: bool = field(default=False, compare=False)
    is_live: bool = False
    first_day: str = ""

    def describe(self) -> str:
        """The market in a few words."""
        if self.source == "files":
            return f"files in {self.data} ({self.view} view)"
        if self.source == "wrds":
            others = f"everything else from files in {self.data}" if self.data else "nothing else"
            return f"WRDS TRACE ({self.tables or 'enhanced, standard, 144a'}; {others})"
        unusual = [f"shape {self.lead_shape}"] if self.lead_shape != "sparse" else []
        unusual += [f"path {self.lead_path}"] if self.lead_path != "constant" else []
        lead = f" ({', '.join(unusual)})" if unusual else ""
        version = f", version {self.world_version}" if self.world_version != WORLD_VERSION else ""
        since = f" since {self.first_day}" if self.first_day else ""
        live = f", live{since}" if self.is_live else ""
        return (
            f"simulated world '{self.world}'{live}, seed {self.seed}, lead strength"
            f" {self.lead_strength:g}{lead}{version} ({self.view} view)"
        )

    def follows(self, held: Market) -> bool:
        """Whether a home of the market `held` may become one of this: it is the same, or the same
        that goes on.
        """
        return self in (held, replace(held, is_live=True))


@dataclass(frozen=True)
class Home:
    """The folder with the lake, MLflow and Dagster state of one market."""

    path: Path

    @property
    def mlflow_uri(self) -> str:
        """Tracking URI of MLflow: SQLite inside the home."""
        return f"sqlite:///{self.mlflow_database}"

    @property
    def mlflow_database(self) -> Path:
        """The file behind it."""
        return self.path / "mlflow" / "mlflow.db"

    @property
    def mlflow_artifacts(self) -> Path:
        """Where MLflow keeps models and pictures."""
        return self.path / "mlflow" / "artifacts"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME: in the home, or where a team's own settings are."""
        return Path(os.environ["DAGSTER_HOME"]) if has_own_dagster() else self.path / "dagster"

    @property
    def pictures(self) -> Path:
        """Pictures and pages for people."""
        return self.path / "pictures"

    @property
    def report(self) -> Path:
        """The pages people open in the morning: `index.html` and what it leads to."""
        return self.path / "report"

    @property
    def learning_file(self) -> Path:
        """What a training runs, where it differs from the defaults."""
        return self.path / "learning.toml"

    @property
    def portfolio_file(self) -> Path:
        """How target positions are made, where it differs from the defaults."""
        return self.path / "portfolio.toml"

    @property
    def monitoring_file(self) -> Path:
        """What is watched and how often it may ring for nothing, where it differs from the
        defaults.
        """
        return self.path / "monitoring.toml"

    @property
    def market_file(self) -> Path:
        """Which market the home holds, and its date range."""
        return self.path / "market.json"

    def market(self) -> Market | None:
        """The market this home holds, None for an empty home."""
        text = self._read()
        return _market(text["market"]) if text else None

    def date_range(self) -> tuple[date, date] | None:
        """First and last trading day of the market, None for an empty home."""
        text = self._read()
        return (
            (date.fromisoformat(text["first_day"]), date.fromisoformat(text["last_day"]))
            if text
            else None
        )

    @property
    def note(self) -> str:
        """What has to be said beside any picture of this market: `simulated`, or nothing."""
        market = self.market()
        return "simulated" if market is not None and market.source == "simulated" else ""

    def fingerprint(self) -> str:
        """What the market's input looked like when it was last claimed; empty for an empty home."""
        text = self._read()
        return text.get("fingerprint", "") if text else ""

    def claim(self, market: Market, date_range: tuple[date, date], fingerprint: str = "") -> None:
        """Make this the home of `market`, or confirm that it is; `fingerprint` identifies the
        input.

        Raises HomeError when the home holds another market: markets are never mixed. A simulated
        one that has ended may go on.
        """
        held = self.market()
        if held is not None and not market.follows(held):
            raise HomeError(
                f"{self.path} holds the {held.describe()}; you asked for the {market.describe()}. "
                "One home holds one market: set BONDSIG_HOME to another folder, or delete this one."
            )
        self.path.mkdir(parents=True, exist_ok=True)
        text = json.dumps(
            {
                "market": asdict(market),
                "first_day": date_range[0].isoformat(),
                "last_day": date_range[1].isoformat(),
                "fingerprint": fingerprint,
            },
            indent=1,
        )
        partial = self.market_file.with_suffix(".tmp")
        with _writing(self.path):
            partial.write_text(text)
            partial.replace(self.market_file)

    def prepare_dagster(self) -> None:
        """Write dagster.yaml from the repository's template and point Dagster here; a DAGSTER_HOME
        whose settings are a team's own stays.
        """
        if has_own_dagster():
            os.environ["BONDSIG_HOME"] = str(self.path)
            return
        settings = DAGSTER_TEMPLATE.read_text() + _EVENT_LOG.format(
            folder=self.dagster / "history" / "runs"
        )
        with _writing(self.path):
            self.dagster.mkdir(parents=True, exist_ok=True)
            (self.dagster / "dagster.yaml").write_text(settings)
        os.environ["DAGSTER_HOME"] = str(self.dagster)
        # Else Dagster stores each event of a range of days by itself (`resources/event_log.py`).
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
        os.environ["BONDSIG_HOME"] = str(self.path)

    def _read(self) -> dict[str, Any] | None:
        if self.path.exists() and not self.path.is_dir():
            raise HomeError(f"{self.path} is a file; set BONDSIG_HOME to a folder")
        if not self.market_file.exists():
            return None
        try:
            text: dict[str, Any] = json.loads(self.market_file.read_text())
            _market(text["market"])
            date.fromisoformat(text["first_day"]), date.fromisoformat(text["last_day"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise HomeError(
                f"{self.market_file} is damaged ({type(error).__name__}: {error}); restore it,"
                " or move the home aside and run again"
            ) from error
        return text


def has_own_dagster() -> bool:
    """Whether DAGSTER_HOME names settings that are no home's: those have an event log of ours."""
    named = os.environ.get("DAGSTER_HOME")
    file = Path(named) / "dagster.yaml" if named else None
    return (
        file is not None
        and file.exists()
        and "ReusingSqliteEventLogStorage" not in file.read_text()
    )


@contextmanager
def _writing(home: Path) -> Iterator[None]:
    """A home that cannot be written is told with what to do, as HomeError."""
    try:
        yield
    except OSError as error:
        raise HomeError(
            f"{home} cannot be written ({error.strerror}): make it writable, or set BONDSIG_HOME to"
            " another folder"
        ) from error


def market_of(text: str) -> Market:
    """The market that the text of a home's `market.json` tells of. Raises ValueError, TypeError or
    KeyError for one that is damaged.
    """
    return _market(json.loads(text)["market"])


def _market(held: dict[str, Any]) -> Market:
    """The market that a home's file tells of; one of before there were versions is of the first.
    Only the simulated market has any.
    """
    version = held.get("world_version", 1)
    is_simulated = held.get("source", "simulated") == "simulated"
    return Market(**{**held, "world_version": version if is_simulated else WORLD_VERSION})


def current_home() -> Home:
    """The home that BONDSIG_HOME names, by default `.bondsig` in the repository or, where bondsig
    is installed, in the present folder.
    """
    named = os.environ.get("BONDSIG_HOME") or (CHECKOUT or Path.cwd()) / ".bondsig"
    return Home(Path(named).expanduser().resolve())
