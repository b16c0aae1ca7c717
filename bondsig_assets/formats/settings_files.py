"""Settings as TOML files: each with its meaning beside it, read back and refused in one line.

Belongs here: reading such a file, the lines of a group, values as TOML. Not here: any setting
(`learning/settings.py`, `portfolio/settings.py`), the wording of a mistake (`validation.py`).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from bondsig_assets.errors import SettingsError
from bondsig_assets.validation import declared_fields, validated

T = TypeVar("T")


def read_settings(path: Path, make: Callable[[Mapping[str, Any]], T], command: str) -> T:
    """What `make` makes of the tables of a TOML file; `command` prints a whole file that is right.

    Raises SettingsError that begins with the path.
    """
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not readable as UTF-8: save it as UTF-8") from error
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{path}: not readable as TOML: {error}; `{command}` prints a whole file that is"
        ) from error
    try:
        return make(read)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error


def as_group(table: str, kind: type, values: Mapping[str, Any]) -> Any:
    """The settings `kind` from the table of that name in `values`, defaults where it is silent.

    Raises SettingsError.
    """
    given = values.get(table, {})
    if not isinstance(given, Mapping):
        raise SettingsError(f"{table} is not a table")
    return validated(
        kind,
        given,
        f"{table}.",
        lambda names, known: (
            f"{table} has no setting {', '.join(names)}; it has: {', '.join(known)}"
        ),
    )


def from_tables(
    kind: type[T], plain: Sequence[str], groups: Mapping[str, type], values: Mapping[str, Any]
) -> T:
    """Settings `kind` of the keys `plain` and the tables `groups` from nested tables as in the TOML
    file, defaults where they are silent. Raises SettingsError naming what is wrong, or what
    contradicts what.
    """
    allowed = [*plain, *groups]
    if unknown := sorted(set(values) - set(allowed)):
        raise SettingsError(
            f"unknown table or key {', '.join(unknown)}; there are: {', '.join(allowed)}"
        )
    found: T = validated(
        kind,
        {name: values[name] for name in plain if name in values}
        | {name: as_group(name, group, values) for name, group in groups.items()},
    )
    return found


def to_toml(settings: Any, plain: Sequence[str], groups: Mapping[str, type]) -> str:
    """The settings as a TOML file with every meaning as a comment."""
    lines = []
    for name in plain:
        lines.append(f"# {declared_fields(type(settings))[name].description}")
        lines.append(f"{name} = {toml_value(getattr(settings, name))}")
    for name in groups:
        lines += group_lines(name, getattr(settings, name))
    return "\n".join(lines) + "\n"


def group_lines(name: str, group: Any) -> Iterator[str]:
    """The lines of one table: what it is, and each setting with its meaning."""
    yield ""
    yield f"# {(type(group).__doc__ or '').splitlines()[0]}"
    yield f"[{name}]"
    for setting, declared in declared_fields(type(group)).items():
        yield f"{setting} = {toml_value(getattr(group, setting))}  # {declared.description}"


def toml_value(value: Any) -> str:
    """A text, number, truth or list of them as TOML, which knows no halves of characters and no
    bare delete.
    """
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
