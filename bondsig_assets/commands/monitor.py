"""`bondsig monitor`: where everything that is watched stands, in one screen.

Belongs here: the text and its tables. Not here: when a monitor rings (`monitoring/`), the picture
(`reporting/monitoring_pictures.py`).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import RenderableType
from rich.text import Text

from bondsig_assets.calendar import offset
from bondsig_assets.commands.books import check_picture
from bondsig_assets.commands.console import facts, open_console, plain_table, print_section
from bondsig_assets.commands.warehouse import open_warehouse
from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.market_rules import TRADING_DAYS_PER_YEAR
from bondsig_assets.monitoring.alarms import RED_DAYS, red
from bondsig_assets.monitoring.catalogue import MONITORS
from bondsig_assets.tables.monitoring import STATES
from bondsig_assets.warehouse import Warehouse

#: Newest values that a mean is shown of.
_SHOWN_VALUES = 63
#: Requests for a training, and features that drift, that are shown.
_SHOWN = 3


def print_monitor(
    home: Home, day: date | None, picture: Path | None, *, show_all: bool, show_budget: bool
) -> None:
    """Print where monitors stood on the evening `day` (the newest where None), what is red, what
    drifts and which training was asked for; with `picture` also draw them up to that evening.

    Raises UserError for an evening that was not watched.
    """
    check_picture(picture)
    warehouse = open_warehouse(home)
    with warehouse.on_snapshot():
        day = _evening(home, warehouse, day)
        evening = warehouse.read_table("monitors", between=(day, day))
        rung = warehouse.read_table("alarms", where=f"trade_date <= DATE '{day}'")
        sections: list[list[RenderableType]] = [
            [
                f"Monitors of {day}" + (home.note and f" ({home.note})"),
                _facts(warehouse, evening, rung, day),
            ],
            _table(evening, _means(warehouse, day), rung, show_all=show_all),
            _red(evening, rung, day),
            [_drift(warehouse, day), *_requests(warehouse, day)],
        ]
        if show_budget:
            sections.append(_budget(home))
        if picture is not None:
            _draw(home, warehouse, day, picture)
    console = open_console()
    for section in sections:
        print_section(console, section)
    if picture is not None:
        console.print(Text(f"drawn: {picture}"))


def _evening(home: Home, warehouse: Warehouse, day: date | None) -> date:
    first, last = warehouse.read("SELECT min(trade_date), max(trade_date) FROM monitored_days").row(
        0
    )
    if first is None:
        raise UserError(f"{home.path} has no monitors yet: `bondsig run` makes them")
    asked: date = day or last
    if warehouse.read(f"SELECT 1 FROM monitored_days WHERE trade_date = DATE '{asked}'").is_empty():
        raise UserError(f"{asked} was not watched: there are {first} … {last}, on trading days")
    return asked


def _facts(
    warehouse: Warehouse, evening: pl.DataFrame, rung: pl.DataFrame, day: date
) -> RenderableType:
    summary = warehouse.read_table("monitored_days", between=(day, day)).row(0, named=True)
    counted = ", ".join(
        f"{summary[f'n_{state}']} {state.replace('_', ' ')}"
        for state in STATES
        if summary[f"n_{state}"]
    )
    years = summary["years_between_false_alarms"]
    of_budget = rung.filter(pl.col("family") != "freshness")
    return facts(
        [
            ("state", counted),
            (
                "false alarms",
                "none is promised: everything is struck out"
                if years is None
                else f"one in {years:g} years of all together is promised; {of_budget.height} rang"
                f" since {warehouse.read('SELECT min(trade_date) FROM monitored_days').item()}",
            ),
            ("champion", _champion(warehouse, evening, day)),
        ]
    )


def _champion(warehouse: Warehouse, evening: pl.DataFrame, day: date) -> str:
    found = warehouse.read(
        "SELECT model_version, is_flat FROM champions WHERE valid_from_date <="
        f" DATE '{day}' ORDER BY valid_from_date DESC LIMIT 1"
    )
    if found.is_empty():
        return "nobody yet"
    version, is_flat = found.row(0)
    age = evening.filter(monitor="freshness.champion")["value"]
    told = "" if age.is_empty() or age[0] is None else f", trained {age[0]:.0f} trading days ago"
    return f"{version}{told}" + (": it gives every issuer the same score" if is_flat else "")


def _means(warehouse: Warehouse, day: date) -> dict[str, float]:
    """Monitor → mean of its newest values that were known by then."""
    means = ", ".join(f"'{one.name}'" for one in MONITORS if one.how == "mean")
    rows = warehouse.read(
        "SELECT monitor, avg(value) AS mean FROM (SELECT DISTINCT monitor, value_date, value FROM"
        f" monitors WHERE monitor IN ({means}) AND trade_date <= DATE '{day}' AND value IS NOT NULL"
        " QUALIFY row_number() OVER (PARTITION BY monitor ORDER BY value_date DESC, value) <="
        f" {_SHOWN_VALUES}) GROUP BY 1 ORDER BY 1"
    )
    return dict(rows.iter_rows())


def _table(
    evening: pl.DataFrame, means: dict[str, float], rung: pl.DataFrame, *, show_all: bool
) -> list[RenderableType]:
    """A row a monitor; volumes, missing and freshness in one row each unless all are wanted."""
    order = {one.name: k for k, one in enumerate(MONITORS)}
    last = dict(rung.group_by("monitor").agg(pl.col("trade_date").max()).iter_rows())
    rows: list[tuple[int, dict[str, Any]]] = []
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in evening.iter_rows(named=True):
        head, _, part = row["monitor"].partition(".")
        if part and not show_all:
            groups.setdefault(head, []).append(row)
        else:
            rows.append((order.get(head, len(order)), row))
    cells: list[tuple[str, ...]] = [
        (
            row["monitor"],
            row["state"].replace("_", " "),
            _number(means.get(row["monitor"], row["value"])),
            _number(row["expected"]),
            _near(row),
            str(last.get(row["monitor"], "")),
            _years(row["run_length_days"]),
        )
        for _, row in sorted(rows, key=lambda one: (one[0], one[1]["monitor"]))
    ]
    cells += [_group(name, of, last) for name, of in groups.items()]
    header = ("monitor", "state", "value", "expected", "of edge", "last rang", "false alarm in")
    note = (
        f"value: of a mean that of its newest {_SHOWN_VALUES} days, else the evening's. of edge:"
        " statistic over the threshold at which it rings."
    )
    return [plain_table(header, cells, right=(2, 3, 4, 6)), note]


def _group(name: str, rows: list[dict[str, Any]], last: dict[str, date]) -> tuple[str, ...]:
    """Many series in one row: how many, the worst state, the nearest to its edge."""
    states = [row["state"] for row in rows]
    worst = next(state for state in STATES if state in states)
    nearest = max(rows, key=lambda row: (_ratio(row), str(row["monitor"])))
    rang = [last[str(row["monitor"])] for row in rows if row["monitor"] in last]
    shown = f"{name}: {len(rows)} series"
    return (
        shown,
        worst.replace("_", " "),
        f"{states.count(worst)} of {len(rows)}",
        "",
        _near(nearest),
        str(max(rang)) if rang else "",
        _years(nearest["run_length_days"]),
    )


def _ratio(row: dict[str, Any]) -> float:
    statistic, threshold = row["statistic"], row["threshold"]
    if not isinstance(statistic, float) or not isinstance(threshold, float) or threshold <= 0:
        return -1.0
    return statistic / threshold


def _near(row: dict[str, Any]) -> str:
    ratio = _ratio(row)
    return "" if ratio < 0 else f"{100 * ratio:,.1f} %"


def _years(days: object) -> str:
    return f"{days / TRADING_DAYS_PER_YEAR:,.0f} years" if isinstance(days, float) else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _red(evening: pl.DataFrame, rung: pl.DataFrame, day: date) -> list[RenderableType]:
    rows = red(evening, rung, day)
    if rows.is_empty():
        return [f"Nothing is red: no alarm in {RED_DAYS} trading days, and all sources came."]
    return [
        f"Red ({rows.height}):",
        *(f"  {row['trade_date']} {row['explanation']}" for row in rows.iter_rows(named=True)),
    ]


def _drift(warehouse: Warehouse, day: date) -> str:
    rows = warehouse.read_table("drift", between=(day, day))
    judged = rows.filter(pl.col("share").is_not_null())
    if judged.is_empty():
        return "Drift: too few windows yet to say anything."
    warned = judged.filter("is_warning", pl.col("feature") != "all").sort(
        pl.col("distance") / pl.col("largest_distance"), "feature", descending=[True, False]
    )
    named = ", ".join(
        f"{row['feature']} ({row['kind']})" for row in warned.head(_SHOWN).iter_rows(named=True)
    )
    whole = rows.filter(feature="all", is_warning=True)
    return (
        f"Drift warns of {warned.height} of {judged.height} windows"
        + (f", {named} first" if named else "")
        + ("; so does the one number for all features" if whole.height else "")
        + ". One in twenty warns of nothing."
    )


def _requests(warehouse: Warehouse, day: date) -> list[str]:
    rows = warehouse.read_table(
        "retrain_requests",
        where=f"trade_date BETWEEN DATE '{offset(day, 1 - TRADING_DAYS_PER_YEAR)}' AND"
        f" DATE '{day}'",
    )
    return [
        f"Training {row['state'].replace('_', ' ')} on {row['trade_date']}: {row['explanation']}."
        for row in rows.tail(_SHOWN).iter_rows(named=True)
    ]


def _budget(home: Home) -> list[RenderableType]:
    from bondsig_assets.monitoring import budget
    from bondsig_assets.monitoring.settings import load_settings
    from bondsig_assets.reading.monitoring import parts

    settings = load_settings(home.monitoring_file)
    return [budget.as_text(budget.split(settings, parts()), settings)]


def _draw(home: Home, warehouse: Warehouse, day: date, picture: Path) -> None:
    from bondsig_assets.reporting.monitoring_pictures import draw_monitors

    figure = draw_monitors(warehouse.read, day, home.note)
    if figure is None:
        raise UserError(f"nothing to draw on {day}")
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(picture, dpi=110, bbox_inches="tight")
    except OSError as error:
        raise UserError(f"'{picture}' cannot be written: {error.strerror}") from error
