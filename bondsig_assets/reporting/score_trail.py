"""A score's way back: the score, its model, its contributions, the bonds behind it, and their trade
reports as known then.

Belongs here: the queries and frames behind `bondsig explain` and `bondsig diff`, and why a day or
ticker has no score. Not here: text (`commands/explain.py`, `commands/diff.py`), drawing
(`explanation_pictures.py`), computing features or scores.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from bondsig_assets.calendar import is_trading_day, offset, trading_days
from bondsig_assets.errors import UnknownNameError
from bondsig_assets.learning.rows import (
    ChampionRow,
    ExplanationRow,
    LabelRow,
    ModelSummary,
    Row,
    ScoreRow,
    rows_from,
)
from bondsig_assets.market_rules import STALE_DAYS
from bondsig_assets.reporting.waterfall import Read
from bondsig_assets.tables.issuer_features import FEATURES
from bondsig_assets.tables.news_features import NEWS_FEATURES

_NEAR = 5
#: Columns that say when a bond day became known rather than what it is.
_WHEN = ("cusip", "trade_date", "known_date", "known_at")


@dataclass(frozen=True)
class Trail:
    """A row of `scores` with its rows of `explanations`, `models` and `champions`; `champion` is
    None when it is on record no more.

    `rank`: 1 = highest prediction of the day, among `n_scored`.
    """

    score: ScoreRow
    explanation: ExplanationRow
    model: ModelSummary
    champion: ChampionRow | None
    rank: int
    n_scored: int


@dataclass(frozen=True, kw_only=True)
class TradeEvent:
    """A row of `events_since`, as far as it is shown."""

    known_at: datetime
    executed_at: datetime | None
    execution_date: date
    cusip: str
    price: float | None
    par_usd: float
    is_par_capped: bool
    delivery_date: date
    record_number: int
    is_arrival: bool
    reason: str | None
    was_reason: str | None
    was_price: float | None
    cause_delivery_date: date | None
    cause_record_number: int | None


@dataclass(frozen=True, kw_only=True)
class ChangedBondDay:
    """A row of `changed_bond_days`, as far as it is shown."""

    cusip: str
    trade_date: date
    price_then: float | None
    price: float | None
    n_trades_then: int
    n_trades: int


def trail_of(read: Read, ticker: str, day: date, date_range: tuple[date, date]) -> Trail:
    """The trail of the score of `ticker` on `day`; `date_range` is the market's. Raises
    UnknownNameError where there is none.
    """
    name = ticker.strip().upper()
    score = _only(
        ScoreRow,
        read("SELECT * FROM scores WHERE upper(ticker) = ? AND trade_date = ?", [name, day]),
    )
    if score is None:
        raise UnknownNameError(_why_no_score(read, name, day, date_range))
    explanation = _only(
        ExplanationRow,
        read(
            "SELECT * FROM explanations WHERE parent_id = ? AND trade_date = ?",
            [score.parent_id, day],
        ),
    )
    model = _only(
        ModelSummary,
        read(
            "SELECT * EXCLUDE (model_text) FROM models WHERE model_version = ?",
            [score.model_version],
        ),
    )
    again = f"bondsig run --start {day} --end {day} --select key:scores --again"
    if explanation is None or model is None or explanation.model_version != score.model_version:
        raise UnknownNameError(
            f"the score of {score.ticker} on {day} has no explanation by"
            f" {score.model_version}: {again}"
        )
    if len(model.features) != len(explanation.contributions):
        raise UnknownNameError(
            f"{score.model_version} was trained again on other features since {day} was scored:"
            f" {again}"
        )
    champion = _only(
        ChampionRow,
        read(
            "SELECT * FROM champions WHERE model_version = ? AND registry_version = ? AND"
            " valid_from_date <= ? ORDER BY valid_from_date DESC",
            [score.model_version, score.registry_version, day],
        ),
    )
    rank, n_scored = read(
        "SELECT (count(*) FILTER (WHERE prediction > ?) + 1)::BIGINT AS rank, count(*)::BIGINT AS n"
        " FROM scores WHERE trade_date = ?",
        [score.prediction, day],
    ).row(0)
    return Trail(score, explanation, model, champion, rank, n_scored)


def _only(kind: type[Row], frame: pl.DataFrame) -> Row | None:
    """The first row, None where there is none."""
    return next(iter(rows_from(kind, frame.head(1))), None)


def contributions_of(read: Read, trail: Trail) -> pl.DataFrame:
    """`feature, value, unit, input, contribution` of every input of a score, the largest
    contribution first; values are those in `issuer_days` and `credit_news`.
    """
    names = trail.model.features
    key = [trail.score.parent_id, trail.score.trade_date]
    values: dict[str, Any] = {}
    for table in ("issuer_days", "credit_news"):
        rows = read(f"SELECT * FROM {table} WHERE parent_id = ? AND trade_date = ?", key).to_dicts()
        values |= rows[0] if rows else {}
    units = {feature.name: feature.unit for feature in (*FEATURES, *NEWS_FEATURES)}
    frame = pl.DataFrame(
        {
            "feature": names,
            "value": [values.get(name) for name in names],
            "unit": [units.get(name, "") for name in names],
            "input": trail.explanation.inputs,
            "contribution": trail.explanation.contributions,
        },
        schema={
            "feature": pl.String,
            "value": pl.Float64,
            "unit": pl.String,
            "input": pl.Float64,
            "contribution": pl.Float64,
        },
    )
    return frame.sort(pl.col("contribution").abs(), descending=True, maintain_order=True)


def linked_bonds(read: Read, parent_id: str, day: date, known_at: datetime) -> list[str]:
    """CUSIPs of the bonds outstanding on `day` that lead to the parent, as known at `known_at`."""
    return read(
        "SELECT DISTINCT m.cusip FROM security_master m JOIN bonds b ON b.cusip = m.cusip WHERE"
        " m.parent_id = $1 AND m.valid_from_date <= $2 AND coalesce(m.valid_to_date, DATE"
        " '9999-12-31') >= $2 AND m.known_at <= $3 AND coalesce(m.known_until, TIMESTAMP"
        " '9999-12-31') > $3 AND b.offering_date <= $2 AND b.maturity_date > $2 ORDER BY 1",
        [parent_id, day, known_at],
    )["cusip"].to_list()


def bonds_behind(read: Read, cusips: Sequence[str], day: date, known_at: datetime) -> pl.DataFrame:
    """A row per bond: terms, its newest bond day of the last STALE_DAYS as known at `known_at`
    (nulls without one), and its trades of these days; heaviest first.
    """
    first = offset(day, -STALE_DAYS)
    return read(
        f"""
        WITH newest AS (
          SELECT * FROM bond_days_as_of({_moment(known_at)}) WHERE cusip IN ({_texts(cusips)}) AND
            trade_date BETWEEN $1 AND $2
          QUALIFY row_number() OVER (PARTITION BY cusip ORDER BY trade_date DESC) = 1
        ), traded AS (
          SELECT cusip, count(*) AS n FROM trades_as_of({_moment(known_at)}) WHERE cusip IN
            ({_texts(cusips)}) AND execution_date BETWEEN $1 AND $2 GROUP BY cusip
        )
        SELECT b.cusip, b.coupon_pct, b.coupon_type, b.maturity_date, d.trade_date,
          coalesce(d.price, d.implied_price) AS price, d.yield_pct, d.oas_bps, d.weight, d.reason,
               coalesce(t.n, 0)::BIGINT AS n_trades
        FROM bonds b LEFT JOIN newest d ON d.cusip = b.cusip LEFT JOIN traded t ON t.cusip = b.cusip
        WHERE b.cusip IN ({_texts(cusips)})
        ORDER BY d.weight DESC NULLS LAST, b.cusip
        """,
        [first, day],
    )


def reports_behind(
    read: Read, cusips: Sequence[str], day: date, known_at: datetime
) -> pl.DataFrame:
    """The bonds' trades of the last STALE_DAYS as known at `known_at`, the newest first."""
    return read(
        "SELECT executed_at, execution_date, reported_at, cusip, price, par_usd, is_par_capped,"
        " side, contra, delivery_date, record_number, known_at FROM"
        f" trades_as_of({_moment(known_at)}) WHERE cusip IN ({_texts(cusips)}) AND execution_date"
        " BETWEEN ? AND ? ORDER BY execution_date DESC, executed_at DESC NULLS LAST, delivery_date"
        " DESC, record_number DESC",
        [offset(day, -STALE_DAYS), day],
    )


