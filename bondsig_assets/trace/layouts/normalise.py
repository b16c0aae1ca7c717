"""From a layout's own columns to the columns of REPORT_SCHEMA, with the fault of each row.

Belongs here: which column is read how, what a row's fault is, whether the times arrived. Not here:
the names of the columns (`declared.py`), reading of single values (`values.py`), files.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from bondsig_assets.errors import FormatError, LayoutError
from bondsig_assets.trace.layouts import clock, values
from bondsig_assets.trace.layouts.declared import Layout, fold
from bondsig_assets.trace.layouts.forms import DATES, FIRST_REPORT_DATE, TIMES, Forms, forms_of
from bondsig_assets.trace.layouts.products import SISTERS, is_other_product
from bondsig_assets.trace.layouts.recognise import variant_of
from bondsig_assets.trace.layouts.steps import Steps
from bondsig_assets.trace.layouts.values import Source
from bondsig_assets.trace.reports import REPORT_SCHEMA

#: Optional column of a frame: the fault its line had as text (too many or too few fields).
LINE_FAULT = "line fault"
STATUSES = ("T", "C", "W", "R", "X", "Y")

_TEXT = (
    "asof_code",
    "bond_symbol",
    "commission_code",
    "sale_condition",
    "sale_condition_2",
    "trade_modifier_3",
    "trade_modifier_4",
    "trading_market",
    "give_up_code",
    "reporting_party_type",
    "buyer_capacity",
    "seller_capacity",
    "security_type",
    "reporting_party",
)
#: How each column is read; those that take more than one value of the file stand in `_columns`.
_READERS = {
    **dict.fromkeys(_TEXT, values.as_is),
    **dict.fromkeys(("status", "side", "contra", "message_category"), values.upper),
    **dict.fromkeys(DATES, values.day),
    **dict.fromkeys(
        ("message_number", "original_message_number", "first_control_number"), values.message
    ),
    **dict.fromkeys(("is_when_issued", "is_special_price", "is_locked_in", "is_ats"), values.flag),
    "is_disseminated": values.yes_no,
    "price": values.number,
    "days_to_settle": values.count,
}


class Columns:
    """The columns of a frame as a layout knows them, in the forms that were recognised."""

    def __init__(
        self,
        schema: pl.Schema,
        layout: Layout,
        steps: Steps | None = None,
        forms: Forms | None = None,
    ) -> None:
        self._folded: dict[str, str] = {}
        absent = {name: pl.String() for name in layout.constants if name not in schema}
        schema = pl.Schema({**schema, **absent})
        for name in schema.names():
            if fold(name) in self._folded and fold(name):
                raise LayoutError(f"two columns are called {name.strip()}: leave one of them out")
            self._folded[fold(name)] = name
        self._schema, self._layout = schema, layout
        self._sources: dict[str, Source] = {}
        self.steps, self._forms = steps or Steps(), forms or Forms()

    def of_forms(self) -> dict[str, list[Source]]:
        """The columns of dates, times and CUSIPs, whose form has to be recognised."""
        return {column: self.sources(column) for column in ("cusip", *DATES, *TIMES)}

    @property
    def sister(self) -> str | None:
        """The sister product that the header gives away."""
        return next((what for name, what in SISTERS.items() if name in self._folded), None)

    def sources(self, column: str) -> list[Source]:
        """The columns of the frame that hold canonical `column`, first choice first."""
        names = [
            self._folded[name]
            for name in self._layout.columns.get(column, ())
            if name in self._folded
        ]
        for name in names:
            if self._schema[name].is_nested():
                raise LayoutError(
                    f"column {name} holds lists or records, not values: deliver it flat"
                )
            self._sources.setdefault(
                name,
                Source(
                    name,
                    self._schema[name],
                    self._layout.nulls,
                    self.steps,
                    self._forms.of(name),
                ),
            )
        return [self._sources[name] for name in names]


def normalise(frame: pl.LazyFrame, layout: str, row: str = "row") -> pl.LazyFrame:
    """`frame` with a layout's own column names (any case, any of the types clients deliver) as
    reports with `fault` set.

    Lazy, no row is lost; only columns of dates and times that are not of such a type are read here,
    to recognise how they are written. `row` names the column that numbers them, which is made when
    missing. Raises LayoutError when a required column is missing (WRDS and FINRA layouts alike) or
    held twice, or when its dates or times can be read in two ways.
    """
    variant = variant_of(frame.collect_schema().names(), layout)
    frame = with_constants(frame, variant)
    try:
        forms = forms_of(frame, Columns(frame.collect_schema(), variant).of_forms())
    except FormatError as error:
        raise LayoutError(str(error)) from error
    return as_reports(frame, variant, row, forms)


def as_reports(
    frame: pl.LazyFrame,
    layout: Layout,
    row: str,
    forms: Forms | None = None,
    by_symbol: bool = False,
) -> pl.LazyFrame:
    """`normalise` for a layout already found, and the forms of its columns. `by_symbol`: what has
    no CUSIP stands under its bond symbol.
    """
    frame = with_constants(frame, layout)
    schema = frame.collect_schema()
    numbered = frame if row in schema else frame.with_row_index(row)
    steps = Steps()
    columns = Columns(schema, layout, steps, forms)
    read = _columns(columns, layout)
    if by_symbol and "bond_symbol" in read:
        read["cusip"] = pl.coalesce(read["cusip"], read["bond_symbol"].str.to_uppercase())
    line_fault = pl.col(LINE_FAULT) if LINE_FAULT in schema else pl.lit(None, pl.String)
    held = {"message_category": pl.lit("T")} | read
    selected = steps.run(numbered).select(row=pl.col(row), line_fault=line_fault, **held)
    faults = selected.with_columns(
        fault=_fault(layout, columns.sister is not None),
        side=_one_of("side", "BS"),
        contra=_one_of("contra", "CDA"),
    )
    return faults.select(
        (pl.col(name) if name in read or name in ("row", "fault") else pl.lit(None))
        .cast(dtype)
        .alias(name)
        for name, dtype in REPORT_SCHEMA.items()
    )


def with_constants(frame: pl.LazyFrame, layout: Layout) -> pl.LazyFrame:
    """`frame` with the columns that every row holds alike and no file has."""
    held = frame.collect_schema() if layout.constants else {}
    return frame.with_columns(
        pl.lit(value).alias(name) for name, value in layout.constants.items() if name not in held
    )


def absences(schema: pl.Schema, layout: Layout) -> list[str]:
    """What the user should know that the columns of a file, which reads as `layout`, do not
    hold.
    """
    columns, notes = Columns(schema, layout), []
    if not columns.sources("status"):
        notes.append("no column holds the status; every report is read as a trade that stands")
    if layout.feed == "own" and not columns.sources("message_number"):
        notes.append(
            "no column holds a message number; what is alike counts as often as it is there"
        )
    constant = {
        canonical: layout.constants[name]
        for canonical, names in layout.columns.items()
        for name in layout.constants
        if fold(name) in names
    }
    notes += [f"{canonical} is {value} in every report" for canonical, value in constant.items()]
    if not columns.sources("side"):
        notes.append("no column holds the side; it is null in every report")
    if not layout.has_report_time and not columns.sources("report_date"):
        notes.append("the dissemination date is not in the file; the execution date stands for it")
    return notes


def _columns(columns: Columns, layout: Layout) -> dict[str, pl.Expr]:
    # Without these there is nothing to tell a fault from; a layout or a file may lack them.
    absent = ("side", "contra", "message_number", "security_type")
    read = dict.fromkeys(absent, pl.lit(None, pl.String))
    read["cusip"], read["wrong_cusip"] = pl.lit(None, pl.String), pl.lit(False)
    for source in columns.sources("cusip")[:1]:
        read["cusip"], read["wrong_cusip"] = values.cusip(source)
    for column, reader in _READERS.items():
        found = [reader(source) for source in columns.sources(column)]
        if found:
            read[column] = columns.steps.let(pl.coalesce(found)) if len(found) > 1 else found[0]
    # A dissemination product may hold no report date, or leave it blank: the execution date stands
    # for it.
    if not layout.has_report_time:
        given = [~source.is_given() for source in columns.sources("report_date")]
        stands_in = given[0] if given else pl.lit(True)
        read["report_date"] = (
            pl.when(stands_in).then(read["execution_date"]).otherwise(read["report_date"])
            if given
            else read["execution_date"]
        )
        # A stand-in date cannot be compared with the original dissemination date.
        if "prior_report_date" in read:
            read["prior_report_date"] = pl.when(~stands_in).then(read["prior_report_date"])
    # Columns of one's own choice may hold none: then every report is a trade.
    if "status" not in read:
        read["status"] = pl.lit("T")
    for column, letters in layout.letters.items():
        if column in read:
            capitals = columns.steps.let(read[column].str.to_uppercase())
            exchanged = _mapped(capitals, letters, columns.steps)
            read[column] = columns.steps.let(pl.when(exchanged != "").then(exchanged))
    if layout.statuses:
        read["status"] = _mapped(read["status"], layout.statuses, columns.steps)
    read |= _moments(columns, read) | _parties(columns, read) | _yield(columns)
    (volume,) = columns.sources("par_usd")[:1]
    read["par_usd"], read["is_par_capped"] = values.par(volume)
    for source in columns.sources("quantity_indicator")[:1]:
        # An estimate stands for a par above the cap.
        read["is_par_capped"] |= (values.upper(source) == "E").fill_null(False)
    for column, factor in layout.factors.items():
        if factor != 1.0 and column in read:
            read[column] = read[column] * factor
    return read | {"feed": pl.lit(layout.feed)}


def _moments(columns: Columns, read: dict[str, pl.Expr]) -> dict[str, pl.Expr]:
    """The two moments, and whether a time is given that is none."""
    found = {"bad_time": pl.lit(False)}
    for column, moment, of in (
        ("execution_time", "executed_at", "execution_date"),
        ("report_time", "reported_at", "report_date"),
    ):
        for source in columns.sources(column)[:1]:
            time = clock.time_of_day(source)
            found[moment] = clock.moment(read[of], time)
            found["bad_time"] = found["bad_time"] | (source.is_given() & time.is_null())
    return found


def _parties(columns: Columns, read: dict[str, pl.Expr]) -> dict[str, pl.Expr]:
    """The contra and, in Academic files, the dealer it is: a hash there says dealer, its letters C
    and A do not.

    A trading system (T) is a dealer that reports as any other.
    """
    for source in columns.sources("contra_party")[:1]:
        party = source.text
        letter = source.let(party.str.to_uppercase())
        is_letter = letter.is_in(["C", "A", "D", "T"])
        return {
            "contra": (
                pl.when(letter.is_in(["C", "A"]))
                .then(letter)
                .when(party.is_not_null())
                .then(pl.lit("D"))
            ),
            "contra_party": pl.when(~is_letter).then(party),
        }
    return {"contra": _mapped(read["contra"], {"T": "D"}, columns.steps)}


def _yield(columns: Columns) -> dict[str, pl.Expr]:
    for source in columns.sources("yield_pct")[:1]:
        found = values.number(source)
        for sign in columns.sources("yield_sign")[:1]:
            # A minus in its own column: the file's own nulls must not swallow it.
            minus = (sign.stripped == "-").fill_null(False)
            found = pl.when(minus).then(-found.abs()).otherwise(found)
        return {"yield_pct": found}
    return {}


def _one_of(column: str, letters: str) -> pl.Expr:
    return pl.when(pl.col(column).is_in(list(letters))).then(pl.col(column))


def _fault(layout: Layout, is_of_sister: bool) -> pl.Expr:
    """The first fault that applies. A line with a wrong number of fields says so before anything
    its shifted values say.
    """
    reported, executed = pl.col("report_date"), pl.col("execution_date")
    # A day of slack: the clock here may be behind New York's.
    tomorrow = date.today() + timedelta(days=1)
    wrong_date = (reported < FIRST_REPORT_DATE) | (reported > tomorrow) | (executed > reported)
    faults = [
        ("no_trade_message", (pl.col("message_category") != "T").fill_null(False)),
        ("other_product", is_other_product(is_of_sister)),
        ("no_cusip", pl.col("cusip").is_null()),
        ("wrong_cusip", pl.col("wrong_cusip")),
        ("impossible_date", wrong_date.fill_null(True)),
        ("impossible_time", pl.col("bad_time")),
        ("unknown_status", ~pl.col("status").is_in(STATUSES).fill_null(False)),
        # FINRA's page shows a cancelled trade itself, not a message about it.
        ("shown_as_cancelled", pl.col("status") == "X" if layout.feed == "web" else pl.lit(False)),
        (
            "no_message_number",
            pl.col("message_number").is_null() if layout.has_message_number else pl.lit(False),
        ),
        ("price_not_a_number", pl.col("price").is_null()),
        ("par_not_a_number", pl.col("par_usd").is_null()),
        ("unknown_side", ~pl.col("side").is_in(["B", "S"]).fill_null(True)),
        ("unknown_contra", ~pl.col("contra").is_in(["C", "D", "A"]).fill_null(True)),
    ]
    fault = pl.when(pl.col("line_fault").is_not_null()).then(pl.col("line_fault"))
    for name, applies in faults:
        fault = fault.when(applies).then(pl.lit(name))  # type: ignore[assignment]
    return fault.otherwise(pl.lit(None, pl.String))


def _mapped(text: pl.Expr, letters: dict[str, str], steps: Steps) -> pl.Expr:
    """`text` with some letters exchanged. (`replace` would do, but not piece by piece: it takes the
    whole column into memory.)
    """
    meanings: dict[str, list[str]] = {}
    for letter, meant in letters.items():
        meanings.setdefault(meant, []).append(letter)
    exchanged = [
        pl.when(text.is_in(known)).then(pl.lit(meant)) for meant, known in meanings.items()
    ]
    return steps.let(pl.coalesce(*exchanged, text))
