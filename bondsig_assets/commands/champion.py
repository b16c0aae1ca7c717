"""`bondsig champion`: who scores, since when and why; and putting another model there.

Belongs here: showing the table and what a person decides. Not here: the gate (`learning/gate.py`).
"""

from __future__ import annotations

from datetime import date, datetime

import click
import polars as pl

from bondsig_assets.calendar import at_or_after, cutoff, is_trading_day, offset
from bondsig_assets.commands.console import open_console, plain_table
from bondsig_assets.commands.warehouse import open_warehouse
from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.learning.rows import (
    ChampionRow,
    ModelSummary,
    columns_of_row,
    frame_of,
    rows_from,
)
from bondsig_assets.warehouse import Warehouse

#: Of each champion the days that it has scored, and those on which all issuers had one score.
_FLAT_DAYS = """
    SELECT c.valid_from_date, count(*), count(*) FILTER (WHERE d.lowest = d.highest)
    FROM champions c
    JOIN (
      SELECT trade_date, model_version, min(score) AS lowest, max(score) AS highest
      FROM scores GROUP BY ALL HAVING count(*) > 1
    ) d ON d.model_version = c.model_version AND d.trade_date >= c.valid_from_date
      AND d.trade_date <= coalesce(c.valid_to_date, DATE '9999-12-31')
    GROUP BY c.valid_from_date
"""


def print_champions(home: Home) -> None:
    """Every champion with its validity, the numbers that decided it, and on how many of its days it
    told no issuer from another, newest first.
    """
    warehouse = open_warehouse(home)
    champions = _champions(warehouse)
    days = {first: (n, flat) for first, n, flat in warehouse.query(_FLAT_DAYS)[1]}
    rows = [
        (
            str(row.valid_from_date),
            str(row.valid_to_date or "now"),
            row.model_version,
            row.registry_version,
            row.decision,
            *map(str, days.get(row.valid_from_date, (0, 0))),
            row.reason,
        )
        for row in reversed(champions)
    ]
    header = ("from", "to", "model", "version", "decision", "days", "flat", "reason")
    console = open_console()
    console.print(plain_table(header, rows, right=(5, 6)))
    if flat := sum(one for _, one in days.values()):
        whole = sum(n == one for n, one in days.values())
        console.print(
            f"flat: on {flat} of {sum(n for n, _ in days.values())} days every issuer had the same"
            f" score, which says nothing; {whole} of {len(days)} champions said nothing at all",
            soft_wrap=True,
        )
    if champions and champions[-1].is_flat:
        console.print(
            f"{champions[-1].model_version} gives every issuer the same score: what it foretold was"
            " worth nothing on the days it is calibrated on",
            soft_wrap=True,
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
    from bondsig_assets.warehouse import Write
    from bondsig_assets.warehouse.audit import audit_row

    warehouse = open_warehouse(home)
    rows = _champions(warehouse)
    wanted = _wanted(warehouse, rows, version)
    valid_from = _first_day(warehouse, rows, wanted, day)
    decided = ChampionRow(
        valid_from_date=valid_from,
        model_version=wanted.model_version,
        model_name=wanted.model_name,
        trained_fold=wanted.fold,
        specification_hash=wanted.specification_hash,
        feature_hash=wanted.feature_hash,
        data_hash=wanted.data_hash,
        decision="person",
        incumbent_version=_champion_on(rows, valid_from).model_version,
        reason=f"put there by a person on {datetime.now():%Y-%m-%d %H:%M}",
        is_flat=wanted.is_flat,
        known_at=cutoff(offset(valid_from, -1)),
    )
    others = [row for row in rows if row.valid_from_date != valid_from]
    incumbent = decided.incumbent_version or ""
    told = f"{wanted.model_version} from {valid_from}"
    warehouse.replace(
        Write("champions", _frame([*others, decided])),
        audit_row("champion", told, before=incumbent, after=wanted.model_version),
    )
    try:
        tracking = TrackingResource(home=str(home.path))
        register_champions(
            warehouse, tracking, replay_gate(warehouse, load_settings(home.learning_file).gate)
        )
    except TrackingError:
        warehouse.replace(
            Write("champions", _frame(rows)),
            audit_row(
                "champion",
                f"{incumbent} again",
                before=wanted.model_version,
                after=incumbent,
                detail="taken back: MLflow did not take it",
            ),
        )
        raise
    again = f"bondsig run --start {valid_from} --select 'key:scores+' --again"
    click.echo(
        f"{wanted.model_version} is champion from {valid_from} on; days from then that are"
        f" scored already: {again}"
    )


def _champions(warehouse: Warehouse) -> list[ChampionRow]:
    """Every champion in order of validity. Raises UserError where there is none."""
    rows = rows_from(ChampionRow, warehouse.read_table("champions"))
    if not rows:
        raise UserError("there is no champion yet: `bondsig run` trains models and chooses one")
    return rows


def _first_day(
    warehouse: Warehouse, rows: list[ChampionRow], wanted: ModelSummary, day: date | None
) -> date:
    """The day from which `wanted` scores. Raises UserError where it cannot."""
    from bondsig_assets.learning.folds import fold_of

    latest = _next_day(warehouse)
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
    if valid_from < rows[0].valid_from_date:
        raise UserError(
            f"--from {valid_from} is before the first champion ({rows[0].valid_from_date}):"
            " nothing is scored there"
        )
    earliest = fold_of(wanted.fold).first_day
    if earliest > valid_from:
        trained = (
            f"{wanted.model_version} was trained on days up to {wanted.train_end_date} for"
            f" {earliest} and later"
        )
        raise UserError(f"{trained}: it cannot score {valid_from}")
    return valid_from


def _wanted(warehouse: Warehouse, champions: list[ChampionRow], version: str) -> ModelSummary:
    """The model that `version` means. Raises UserError where there is none that may be champion."""
    if version == "previous":
        newest = champions[-1].model_version
        before = [row.model_version for row in champions if row.model_version != newest]
        if not before:
            raise UserError(f"{newest} has been the only champion: there is no previous one")
        version = before[-1]
    frame = warehouse.read_table(
        "models", where="is_eligible", columns=columns_of_row(ModelSummary)
    )
    models = rows_from(ModelSummary, frame)
    for model in models:
        if model.model_version == version:
            return model
    names = ", ".join(f"'{model.model_version}'" for model in models[-5:])
    raise UserError(
        f"no model '{version}' may be champion; the newest are: {names}"
        if names
        else "there are no models yet: bondsig run"
    )


def _next_day(warehouse: Warehouse) -> date:
    newest = warehouse.read("SELECT max(trade_date) AS day FROM scores")["day"][0]
    return offset(newest, 1) if newest else at_or_after(date.today())


def _champion_on(rows: list[ChampionRow], day: date) -> ChampionRow:
    return next(row for row in reversed(rows) if row.valid_from_date <= day)


def _frame(rows: list[ChampionRow]) -> pl.DataFrame:
    return frame_of("champions", sorted(rows, key=lambda row: row.valid_from_date))
