"""In which range the numbers of each raw table usually lie, and which unit they are in if they do
not.

Belongs here: a usual range and a typical value for every number that a source delivers, the units a
file may be in, and the verdict over a column. Not here: whether a single value is possible
(`sources/files/checks.py`), reading values (`sources/files/values.py`), who is told (the source and
`bondsig doctor`).

A range says where most of a column lies, not each of its values: a yield of 0.05 % is a bill of
2011, a whole curve below 0.15 % is a file of fractions. So a column is judged by the share of its
values that lie outside, zeros and missing ones left out. The bounds are ours: wide enough for every
market since TRACE began in July 2002, narrow enough that a factor of 100 or 1,000 leaves them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

#: Declared unit → units a file may be in → factor.
UNITS: dict[str, dict[str, float]] = {
    "pct": {"pct": 1.0, "bps": 0.01, "fraction": 100.0},
    "bps": {"bps": 1.0, "pct": 100.0, "fraction": 10_000.0},
    "% of par": {"% of par": 1.0, "fraction": 100.0},
    "usd": {"usd": 1.0, "thousands": 1e3, "millions": 1e6},
    "shares": {"shares": 1.0, "thousands": 1e3, "millions": 1e6},
    "years": {"years": 1.0, "months": 1 / 12, "days": 1 / 365.25},
}
#: Unit of a file → what its numbers look like, in words.
WORDS: dict[str, str] = {
    "pct": "percent",
    "bps": "basis points",
    "fraction": "a fraction",
    "% of par": "percent of par",
    "usd": "dollars",
    "shares": "shares",
    "thousands": "thousands",
    "millions": "millions",
    "years": "years",
    "months": "months",
    "days": "days",
}
#: Share of a column's values outside its range from which the column is believed to be in another
#: unit.
MOST = 0.5
#: Fewer values than these that fit no unit may be what they are: odd.
_ENOUGH = 10


@dataclass(frozen=True)
class Range:
    """Where the absolute values of a column usually lie, and one in the middle of them.

    `among`: conditions on rows, of which the first that any row meets says which rows are judged;
    none judges all. `lows` are then the lower bounds that go with each.
    """

    low: float
    high: float
    typical: float
    among: tuple[pl.Expr, ...] = ()
    lows: tuple[float, ...] = ()


class Judged(NamedTuple):
    """Values of a column that were judged, how many lie outside, their median and the bounds."""

    n_values: int
    n_outside: int
    median: float
    low: float
    high: float


_c = pl.col
# A short rate may be anything down to zero for years (bills in 2011 and 2021); the five-year yield
# has never been below 0.19 %, the two-year one never below 0.09 % (US Treasury, par yield curve
# rates; both in 2020 and 2021).
_CURVE = Range(
    0.15,
    25.0,
    3.0,
    among=(_c("tenor_years") >= 4.5, _c("tenor_years") >= 1.9, pl.lit(True)),
    lows=(0.15, 0.08, 0.0),
)
# Of contracts of a few months the spread of a good name is next to nothing.
_CDS = Range(2.0, 50_000.0, 100.0, among=(_c("tenor_years") >= 2.5, pl.lit(True)), lows=(2.0, 0.25))
# Nobody has quoted a Treasury or a credit default swap beyond thirty years.
_TENOR = Range(0.05, 31.0, 5.0)
_PRICE = Range(2.0, 400.0, 100.0)
_YIELD = Range(0.15, 100.0, 4.0)
_STOCK = Range(0.005, 1e6, 50.0)
_RETURN = Range(0.05, 20.0, 1.0)
_DEBT, _BALANCE = Range(3e7, 1e13, 3e9), Range(3e7, 1e14, 1e10)
#: Table → column → range, `None` for a number without a scale of its own. Every number of every raw
#: table stands here.
RANGES: dict[str, dict[str, Range | None]] = {
    "trace_reports": {
        "price": _PRICE,
        # Most bonds trade in multiples of $1,000, retail customers by the ten.
        "par_usd": Range(2_001.0, 5e7, 1e5),
        "yield_pct": _YIELD,
    },
    "bond_day_quotes": {
        "price": _PRICE,
        "yield_pct": _YIELD,
        "spread_bps": Range(2.0, 20_000.0, 150.0),
        # The par of a day, not of a trade.
        "par_usd": Range(2_001.0, 1e10, 2e6),
    },
    "equity_prices": {
        "open_usd": _STOCK,
        "high_usd": _STOCK,
        "low_usd": _STOCK,
        "close_usd": _STOCK,
        # Days without a dividend have 0, which is left out.
        "dividend_usd": Range(0.002, 200.0, 0.4),
        "split_ratio": Range(0.001, 1000.0, 1.0),
        "total_return_pct": _RETURN,
        # Only its ratios mean anything.
        "adjusted_close_usd": None,
        # Thinly traded stocks turn over a handful a day; a part of a share cannot be traded.
        "volume_shares": Range(1.0, 1e11, 1e6),
        # Few large companies have less (NVR three million, Berkshire Hathaway's A half a million).
        "shares_outstanding": Range(2e6, 1e12, 2e8),
    },
    "treasury_yields": {"tenor_years": _TENOR, "par_yield_pct": _CURVE},
    # General collateral costs a quarter of a percent; a fee beyond 300 % has been seen, but of one
    # stock in a short squeeze.
    "borrow_rates": {"annual_rate_pct": Range(0.05, 300.0, 0.4)},
    # The first of these series that is there is judged; of others nobody knows the unit.
    "macro_series": {
        "value": Range(
            0.0,
            5_000.0,
            50.0,
            among=tuple(
                _c("series") == name
                for name in ("vix", "oil_usd", "treasury_10y_pct", "credit_index_bps")
            ),
            lows=(5.0, 5.0, 0.15, 5.0),
        )
    },
    "cds_quotes": {"tenor_years": _TENOR, "par_spread_bps": _CDS},
    "issuers": {},
    "equities": {},
    "bonds": {
        # The coupon of a floater is a margin, of a zero nothing.
        "coupon_pct": Range(0.12, 40.0, 5.0, among=(_c("coupon_type") == "F",), lows=(0.12,)),
        "float_margin_pct": Range(0.12, 20.0, 2.0),
        "offering_amount_usd": Range(2e6, 3e10, 5e8),
        "first_call_price": Range(50.0, 200.0, 100.0),
    },
    "call_schedules": {"call_price": Range(50.0, 200.0, 100.0)},
    "amounts_outstanding": {"amount_usd": Range(1e6 + 1, 3e10, 5e8)},
    "equity_links": {"confidence": None},
    "ratings": {},
    "fundamentals": {
        "short_term_debt_usd": Range(5e5, 1e13, 3e8),
        "long_term_debt_usd": _DEBT,
        "total_debt_usd": _DEBT,
        "total_assets_usd": _BALANCE,
    },
    # What holders of a merged stock got is often within a tenth of a percent of its last price.
    "delistings": {
        "delisting_return_pct": Range(
            1.0, 1_000.0, 40.0, among=(_c("reason").is_in(["dropped", "liquidation"]),), lows=(1.0,)
        )
    },
}


def judge(frame: pl.DataFrame, column: str, usual: Range) -> Judged | None:
    """How much of `column` lies outside its range; None where no value is to be judged."""
    rows, low = frame, usual.low
    if usual.among:
        met = [place for place, rule in enumerate(usual.among) if frame.filter(rule).height]
        if not met:
            return None
        rows, low = frame.filter(usual.among[met[0]]), usual.lows[met[0]]
    size = rows[column].cast(pl.Float64).fill_nan(None).drop_nulls().abs()
    size = size.filter(size > 0)
    median = size.median()
    if not isinstance(median, float):
        return None
    outside = max(int((size < low).sum()), int((size > usual.high).sum()))
    return Judged(size.len(), outside, median, low, usual.high)


def unit_of(judged: Judged, usual: Range, unit: str, said: str = "") -> str:
    """The unit that would bring the median into the range, nearest to its typical value; empty for
    none. `unit`: the declared one; `said`: the one the file was taken to be in.
    """
    factors = UNITS.get(unit, {})
    raw = judged.median / factors.get(said or unit, 1.0)
    fits = {
        name: abs(math.log(raw * factor / usual.typical))
        for name, factor in factors.items()
        if judged.low <= raw * factor <= judged.high
    }
    return min(fits, key=lambda name: fits[name]) if fits else ""


def complaint(judged: Judged | None, usual: Range, unit: str, said: str = "") -> str:
    """What is wrong with the scale of a column and what to say instead, empty where nothing is."""
    if judged is None or judged.n_outside <= MOST * judged.n_values:
        return ""
    found = unit_of(judged, usual, unit, said)
    where = (
        f"{judged.n_outside} of {judged.n_values} values lie outside {judged.low:g} to"
        f" {judged.high:g} {unit}, their median is {judged.median:.4g}"
    )
    if found and found != (said or unit):
        return f'looks like {WORDS[found]}: say unit = "{found}" ({where})'
    return f"is in no known unit ({where})" if judged.n_values >= _ENOUGH else ""
