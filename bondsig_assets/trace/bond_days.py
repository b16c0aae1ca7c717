"""Daily aggregates per bond: what a bond day is made of, and when it is revised.

Belongs here: aggregation of trades that stand, and revisions as known at each cutoff. Not here:
yields (`bonds/`), which trades stand (`outcomes.py`).
"""

from __future__ import annotations

import polars as pl

from bondsig_assets.calendar import CUTOFF
from bondsig_assets.market_rules import INSTITUTIONAL_PAR_USD
from bondsig_assets.tables.clean import BOND_DAY_MEASURES

#: Trades of equal par at most this far apart are one imputed round trip (Feldhütter 2012).
ROUND_TRIP_MINUTES = 15
#: Trades of equal par at most this far apart are one riskless-principal chain.
RISKLESS_SECONDS = 60
#: Counts and sums, which are 0 where nothing is counted or summed.
_COUNTS = [m.name for m in BOND_DAY_MEASURES if not m.nullable and m.type == "BIGINT"]
_SUMS = [m.name for m in BOND_DAY_MEASURES if not m.nullable and m.type == "DOUBLE"]
_PARTIES = ("reporting_party", "contra_party")
#: What a bond day may be made of (its `source`), and what a quote gives in place of a price.
TRADES, QUOTES = "trades", "quotes"
QUOTED = ("quoted_yield_pct", "quoted_spread_bps")
#: What few feeds tell.
_SELDOM = (*_PARTIES, "settlement_date")
#: Columns a trade must have to be aggregated, beside the keys.
TRADE_COLUMNS = (
    "row",
    "executed_at",
    "price",
    "par_usd",
    "is_par_capped",
    "side",
    "contra",
    "settlement_date",
    "reporting_party",
    "contra_party",
    "is_quarantined",
)
#: A settlement further from its trade is a typing error: sellers' options and new issues settle
#: within it.
LONGEST_SETTLEMENT_DAYS = 60