def label_of(read: Read, trail: Trail) -> LabelRow | None:
    """The label of the model's horizon, None while nobody knows it."""
    return _only(
        LabelRow,
        read(
            "SELECT * FROM labels WHERE parent_id = ? AND trade_date = ? AND horizon_days = ?",
            [trail.score.parent_id, trail.score.trade_date, trail.model.horizon_days],
        ),
    )


# What became known later


def events_since(read: Read, cusips: Sequence[str], first: date, day: date) -> pl.DataFrame:
    """Rows of `trade_events` of trades executed `first` … `day` that became known after `day`, with
    what each was before, the newest execution first.

    Columns of the table and `was_reason`, `was_price` (of the revision before, null on arrival) and
    `is_arrival`. Messages, and other reports that have never been a trade, are left out: what they
    did stands in the rows they caused.
    """
    return read(
        f"""
        WITH judged AS (
          SELECT *, lag(reason) OVER w AS was_reason, lag(price) OVER w AS was_price, revision = 0
            AS is_arrival,
                 bool_or(reason IS NULL) OVER (PARTITION BY delivery_date, record_number) AS ever
          FROM trade_events WHERE cusip IN ({_texts(cusips)}) AND execution_date BETWEEN ? AND ?
          WINDOW w AS (PARTITION BY delivery_date, record_number ORDER BY revision)
        )
        SELECT * EXCLUDE (ever) FROM judged WHERE known_date > ? AND ever
        ORDER BY execution_date DESC, known_date, known_at, delivery_date, record_number, revision
        """,
        [first, day, day],
    )


