"""Which names may be held on a day, with every reason why the others may not.

Belongs here: the rules, their two edges, what each removes, facts of trading they ask for. Not
here: scores worth acting on (`signals.py`), positions.

A rule has an edge to enter and a wider one to stay, so that a name at the edge does not trade
itself in and out. Whether a name was in yesterday follows from its history alone: what meets every
edge to enter is in, what fails one to stay is out, and in between it is what it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats
from bondsig_assets.calendar import CUTOFF
from bondsig_assets.calendar.days import day_number
from bondsig_assets.features import windows
from bondsig_assets.portfolio.settings import BoundSettings, UniverseSettings
from bondsig_assets.tables.portfolio import UNIVERSE

#: Trading days of a usual dollar volume, and of a history.
VOLUME_DAYS, HISTORY_DAYS = 21, 252
_MINIMUM_VOLUMES = 15


@dataclass(frozen=True)
class Rule:
    """A rule by name: what a name must meet to enter, and to stay. Null is not met."""

    name: str
    enter: pl.Expr
    stay: pl.Expr


def rules(settings: UniverseSettings) -> list[Rule]:
    """The rules in the order in which they are asked; the first that removes a name is its first
    cause.
    """
    tickers, excluded = pl.lit(list(settings.include)), pl.lit(list(settings.exclude))
    listed = pl.lit(value=True) if not settings.include else pl.col("ticker").is_in(tickers)

    def always(name: str, met: pl.Expr) -> Rule:
        return Rule(name, met, met)

    def least(name: str, column: str, enter: float, stay: float) -> Rule:
        return Rule(name, pl.col(column) >= enter, pl.col(column) >= stay)

    def most(name: str, column: str, enter: float, stay: float) -> Rule:
        return Rule(name, pl.col(column) <= enter, pl.col(column) <= stay)

    trades = least(
        "bond_trades", "n_trades_21d", settings.minimum_trades_21d, settings.keep_trades_21d
    )
    stale = most(
        "bond_staleness",
        "staleness_days",
        settings.maximum_staleness_days,
        settings.keep_staleness_days,
    )
    # An issuer with CDS only has no bonds to be illiquid about; quotes may count no trades.
    no_bonds = pl.col("staleness_days").is_null()
    uncounted = no_bonds | pl.col("n_trades_21d").is_null()
    return [
        always("link", pl.col("n_equities") == 1),
        always("delisting", ~pl.col("is_delisting")),
        always(
            "excluded",
            ~pl.col("ticker").is_in(excluded) if settings.exclude else pl.lit(value=True),
        ),
        always("not_included", listed),
        least("price", "price_usd", settings.minimum_price_usd, settings.keep_price_usd),
        least(
            "dollar_volume",
            "dollar_volume_usd",
            settings.minimum_dollar_volume_usd,
            settings.keep_dollar_volume_usd,
        ),
        always("history", pl.col("n_returns") >= settings.minimum_returns),
        always("gap", pl.col("gap_days") <= settings.maximum_gap_days),
        _unless(uncounted, trades),
        _unless(no_bonds, stale),
        most(
            "liquidation",
            "liquidation_days",
            settings.maximum_liquidation_days,
            settings.keep_liquidation_days,
        ),
        always("borrow", pl.lit(value=not settings.borrow_needed) | pl.col("is_shortable")),
    ]


def _unless(passes: pl.Expr, rule: Rule) -> Rule:
    """The rule, met by whoever `passes`."""
    return Rule(
        rule.name,
        passes | rule.enter.fill_null(value=False),
        passes | rule.stay.fill_null(value=False),
    )


def universe(
    facts: pl.DataFrame,
    settings: UniverseSettings,
    bounds: BoundSettings,
    nav_usd: float,
    before: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Rows of `universe` for all days of `facts`: a replay, each day from the day before.

    `facts`, a row an issuer and day: `parent_id, trade_date, ticker, n_equities` (stocks that its
    bonds lead to), `is_delisting` (one is known to come), `price_usd, dollar_volume_usd, n_returns,
    gap_days, n_trades_21d, staleness_days, is_borrowable` (null where nobody says),
    `borrow_rate_pct`, `position_usd` (null where none is held) and `is_hedge` (a sector ETF, which
    no rule is asked of). `before`: `parent_id, trade_date, is_in` of the trading day before the
    first one (rows of `universe`); a name that had no row the day before enters anew.
    """
    asked = rules(settings)
    largest = bounds.name_pct / 100 * nav_usd
    a_day = bounds.participation_pct / 100 * pl.col("dollar_volume_usd")
    rows = _usable(facts).with_columns(
        is_shortable=pl.col("is_borrowable").fill_null(value=True),
        liquidation_days=pl.when(pl.col("dollar_volume_usd") > 0).then(
            pl.col("position_usd").abs().fill_null(largest) / a_day
        ),
    )
    rows = rows.with_columns(
        *(rule.enter.fill_null(value=False).alias(f"enter {rule.name}") for rule in asked),
        *(rule.stay.fill_null(value=False).alias(f"stay {rule.name}") for rule in asked),
    )
    enters = pl.all_horizontal(f"enter {rule.name}" for rule in asked)
    stays = pl.all_horizontal(f"stay {rule.name}" for rule in asked)
    rows = rows.with_columns(
        decided=pl.when("is_hedge")
        .then(statement=False)
        .when(enters)
        .then(statement=True)
        .when(~stays)
        .then(statement=False)
    )
    rows = _replayed(rows, before)
    reasons = [
        pl.when(
            ~pl.col("is_hedge")
            & ~pl.when("was_in").then(pl.col(f"stay {rule.name}")).otherwise(f"enter {rule.name}")
        ).then(pl.lit(rule.name))
        for rule in asked
    ]
    found = rows.with_columns(
        reasons=pl.concat_list(reasons).list.drop_nulls(),
        known_at=pl.col("trade_date").dt.combine(CUTOFF).cast(pl.Datetime("us")),
    )
    return UNIVERSE.conform(found.select(UNIVERSE.column_names).sort("trade_date", "parent_id"))


