"""What `bondsig clean --map` says: which column of the file is which, by itself or in a
`source.toml`.

Belongs here: reading the option. Not here: laying it over the layouts (`trace/layouts/mapping.py`),
the vocabulary of `source.toml` (`sources/files/config.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bondsig_assets.errors import UserError
from bondsig_assets.sources.files.config import ColumnRule, Feed, read_config
from bondsig_assets.tables.ranges import UNITS
from bondsig_assets.tables.raw import TRACE_REPORTS
from bondsig_assets.trace.layouts.mapping import MOMENTS, Mapped, Mapping, canonical_names
from bondsig_assets.validation import unknown_name

_VALUE = "value:"
#: Columns whose values may be exchanged.
_LETTERS = ("status", "side", "contra", "asof_code", "commission_code", "trading_market")
#: Columns of the table that say nothing of a report by itself.
_NOT_OF_A_REPORT = ("view", "feed", "delivered_at", "known_at")
#: Keys of `source.toml` that `clean` does not follow; without a word they would change the reports.
_RULES = ("null", "zero_is_null", "lookup", "default", "plus_days", "cap", "time_default")
_BLOCK = ("null_when", "keep", "prefer", "melt")


def read_mapping(given: Sequence[str]) -> Mapping:
    """Columns by options `ours=theirs`, `ours=value:TEXT`, or a `source.toml` with
    `[[trace_reports]]`; later ones count first. Raises UserError, or SourceError for a
    `source.toml` that is none.
    """
    mapping: Mapping = {}
    for text in given:
        if text.endswith(".toml"):
            mapping |= _of_config(Path(text))
            continue
        ours, is_pair, theirs = (part.strip() for part in text.partition("="))
        if not is_pair or not theirs:
            raise UserError(
                f"--map {text}: write ours=theirs, ours=value:TEXT, or the name of a source.toml"
            )
        where = (
            Mapped(value=theirs.removeprefix(_VALUE))
            if theirs.startswith(_VALUE)
            else Mapped(column=theirs)
        )
        mapping |= _canonical(ours, where, f"--map {text}")
    return mapping


def _canonical(ours: str, where: Mapped, complaint: str) -> Mapping:
    """The canonical columns that `ours` is, a moment two of them."""
    if ours not in canonical_names():
        raise UserError(f"{complaint}: {unknown_name('column', ours, canonical_names())}")
    return dict.fromkeys(MOMENTS.get(ours, (ours,)), where)


def _of_config(path: Path) -> Mapping:
    feeds = read_config(path).get("trace_reports", [])
    if len(feeds) != 1:
        raise UserError(
            f"{path}: has {len(feeds)} [[trace_reports]] blocks, and --map takes one: name a file"
            " with the one for these reports"
        )
    _refuse_block(path, feeds[0])
    mapping: Mapping = {}
    for name, rule in feeds[0].columns.items():
        if name not in _NOT_OF_A_REPORT:
            mapping |= _of_rule(f"{path}: columns.{name}", name, rule)
    return mapping


def _refuse_block(path: Path, feed: Feed) -> None:
    for key in _BLOCK:
        if getattr(feed, key):
            raise UserError(
                f"{path}: [[trace_reports]]: {key} is nothing that clean follows; leave it out, or"
                " load the file with bondsig run --source files"
            )


def _of_rule(where: str, name: str, rule: ColumnRule) -> Mapping:
    for key in _RULES:
        if getattr(rule, key):
            raise UserError(
                f"{where}: {key} is nothing that clean follows; leave it out, or load the file with"
                " bondsig run --source files"
            )
    if rule.map and name not in _LETTERS:
        raise UserError(f"{where}: clean exchanges values of {', '.join(_LETTERS)} alone")
    letters = {
        str(theirs).upper(): str(ours) for theirs, ours in (rule.map or {}).items() if theirs != "*"
    }
    unit = {column.name: column.unit for column in TRACE_REPORTS.columns}.get(name, "")
    factor = rule.scale * (UNITS[unit][rule.unit] if rule.unit else 1.0)
    mapped = (
        Mapped(value=str(rule.value))
        if rule.column is None
        else Mapped(rule.column, letters=letters, factor=factor)
    )
    mapping = _canonical(name, mapped, where)
    if name in MOMENTS and rule.time:
        mapping[MOMENTS[name][1]] = Mapped(rule.time)
    if rule.sign and name == "yield_pct":
        mapping["yield_sign"] = Mapped(rule.sign)
    elif rule.sign:
        raise UserError(f"{where}: sign is for yield_pct alone")
    return mapping
