"""The rows of `issuer_intraday`: spread, volume and imbalance of an issuer at times of day, as
known then.

Belongs here: which reports, links and bonds were known at a moment within a day, and the issuer
features made of them. Not here: how a bond's spread is found (`bonds/`), what a trade is
(`trace/`), and the features of whole days (`issuer_days.py`).

The moment of a row is its trade_date at its time of day. It sees reports executed and delivered on
that day and known by the moment, in their state as of then; links, terms, call prices, amounts and
the Treasury curve known by then; and of earlier days what was known at the cutoff of the trading
day before, or at the same time of those days.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from bondsig_assets.bonds.analytics import analyze
from bondsig_assets.bonds.known_terms import Reference
from bondsig_assets.calendar import (
    CUTOFF,
    all_trading_days,
    day_number,
    offset,
    trading_days,
)
from bondsig_assets.features import windows as w
from bondsig_assets.tables.issuer_features import INTRADAY_LOOKBACK_DAYS, MATCH_DAYS
from bondsig_assets.trace.bond_days import QUOTES, TRADE_COLUMNS, aggregate, reported_settlement

#: Trading days before the present one that a volume is compared with, how many of them must be
#: there, and the least deviation.
BASELINE_DAYS, BASELINE_MINIMUM, LEAST_DEVIATION = INTRADAY_LOOKBACK_DAYS, 40, 0.25
_REPORT = ["delivery_date", "record_number"]
#: Columns of `trade_events` that are read.
EVENT_COLUMNS = (
    *_REPORT,
    "revision",
    "known_date",
    "known_at",
    "cusip",
    "execution_date",
    "executed_at",
    "price",
    "par_usd",
    "is_par_capped",
    "side",
    "contra",
    "settlement_date",
    "reason",
)
#: Columns of `bond_day_revisions` joined with `bond_analytics` that are read.
REVISION_COLUMNS = ("cusip", "trade_date", "known_date", "source", "n_trades", "oas_bps", "weight")
_BOND_DAY = ["cusip", "trade_date"]
_ISSUER_DAY = ["trade_date", "parent_id"]
_FAR = datetime(9999, 1, 1)


class IntradayInputs(NamedTuple):
    """What `issuer_intraday` reads; rows that became known after a moment change nothing at that
    moment.

    `events`: EVENT_COLUMNS from BASELINE_DAYS trading days before the range on; `revisions`:
    REVISION_COLUMNS with a known_date from MATCH_DAYS trading days before it on; `master`:
    security_master; `reference`: bonds and what is known of them.
    """

    events: pl.DataFrame
    revisions: pl.DataFrame
    master: pl.DataFrame
    reference: Reference


def times_of_day(texts: Sequence[str]) -> list[time]:
    """Times of day written as 'HH:MM' New York, ascending.

    Raises ValueError for anything else, a time after the cutoff (the day's own features begin
    there), one named twice, or none.
    """
    wrong = [
        text
        for text in texts
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text) or time.fromisoformat(text) > CUTOFF
    ]
    if wrong or not texts or len(set(texts)) < len(texts):
        given = ", ".join(repr(text) for text in texts) or "none"
        raise ValueError(
            "times of day are one or more different 'HH:MM' (New York) from 00:00 to"
            f" {CUTOFF:%H:%M}, given were: {given}"
        )
    return sorted(time.fromisoformat(text) for text in texts)


def issuer_intraday(
    inputs: IntradayInputs, start: date, end: date, times: Sequence[time]
) -> pl.DataFrame:
    """Rows of table `issuer_intraday` for the trading days `start` … `end`, sorted by (trade_date,
    parent_id, as_of_time).

    A parent has a row at a moment when, as known then, a bond outstanding that day (offered on or
    before it, maturing after it) leads to its stock; at a moment at which no report of any bond
    executed that day was known, nobody has one. Only prints of such bonds count. With w the weight
    of a bond in `bond_analytics`, made of its prints so far, and w' that of its last bond day as
    known at the previous cutoff, at most MATCH_DAYS trading days old:

    intraday_spread_bps = sum w OAS / sum w over bonds traded so far; intraday_spread_change_bps =
    sum m (OAS - OAS') / sum m, m = 1 / (1/w + 1/w'); volume_zscore = (x - mean) / max(sd, 0.25) of
    x = ln(1 + par so far) against the 63 trading days that ended the day before, each as known at
    the same time of that day, with 40 of them at least; order_imbalance = (buys - sells) / (buys +
    sells) of customers' par so far. Null where there is nothing to divide.

    A row's result does not depend on the range it is computed in, to the last bit.
    """
    events = inputs.events.filter(pl.col("execution_date") == pl.col("known_date")).sort(
        *_REPORT, "revision"
    )
    earlier = _last_bond_days(inputs.revisions)
    rows = pl.concat([_at(at, events, earlier, inputs, start, end) for at in times])
    return rows.sort(*_ISSUER_DAY, "as_of_time")


def _at(
    at: time,
    events: pl.DataFrame,
    earlier: pl.DataFrame,
    inputs: IntradayInputs,
    start: date,
    end: date,
) -> pl.DataFrame:
    """The rows of one time of day."""
    days = np.array(trading_days(offset(start, -BASELINE_DAYS), end), dtype="datetime64[D]")
    seen = _bonds_seen(inputs.master, inputs.reference.bonds, days, at)
    known = events.filter(pl.col("known_at") <= pl.col("known_date").dt.combine(at))
    # A feed that has said nothing by then is missing, not quiet.
    issuers = seen.join(known.select(trade_date="known_date").unique(), on="trade_date", how="semi")
    issuers = (
        issuers.group_by(_ISSUER_DAY)
        .agg(pl.col("ticker").first())
        .sort(_ISSUER_DAY)
        .with_row_index("place")
    )
    traded = aggregate(_prints(known).join(seen, on=_BOND_DAY, how="semi"), _BOND_DAY).filter(
        pl.col("n_trades") > 0
    )
    traded = (
        traded.join(seen.drop("ticker"), on=_BOND_DAY)
        .join(issuers, on=_ISSUER_DAY)
        .sort("place", "cusip")
    )
    flows = _flows(traded, issuers)
    asked = pl.col("trade_date").is_between(start, end)
    spreads = _spreads(_priced(traded.filter(asked), earlier, inputs.reference, at), issuers.height)
    rows = pl.concat(
        [issuers, flows, _volume_zscore(issuers, flows["par_usd"], days), spreads], how="horizontal"
    ).filter(asked)
    return rows.drop("place").with_columns(
        as_of_time=pl.lit(f"{at:%H:%M}"), known_at=pl.col("trade_date").dt.combine(at)
    )


def _bonds_seen(
    master: pl.DataFrame, bonds: pl.DataFrame, days: np.ndarray, at: time
) -> pl.DataFrame:
    """`cusip, trade_date, parent_id, ticker` of the bonds outstanding on each of `days` that lead
    to a stock, as known at `at` of the day.
    """
    terms = bonds.select("cusip", "offering_date", "maturity_date").drop_nulls()
    rows = master.join(terms, on="cusip").select(
        "cusip",
        "parent_id",
        "ticker",
        "known_at",
        known_until=pl.col("known_until").fill_null(_FAR),
        from_date=pl.max_horizontal("valid_from_date", "offering_date"),
        to_date=pl.min_horizontal("valid_to_date", pl.col("maturity_date") - pl.duration(days=1)),
    )
    moments = days.astype("datetime64[us]") + np.timedelta64(at.hour * 60 + at.minute, "m")
    first = np.maximum(_places(days, rows["from_date"]), _places(moments, rows["known_at"]))
    past = np.minimum(
        _places(days, rows["to_date"], "right"), _places(moments, rows["known_until"])
    )
    outstanding = (
        rows.select("cusip", "parent_id", "ticker")
        .with_columns(first=pl.Series(first), past=pl.Series(past))
        .filter(pl.col("first") < pl.col("past"))
    )
    each = outstanding.with_columns(day=pl.int_ranges("first", "past")).explode("day")
    return each.select(
        "cusip", "parent_id", "ticker", trade_date=pl.Series(days).gather(each["day"])
    )


def _places(
    ordered: np.ndarray, values: pl.Series, side: Literal["left", "right"] = "left"
) -> np.ndarray:
    """Where days or moments belong among `ordered` ones."""
    return np.searchsorted(ordered, values.to_numpy().astype(ordered.dtype), side=side)


def _prints(known: pl.DataFrame) -> pl.DataFrame:
    """Trades and quarantined prints among the newest states in `known` (sorted by report and
    revision), as `aggregate` wants them.
    """
    is_newest = pl.any_horizontal(
        pl.col(name) != pl.col(name).shift(-1) for name in _REPORT
    ).fill_null(True)
    newest = known.filter(is_newest).filter(
        pl.col("reason").is_null() | (pl.col("reason") == "price_error")
    )
    unread = {name: pl.lit(None, pl.String) for name in ("reporting_party", "contra_party")}
    prints = newest.with_columns(
        trade_date="known_date",
        row="record_number",
        is_quarantined=pl.col("reason").is_not_null(),
        settlement_date=reported_settlement("execution_date"),
        **unread,
    )
    return prints.select(*_BOND_DAY, *TRADE_COLUMNS)


def _last_bond_days(revisions: pl.DataFrame) -> pl.DataFrame:
    """`cusip, trade_date, oas_before, weight_before`: the last bond day with trades or a quote
    before each trading day, as known at the previous cutoff.

    It is at most MATCH_DAYS trading days old; without spread or weight it is there all the same,
    and no older one stands in for it.
    """
    calendar = pl.Series(all_trading_days())
    numbered = revisions.with_columns(
        on=day_number(revisions["trade_date"]), known=day_number(revisions["known_date"])
    )
    numbered = numbered.filter(
        pl.Series(calendar.gather(numbered["on"])) == pl.col("trade_date")
    ).sort("cusip", "on", "known")
    next_known = pl.col("known").shift(-1).over("cusip", "on")
    states = numbered.with_columns(
        first=pl.max_horizontal("on", "known") + 1,
        last=pl.min_horizontal(pl.col("on") + MATCH_DAYS, next_known),
    )
    stands = (pl.col("n_trades") > 0) | (pl.col("source") == QUOTES)
    held = states.filter(stands & (pl.col("first") <= pl.col("last")))
    each = (
        held.with_columns(day=pl.int_ranges("first", pl.col("last") + 1))
        .explode("day")
        .sort("cusip", "day", "on")
    )
    newest = each.unique(["cusip", "day"], keep="last", maintain_order=True)
    return newest.select(
        "cusip",
        trade_date=calendar.gather(newest["day"]),
        oas_before="oas_bps",
        weight_before="weight",
    )


def _priced(
    traded: pl.DataFrame, earlier: pl.DataFrame, reference: Reference, at: time
) -> pl.DataFrame:
    """Bond days of `traded` that have a spread and a weight: `place, oas_bps, weight, oas_before,
    weight_before`, in the same order.
    """
    days = traded.select(
        *_BOND_DAY,
        "n_trades",
        "price",
        "reported_settlement_date",
        known_date="trade_date",
        known_at=pl.col("trade_date").dt.combine(at),
    )
    analytics = analyze(days, reference, at).select(*_BOND_DAY, "oas_bps", "weight")
    both = traded.select("place", *_BOND_DAY).join(
        analytics, on=_BOND_DAY, how="left", maintain_order="left"
    )
    return both.drop_nulls(["oas_bps", "weight"]).join(
        earlier, on=_BOND_DAY, how="left", maintain_order="left"
    )


def _spreads(priced: pl.DataFrame, n_rows: int) -> pl.DataFrame:
    """Level and matched change of each issuer row."""
    matched = priced.drop_nulls(["oas_before", "weight_before"])
    weight = priced["weight"]
    both = 1.0 / (1.0 / matched["weight"] + 1.0 / matched["weight_before"])
    change = matched["oas_bps"] - matched["oas_before"]
    level = _ratio(
        _total(priced, weight * priced["oas_bps"], n_rows), _total(priced, weight, n_rows)
    )
    changes = _ratio(_total(matched, both * change, n_rows), _total(matched, both, n_rows))
    return pl.DataFrame({"intraday_spread_bps": level, "intraday_spread_change_bps": changes})


def _flows(traded: pl.DataFrame, issuers: pl.DataFrame) -> pl.DataFrame:
    """Counts, par and imbalance of each issuer row; zero where nothing traded, but the imbalance is
    null then.
    """
    names = {
        "n_trades": "n_trades",
        "n_capped_trades": "n_capped",
        "par_usd": "par_usd",
        "buy": "customer_buy_par_usd",
        "sell": "customer_sell_par_usd",
    }
    totals = {
        name: _total(traded, traded[column], issuers.height) for name, column in names.items()
    }
    buy, sell = totals.pop("buy"), totals.pop("sell")
    bonds = np.bincount(traded["place"].to_numpy(), minlength=issuers.height)
    flows = pl.DataFrame(
        {"n_bonds_traded": bonds, **totals, "order_imbalance": _ratio(buy - sell, buy + sell)}
    )
    return flows.cast({"n_trades": pl.Int64, "n_capped_trades": pl.Int64})


def _volume_zscore(issuers: pl.DataFrame, par: pl.Series, days: np.ndarray) -> pl.DataFrame:
    """How unusual the par so far is for the issuer at this time of day; a day without a row is
    missing from the baseline.
    """
    parents = issuers["parent_id"].unique().sort()
    day = _places(days, issuers["trade_date"])
    parent = parents.search_sorted(issuers["parent_id"]).to_numpy()
    volume = np.full((days.size, parents.len()), np.nan)
    volume[day, parent] = np.log1p(par.to_numpy())
    baseline = w.lag(volume, 1)
    usual = w.mean(baseline, BASELINE_DAYS, BASELINE_MINIMUM)
    deviation = w.deviation(baseline, BASELINE_DAYS, BASELINE_MINIMUM)
    score = (volume - usual) / np.maximum(deviation, LEAST_DEVIATION)
    return pl.DataFrame({"volume_zscore": pl.Series(score[day, parent], nan_to_null=True)})


def _total(rows: pl.DataFrame, values: pl.Series, n_rows: int) -> np.ndarray:
    """Sum of `values` by `place`; bincount adds in the order of `rows`, so that the bits are the
    same whatever else is there.
    """
    return np.bincount(rows["place"].to_numpy(), weights=values.to_numpy(), minlength=n_rows)


def _ratio(top: np.ndarray, bottom: np.ndarray) -> pl.Series:
    """Null where there is nothing to divide by."""
    positive = bottom > 0
    return pl.Series(
        np.where(positive, top / np.where(positive, bottom, 1.0), np.nan), nan_to_null=True
    )
