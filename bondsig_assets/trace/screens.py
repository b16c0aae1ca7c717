"""Which standing trades to believe: flag screens and price errors, looking backward only.

Belongs here: every screen with its source, and the decimal correction. Not here: the message
lifecycle (`lifecycle.py`). Nothing here reads a delivery later than the one it judges.
"""

from __future__ import annotations

import polars as pl

from bondsig_assets.trading_calendar import all_trading_days, day_number

#: Trading days of earlier prices that a print is compared with.
ANCHOR_DAYS = 21
#: A print this far from its anchor, in logs, is suspicious (20 %).
SUSPICIOUS = 0.1823
#: Prints of the same delivery that must agree with a suspicious one for it to stand.
CONFIRMING_PRINTS = 3
MINIMUM_PAR_USD = 10_000


def flag_reason() -> pl.Expr:
    """Reason a T or R report is screened out by its own fields and its bond's terms, else null.

    Needs the bond's `maturity_date`, `offering_date`, `offering_amount_usd`, `is_convertible`
    joined on. Sources: Dick-Nielsen 2014 (when issued, special price, primary market, locked
    in); Rule 6730 weighted average price; van Binsbergen-Nozawa-Schwert (par of $10,000);
    reference filters 7 to 9 (price equal to yield, half the issue, after maturity).
    """
    screens: list[tuple[str, pl.Expr]] = [
        ("unknown_bond", pl.col("maturity_date").is_null()),
        ("convertible", pl.col("is_convertible")),
        ("impossible_time", pl.col("executed_at") > pl.col("reported_at")),
        ("off_calendar", ~pl.col("execution_date").is_in(pl.Series(all_trading_days()).implode())),
        ("before_issue", pl.col("execution_date") < pl.col("offering_date")),
        ("after_maturity", pl.col("execution_date") >= pl.col("maturity_date")),
        ("affiliate", pl.col("contra") == "A"),
        ("when_issued", pl.col("is_when_issued")),
        ("special_price", pl.col("is_special_price")),
        ("primary_market", pl.col("trading_market").is_in(["P1", "P2", "S2"])),
        ("locked_in", pl.col("is_locked_in")),
        ("weighted_average_price", pl.col("trade_modifier_4") == "W"),
        ("price_out_of_range", (pl.col("price") <= 0) | (pl.col("price") > 1000)),
        ("price_is_yield", pl.col("price") == pl.col("yield_pct")),
        ("half_of_issue", pl.col("par_usd") >= 0.5 * pl.col("offering_amount_usd")),
        ("small_par", pl.col("par_usd") < MINIMUM_PAR_USD),
    ]
    return pl.coalesce(*(pl.when(condition.fill_null(False)).then(pl.lit(name)) for name, condition in screens))


def daily_medians(reports: pl.DataFrame) -> pl.DataFrame:
    """Median reported price of each bond and delivery, the raw material of anchors.

    Takes `cusip, delivery_date, price_as_reported` of T and R reports.
    """
    return reports.group_by("cusip", "delivery_date").agg(day_median=pl.col("price_as_reported").median()).sort("cusip", "delivery_date")


def anchors(medians: pl.DataFrame) -> pl.DataFrame:
    """Per bond and delivery the median of its daily medians over the ANCHOR_DAYS trading days before.

    `medians` as from `daily_medians`, reaching back ANCHOR_DAYS trading days before the first
    delivery of interest. Returns `cusip, delivery_date, anchor`, null without earlier prices.
    """
    dated = medians.with_columns(day=day_number(medians["delivery_date"])).sort("cusip", "day")
    rolled = dated.rolling("day", period=f"{ANCHOR_DAYS}i", closed="left", group_by="cusip").agg(anchor=pl.col("day_median").median())
    return dated.join(rolled, on=["cusip", "day"], how="left").select("cusip", "delivery_date", "anchor")


def judge_prices(reports: pl.DataFrame, earlier_medians: pl.DataFrame) -> pl.DataFrame:
    """Decimal shifts put right and stray prints named.

    `reports` are T and R reports with `price_as_reported`; `earlier_medians` those of the
    ANCHOR_DAYS trading days before. Adds `price` and `price_reason` (null, `decimal_shift` stays
    a trade and is put right; `price_error` is no trade). A print more than 20 % from its anchor is
    a decimal shift if a power of ten brings it within 5 % of it, is believed if at least
    CONFIRMING_PRINTS others of the same bond and delivery have a median within 5 % of it, and is a
    price error otherwise. Without an anchor a print is believed.
    """
    medians = pl.concat([earlier_medians.select("cusip", "delivery_date", "day_median"), daily_medians(reports)])
    marked = reports.join(anchors(medians), on=["cusip", "delivery_date"], how="left", maintain_order="left")
    peers = reports.group_by("cusip", "delivery_date").agg(n_prints=pl.len(), day_median=pl.col("price_as_reported").median())
    marked = marked.join(peers, on=["cusip", "delivery_date"], how="left", maintain_order="left")
    reported, anchor = pl.col("price_as_reported"), pl.col("anchor")
    suspicious = ((reported / anchor).log().abs() > SUSPICIOUS).fill_null(False)
    confirmed = (pl.col("n_prints") > CONFIRMING_PRINTS) & ((reported / pl.col("day_median") - 1).abs() < 0.05)
    shifted = pl.coalesce(
        *(pl.when((reported * factor / anchor - 1).abs() < 0.05).then(reported * factor) for factor in (0.1, 10.0, 0.01, 100.0))
    )
    return marked.with_columns(suspicious=suspicious & ~confirmed, shifted=shifted).with_columns(
        price=pl.when("suspicious").then(pl.coalesce("shifted", "price_as_reported")).otherwise("price_as_reported"),
        price_reason=pl.when(pl.col("suspicious") & pl.col("shifted").is_null()).then(pl.lit("price_error")),
    ).drop("anchor", "n_prints", "day_median", "suspicious", "shifted")
