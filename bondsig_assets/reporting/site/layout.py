"""How pages look: the frame of a page, sections, tables, facts and charts, each with its SQL.

Belongs here: HTML that every page is made of. Not here: what a page shows (`today.py` and its
neighbours), what the browser does with it (`data/site/site.js`).

All text of the warehouse is escaped here, and nowhere else. A number carries its own value beside
the way it is written (`data-v`), for sorting, and so that a test can compare it with its SQL.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from html import escape
from typing import Any

import polars as pl

from bondsig_assets.reporting.site.questions import Answer

#: Pages of the menu: file and name.
MENU = (
    ("index.html", "Today"),
    ("issuers.html", "Issuers"),
    ("record.html", "Record"),
    ("data.html", "Data"),
)
#: Forms of what is no number.
_TEXTS = ("text", "words", "issuer", "state")
#: Tables with more rows than this get a field to filter them.
_FILTER_FROM = 12
#: Those with more than this scroll by themselves.
_LONG = 25
#: Letters of a cell that is not broken.
_SHORT = 20
#: From here on the form `digits` shows nothing behind the point.
_WHOLE_FROM = 1000
#: Digits that a chart's numbers keep: more than any screen shows.
_CHART_DIGITS = 6


@dataclass(frozen=True)
class Column:
    """A column of a table: its name in the answer, its head, and how its values are written.

    `form` is a format of Python (`+.2f`), `digits` (four, and of large numbers what is before the
    point), or `text`, `words` (sentences), `issuer` (a link to the
    page of the row's `parent_id`; `issuer:NAME` of the parent in another column) or `state` (a word
    with a colour). `bar`: a bar behind the number, as long as the number is large among those of
    its column.
    """

    name: str
    label: str
    form: str = "text"
    bar: bool = False

    @property
    def is_number(self) -> bool:
        """Whether values are set to the right."""
        return not self.is_text

    @property
    def is_text(self) -> bool:
        """Whether values are shown as they are."""
        return self.form.partition(":")[0] in _TEXTS


@dataclass(frozen=True)
class Line:
    """A line of a chart: column and name; `style` is line, points, bars, or thin."""

    name: str
    label: str
    style: str = "line"


@dataclass(frozen=True)
class Picture:
    """A chart: where it stands, what it shows, its lines and their unit."""

    identity: str
    caption: str
    lines: Sequence[Line]
    unit: str = ""
    is_small: bool = False


@dataclass(frozen=True)
class Frame:
    """What all pages of a site share.

    `market` in a few words, `note` that it is simulated or nothing, `files`: the page of each
    parent. `up` leads from the page to the site's first folder.
    """

    day: date
    market: str
    note: str
    files: Mapping[str, str] = field(default_factory=dict)
    up: str = ""

    def within(self, up: str) -> Frame:
        """The same for a page of a folder from which `up` leads back."""
        return Frame(self.day, self.market, self.note, self.files, up)


#: Words of tables of ours that say how things stand, and the class of their colour.
_STATES = {
    **dict.fromkeys(("quiet", "passed", "sent", "in time", "open", "optimal"), "good"),
    **dict.fromkeys(
        ("watch", "warning", "late", "waiting", "stale", "dust", "cap", "no_value", "lowered"),
        "watch",
    ),
    **dict.fromkeys(("alarm", "failed", "halted", "stopped", "quarantined", "missing"), "bad"),
}


def written(value: Any, form: str) -> str:
    """A value as people read it; a missing one is empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if form.partition(":")[0] in _TEXTS:
        if isinstance(value, datetime):
            return f"{value:%Y-%m-%d %H:%M}"
        if isinstance(value, list):
            return ", ".join(written(one, "text") for one in value)
        return str(value)
    if form == "digits":
        form = ",.0f" if abs(value) >= _WHOLE_FROM else ".4g"
    said = format(value, form)
    # A zero has no sign.
    return said if any(digit in said for digit in "123456789") else said.lstrip("+-")