def aggregate(trades: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """One row for each value of `keys`, with the columns of BOND_DAY_MEASURES.

    `trades`: `keys` and TRADE_COLUMNS. Prices in % of par; quarantined prints are counted and have
    no weight. Sums of floats depend on their order, which is fixed here: by execution, then `row`.
    """
    # Few feeds name dealers, and columns of nulls cost as much as others to sort.
    untold = [name for name in _SELDOM if trades[name].null_count() == trades.height]
    trades = trades.drop(untold).sort([*keys, "executed_at", "row"])
    weighed = trades.filter(~pl.col("is_quarantined"))
    sums = _sums(_parts(weighed, keys), keys)
    days = _with_quarantined(_measures(sums, keys), trades, keys)
    days = (
        _with_settlement(_with_dealers(days, weighed, keys), weighed, keys)
        .join(_round_trips(weighed, keys), on=keys, how="left")
        .with_columns(
            pl.col(_COUNTS).fill_null(0),
            pl.col(_SUMS).fill_null(0.0),
        )
        .with_columns(
            quarantined_share=pl.col("n_quarantined")
            / (pl.col("n_trades") + pl.col("n_quarantined"))
        )
    )
    return days.sort(keys)


def _masks() -> dict[str, pl.Expr]:
    """Kinds of trades whose par is summed apart; `buy` and `sell` are the customer's side."""
    masks = {
        "all": pl.lit(True),
        "buy": (pl.col("contra") == "C") & (pl.col("side") == "S"),
        "sell": (pl.col("contra") == "C") & (pl.col("side") == "B"),
        "big": pl.col("par_usd") >= INSTITUTIONAL_PAR_USD,
        "uncapped": ~pl.col("is_par_capped"),
        "dealer": pl.col("contra") == "D",
    }
    masks |= {f"big_{side}": masks["big"] & masks[side] for side in ("buy", "sell")}
    return {name: mask.fill_null(False) for name, mask in masks.items()}


def _parts(weighed: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """What is added up of each trade: par and value of its kinds, and whether it is of a kind."""
    masks = _masks()
    value = pl.col("par_usd") * pl.col("price")
    return weighed.select(
        *keys,
        "executed_at",
        "price",
        "is_par_capped",
        *([] if "settlement_date" not in weighed.columns else ["settlement_date"]),
        value=value,
        square=value * pl.col("price"),
        par_timed=pl.when(pl.col("executed_at").is_not_null()).then("par_usd").otherwise(0.0),
        par_seconds=(pl.col("par_usd") * _second_of_day()).fill_null(0.0),
        **{f"is_{name}": masks[name] for name in ("buy", "sell", "dealer", "big")},
        **{
            f"par_{name}": pl.when(mask).then("par_usd").otherwise(0.0)
            for name, mask in masks.items()
        },
        **{
            f"value_{name}": pl.when(masks[name]).then(value).otherwise(0.0)
            for name in ("buy", "sell", "big", "big_buy", "big_sell")
        },
    )


def _second_of_day() -> pl.Expr:
    """Seconds after midnight of each execution."""
    moment = pl.col("executed_at")
    return (moment - moment.dt.truncate("1d")).dt.total_seconds()


def _sums(parts: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """The parts added up for each value of `keys`, and the prices that are no sums."""
    settles = pl.col("^settlement_date$")
    return parts.group_by(keys, maintain_order=True).agg(
        settles.min().name.suffix("_first"),
        settles.max().name.suffix("_last"),
        settles.null_count().name.suffix("_unsaid"),
        pl.col("^par_.*$").sum(),
        pl.col("^value.*$").sum(),
        pl.col("square").sum(),
        pl.col("^is_.*$").sum().cast(pl.Int64),
        n_trades=pl.len().cast(pl.Int64),
        price_mean=pl.col("price").mean(),
        price_first=pl.col("price").first(),
        price_last=pl.col("price").last(),
        price_low=pl.col("price").min(),
        price_high=pl.col("price").max(),
        last_trade_at=pl.col("executed_at").last(),
    )


def _measures(sums: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Measures of bond days by their declared names."""
    return sums.select(
        *keys,
        "n_trades",
        price=_ratio("value", "par_all"),
        price_value_weighted=_ratio("square", "value"),
        price_mean="price_mean",
        price_first="price_first",
        price_last="price_last",
        price_low="price_low",
        price_high="price_high",
        last_trade_at="last_trade_at",
        mean_trade_second=_ratio("par_seconds", "par_timed"),
        par_usd="par_all",
        uncapped_par_usd="par_uncapped",
        n_capped="is_par_capped",
        customer_buy_par_usd="par_buy",
        customer_sell_par_usd="par_sell",
        customer_buy_price=_ratio("value_buy", "par_buy"),
        customer_sell_price=_ratio("value_sell", "par_sell"),
        n_customer_buys="is_buy",
        n_customer_sells="is_sell",
        n_interdealer="is_dealer",
        price_dispersion_bps=1e4
        * (
            (_ratio("square", "par_all") - _ratio("value", "par_all") ** 2)
            .clip(lower_bound=0.0)
            .sqrt()
            / _ratio("value", "par_all")
        ),
        n_institutional="is_big",
        institutional_par_usd="par_big",
        institutional_buy_par_usd="par_big_buy",
        institutional_sell_par_usd="par_big_sell",
        institutional_price=_ratio("value_big", "par_big"),
        institutional_customer_buy_price=_ratio("value_big_buy", "par_big_buy"),
        institutional_customer_sell_price=_ratio("value_big_sell", "par_big_sell"),
        **{name: name for name in sums.columns if name.startswith("settlement_date_")},
    ).with_columns(customer_spread=pl.col("customer_buy_price") - pl.col("customer_sell_price"))


def _with_quarantined(days: pl.DataFrame, trades: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """`days` with `n_quarantined`, and with days that have nothing else."""
    quarantined = (
        trades.filter("is_quarantined")
        .group_by(keys, maintain_order=True)
        .agg(n_quarantined=pl.len().cast(pl.Int64))
    )
    if not quarantined.height:
        return days.with_columns(n_quarantined=pl.lit(0, pl.Int64))
    return days.join(quarantined, on=keys, how="full", coalesce=True)


def _ratio(top: str, bottom: str) -> pl.Expr:
    """Null where there is nothing to divide by."""
    return pl.when(pl.col(bottom) > 0).then(pl.col(top) / pl.col(bottom))


def _with_dealers(days: pl.DataFrame, trades: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """`days` with `n_dealers`, the different dealers on either side of the trades; null where
    nobody is named.
    """
    counted = (pl.lit(True), pl.col("contra") == "D")
    sides = [
        trades.filter(is_dealer, pl.col(name).is_not_null()).select(*keys, dealer=name)
        for name, is_dealer in zip(_PARTIES, counted, strict=True)
        if name in trades.columns
    ]
    if not any(side.height for side in sides):
        return days.with_columns(n_dealers=pl.lit(None, pl.Int64))
    return days.join(
        pl.concat(sides).group_by(keys).agg(n_dealers=pl.col("dealer").n_unique().cast(pl.Int64)),
        on=keys,
        how="left",
    )


def reported_settlement(execution: str) -> pl.Expr:
    """The column `settlement_date` of trades, null where it cannot be that of a trade executed on
    `execution`.
    """
    days = (pl.col("settlement_date") - pl.col(execution)).dt.total_days()
    return pl.when(days.is_between(0, LONGEST_SETTLEMENT_DAYS)).then("settlement_date")


def _with_settlement(days: pl.DataFrame, trades: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """`days` with `reported_settlement_date`: the date on which more than half of the day's par
    settles.

    No mean of dates, on which nothing settles, and no minority's: a seller's option among regular
    trades is not the day's.
    """
    if "settlement_date" not in trades.columns:
        return days.with_columns(reported_settlement_date=pl.lit(None, pl.Date))
    first, last, unsaid = (f"settlement_date_{which}" for which in ("first", "last", "unsaid"))
    # Most days settle on one date: only the others are added up by date.
    is_one = (pl.col(first) == pl.col(last)) & (pl.col(unsaid) == 0)
    mixed = days.filter(~is_one.fill_null(False) & pl.col(first).is_not_null())
    by_date = (
        trades.join(mixed.select(*keys, whole="par_usd"), on=keys, maintain_order="left")
        .filter(pl.col("settlement_date").is_not_null())
        .group_by(*keys, "settlement_date", maintain_order=True)
        .agg(pl.col("par_usd").sum(), pl.col("whole").first())
        .filter(2 * pl.col("par_usd") > pl.col("whole"))
    )
    return (
        days.join(by_date.select(*keys, of_most="settlement_date"), on=keys, how="left")
        .with_columns(
            reported_settlement_date=pl.when(is_one & (pl.col("par_usd") > 0))
            .then(first)
            .otherwise("of_most")
        )
        .drop(first, last, unsaid, "of_most")
    )


def _round_trips(trades: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Imputed round trips and riskless-principal chains of each day.

    A round trip is a set of two or three trades of equal par, each at most ROUND_TRIP_MINUTES after
    the one before, at unequal prices; its cost is (highest − lowest) / highest, in bps (Feldhütter
    2012). The riskless share is the share of the par customers traded that another trade of equal
    par followed or preceded within RISKLESS_SECONDS (after Harris 2015).
    """
    sets = trades.select(
        *keys,
        "par_usd",
        "executed_at",
        "row",
        "price",
        is_customer=(pl.col("contra") == "C").fill_null(False),
    )
    sets = sets.sort([*keys, "par_usd", "executed_at", "row"])
    gap = pl.col("executed_at") - pl.col("executed_at").shift(1)
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in (*keys, "par_usd"))
    sets = sets.with_columns(
        joins=(same & (gap <= pl.duration(minutes=ROUND_TRIP_MINUTES))).fill_null(False),
        is_near=(same & (gap <= pl.duration(seconds=RISKLESS_SECONDS))).fill_null(False),
    )
    in_chain = pl.col("is_customer") & (
        pl.col("is_near") | pl.col("is_near").shift(-1).fill_null(False)
    )
    sets = sets.with_columns(
        number=(~pl.col("joins")).cum_sum(),
        riskless=pl.when(in_chain).then("par_usd").otherwise(0.0),
        customer=pl.when("is_customer").then("par_usd").otherwise(0.0),
    )
    return _riskless_share(sets, keys).join(_imputed_trips(sets, keys), on=keys, how="left")


def _riskless_share(sets: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """`riskless_share` of each day, from trades marked by `_round_trips`."""
    riskless = sets.group_by(keys, maintain_order=True).agg(
        riskless_share=pl.col("riskless").sum(), customer=pl.col("customer").sum()
    )
    return riskless.select(*keys, riskless_share=_ratio("riskless_share", "customer"))


def _imputed_trips(sets: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """`n_round_trips` and `round_trip_cost_bps` of each day that has any, from the same."""
    # Most trades are alone: only members of a set are grouped.
    members = sets.filter(pl.col("joins") | pl.col("joins").shift(-1).fill_null(False))
    trips = members.group_by("number", maintain_order=True).agg(
        *(pl.col(key).first() for key in keys),
        n=pl.len(),
        low=pl.col("price").min(),
        high=pl.col("price").max(),
    )
    return (
        trips.filter((pl.col("n") <= 3) & (pl.col("high") > pl.col("low")))
        .group_by(keys, maintain_order=True)
        .agg(
            n_round_trips=pl.len().cast(pl.Int64),
            round_trip_cost_bps=((pl.col("high") - pl.col("low")) / pl.col("high") * 1e4).mean(),
        )
    )


def touched_days(events: pl.DataFrame) -> pl.DataFrame:
    """Bond days that some rows of `trade_events` changed: a trade or a quarantined print came, went
    or changed.

    Returns unique `cusip, trade_date, known_date`.
    """
    changes = events.filter(_counts() | (pl.col("revision") > 0))
    return (
        changes.select("cusip", trade_date="execution_date", known_date="known_date")
        .unique()
        .sort("cusip", "trade_date", "known_date")
    )


def _counts() -> pl.Expr:
    """Whether an event says that its report is a trade or a quarantined print."""
    return pl.col("reason").is_null() | (pl.col("reason") == "price_error")


def lifetimes(events: pl.DataFrame) -> pl.DataFrame:
    """From which delivery until which each report counted, or was quarantined, by rows of
    `trade_events` with all revisions of their reports.
    """
    report = ["delivery_date", "record_number"]
    dated = events.sort(*report, "revision").with_columns(
        until_date=pl.col("known_date").shift(-1).over(report, mapping_strategy="group_to_rows")
    )
    number = pl.col("delivery_date").cast(pl.Int32).cast(pl.Int64) * 10_000_000_000 + pl.col(
        "record_number"
    )
    return dated.filter(_counts()).select(
        "cusip",
        "known_date",
        "until_date",
        "executed_at",
        "price",
        "par_usd",
        "is_par_capped",
        "side",
        "contra",
        "reporting_party",
        "contra_party",
        reported_settlement("execution_date"),
        trade_date="execution_date",
        row=number,
        is_quarantined=pl.col("reason").is_not_null(),
    )


def revise(changed: pl.DataFrame, lifetimes: pl.DataFrame) -> pl.DataFrame:
    """One row of `bond_day_revisions` for each row of `changed` (`cusip, trade_date, known_date`).

    `lifetimes`: as the function of that name gives them: TRADE_COLUMNS, `cusip`, `trade_date`,
    `known_date` (from which delivery on) and `until_date` (up to which, exclusive; null: still).
    A revision sees the reports that count at the cutoff of its `known_date`.
    """
    keys = ["cusip", "trade_date", "known_date"]
    dated = lifetimes.rename({"known_date": "from_date"})
    held = changed.join(dated, on=["cusip", "trade_date"], how="inner").filter(
        (pl.col("from_date") <= pl.col("known_date"))
        & (pl.col("until_date").is_null() | (pl.col("until_date") > pl.col("known_date")))
    )
    rows = changed.join(
        aggregate(held.select(*keys, *TRADE_COLUMNS), keys),
        on=keys,
        how="left",
        maintain_order="left",
    )
    return rows.with_columns(
        pl.col(_COUNTS).fill_null(0),
        pl.col(_SUMS).fill_null(0.0),
        known_at=pl.col("known_date").dt.combine(CUTOFF),
        **{name: pl.lit(None, pl.Float64) for name in QUOTED},
    ).with_columns(source=pl.when(pl.col("n_trades") > 0).then(pl.lit(TRADES)))
