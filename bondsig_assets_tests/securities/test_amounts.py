"""Par outstanding and call schedules as known, and why rows are refused."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.securities.amounts import amount_steps, amounts_on, call_schedules, calls_on
from bondsig_assets_tests.rows_of import rows_of
from bondsig_assets_tests.securities.stories import at, on, seen

BONDS = rows_of(
    "bonds",
    {
        "cusip": "A",
        "offering_date": on(0),
        "maturity_date": on(90),
        "offering_amount_usd": 100.0,
        "known_at": at(0),
    },
)
_HISTORY = {
    "cusip": pl.String,
    "effective_date": pl.Date,
    "amount_usd": pl.Float64,
    "known_at": pl.Datetime("us"),
}
_CALLS = {
    "cusip": pl.String,
    "call_date": pl.Date,
    "call_price": pl.Float64,
    "known_at": pl.Datetime("us"),
}


def history(*rows: tuple) -> pl.DataFrame:
    """Amounts: effective day, amount, known day."""
    return pl.DataFrame(
        [("A", on(day), amount, at(known)) for day, amount, known in rows],
        schema=_HISTORY,
        orient="row",
    )


def amount(steps: pl.DataFrame, day: int, as_of: int | None = None) -> float | None:
    found = amounts_on(steps, on(day), at(day if as_of is None else as_of, 20))
    assert found.height <= 1
    return found["amount_usd"].item() if found.height else None


def test_the_offering_amount_stands_from_issue_to_maturity():
    steps = amount_steps(BONDS).rows
    assert [amount(steps, day) for day in (-1, 0, 89, 90)] == [None, 100.0, 100.0, None]
    assert amount(steps, 10, as_of=-1) is None


def test_a_tender_counts_from_its_day_once_known():
    checked = amount_steps(BONDS, history((30, 60.0, 35), (60, 0.0, 50)))
    assert checked.faults.is_empty()
    assert [amount(checked.rows, day) for day in (29, 30, 34, 35, 59, 60, 89, 90)] == [
        100.0,
        100.0,
        100.0,
        60.0,
        60.0,
        0.0,
        0.0,
        None,
    ]
    assert [amount(checked.rows, 32, as_of=day) for day in (34, 35)] == [100.0, 60.0]


def test_a_row_of_the_offering_date_corrects_the_terms_and_a_reopening_may_exceed_them():
    assert [amount(amount_steps(BONDS, history((0, 80.0, 0))).rows, day) for day in (0, 50)] == [
        80.0,
        80.0,
    ]
    steps = amount_steps(BONDS, history((0, 80.0, 5), (20, 150.0, 20))).rows
    assert [amount(steps, day) for day in (4, 5, 20)] == [100.0, 80.0, 150.0]


def test_rows_of_amounts_with_faults():
    rows = pl.DataFrame(
        [
            ("B", on(1), 1.0, at(1)),
            ("A", None, 1.0, at(1)),
            ("A", on(1), 1.0, None),
            ("A", on(1), -1.0, at(1)),
            ("A", on(2), None, at(1)),
            ("A", on(90), 0.0, at(1)),
            ("A", on(5), 1.0, at(5)),
            ("A", on(5), 2.0, at(5)),
            ("A", on(6), 3.0, at(6)),
            ("A", on(6), 3.0, at(6)),
        ],
        schema=_HISTORY,
        orient="row",
    )
    checked = amount_steps(BONDS, rows)
    assert checked.faults["reason"].to_list() == [
        "no terms for this bond",
        "no effective date",
        "no knowledge time",
        "amount missing or negative",
        "amount missing or negative",
        "effective at or after maturity",
        *["two amounts for one date and moment"] * 2,
    ]
    assert checked.faults.columns == [*_HISTORY, "reason"]
    assert [amount(checked.rows, day) for day in (5, 6)] == [100.0, 3.0]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 5), st.integers(-2, 10)),
        max_size=5,
        unique_by=lambda row: (row[0], row[2]),
    )
)
def test_amounts_are_those_that_plain_python_gives(drawn):
    steps = amount_steps(
        BONDS, history(*((day, float(par), known) for day, par, known in drawn))
    ).rows.to_dicts()
    rows = [(0, 0, 100.0), *((day, known, float(par)) for day, par, known in drawn)]
    for day in range(-1, 12):
        for as_of in range(-3, 12):
            effective = [row for row in rows if row[0] <= day and row[1] <= as_of]
            # The terms count as the least of what was known at one moment.
            wanted = (
                max(effective, key=lambda row: (row[0], row[1], row[2] != 100.0))[2]
                if effective
                else None
            )
            assert [row["amount_usd"] for row in seen(steps, day, at(as_of, 20))] == (
                [] if wanted is None else [wanted]
            )


def test_call_schedules_as_known():
    rows = pl.DataFrame(
        [("A", on(30), 102.0, at(0)), ("A", on(60), 101.0, at(0)), ("A", on(60), 100.5, at(20))],
        schema=_CALLS,
        orient="row",
    )
    checked = call_schedules(rows, BONDS)
    assert checked.faults.is_empty()
    assert calls_on(checked.rows, on(10)).rows() == [("A", on(30), 102.0), ("A", on(60), 101.0)]
    assert calls_on(checked.rows, on(31)).rows() == [("A", on(60), 100.5)]
    assert calls_on(checked.rows, on(31), at(19)).rows() == [("A", on(60), 101.0)]
    assert calls_on(checked.rows, on(-5)).is_empty()


def test_rows_of_call_schedules_with_faults():
    rows = pl.DataFrame(
        [
            ("B", on(30), 102.0, at(0)),
            ("A", None, 102.0, at(0)),
            ("A", on(30), 102.0, None),
            ("A", on(30), None, at(0)),
            ("A", on(31), 1.02, at(0)),
            ("A", on(-1), 102.0, at(0)),
            ("A", on(91), 100.0, at(0)),
            ("A", on(40), 101.0, at(0)),
            ("A", on(40), 102.0, at(0)),
            ("A", on(90), 100.0, at(0)),
        ],
        schema=_CALLS,
        orient="row",
    )
    checked = call_schedules(rows, BONDS)
    assert checked.faults["reason"].to_list() == [
        "no terms for this bond",
        "no call date",
        "no knowledge time",
        "price missing",
        "price outside 50 to 200",
        "callable before it was offered",
        "callable after maturity",
        *["two prices for one date and moment"] * 2,
    ]
    assert checked.rows.select("call_date", "call_price").rows() == [(on(90), 100.0)]