def raw(value: Any) -> str:
    """A value to the last bit, for sorting and comparing; empty where it is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(value) if isinstance(value, (float, int)) else str(value)


def section(identity: str, title: str, *parts: str, note: str = "") -> str:
    """A part of a page that the menu and screen readers can find."""
    said = paragraph(note, "note") if note else ""
    return (
        f'<section id="{identity}" aria-labelledby="{identity}-title">'
        f'<h2 id="{identity}-title">{escape(title)}</h2>{said}{"".join(parts)}</section>\n'
    )


def paragraph(said: str, kind: str = "") -> str:
    """Sentences; what stands in `backticks` is code."""
    shown = re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(said))
    return f'<p class="{kind}">{shown}</p>' if kind else f"<p>{shown}</p>"


def sql_of(answer: Answer) -> str:
    """The question of an answer, folded away, with a button that copies it."""
    return (
        '<details class="sql"><summary>SQL</summary><button type="button" class="copy">Copy'
        f'</button><pre tabindex="0" data-sql="{escape(answer.question.name)}"><code>'
        f"{escape(answer.question.sql)}</code></pre></details>"
    )


def table(
    answer: Answer,
    columns: Sequence[Column],
    frame: Frame,
    caption: str,
    *,
    empty: str = "Nothing.",
    said: Mapping[str, Callable[[dict[str, Any]], str]] | None = None,
) -> str:
    """The rows of an answer as a table that sorts, and filters where it is long, with its SQL.

    `said`: columns whose text is made of a whole row, in the order of `columns`.
    """
    rows = answer.rows
    if rows.is_empty():
        return paragraph(empty, "empty") + sql_of(answer)
    said = said or {}
    largest = {
        column.name: max(
            (abs(value) for value in rows[column.name] if value is not None), default=0
        )
        for column in columns
        if column.bar
    }
    head = "".join(
        f'<th scope="col" data-c="{escape(column.name)}"{_side(column)}>{escape(column.label)}</th>'
        for column in columns
    )
    body = "".join(
        f"<tr>{''.join(_cell(row, column, frame, largest, said) for column in columns)}</tr>\n"
        for row in rows.iter_rows(named=True)
    )
    long = " long" if rows.height > _LONG else ""
    filtered = " data-filter" if rows.height > _FILTER_FROM else ""
    name = escape(answer.question.name)
    return (
        f'<div class="scroll{long}" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table data-question="{name}"{filtered}>'
        f'<caption class="hidden">{escape(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{sql_of(answer)}"
    )


def _side(column: Column) -> str:
    return ' class="n"' if column.is_number else ""


def _cell(
    row: dict[str, Any],
    column: Column,
    frame: Frame,
    largest: Mapping[str, float],
    said: Mapping[str, Callable[[dict[str, Any]], str]],
) -> str:
    if column.name in said:
        return f'<td class="words">{escape(said[column.name](row))}</td>'
    value = row[column.name]
    shown = escape(written(value, column.form))
    kind, _, other = column.form.partition(":")
    if kind == "issuer":
        return f"<td>{link_to(frame, row.get(other or 'parent_id'), shown)}</td>"
    if column.form == "state":
        return f'<td><span class="state {_STATES.get(str(value), "")}">{shown}</span></td>'
    if not column.is_number:
        if column.form == "words":
            return f'<td class="words">{shown}</td>'
        # Dates, commands and a word or two stay on one line.
        is_whole = len(shown) <= _SHORT or column.name == "command"
        return f'<td class="t">{shown}</td>' if is_whole else f"<td>{shown}</td>"
    style = ""
    if column.bar and value is not None and largest[column.name]:
        width = 100 * abs(value) / largest[column.name]
        kind = " down" if value < 0 else ""
        style = f'<span class="bar{kind}" style="width:{width:.1f}%"></span>'
    return f'<td class="n" data-v="{raw(value)}">{style}{shown}</td>'


def link_to(frame: Frame, parent_id: Any, shown: str) -> str:
    """`shown`, already escaped, as a link to a parent's page; no link without a page or words."""
    file = frame.files.get(str(parent_id))
    return (
        shown
        if file is None or not shown
        else f'<a href="{frame.up}issuers/{escape(file)}">{shown}</a>'
    )


def facts(answer: Answer, columns: Sequence[Column]) -> str:
    """The numbers of an answer of one row as tiles, with its SQL."""
    row = answer.rows.row(0, named=True)
    tiles = "".join(
        f'<div><dt>{escape(column.label)}</dt><dd data-c="{escape(column.name)}"'
        f' data-v="{escape(raw(row[column.name]))}">'
        f"{escape(written(row[column.name], column.form)) or 'none'}</dd></div>"
        for column in columns
    )
    return (
        f'<dl class="tiles" data-question="{escape(answer.question.name)}">{tiles}</dl>'
        + sql_of(answer)
    )


