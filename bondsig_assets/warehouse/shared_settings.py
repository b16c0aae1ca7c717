"""Market and settings of a team: in the lake, and in each machine's home a copy of them.

Belongs here: a home of a catalog on a server that follows what the lake says, and putting another
market's span or another file of settings there. Not here: what settings mean (the rooms of each),
and homes that are a folder, which hold their own files.

Whatever reads settings reads the files of the home, so nothing else knows that there are others.
Beside the copies stands what they were copied from: who edits one is told so, and nothing of it is
overwritten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl

from bondsig_assets.errors import HomeError, WarehouseError
from bondsig_assets.home import Home, Market, market_of
from bondsig_assets.machine import who
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse.audit import audit_row, moment, text_hash
from bondsig_assets.warehouse.warehouse import Warehouse, Write

MARKET = "market"
#: In a home, below `lake/`: name → fingerprint of the text that was copied from the lake.
_TAKEN = "settings_of_the_lake.json"
#: What DuckDB says of a lake that is not there yet, or of one of before there was the table.
_NOT_THERE = ("creating a new DuckLake is explicitly disabled", "Table with name settings does not")


def is_shared() -> bool:
    """Whether the catalog is a server's, so that market and settings are the lake's."""
    return bool(os.environ.get("BONDSIG_CATALOG"))


def files(home: Home) -> dict[str, Path]:
    """Name → file of what is shared."""
    return {
        MARKET: home.market_file,
        "learning": home.learning_file,
        "portfolio": home.portfolio_file,
        "monitoring": home.monitoring_file,
    }


def follow(home: Home, leaving: str = "") -> Home:
    """`home`, its market and settings as the lake has them where that is shared; as it is
    otherwise, and where the lake has no market yet.

    The file of `leaving` is neither looked at nor copied. Raises HomeError where the home holds
    another market, or a file of settings that is not the lake's, and WarehouseError where the
    server does not answer.
    """
    if not is_shared():
        return home
    held = _held(Warehouse(home.path))
    if MARKET not in held:
        return home
    _require_market(home, held[MARKET])
    taken = _taken(home)
    for name, file in files(home).items():
        if name == leaving:
            continue
        if name != MARKET:
            _require_untouched(name, file, held, taken.get(name))
        if name in held and _text(file) != held[name]:
            _write(file, held[name])
    _remember(home, {name: held[name] for name in files(home) if name in held and name != leaving})
    return home


def claim(home: Home, market: Market, span: tuple[date, date], fingerprint: str = "") -> None:
    """`Home.claim`, and in a shared lake the same for every machine. The first claim of a lake
    takes the home's files of settings along.

    Raises HomeError where home or lake hold another market, and WarehouseError.
    """
    if not is_shared():
        home.claim(market, span, fingerprint)
        return
    warehouse = Warehouse(home.path)
    warehouse.initialize()
    held = _held(warehouse)
    if MARKET in held:
        _require_market(home, held[MARKET], market)
    home.claim(market, span, fingerprint)
    shared = {MARKET: home.market_file.read_text()}
    if held.get(MARKET) == shared[MARKET]:
        return
    if MARKET not in held:
        found = {name: _text(file) for name, file in files(home).items()}
        shared |= {name: text for name, text in found.items() if text is not None}
    warehouse.replace(*(write for name in shared for write in _writes(name, shared[name], held)))
    _remember(home, shared)


def put(home: Home, name: str, text: str) -> bool:
    """Make `text` the settings `name` (learning, portfolio, monitoring) of the home, and of every
    machine where the lake is shared, with a row of `audit`; false where they are that already.

    Raises HomeError and WarehouseError.
    """
    file, warehouse = files(home)[name], Warehouse(home.path)
    warehouse.initialize()
    held = _held(warehouse) if is_shared() else {}
    before = held.get(name) if is_shared() else _text(file)
    if before != text:
        changed = audit_row("settings", name, before=before, after=text)
        warehouse.replace(*(_writes(name, text, held) if is_shared() else [changed]))
    _write(file, text)
    if is_shared():
        _remember(home, {name: text})
    return before != text


def _writes(name: str, text: str, held: Mapping[str, str]) -> list[Write]:
    """What puts `text` into the lake as `name`, and says who did; of a market that only got more
    days that is not said.
    """
    frame = pl.DataFrame(
        {
            "name": [name],
            "content": [text],
            "content_hash": [text_hash(text)],
            "changed_by": [who()],
            "changed_at": [moment()],
        },
        schema=TABLES["settings"].polars_schema,
    )
    write, before = Write("settings", frame, matching={"name": name}), held.get(name)
    if name == MARKET:
        market = market_of(text)
        if before is not None and market_of(before) == market:
            return [write]
        return [write, audit_row(MARKET, market.describe(), before=before, after=text)]
    return [write, audit_row("settings", name, before=before, after=text)]


def _held(warehouse: Warehouse) -> dict[str, str]:
    """Name → text of what the lake has; nothing where there is no lake yet."""
    try:
        found = warehouse.read("SELECT name, content FROM settings ORDER BY name")
    except WarehouseError as error:
        if any(said in str(error) for said in _NOT_THERE):
            return {}
        raise
    return dict(found.iter_rows())


def _require_market(home: Home, text: str, market: Market | None = None) -> None:
    """Raises HomeError where the lake's market is another than `market`, or than the home's."""
    held, asked = market_of(text), market or home.market()
    if asked is None or asked.follows(held) or (market is None and held.follows(asked)):
        return
    where = "you asked for" if market else f"{home.path} holds"
    raise HomeError(
        f"the lake that BONDSIG_CATALOG names holds the {held.describe()}; {where} the"
        f" {asked.describe()}. One lake holds one market: name another one, or set BONDSIG_HOME to"
        " an empty folder"
    )


def _require_untouched(name: str, file: Path, held: Mapping[str, str], taken: str | None) -> None:
    """Raises HomeError where a file of settings is neither the lake's nor a copy of what the lake
    had.
    """
    text = _text(file)
    if text is None or text == held.get(name) or text_hash(text) == taken:
        return
    raise HomeError(
        f"{file} is not what the lake has as settings of {name}: `bondsig settings {name} --apply"
        f" {file}` makes it every machine's, or move it away to take the lake's"
    )


def _taken(home: Home) -> dict[str, str]:
    """Name → fingerprint of what was copied from the lake."""
    try:
        held: dict[str, str] = json.loads((home.path / "lake" / _TAKEN).read_text())
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def _remember(home: Home, texts: Mapping[str, str]) -> None:
    """Note of what the home's files are copies."""
    before = _taken(home)
    after = before | {name: text_hash(text) for name, text in texts.items()}
    if after != before:
        _write(home.path / "lake" / _TAKEN, json.dumps(after, indent=1))


def _text(file: Path) -> str | None:
    """The text of a file, None where there is none."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise HomeError(f"{file} cannot be read ({error}): mend it, or move it away") from error


def _write(file: Path, text: str) -> None:
    """Write a file that is there whole or as it was."""
    partial = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise HomeError(
            f"{file} cannot be written ({error.strerror}): make the home writable, or set"
            " BONDSIG_HOME to another folder"
        ) from error
