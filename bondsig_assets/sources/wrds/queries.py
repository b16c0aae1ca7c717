"""What is asked of WRDS: the three TRACE tables, their columns, and the SQL with the types it
settles.

Belongs here: tables, columns, casts and the text of queries. Not here: the connection
(`connection.py`), values once they have arrived (`values.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from bondsig_assets.errors import SourceError
from bondsig_assets.sources.wrds.connection import Connection

Kind = Literal["text", "number", "date", "time"]


@dataclass(frozen=True)
class WrdsTable:
    """One TRACE table: where it is, which columns are read as what, and which of them it cannot do
    without.

    `days` are the columns that can say the report date, best first; the chosen one is read under
    the first name. `either` are groups of columns of which one must be there.
    """

    name: str
    layout: str
    schema: str
    table: str
    view: str
    days: tuple[str, ...]
    columns: dict[str, Kind]
    required: tuple[str, ...]
    either: tuple[tuple[str, ...], ...] = ()

    @property
    def qualified_name(self) -> str:
        """`schema.table`."""
        return f"{self.schema}.{self.table}"

    @property
    def times(self) -> list[str]:
        """Columns that hold a time of day."""
        return [name for name, kind in self.columns.items() if kind == "time"]


def _columns(text: str, numbers: str, dates: str, times: str) -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    for names, kind in ((dates, "date"), (times, "time"), (text, "text"), (numbers, "number")):
        found |= dict.fromkeys(names.split(), kind)  # type: ignore[arg-type]
    return found


_ENHANCED = _columns(
    text=(
        "cusip_id bond_sym_id msg_seq_nb orig_msg_seq_nb trc_st asof_cd yld_sign_cd rpt_side_cd"
        " cntra_mp_id wis_fl cmsn_trd days_to_sttl_ct sale_cndtn_cd sale_cndtn2_cd trd_mod_3"
        " trd_mod_4 spcl_trd_fl trdg_mkt_cd dissem_fl lckd_in_ind agu_qsr_id ats_indicator"
        " rptg_party_type buy_cpcty_cd sell_cpcty_cd scrty_type_cd sub_prdct first_trade_ctrl_num"
    ),
    numbers="entrd_vol_qt rptd_pr yld_pt",
    dates="trd_rpt_dt trd_exctn_dt stlmnt_dt pr_trd_dt first_trade_ctrl_date",
    times="trd_rpt_tm trd_exctn_tm",
)
_DISSEMINATED = _columns(
    text=(
        "cusip_id bond_sym_id msg_seq_nb orig_msg_seq_nb trc_st asof_cd side diss_rptg_side_cd"
        " rptg_party_type contra_party_type wis_fl cmsn_trd ascii_rptd_vol_tx days_to_sttl_ct"
        " sale_cndtn_cd sale_cndtn2_cd spcl_trd_fl scrty_ds chng_cd ats_indicator"
    ),
    numbers="rptd_pr yld_pt",
    dates="trans_dt trd_exctn_dt orig_dis_dt",
    times="trd_exctn_tm",
)
_BARE = (
    "cusip_id",
    "trd_exctn_dt",
    "trd_exctn_tm",
    "msg_seq_nb",
    "orig_msg_seq_nb",
    "trc_st",
    "rptd_pr",
)


def _disseminated(name: str, table: str) -> WrdsTable:
    return WrdsTable(
        name,
        f"wrds-{name}",
        "trace",
        table,
        "live",
        ("trans_dt", "trd_exctn_dt"),
        _DISSEMINATED,
        (*_BARE, "ascii_rptd_vol_tx"),
        (("diss_rptg_side_cd", "side"),),
    )


WRDS_TABLES = {
    "enhanced": WrdsTable(
        "enhanced",
        "wrds-enhanced",
        "trace",
        "trace_enhanced",
        "regulatory",
        ("trd_rpt_dt",),
        _ENHANCED,
        (
            *_BARE,
            "trd_rpt_dt",
            "trd_rpt_tm",
            "entrd_vol_qt",
            "asof_cd",
            "rpt_side_cd",
            "cntra_mp_id",
        ),
    ),
    "standard": _disseminated("standard", "trace"),
    "144a": _disseminated("144a", "trace_btds144a"),
}

_DATES = ("date", "timestamp without time zone", "timestamp with time zone")
_INTEGERS = ("smallint", "integer", "bigint")
_NUMBERS = (*_INTEGERS, "numeric", "real", "double precision")


@dataclass(frozen=True)
class Found:
    """A table as the server has it: `types` of its columns, and the column that says the report
    date.
    """

    table: WrdsTable
    types: dict[str, str]
    day: str

    def days_query(self) -> str:
        """First and last report date."""
        return (
            f'SELECT min("{self.day}")::date AS first_day, max("{self.day}")::date AS last_day FROM'
            f" {self.table.qualified_name}"
        )

    def reports_query(self, start: date, end: date, cusips: tuple[str, ...] = ()) -> str:
        """Every column of `table.columns` under its name, for the report dates `start`…`end`."""
        columns = ", ".join(
            f'{self._expression(name, kind)} AS "{name}"'
            for name, kind in self.table.columns.items()
        )
        within = [
            f"\"{day}\" >= DATE '{start}' AND \"{day}\" < DATE '{end}' + 1" for day in self._days
        ]
        # Not coalesce(): no index helps with that.
        asked = (
            within[0]
            if len(within) == 1
            else f'({within[0]} OR "{self._days[0]}" IS NULL AND {within[1]})'
        )
        chosen = (
            f" AND cusip_id IN ({', '.join(repr(cusip) for cusip in cusips)})" if cusips else ""
        )
        return f"SELECT {columns} FROM {self.table.qualified_name} WHERE {asked}{chosen}"

    def is_clock(self, name: str) -> bool:
        """Whether a time column arrives as a time of day and not as text."""
        found = self.types.get(name, "")
        return found.startswith(("time without", "time with", "timestamp"))

    @property
    def _days(self) -> list[str]:
        """The column with the report date, and the one that stands for it where it is null."""
        return [name for name in self.table.days if name in self.types]

    def _expression(self, name: str, kind: Kind) -> str:
        """The column in the one type that a cached column of its kind has, as far as the server can
        tell.
        """
        if name == self.table.days[0]:
            days = ", ".join(f'"{day}"::date' for day in self._days)
            return f"COALESCE({days})"
        column, found = f'"{name}"', self.types.get(name)
        if found is None:
            return f"NULL::{_WIRE[kind]}"
        if kind == "number" and found in _NUMBERS:
            return f"{column}::double precision"
        if kind == "date" and found in _DATES:
            return f"{column}::date"
        if kind == "time" and self.is_clock(name):
            return f"{column}::time"
        if kind == "time" and found in _NUMBERS:
            return f"{column}::bigint::text"
        return f"{column}::text"


#: What arrives for a column of the kind where the server's own type is of no help.
_WIRE: dict[Kind, str] = {
    "text": "text",
    "number": "double precision",
    "date": "date",
    "time": "text",
}


def find_table(connection: Connection, table: WrdsTable) -> Found:
    """The columns of `table` on this server. Raises SourceError naming the table, or the columns,
    that are missing.
    """
    rows = connection.rows(
        "SELECT column_name::text AS name, data_type::text AS type FROM information_schema.columns"
        f" WHERE table_schema = '{table.schema}' AND table_name = '{table.table}'",
        "information_schema.columns",
    )
    if not rows:
        # The list shows only what the user may read: asking tells a missing table from a forbidden
        # one.
        connection.rows(
            f"SELECT 1 AS one FROM {table.qualified_name} LIMIT 0", table.qualified_name
        )
    types = {row["name"]: row["type"] for row in rows}
    day = next((name for name in table.days if name in types), table.days[-1])
    missing = [name for name in dict.fromkeys((*table.required, day)) if name not in types]
    missing += [
        " or ".join(names) for names in table.either if not any(name in types for name in names)
    ]
    if missing:
        raise SourceError(
            f"{table.qualified_name}: lacks the columns {', '.join(missing)}; its layout has"
            " changed, see docs/wrds.md for what is read"
        )
    if types[day] not in _DATES:
        raise SourceError(
            f"{table.qualified_name}: column {day} is {types[day]}, not a date; its layout has"
            " changed, see docs/wrds.md"
        )
    return Found(table, types, day)