def charts(
    answer: Answer,
    pictures: Sequence[Picture],
    frame: Frame,
    *,
    x: str = "trade_date",
    group: str = "",
) -> str:
    """Pictures of one answer over its column `x`, with its SQL; those of one `group` move together.

    Lines without a value are left out, and said where nothing is left.
    """
    rows = answer.rows
    data = f"{answer.question.name}-data"
    figures, names = [], [x]
    for one in pictures:
        lines = [line for line in one.lines if rows[line.name].count()]
        names += [line.name for line in lines]
        figures.append(
            _figure(one, lines, rows, frame, x, group or answer.question.name, data)
            if lines
            else paragraph(f"{one.caption}: no value yet.", "empty")
        )
    return (
        (data_of(data, answer, names) if len(names) > 1 else "") + "".join(figures) + sql_of(answer)
    )


def _figure(
    one: Picture,
    lines: Sequence[Line],
    rows: pl.DataFrame,
    frame: Frame,
    x: str,
    group: str,
    data: str,
) -> str:
    told = {
        "data": data,
        "x": x,
        "time": rows[x].dtype == pl.Date,
        "unit": one.unit,
        "group": group,
        "note": frame.note,
        "small": one.is_small,
        "lines": [{"name": line.name, "label": line.label, "style": line.style} for line in lines],
    }
    caption = one.caption + (f" ({frame.note})" if frame.note else "")
    spoken = f"{caption}. {_spoken(rows, lines, x, one.unit)}"
    return (
        f'<figure><figcaption>{escape(caption)}</figcaption><div class="chart"'
        f' id="{one.identity}" role="img" aria-label="{escape(spoken)}"'
        f" data-chart='{_json(told)}'></div></figure>"
    )


def _spoken(rows: pl.DataFrame, lines: Sequence[Line], x: str, unit: str) -> str:
    """A chart in words: where each line ends."""
    ends = []
    for line in lines:
        there = rows.select(x, line.name).drop_nulls()
        if there.height:
            at, value = there.row(-1)
            ends.append(
                f"{line.label} {value:.4g} {unit} at {written(at, 'text')}".replace("  ", " ")
            )
    return "; ".join(ends)


def data_of(identity: str, answer: Answer, names: Iterable[str]) -> str:
    """Columns of an answer for charts: dates as days since 1970, numbers in six digits."""
    columns = {name: _for_chart(answer.rows[name]) for name in dict.fromkeys(names)}
    told = {"question": answer.question.name, "columns": columns}
    return f'<script type="application/json" id="{identity}">{_json(told)}</script>'


def _for_chart(values: pl.Series) -> list[Any]:
    if values.dtype == pl.Date:
        return values.cast(pl.Int32).to_list()
    if values.dtype.is_float():
        kept: list[Any] = values.round_sig_figs(_CHART_DIGITS).fill_nan(None).to_list()
        return [int(one) if one is not None and one == int(one) else one for one in kept]
    return values.to_list()


def _json(value: Any) -> str:
    """JSON that can stand in a script or an attribute in single quotes."""
    said = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    return said.replace("<", "\\u003c").replace("&", "\\u0026").replace("'", "\\u0027")


def page(frame: Frame, here: str, title: str, body: str, lead: str = "") -> str:
    """A whole page: menu, title, what has to be said of the market, and its sections."""
    menu = "".join(
        f'<li><a href="{frame.up}{file}"{_current(file, here)}>{name}</a></li>'
        for file, name in MENU
    )
    banner = (
        f'<p class="banner">{escape(frame.note.capitalize())} market: nothing here is evidence'
        " about real bonds or stocks.</p>"
        if frame.note
        else ""
    )
    lead = paragraph(lead, "lead") if lead else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{escape(title)} · bondsig {frame.day}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{frame.up}files/uplot.css">
<link rel="stylesheet" href="{frame.up}files/site.css">
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header><nav aria-label="Pages"><ul>{menu}</ul></nav>
<p class="when">{escape(frame.market)}, as known at the cutoff of <strong>{frame.day}</strong></p>
{banner}</header>
<main id="main" tabindex="-1">
<h1>{escape(title)}</h1>
{lead}
{body}</main>
<footer><p>Each number stands under the SQL that makes it: open <em>SQL</em>, copy, and run it with
<code>bondsig sql</code>.</p></footer>
<script src="{frame.up}files/uplot.js"></script>
<script src="{frame.up}files/site.js"></script>
</body>
</html>
"""


def _current(file: str, here: str) -> str:
    return ' aria-current="page"' if file == here else ""
