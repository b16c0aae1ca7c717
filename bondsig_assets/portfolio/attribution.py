"""Where a day's money came from: alpha, factors, what is specific, timing, costs; by name and kind.

Belongs here: the ledger's changes by name, their split by the risk model, slices of names. Not
here: booking (the ledger), rows of the risk model and of expected returns as models of days
(`attribution_days.py`), what an order fell short of its decision (`shortfall.py`), figures of the
whole (`figures.py`).

Money is integers of 1e-4 dollars: every split adds up to what was booked, to the last of them.
What held names brought is split by the model of the evening before,

    value · return = value · (Σ_k exposure_k factor_k + payoff · alpha) + specific

`payoff` is the day's slope of what factors leave of returns on expected returns, over all names
that have one, weighted by 1/specific variance: 1 where names earned what was expected of them. So
the part of alpha is what was earned along it, not what was hoped for; that stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats, Ints
from bondsig_assets.calendar import cutoff
from bondsig_assets.calendar.days import day_number
from bondsig_assets.market_rules import HIGH_YIELD_RATING, HORIZON
from bondsig_assets.portfolio.book_returns import FLOW, TRADING_COSTS
from bondsig_assets.portfolio.performance import mean_of
from bondsig_assets.tables.performance import PNL_PARTS, PNL_SLICES

#: Accounts whose changes are what held names brought.
_HELD = ("price", "dividends", "delistings", "split_cash")
_COSTS = (*TRADING_COSTS, "borrow")
#: Accounts that have a part of their own.
_ALONE = {"trading": "timing", "interest": "interest"}
#: Buckets of a signal's age in trading days: from, name.
_AGES = (
    (0, "0"),
    (1, "1"),
    (2, "2"),
    (3, "3"),
    (4, "4"),
    (5, "5"),
    (6, "6-10"),
    (11, "11-21"),
    (22, "22+"),
)
_KEY = ["policy", "trade_date"]
_SCHEMA = {
    "policy": pl.String(),
    "trade_date": pl.Date(),
    "parent_id": pl.String(),
    "account": pl.String(),
    "amount_e4": pl.Int64(),
}


def changes_by_name(entries: pl.DataFrame, accounts: Sequence[str]) -> pl.DataFrame:
    """`policy, trade_date, parent_id, account, amount_e4`: what each account of origin brought,
    from rows of `ledger_entries`; parent_id null where an entry is of the whole book.

    An entry brings its amount to the account it credits and takes it from the one it debits.
    `accounts`: those of origin, as `tables.trading.CHANGES` names them.
    """
    ends = [
        entries.select(
            *_KEY, "parent_id", account=pl.col(end), amount_e4=sign * pl.col("amount_e4")
        )
        for end, sign in (("credit", 1), ("debit", -1))
    ]
    return (
        pl.concat(ends)
        .filter(pl.col("account").is_in(list(accounts)))
        .group_by(*_KEY, "parent_id", "account")
        .agg(pl.col("amount_e4").sum())
        .sort(*_KEY, "parent_id", "account", nulls_last=True)
        .cast(_SCHEMA)  # type: ignore[arg-type]
    )


@dataclass(frozen=True)
class DayModel:
    """What was known of a day's names the evening before, and what became of them.

    `exposures` [name, factor] and `specific_variance` [name] of that evening; `factor_returns`
    [factor] of the day in units of these exposures, NaN where unknown; `alpha` [name]: the simple
    excess return expected for the day by the newest decision that the positions can follow, a
    share, 0 where nothing was; `returns` [name]: the day's simple total returns, NaN where unknown.
    """

    parents: tuple[str, ...]
    factors: tuple[str, ...]
    exposures: Floats
    specific_variance: Floats
    factor_returns: Floats
    alpha: Floats
    returns: Floats


def payoff(model: DayModel) -> float:
    """The day's slope of what factors leave of returns on alphas, through the origin, weighted by
    1/specific variance; 0 where no name with an alpha has a return.
    """
    left = model.returns - model.exposures @ np.nan_to_num(model.factor_returns, nan=0.0)
    used = np.isfinite(left) & (model.alpha != 0) & (model.specific_variance > 0)
    if not used.any():
        return 0.0
    alpha, weight = model.alpha[used], 1 / model.specific_variance[used]
    return float((weight * alpha * left[used]).sum() / (weight * alpha * alpha).sum())


def pnl_parts(
    policy: str,
    trade_date: date,
    changes: pl.DataFrame,
    held: Mapping[str, float],
    model: DayModel,
    known_at: datetime | None = None,
) -> pl.DataFrame:
    """Rows of `pnl_parts` of one book and day, known at its cutoff unless `known_at` says later.

    `changes`: rows of `changes_by_name` of that book and day. `held`: value of each position of the
    evening before at its mark, dollars. What the model does not know of, as a name whose stock left
    long ago, is unmodelled; an account that no part has is the remainder. Every part is rounded to
    1e-4 dollars, and what that leaves is specific.
    """
    names = {name: k for k, name in enumerate(model.parents)}
    holding = changes.filter(pl.col("account").is_in(_HELD))
    by_name = holding.group_by("parent_id").agg(pl.col("amount_e4").sum())
    known = by_name.filter(pl.col("parent_id").is_in(list(names)))
    value = np.zeros(len(names))
    for parent, usd in held.items():
        if parent in names:
            value[names[parent]] = usd
    moves = np.nan_to_num(model.factor_returns, nan=0.0)
    of_factors = _rounded((value @ model.exposures) * moves)
    expected = float(value @ model.alpha)
    of_alpha = int(_rounded(np.array([payoff(model) * expected]))[0])
    total, modelled = _sum(by_name), _sum(known)
    specific = modelled - of_alpha - int(of_factors.sum())
    rows: list[tuple[str, str, int, float | None]] = [
        ("alpha", "", of_alpha, round(expected, 4)),
        *(
            ("factor", name, int(amount), None)
            for name, amount in zip(model.factors, of_factors, strict=True)
        ),
        ("specific", "", specific, None),
        ("unmodelled", "", total - modelled, None),
        *((part, "", _of(changes, account), None) for account, part in _ALONE.items()),
        *(("cost", account, _of(changes, account), None) for account in _COSTS),
    ]
    everything = _sum(changes.filter(pl.col("account") != FLOW))
    rows.append(("remainder", "", everything - sum(row[2] for row in rows), None))
    frame = pl.DataFrame(
        [(part, source, amount / 1e4, hoped) for part, source, amount, hoped in rows],
        schema={
            name: PNL_PARTS.polars_schema[name]
            for name in ("part", "source", "pnl_usd", "expected_usd")
        },
        orient="row",
    )
    return PNL_PARTS.conform(
        frame.with_columns(
            trade_date=pl.lit(trade_date),
            policy=pl.lit(policy),
            known_at=pl.lit(known_at or cutoff(trade_date)).cast(pl.Datetime("us")),
        ).select(PNL_PARTS.column_names)
    )


def _rounded(usd: Floats) -> Ints:
    amounts: Ints = np.rint(1e4 * usd).astype(np.int64)
    return amounts


def _sum(rows: pl.DataFrame) -> int:
    return int(rows["amount_e4"].sum())


def _of(changes: pl.DataFrame, account: str) -> int:
    return _sum(changes.filter(pl.col("account") == account))


def name_days(changes: pl.DataFrame, positions: pl.DataFrame) -> pl.DataFrame:
    """`policy, trade_date, parent_id, pnl_e4, side, is_new`: what each name brought on each day,
    all costs counted, and what is of no name (parent_id null, side book).

    `side`: long or short as the name was held the evening before, else as it is held after the day;
    none where it is neither (a dividend booked after all was sold). `is_new`: not held the evening
    before. `positions`: rows of that table from the day before the first on.
    """
    earned = (
        changes.filter(pl.col("account") != FLOW)
        .group_by(*_KEY, "parent_id")
        .agg(pnl_e4=pl.col("amount_e4").sum())
    )
    held = positions.select(*_KEY, "parent_id", "shares").with_columns(
        number=day_number(positions["trade_date"])
    )
    before = held.select("policy", "parent_id", "number", before="shares").with_columns(
        pl.col("number") + 1
    )
    key = ["policy", "parent_id", "number"]
    sign = pl.coalesce(
        pl.when(pl.col(one) != 0).then(pl.col(one).sign()) for one in ("before", "shares")
    )
    side = (
        pl.when(pl.col("parent_id").is_null())
        .then(pl.lit("book"))
        .otherwise(
            pl.when(sign > 0)
            .then(pl.lit("long"))
            .when(sign < 0)
            .then(pl.lit("short"))
            .otherwise(pl.lit("none"))
        )
    )
    return (
        earned.with_columns(number=day_number(earned["trade_date"]))
        .join(held.drop("trade_date"), on=key, how="left")
        .join(before, on=key, how="left")
        .select(*_KEY, "parent_id", "pnl_e4", side=side, is_new=pl.col("before").fill_null(0) == 0)
        .sort(*_KEY, "parent_id", nulls_last=True)
    )


def sides(rows: pl.DataFrame) -> pl.DataFrame:
    """`policy, trade_date, side, pnl_usd` of rows of `name_days`."""
    return (
        rows.group_by(*_KEY, "side").agg(pnl_usd=pl.col("pnl_e4").sum() / 1e4).sort(*_KEY, "side")
    )


def with_kinds(
    rows: pl.DataFrame, attributes: pl.DataFrame, scores: pl.DataFrame, signals: pl.DataFrame
) -> pl.DataFrame:
    """`rows` of `name_days` with what slices cut them by: `sector, rating, score_decile,
    signal_age`, each as known when the positions of the day were decided.

    A position of the evening of day s was decided on s - 1 at the latest, and earns on s + 1: what
    counts on a day is what was said two trading days before, or the last thing before that; for a
    name that is new the day before, as that is when it was decided.
    `attributes`: `trade_date, parent_id, sector, rating_number`. `scores`: `trade_date, parent_id,
    score`. `signals`: `trade_date, parent_id, score`, of those that passed the filter.
    """
    day = day_number(rows["trade_date"])
    numbered = rows.with_columns(
        day=day,
        number=day - pl.when("is_new").then(1).otherwise(2),
        place=pl.int_range(pl.len()),
    ).sort("number", "place")
    labelled = [
        _numbered(attributes).select(
            "number",
            "parent_id",
            "sector",
            rating=pl.when(pl.col("rating_number") >= HIGH_YIELD_RATING)
            .then(pl.lit("high_yield"))
            .when(pl.col("rating_number").is_not_null())
            .then(pl.lit("investment_grade"))
            .otherwise(pl.lit("unrated")),
        ),
        _numbered(scores).select("number", "parent_id", score_decile=_decile()),
    ]
    for frame in labelled:
        numbered = numbered.join_asof(frame, on="number", by="parent_id", check_sortedness=False)
    aged = _with_age(numbered, _numbered(signals))
    kinds = ("sector", "rating", "score_decile")
    is_book = pl.col("parent_id").is_null()
    return (
        aged.sort("place")
        .with_columns(
            *(
                pl.when(is_book)
                .then(pl.lit("book"))
                .otherwise(pl.col(kind).fill_null("unknown"))
                .alias(kind)
                for kind in kinds
            ),
            signal_age=pl.when(is_book)
            .then(pl.lit("book"))
            .otherwise(pl.col("signal_age").fill_null("none")),
        )
        .select(*rows.columns, *kinds, "signal_age")
    )


def _numbered(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(number=day_number(frame["trade_date"])).sort("number", "parent_id")


def _decile() -> pl.Expr:
    """Tenth of the day's scores, 1 the lowest; those that tie share the middle of their places."""
    place = (pl.col("score").rank("average") - 0.5) / pl.col("score").count()
    return ((10 * place).floor() + 1).clip(1, 10).over("number").cast(pl.Int64).cast(pl.String)