def changed_bond_days(read: Read, first: date, day: date) -> pl.DataFrame:
    """The newest revision of each bond day `first` … `day` that is not what was known on `day`.

    The columns of `bond_day_revisions`, `price_then`, `n_trades_then`, and `known_dates`: the days
    on which something was known of it up to `day`, the trade date alone where nothing was.
    """
    revisions = read(
        "SELECT * FROM bond_day_revisions WHERE trade_date BETWEEN $1 AND $2 AND (cusip,"
        " trade_date) IN (SELECT (cusip, trade_date) FROM bond_day_revisions WHERE trade_date"
        " BETWEEN $1 AND $2 AND known_date > $2) ORDER BY cusip, trade_date, known_date",
        [first, day],
    ).filter(pl.col("trade_date").is_in(trading_days(first, day)))
    now = revisions.unique(["cusip", "trade_date"], keep="last", maintain_order=True)
    known = revisions.filter(pl.col("known_date") <= day)
    then = known.unique(["cusip", "trade_date"], keep="last", maintain_order=True)
    dates = known.group_by("cusip", "trade_date", maintain_order=True).agg(known_dates="known_date")
    both = (
        now.join(
            then, on=["cusip", "trade_date"], how="left", suffix="_then", maintain_order="left"
        )
        .join(
            dates,
            on=["cusip", "trade_date"],
            how="left",
            maintain_order="left",
        )
        .with_columns(
            pl.col("n_trades_then").fill_null(0),
            pl.col("known_dates").fill_null(pl.concat_list("trade_date")),
        )
    )
    measures = [name for name in now.columns if name not in _WHEN]
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_then")) for name in measures)
    never_traded = pl.col("n_trades").eq_missing(0) & (pl.col("n_trades_then") == 0)
    return both.filter(~(same | never_traded)).select(
        *now.columns, "price_then", "n_trades_then", "known_dates"
    )


def placed_then(changed: pl.DataFrame) -> pl.DataFrame:
    """Rows of `changed_bond_days` as revisions: what is known now, said on every day on which
    something was said then.
    """
    return (
        changed.with_columns(known_date=pl.col("known_dates"))
        .explode("known_date")
        .drop("price_then", "n_trades_then", "known_dates")
    )


