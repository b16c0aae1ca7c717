"""Files that are known by name: which columns each layout has, and which options its block may
give.

Belongs here: declarations alone. Not here: what `source.toml` may say beyond them
(`config.py`), and making claims of the rows of links (`links.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bondsig_assets.tables.schema import Column, Table

#: Identifiers of a stock that a map may give beside its parent.
STOCK_NAMES = ("permno", "permco", "ticker")
#: The readers of `securities/claims.py` judge a claim by these, beside what a row itself lacks.
CLAIM_REASONS = (
    "unknown kind of entity",
    "no entity",
    "leads nowhere",
    "no first day",
    "no knowledge time",
    "ends before it begins",
    "confidence outside 0 to 1",
    *(f"unknown {name}" for name in STOCK_NAMES),
)
#: Every option that some layout takes.
OPTIONS = ("delivered_at", "updated_on", "grace_days", "days", "confidence", "kind")


@dataclass(frozen=True)
class Layout:
    """The columns of a file of links. Of a column that is not nullable no row may lack the value;
    `needed` ones must be in the file.
    """

    table: Table
    # column that names what is linked; the option `kind` takes its place where there is one
    entity: str
    needed: tuple[str, ...]
    options: tuple[str, ...]


def _table(
    name: str, event_time: str, texts: str, numbers: str, dates: str, required: str = ""
) -> Table:
    """A table that exists in no warehouse: the columns of a file, for the readers of values."""
    kinds = {"VARCHAR": texts, "BIGINT": numbers, "DATE": dates}
    columns = [
        Column(column, kind, "", nullable=column not in required.split())
        for kind, names in kinds.items()
        for column in names.split()
    ]
    columns += {
        "map": [Column("known_at", "TIMESTAMP", ""), Column("confidence", "DOUBLE", "")],
        "etf-holdings": [Column("known_at", "TIMESTAMP", "")],
    }.get(name, [])
    return Table(
        f"equity_links (layout {name})",
        "raw",
        "",
        tuple(columns),
        (),
        event_time=event_time,
        known_time="known_at",
        known_rule="next_morning",
    )


_WRDS_DATES = "trace_startdt trace_enddt crsp_startdt crsp_enddt link_startdt link_enddt"
LAYOUTS: dict[str, Layout] = {
    "wrds-bond-crsp": Layout(
        _table("wrds-bond-crsp", "link_startdt", "cusip", "permno permco", _WRDS_DATES),
        "cusip",
        ("cusip", "permno", "permco", *_WRDS_DATES.split()),
        ("delivered_at", "updated_on", "grace_days", "confidence"),
    ),
    "map": Layout(
        _table(
            "map",
            "valid_from_date",
            "cusip issuer_cusip issuer_id ticker parent_id figi",
            "permno permco",
            "valid_from_date valid_to_date",
        ),
        "cusip",
        ("cusip",),
        ("kind", "delivered_at", "confidence"),
    ),
    "equity-cusip6": Layout(
        _table(
            "equity-cusip6",
            "namedt",
            "ticker ncusip figi",
            "permno permco",
            "namedt nameendt",
            required="permno namedt",
        ),
        "ncusip",
        ("permno", "permco", "ticker", "ncusip", "namedt", "nameendt"),
        ("delivered_at", "updated_on", "grace_days", "confidence"),
    ),
    "etf-holdings": Layout(
        _table(
            "etf-holdings",
            "as_of_date",
            "etf_ticker cusip ticker",
            "",
            "as_of_date",
            required="etf_ticker as_of_date",
        ),
        "cusip",
        ("etf_ticker", "as_of_date", "cusip"),
        ("days", "confidence"),
    ),
}


@dataclass(frozen=True)
class Preset:
    """What a block of `table` says where it says nothing else: the keys `keep` and `columns` of
    `source.toml`.
    """

    table: str
    keep: dict[str, list[str]]
    columns: dict[str, Any]


#: First digit of CRSP's delisting code (dlstcd): 1 still trades, 7 is dropped by the SEC, 8 trades
#: on elsewhere.
_CRSP_REASONS = {
    2: "merger",
    3: "exchange",
    4: "liquidation",
    5: "dropped",
    6: "other",
    7: "dropped",
    9: "other",
}
_CRSP_CODES = {
    f"{first}{rest:02}": reason for first, reason in _CRSP_REASONS.items() for rest in range(100)
}
# Moved to another exchange: no failure.
_CRSP_CODES |= {f"5{rest:02}": "other" for rest in range(1, 20)}
#: No return: letters of newer files, numbers of older ones.
_CRSP_NO_RETURN = [
    "A",
    "P",
    "S",
    "T",
    "-55",
    "-66",
    "-88",
    "-99",
    "-55.0",
    "-66.0",
    "-88.0",
    "-99.0",
]
PRESETS: dict[str, Preset] = {
    "crsp-delistings": Preset(
        "delistings",
        {"dlstcd": list(_CRSP_CODES)},
        {
            "ticker": "ticker",
            "last_trade_date": "dlstdt",
            "reason": {"column": "dlstcd", "map": _CRSP_CODES},
            "delisting_return_pct": {
                "column": "dlret",
                "unit": "fraction",
                "null": _CRSP_NO_RETURN,
            },
        },
    ),
    # CIZ: `crsp.stkdelists`. Its `delistingdt` is the last day of trading; the return is in the
    # prices of `deldlydt`, the day after.
    "crsp-ciz-delistings": Preset(
        "delistings",
        {},
        {
            "ticker": "ticker",
            "last_trade_date": "delistingdt",
            "delisting_return_pct": {"column": "delret", "unit": "fraction"},
        },
    ),
}
