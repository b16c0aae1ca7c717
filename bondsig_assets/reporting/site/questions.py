"""What a page asks the warehouse: SQL that stands on the page and gives what stands beside it.

Belongs here: a question, its answer, an evening in SQL, and which tables there are. Not here: the
questions of one page (`today.py` and its neighbours), how answers look (`layout.py`).

A question holds no parameters: whoever copies it from the page runs it as it is, with `bondsig
sql`, and gets the numbers that stand there.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from bondsig_assets.calendar import cutoff, offset
from bondsig_assets.errors import WarehouseError
from bondsig_assets.reporting.waterfall import Read

#: Trading days that "the last days" are.
LAST_DAYS = 5
#: Trading days of which a usual day is made.
USUAL_DAYS = 20


@dataclass(frozen=True)
class Question:
    """SQL that runs as it stands, and the name a page knows it by."""

    name: str
    sql: str


@dataclass(frozen=True)
class Answer:
    """A question and the rows that came."""

    question: Question
    rows: pl.DataFrame

    def of_parent(self, parent_id: str, rows: pl.DataFrame | None) -> Answer:
        """The answer about one parent, of one about every parent: its `rows` of that (None where it
        has none), with the question that gives just them.
        """
        return Answer(
            of_parent(self.question, parent_id), self.rows.clear() if rows is None else rows
        )


#: Stands in a question where one parent can be asked for alone.
ANY_PARENT = "parent_id IS NOT NULL"


def of_parent(question: Question, parent_id: str) -> Question:
    """The question about one parent alone."""
    return Question(
        question.name, question.sql.replace(ANY_PARENT, f"parent_id = {text(parent_id)}")
    )


@dataclass(frozen=True)
class Evening:
    """A trading day at its cutoff, and whose book is shown.

    `policy` is that of portfolio.toml; `tables` are those the warehouse has.
    """

    day: date
    policy: str
    tables: frozenset[str]

    @property
    def at(self) -> str:
        """The day in SQL."""
        return sql_date(self.day)

    @property
    def known(self) -> str:
        """Its cutoff in SQL."""
        return _sql_moment(self.day)

    @property
    def known_before(self) -> str:
        """The cutoff of the trading day before in SQL."""
        return _sql_moment(offset(self.day, -1))

    @property
    def book(self) -> str:
        """The policy in SQL."""
        return text(self.policy)

    def before(self, days: int) -> str:
        """The trading day so many days earlier, in SQL."""
        return sql_date(offset(self.day, -days))


def sql_date(day: date) -> str:
    """A date in SQL."""
    return f"DATE '{day}'"


def _sql_moment(day: date) -> str:
    return f"TIMESTAMP '{cutoff(day):%Y-%m-%d %H:%M:%S}'"


def text(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"


def question(name: str, sql: str) -> Question:
    """A question, its SQL without the indentation it has in our code."""
    return Question(name, textwrap.dedent(sql).strip())


def ask(read: Read, questions: Iterable[Question]) -> dict[str, Answer]:
    """The answers, by name."""
    return {one.name: Answer(one, read(one.sql)) for one in questions}


def ask_elsewhere(read: Read, one: Question) -> dict[str, Answer]:
    """The answer to a question about something beside the warehouse, by name; none where that
    cannot be read.
    """
    try:
        return ask(read, [one])
    except WarehouseError:
        return {}


def tables_of(read: Read) -> frozenset[str]:
    """Names of the tables and views there are."""
    found = read(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'main' ORDER BY 1"
    )
    return frozenset(found["table_name"].to_list())


def links(evening: Evening) -> str:
    """A common table expression `links`: parent and bond of each bond outstanding on the evening,
    as known then.
    """
    return f"""links AS (
  SELECT DISTINCT m.parent_id, m.cusip FROM security_master m JOIN bonds b ON b.cusip = m.cusip
  WHERE m.valid_from_date <= {evening.at} AND coalesce(m.valid_to_date, DATE '9999-12-31')
    >= {evening.at} AND m.known_at <= {evening.known} AND coalesce(m.known_until,
    TIMESTAMP '9999-12-31') > {evening.known} AND b.offering_date <= {evening.at}
    AND b.maturity_date > {evening.at}
)"""


def one_row(answers: Mapping[str, Answer], name: str) -> dict[str, object]:
    """The only row of an answer that has one; empty where there is none."""
    answer = answers.get(name)
    return answer.rows.row(0, named=True) if answer is not None and answer.rows.height else {}
