"""`bondsig champion`: who scores, since when and why; and putting another model there.

Belongs here: showing the table and what a person decides. Not here: the gate (`learning/gate.py`).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import click

from bondsig_assets.calendar import at_or_after, cutoff, is_trading_day, offset
from bondsig_assets.commands.warehouse import open_warehouse
from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.warehouse import Warehouse


def print_champions(home: Home) -> None:
    """Every champion with its validity and the numbers that decided it, newest first."""
    rows = open_warehouse(home).read_table("champions").to_dicts()
    if not rows:
        raise UserError("there is no champion yet: `bondsig run` trains models and chooses one")
    for row in reversed(rows):
        until = str(row["valid_to_date"] or "now")
        click.echo(
            f"{row['valid_from_date']} … {until:<10}  {row['model_version']:<28} version"
            f" {row['registry_version']:<4} {row['decision']:<18} {row['reason']}"
        )


def set_champion(home: Home, version: str, day: date | None) -> None:
    """Make the model `version` ("ridge 2024-04-01"; "previous" for the one before) champion from
    the next trading day on.
    """
    from bondsig_assets.errors import TrackingError
    from bondsig_assets.learning.settings import load_settings
    from bondsig_assets.reading.gate import replay_gate
    from bondsig_assets.resources.champion import register_champions
    from bondsig_assets.resources.tracking import TrackingResource
    from bondsig_assets.tables import TABLES
    from bondsig_assets.warehouse import Write

    lake = open_warehouse(home)
    rows = lake.read_table("champions").to_dicts()
    if not rows:
        raise UserError("there is no champion yet: `bondsig run` trains models and chooses one")
    wanted = _wanted(lake, rows, version)
    latest = _next_day(lake)
    valid_from = day or latest
    if not is_trading_day(valid_from):
        raise UserError(
            f"--from {valid_from} is no trading day; the next one is {at_or_after(valid_from)}"
        )
    if valid_from > latest:
        raise UserError(
            f"--from {valid_from} is after {latest}, the next day to be scored: a champion can"
            " begin there or before"
        )
    if valid_from < rows[0]["valid_from_date"]:
        raise UserError(
            f"--from {valid_from} is before the first champion ({rows[0]['valid_from_date']}):"
            " nothing is scored there"
        )
    if wanted["valid_from"] > valid_from:
        trained = (
            f"{wanted['model_version']} was trained on days up to {wanted['train_end_date']} for"
            f" {wanted['valid_from']} and later"
        )
        raise UserError(f"{trained}: it cannot score {valid_from}")
    decided = {
        "valid_from_date": valid_from,
        "valid_to_date": None,
        "model_version": wanted["model_version"],
        "model_name": wanted["model_name"],
        "trained_fold": wanted["fold"],
        **{name: wanted[name] for name in ("specification_hash", "feature_hash", "data_hash")},
        "registry_version": "",
        "decision": "person",
        "incumbent_version": _champion_on(rows, valid_from)["model_version"],
        "reason": f"put there by a person on {datetime.now():%Y-%m-%d %H:%M}",
        "known_at": cutoff(offset(valid_from, -1)),
    }
    others = [row for row in rows if row["valid_from_date"] != valid_from]
    frame = TABLES["champions"].conform(
        TABLES["champions"].empty().vstack(_frame([*others, decided]))
    )
    lake.replace(Write("champions", frame))
    try:
        tracking = TrackingResource(home=str(home.path))
        register_champions(
            lake, tracking, replay_gate(lake, load_settings(home.learning_file).gate)
        )
    except TrackingError:
        lake.replace(Write("champions", TABLES["champions"].conform(_frame(rows))))
        raise
    again = f"bondsig run --start {valid_from} --select 'key:scores+' --again"
    click.echo(
        f"{wanted['model_version']} is champion from {valid_from} on; days from then that are"
        f" scored already: {again}"
    )


def _wanted(lake: Warehouse, champions: list[dict[str, Any]], version: str) -> dict[str, Any]:
    from bondsig_assets.learning.folds import fold_of

    if version == "previous":
        before = [
            row["model_version"]
            for row in champions
            if row["model_version"] != champions[-1]["model_version"]
        ]
        if not before:
            raise UserError(
                f"{champions[-1]['model_version']} has been the only champion: there is no"
                " previous one"
            )
        version = before[-1]
    models = lake.read_table("models", where="is_eligible").to_dicts()
    for row in models:
        if row["model_version"] == version:
            return {**row, "valid_from": fold_of(row["fold"]).first_day}
    names = ", ".join(f"'{row['model_version']}'" for row in models[-5:])
    raise UserError(
        f"no model '{version}' may be champion; the newest are: {names}"
        if names
        else "there are no models yet: bondsig run"
    )


def _next_day(lake: Warehouse) -> date:
    newest = lake.read("SELECT max(trade_date) AS day FROM scores")["day"][0]
    return offset(newest, 1) if newest else at_or_after(date.today())


def _champion_on(rows: list[dict[str, Any]], day: date) -> dict[str, Any]:
    return next(row for row in reversed(rows) if row["valid_from_date"] <= day)


def _frame(rows: list[dict[str, Any]]):
    import polars as pl

    from bondsig_assets.tables import TABLES

    return pl.DataFrame(rows, schema=TABLES["champions"].polars_schema, orient="row").sort(
        "valid_from_date"
    )
