"""Declared settings, checked by pydantic and refused in one line of the project's own voice.

Belongs here: what turns a class into checked settings, and the wording of a mistake. Not here: any
setting, and checks that need more than the setting's own declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from functools import wraps
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, dataclass_transform, get_args, get_origin

from pydantic import ConfigDict, Field, GetCoreSchemaHandler, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic.fields import FieldInfo
from pydantic_core import ArgsKwargs, core_schema

from bondsig_assets.errors import BondsigError

T = TypeVar("T")
#: A line about keys that nobody declared: (the keys, those there are).
Unknown = Callable[[list[str], list[str]], str]


@dataclass(frozen=True)
class OneOf:
    """In `Annotated`: the values there are. Unlike Literal, which takes true for 1, the type is
    checked first.
    """

    choices: tuple[Any, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Pydantic's hook."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, value: Any) -> Any:
        if value not in self.choices:
            raise _NotOneOf
        return value


class _NotOneOf(ValueError):
    pass


@dataclass(frozen=True)
class Says:
    """In `Annotated`: what a mistake's line says after the value, where type and bounds do not say
    it well.
    """

    text: str


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(Field,))
def checked(error: type[BondsigError], *, finite: bool = True) -> Callable[[type[T]], type[T]]:
    """Make a class a frozen dataclass whose values are checked whenever one is made or replaced.

    Nothing is coerced but whole numbers to numbers. A mistake raises `error`. Infinities and NaN
    are mistakes unless `finite` is False.
    """
    config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=not finite)

    def decorate(declared: type[T]) -> type[T]:
        made: Any = pydantic_dataclass(frozen=True, kw_only=True, config=config)(declared)
        fill = made.__init__

        @wraps(fill)
        def init(self: Any, **values: Any) -> None:
            try:
                fill(self, **values)
            except ValidationError as found:
                raise error(_told(found, made, values, "", None)) from None

        made.__init__, made._error = init, error
        return cast(type[T], made)

    return decorate


def validated(
    kind: type[T], values: Mapping[str, Any], where: str = "", unknown: Unknown | None = None
) -> T:
    """`kind` from a table of a file; a mistake is told after `where` (`walk_forward.`, `a.toml: `).

    `unknown` words the whole line about keys that are not declared.
    """
    made, checks = object.__new__(kind), vars(kind)
    try:
        checks["__pydantic_validator__"].validate_python(
            ArgsKwargs((), dict(values)), self_instance=made
        )
    except ValidationError as found:
        raise checks["_error"](_told(found, kind, values, where, unknown)) from None
    return made


def declared_fields(kind: type) -> dict[str, FieldInfo]:
    """The declaration of every setting by name, in order; none of a class that is not checked."""
    fields: dict[str, FieldInfo] = vars(kind).get("__pydantic_fields__", {})
    return fields


def marked(declared: FieldInfo, marker: type[T]) -> T | None:
    """The marker of that class in the `Annotated` of a setting."""
    return next((one for one in declared.metadata if isinstance(one, marker)), None)


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """`unknown key 'colums'; did you mean 'columns'? There are: …`."""
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5) or get_close_matches(
        name.lower(), names, n=1, cutoff=0.5
    )
    hint = f"; did you mean '{close[0]}'?" if close else ";"
    return f"unknown {what} '{name}'{hint} There are: {', '.join(names)}"


def is_checked(kind: Any) -> bool:
    """Whether `kind` is a class made by `checked`."""
    return isinstance(kind, type) and "_error" in vars(kind)


def _told(
    found: ValidationError,
    kind: type,
    values: Mapping[str, Any],
    where: str,
    unknown: Unknown | None,
) -> str:
    """The first mistake in one line; a key that is not declared comes first, as it may be why
    another is missing.
    """
    known = declared_fields(kind)
    if extra := sorted(set(values) - set(known)):
        return (
            unknown(extra, list(known))
            if unknown
            else f"{where}{unknown_name('key', extra[0], known)}"
        )
    first = found.errors(include_url=False)[0]
    if not first["loc"]:  # settings that contradict each other: the class said so itself
        return f"{where}{first['ctx']['error']}"
    name = str(first["loc"][0])
    declared, value = known[name], values.get(name, first["input"])
    if says := marked(declared, Says):
        return f"{where}{name} = {_shown(value)} {says.text}"
    mistake = first.get("ctx", {}).get("error")
    if isinstance(mistake, ValueError) and not isinstance(mistake, _NotOneOf):
        return f"{where}{mistake}"
    if first["type"] in _BEYOND and float in _types(declared.annotation):
        value = float(value)  # as it was compared with its bounds
    return f"{where}{name} = {_shown(value)} {_verdict(first['type'], declared)}"


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, (date, time)) else repr(value)


def _verdict(mistake: str, declared: FieldInfo) -> str:
    if mistake in ("value_error", "literal_error") and (choices := choices_of(declared)):
        return f"is none of {', '.join(map(str, choices))}"
    if mistake in _BEYOND:
        return f"must be {' and '.join(_limits(declared))}"
    return f"is not {' or '.join(dict.fromkeys(map(_article, _types(declared.annotation))))}"


def choices_of(declared: FieldInfo) -> tuple[Any, ...]:
    """The values there are, where a setting has a handful."""
    if one_of := marked(declared, OneOf):
        return one_of.choices
    literal = next((t for t in _types(declared.annotation) if get_origin(t) is Literal), None)
    return get_args(literal)


_LIMITS = {"gt": "above", "ge": "at least", "le": "at most", "lt": "below"}
_BEYOND = {"greater_than", "greater_than_equal", "less_than_equal", "less_than"}


def _limits(declared: FieldInfo) -> list[str]:
    return [
        f"{words} {getattr(limit, key)}"
        for limit in declared.metadata
        for key, words in _LIMITS.items()
        if hasattr(limit, key)
    ]


def _types(annotation: Any) -> tuple[Any, ...]:
    """The types of a union but None; else the type itself."""
    if get_origin(annotation) in (Union, UnionType):
        return tuple(t for t in get_args(annotation) if t is not NoneType)
    return (annotation,)


_ARTICLES: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    tuple: "a list",
    dict: "a table",
    date: "a day",
    datetime: "a moment",
    time: "a time of day",
}


def _article(kind: Any) -> str:
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    words = kind.__name__ if is_checked(kind) else _ARTICLES.get(origin, "a table")
    if arguments and get_origin(arguments[0]) is Literal and words == "a list":
        return f"a list of {', '.join(get_args(arguments[0]))}"
    return words
