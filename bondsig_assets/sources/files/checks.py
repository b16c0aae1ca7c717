"""What makes a row of a declared table wrong, and every reason a row may be set aside for.

Belongs here: the checks of each table on values already read, one ticker for two parents, and
the vocabulary of reasons. Not here: reading values (`values.py`), the order in which
faults are told (`rows.py`).
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from bondsig_assets.calendar import FIRST_DAY, all_trading_days
from bondsig_assets.securities.cusips import is_valid_cusip
from bondsig_assets.securities.ratings import is_withdrawn
from bondsig_assets.sources.files.layouts import CLAIM_REASONS, LAYOUTS
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.schema import Table

#: Column of TRACE report dates or of the rows of other daily tables: decides the partition.
DAY = {
    "trace_reports": "report_date",
    "bond_day_quotes": "trade_date",
    "equity_prices": "trade_date",
    "cds_quotes": "trade_date",
    "borrow_rates": "trade_date",
}
#: Tables whose rows may be announced before they take effect.
ANNOUNCED = frozenset(
    {"issuers", "equities", "bonds", "call_schedules", "amounts_outstanding", "equity_links"}
)
#: Declared type → what a field that cannot be read is called.
UNREAD = {
    "DATE": "impossible date",
    "TIMESTAMP": "impossible date",
    "DOUBLE": "unparsable number",
    "BIGINT": "unparsable number",
}
RAGGED_ROW, EARLY, FUTURE, FORESEEN = (
    "wrong number of fields",
    f"before {FIRST_DAY}",
    "in the future",
    "known before it happened",
)
DUPLICATE_ROW, DUPLICATE_KEY, SHARED_TICKER = (
    "duplicate row",
    "duplicate key",
    "ticker of another parent",
)
#: Larger ones are typing errors.
MAX_SPREAD_BPS, MAX_PRICE_USD, MAX_COUPON_PCT, MAX_BORROW_PCT = 50_000, 1e7, 50, 1000

_c = pl.col


def _is_trading_day(name: str) -> pl.Expr:
    return _c(name).is_in(pl.Series(all_trading_days()).cast(pl.Date).implode())


_VALID_CUSIP = _c("cusip").map_batches(is_valid_cusip, return_dtype=pl.Boolean)
_STATUS = _c("status").is_in(["T", "R", "X", "C", "Y", "W"])
_PERIOD = ("ends before it begins", _c("valid_to_date") < _c("valid_from_date"))
#: Table → (reason, what is wrong), the first that holds is the row's reason. Null holds nothing.
CHECKS: dict[str, list[tuple[str, pl.Expr]]] = {
    "trace_reports": [
        ("bad check digit", ~_VALID_CUSIP),
        ("unknown status", ~_STATUS),
        ("unknown view", ~_c("view").is_in(["live", "regulatory"])),
        ("unknown side", ~_c("side").is_in(["B", "S"])),
        ("unknown contra", ~_c("contra").is_in(["C", "D", "A"])),
        ("negative price", _c("price") < 0),
        ("negative par", _c("par_usd") < 0),
    ],
    "bond_day_quotes": [
        ("bad check digit", ~_VALID_CUSIP),
        ("not a trading day", ~_is_trading_day("trade_date")),
        ("negative price", _c("price") < 0),
        ("zero price", _c("price") == 0),
        ("spread above 50000 bps", _c("spread_bps").abs() > MAX_SPREAD_BPS),
        ("negative par", _c("par_usd") < 0),
        ("negative number of trades", _c("n_trades") < 0),
    ],
    "equity_prices": [
        ("not a trading day", ~_is_trading_day("trade_date")),
        ("negative price", _c("close_usd") < 0),
        ("zero price", _c("close_usd") == 0),
        ("price above 1e7", _c("close_usd") > MAX_PRICE_USD),
        ("negative price", _c("adjusted_close_usd") <= 0),
        ("negative volume", _c("volume_shares") < 0),
        ("negative price", pl.any_horizontal(_c("open_usd", "high_usd", "low_usd") <= 0)),
        ("low above high", _c("low_usd") > _c("high_usd")),
        ("negative dividend", _c("dividend_usd") < 0),
        ("split ratio not positive", _c("split_ratio") <= 0),
    ],
    "cds_quotes": [
        ("not a trading day", ~_is_trading_day("trade_date")),
        ("negative spread", _c("par_spread_bps") < 0),
        ("zero spread", _c("par_spread_bps") == 0),
        ("spread above 50000 bps", _c("par_spread_bps") > MAX_SPREAD_BPS),
        ("tenor not positive", _c("tenor_years") <= 0),
    ],
    "borrow_rates": [
        ("not a trading day", ~_is_trading_day("trade_date")),
        ("negative rate", _c("annual_rate_pct") < 0),
        ("rate above 1000 %", _c("annual_rate_pct") > MAX_BORROW_PCT),
    ],
    # Series may come from markets with other holidays.
    "macro_series": [("not a weekday", _c("trade_date").dt.weekday() > 5)],
    # The bond market opens on some holidays of the exchange, so its weekdays are all right.
    "treasury_yields": [
        ("not a weekday", _c("trade_date").dt.weekday() > 5),
        ("tenor not positive", _c("tenor_years") <= 0),
    ],
    "issuers": [
        ("malformed issuer CUSIP", ~_c("issuer_cusip").str.contains(r"^[0-9A-Z*@#]{6}$")),
        _PERIOD,
    ],
    "equities": [_PERIOD],
    "bonds": [
        ("bad check digit", ~_VALID_CUSIP),
        ("matures before it is issued", _c("maturity_date") <= _c("offering_date")),
        ("unknown coupon type", ~_c("coupon_type").is_in(["F", "V", "Z"])),
        # The coupon of a floater is its margin, which may be negative.
        ("negative coupon", (_c("coupon_pct") < 0) & (_c("coupon_type") != "V")),
        ("coupon above 50", _c("coupon_pct").abs() > MAX_COUPON_PCT),
        ("unknown coupons per year", ~_c("coupons_per_year").is_in([0, 1, 2, 4, 12])),
        (
            "coupon without payments",
            (_c("coupons_per_year") == 0) & (_c("coupon_pct") > 0) & (_c("coupon_type") == "F"),
        ),
        ("unknown day count", ~_c("day_count").is_in(["30/360", "ACT/ACT", "ACT/360", "ACT/365"])),
        ("negative amount", _c("offering_amount_usd") < 0),
        ("zero amount", _c("offering_amount_usd") == 0),
    ],
    "ratings": [
        ("rating number outside 1 to 22", ~_c("rating_number").is_between(1, 22)),
        ("unknown rating", _c("rating_number").is_null() & ~is_withdrawn(_c("rating"))),
    ],
    "fundamentals": [],
    "delistings": [
        # Not a trading day: those of before the calendar begins do no harm.
        ("not a weekday", _c("last_trade_date").dt.weekday() > 5),
        ("return below -100 %", _c("delisting_return_pct") < -100),
        (
            "unknown reason",
            ~_c("reason").is_in(["merger", "exchange", "liquidation", "dropped", "other"]),
        ),
    ],
    "call_schedules": [
        ("bad check digit", ~_VALID_CUSIP),
        ("call price outside 50 to 200", ~_c("call_price").is_between(50, 200)),
    ],
    "amounts_outstanding": [
        ("bad check digit", ~_VALID_CUSIP),
        ("negative amount", _c("amount_usd") < 0),
    ],
    "equity_links": [
        (
            "unknown kind of entity",
            ~_c("entity_kind").is_in(["cusip", "issuer_cusip", "issuer_id"]),
        ),
        (
            "leads nowhere",
            pl.all_horizontal(
                _c(name).is_null() for name in ("parent_id", "permno", "permco", "ticker")
            ),
        ),
        ("confidence outside 0 to 1", ~_c("confidence").is_between(0, 1)),
        _PERIOD,
    ],
}


def known_reasons(table: str) -> list[str]:
    """Every reason a row of `table` may be quarantined for, each once; of `equity_links` in any
    layout.
    """
    columns = list(TABLES[table].columns)
    if table == "equity_links":
        columns += [column for layout in LAYOUTS.values() for column in layout.table.columns]
    reasons = [DUPLICATE_ROW, DUPLICATE_KEY, RAGGED_ROW, *(reason for reason, _ in CHECKS[table])]
    reasons += [EARLY] if table in DAY else []
    reasons += [] if table in ANNOUNCED else [FUTURE, FORESEEN]
    reasons += [SHARED_TICKER] if table == "equities" else []
    reasons += CLAIM_REASONS if table == "equity_links" else ()
    reasons += [f"no {column.name}" for column in columns if not column.nullable]
    reasons += [f"{UNREAD.get(column.type, 'unknown value')}: {column.name}" for column in columns]
    return list(dict.fromkeys(reasons))


def early_faults(table: Table) -> list[tuple[str, pl.Expr]]:
    """Rows from before the calendar begins, which nothing else is asked of."""
    return [(EARLY, _c(DAY[table.name]) < FIRST_DAY)] if table.name in DAY else []


def time_faults(table: Table) -> list[tuple[str, pl.Expr]]:
    """Dates beyond the calendar or after today."""
    latest = pl.lit(all_trading_days()[-2].item())
    # Prices at which a bond may be called are told when it is sold, for days decades ahead.
    event = "" if table.name == "call_schedules" else table.event_time
    dated = list(dict.fromkeys(name for name in (DAY.get(table.name), event) if name))
    faults = [(f"impossible date: {name}", _c(name) > latest) for name in dated]
    faults += [("impossible date: known_at", _c("known_at").dt.date() > latest)]
    return (
        faults
        if table.name in ANNOUNCED
        else faults + [(FUTURE, _c(name).cast(pl.Date) > _today()) for name in dated]
    )


def knowledge_faults(table: Table) -> list[tuple[str, pl.Expr]]:
    """Rows known before what they tell happened."""
    if table.name in ANNOUNCED:
        return []
    event, known = _c(table.event_time), _c("known_at")
    if table.name == "trace_reports":
        event, known = _c("executed_at"), known.fill_null(_c("reported_at"))
    # Midnight is a date alone: known some time that day.
    is_date = known.dt.time() == pl.time(0, 0)
    return [
        (
            FORESEEN,
            (known.dt.date() < event.cast(pl.Date))
            | (~is_date & (known < event.cast(pl.Datetime("us")))),
        )
    ]


def quarantine_day(table: Table) -> pl.Expr:
    """The day a bad row is filed under; null where no delivery would ever hold that day."""
    if table.name not in DAY:
        return pl.lit(None, dtype=pl.Date)
    day = _c(DAY[table.name])
    return pl.when(day.is_between(FIRST_DAY, _today())).then(day)


def shared_tickers(rows: pl.DataFrame, order: list[str]) -> pl.DataFrame:
    """Rows of `equities` whose ticker belongs to another parent of an earlier row on some day."""
    several = rows.filter(_c("parent_id").n_unique().over("ticker") > 1).sort(order)
    taken: dict[str, list[tuple[str, date, date]]] = {}
    is_late = []
    for ticker, parent, first, last in several.select(
        "ticker", "parent_id", "valid_from_date", "valid_to_date"
    ).iter_rows():
        last = last or date.max
        late = any(
            owner != parent and first <= end and start <= last
            for owner, start, end in taken.get(ticker, ())
        )
        is_late.append(late)
        if not late:
            taken.setdefault(ticker, []).append((parent, first, last))
    return several.filter(pl.Series(is_late, dtype=pl.Boolean))


def _today() -> date:
    return datetime.now(ZoneInfo("America/New_York")).date()