def _with_age(numbered: pl.DataFrame, signals: pl.DataFrame) -> pl.DataFrame:
    """`numbered` with `signal_age`: trading days since the last signal on the side held, by bucket;
    null where there was none or no side is held. A signal's first day of return has age 1, the day
    before, on which it was traded, 0.
    """
    side = (
        pl.when(pl.col("score") > 0)
        .then(pl.lit("long"))
        .when(pl.col("score") < 0)
        .then(pl.lit("short"))
    )
    signalled = signals.select(
        "number", "parent_id", side=side, signalled=pl.col("number")
    ).drop_nulls("side")
    aged = numbered.join_asof(
        signalled, on="number", by=["parent_id", "side"], check_sortedness=False
    )
    age = pl.col("day") - pl.col("signalled") - 1
    bucket = pl.lit(None, dtype=pl.String)
    for start, name in _AGES:
        bucket = pl.when(age >= start).then(pl.lit(name)).otherwise(bucket)
    return aged.with_columns(signal_age=bucket).drop("signalled")


#: Slices that `pnl_slices` makes of rows that have their columns.
SLICES = ("side", "sector", "rating", "score_decile", "signal_age")


def pnl_slices(rows: pl.DataFrame, days: Sequence[date], horizon: int = HORIZON) -> pl.DataFrame:
    """Rows of `pnl_slices` of rows of `name_days`, by each of SLICES that they have a column of.

    `days`: all trading days of the books, those on which nothing was earned among them: a bucket
    without a position on a day earned 0. Buckets of a slice add up to all, in integers.
    """
    if rows.is_empty() or not days:
        return PNL_SLICES.empty()
    found = []
    cuts = {"all": pl.lit("all"), **{one: pl.col(one) for one in SLICES if one in rows.columns}}
    for name, bucket in cuts.items():
        daily = (
            rows.with_columns(bucket=bucket)
            .group_by("policy", "bucket", "trade_date")
            .agg(pl.col("pnl_e4").sum(), n=pl.col("parent_id").is_not_null().sum())
            .sort("policy", "bucket", "trade_date")
        )
        place = {day: k for k, day in enumerate(days)}
        for (policy, one), group in daily.group_by("policy", "bucket", maintain_order=True):
            earned = np.zeros(len(days))
            at = [place[day] for day in group["trade_date"].to_list()]
            earned[at] = group["pnl_e4"].to_numpy() / 1e4
            mean = mean_of(earned, horizon)
            found.append(
                {
                    "policy": policy,
                    "slice": name,
                    "bucket": one,
                    "pnl_usd": int(group["pnl_e4"].sum()) / 1e4,
                    "mean_usd": None if mean is None else mean.value,
                    "error_usd": None if mean is None else mean.error,
                    "t_statistic": None if mean is None else mean.t_statistic,
                    "n_name_days": int(group["n"].sum()),
                    "first_date": days[0],
                    "last_date": days[-1],
                    "n_days": len(days),
                }
            )
    return PNL_SLICES.conform(
        pl.DataFrame(found, schema=PNL_SLICES.polars_schema, orient="row").sort(PNL_SLICES.key)
    )