def _usable(facts: pl.DataFrame) -> pl.DataFrame:
    """`facts` in order, with numbers that are none, infinite or below 0 as null: a volume of minus
    one is no volume.
    """
    numbers = ("price_usd", "dollar_volume_usd", "n_trades_21d", "staleness_days")
    clean = [
        pl.when(pl.col(name).cast(pl.Float64).is_finite() & (pl.col(name) >= 0))
        .then(pl.col(name).cast(pl.Float64))
        .alias(name)
        for name in numbers
    ]
    position = pl.col("position_usd").cast(pl.Float64)
    return facts.with_columns(
        *clean,
        position_usd=pl.when(position.is_finite()).then(position),
        is_delisting=pl.col("is_delisting").fill_null(value=False),
    ).sort("parent_id", "trade_date")


def _replayed(rows: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """`rows` with `was_in` and `is_in`: what is decided, else what was the day before, day by day.

    `rows` by parent and day. A parent without a row on the trading day before was not in.
    """
    numbered = rows.with_columns(number=day_number(rows["trade_date"]))
    if before is not None and before.height:
        start = (
            before.select("parent_id", "trade_date", decided="is_in")
            .with_columns(number=day_number(before["trade_date"]), is_before=pl.lit(value=True))
            .filter(pl.col("number") < numbered["number"].min() if numbered.height else False)
        )
        numbered = pl.concat([start, numbered], how="diagonal").sort("parent_id", "number")
    else:
        numbered = numbered.with_columns(is_before=pl.lit(None, pl.Boolean))
    fresh = (pl.col("number") - pl.col("number").shift(1).over("parent_id") != 1).fill_null(
        value=True
    )
    # In between on the first of consecutive days is out; then forward until something is decided.
    found = numbered.with_columns(
        decided=pl.when(fresh & pl.col("decided").is_null())
        .then(statement=False)
        .otherwise("decided"),
        fresh=fresh,
    ).with_columns(is_in=pl.col("decided").forward_fill().over("parent_id"))
    return found.with_columns(
        was_in=~pl.col("fresh") & pl.col("is_in").shift(1).over("parent_id").fill_null(value=False)
    ).filter(pl.col("is_before").is_null())


def removed(rows: pl.DataFrame) -> pl.DataFrame:
    """`trade_date, reason, n_first, n_all` of rows of `universe`: how many names each rule removed,
    as the first cause and as any.
    """
    out = rows.filter(~pl.col("is_in"), ~pl.col("is_hedge"))
    first = out.select("trade_date", reason=pl.col("reasons").list.first())
    every = out.select("trade_date", reason="reasons").explode("reason")
    keys = ["trade_date", "reason"]
    return (
        every.group_by(keys)
        .len("n_all")
        .join(first.group_by(keys).len("n_first"), on=keys, how="left")
        .select(
            *keys, pl.col("n_first").fill_null(0).cast(pl.Int64), pl.col("n_all").cast(pl.Int64)
        )
        .sort(keys)
    )


def trading_facts(close: Floats, volume: Floats, returns: Floats) -> dict[str, Floats]:
    """`dollar_volume_usd`, `n_returns` and `gap_days` of each name on each day, [day, name], from
    closes, shares traded and returns [day, name], NaN where there is none.

    The median of 21 daily dollar volumes, of at least 15; returns in the last 252 days; the most
    days in a row without one that end among them. A name that had none for 252 days counts as newly
    listed: what lies before its next return is no gap. Needs 504 days before the first that is
    wanted, for the same bits whatever the range.
    """
    dollars = close * volume
    usable = np.where(np.isfinite(dollars) & (dollars >= 0), dollars, np.nan)
    there = np.isfinite(returns)
    n_days = returns.shape[0]
    last = np.maximum.accumulate(np.where(there, np.arange(n_days)[:, None], -1), axis=0)
    since = np.arange(n_days)[:, None] - last
    run = np.where((last >= 0) & (since <= HISTORY_DAYS), since, 0).astype(float)
    columns = pl.DataFrame(run, schema=[str(k) for k in range(run.shape[1])])
    longest = columns.select(pl.all().rolling_max(HISTORY_DAYS, min_samples=1)).to_numpy()
    return {
        "dollar_volume_usd": windows.median(usable, VOLUME_DAYS, _MINIMUM_VOLUMES),
        "n_returns": windows.count(np.where(there, returns, np.nan), HISTORY_DAYS),
        "gap_days": longest,
    }