def with_newest(revisions: pl.DataFrame, placed: pl.DataFrame) -> pl.DataFrame:
    """`revisions` as `Panels` takes them, with all those of the bond days in `placed` replaced by
    its rows.

    Bond days that nothing became known about stay as they became known: a day since which nothing
    has changed keeps its features to the last bit.
    """
    kept = revisions.join(placed, on=["cusip", "trade_date"], how="anti", maintain_order="left")
    return pl.concat([kept, placed.select(revisions.columns).cast(revisions.schema)])


# Why there is no score


def _why_no_score(read: Read, name: str, day: date, date_range: tuple[date, date]) -> str:
    """One line: why `name` has no score on `day`, and what is near."""
    stocks = read(
        "SELECT DISTINCT upper(ticker) AS ticker, parent_id FROM equities UNION SELECT DISTINCT"
        " upper(ticker), parent_id FROM scores ORDER BY 1, 2"
    )
    parents = stocks.filter(ticker=name)["parent_id"].to_list()
    if not parents:
        names = stocks["ticker"].unique().sort().to_list()
        near = (
            difflib.get_close_matches(name, names, _NEAR, 0.5)
            or [one for one in names if one[:1] == name[:1]][:_NEAR]
            or names[:_NEAR]
        )
        return (
            f"there is no stock {name} in this market; near are:"
            f" {', '.join(near) or 'none, it has no stocks yet: bondsig run'}"
        )
    first, last = date_range
    if not first <= day <= last:
        return f"{day} is outside this market ({first} … {last}); {_near_days(read, name, day)}"
    if not is_trading_day(day):
        return f"{day} is no trading day; {_near_days(read, name, day)}"
    unscored = read(
        "SELECT reason, explanation FROM unscored_days WHERE trade_date = ?", [day]
    ).rows()
    if unscored:
        return (
            f"{day} has no scores, {unscored[0][0]}: {unscored[0][1]};"
            f" {_near_days(read, name, day)}"
        )
    if read("SELECT count(*) AS n FROM scores WHERE trade_date = ?", [day])["n"][0] == 0:
        return (
            f"{day} has not been scored: bondsig run --start {day} --end {day};"
            f" {_near_days(read, name, day)}"
        )
    return (
        f"{name} has no score on {day}: {_why_not_it(read, name, parents, day)};"
        f" {_near_days(read, name, day)}"
    )


def _why_not_it(read: Read, name: str, parents: list[str], day: date) -> str:
    """Why one issuer of a scored day has no score."""
    for other in read(
        f"SELECT ticker FROM scores WHERE trade_date = ? AND parent_id IN ({_texts(parents)}) ORDER"
        " BY 1",
        [day],
    )["ticker"]:
        return f"its ticker then was {other}: bondsig explain {other} {day}"
    rows = read(
        "SELECT staleness_days, cds_spread_bps FROM issuer_days WHERE trade_date = ? AND parent_id"
        f" IN ({_texts(parents)})",
        [day],
    ).rows()
    if not rows:
        return "no stock was known, or neither a bond outstanding nor a CDS quote"
    quiet = (
        "its bonds have not traded for more than 63 days"
        if rows[0][0] is None
        else f"its bonds last traded {rows[0][0]:.0f} trading days before"
    )
    if (rows[0][0] is None or rows[0][0] > STALE_DAYS) and rows[0][1] is None:
        return f"{quiet} ({STALE_DAYS} are allowed), and it has no CDS quote"
    return (
        f"it has features for it, so its features came after the scores: bondsig run --start {day}"
        f" --end {day} --select key:scores --again"
    )


def _near_days(read: Read, name: str, day: date) -> str:
    """The days next to `day` on which `name` has a score."""
    before, after = read(
        "SELECT max(trade_date) FILTER (WHERE trade_date < $2), min(trade_date) FILTER (WHERE"
        " trade_date > $2) FROM scores WHERE upper(ticker) = $1",
        [name, day],
    ).row(0)
    near = " and ".join(str(one) for one in (before, after) if one is not None)
    return f"nearest scores of {name}: {near}" if near else f"{name} has no score on any day"


def _moment(moment: datetime) -> str:
    # A macro takes no prepared parameter.
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'"


def _texts(values: Sequence[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values) or "NULL"
