"""What the published recipes have in common: matching messages, sequences of reversals, the two
legs of dealers.

Belongs here: rules that two or more recipes share, and the tally of what each step struck out. Not
here: a rule of one recipe only, and the platform's own cleaning (`lifecycle.py` and its
neighbours), which shares nothing with this package on purpose: the one is compared with the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from bondsig_assets.trace.reports import POINTING_FEEDS, REGIME_CUT

#: Reports and the terms of bonds → `row`, `reason` (null: kept as a trade), `price`.
Recipe = Callable[[pl.DataFrame, pl.DataFrame | None], pl.DataFrame]

#: What the recipes read of a canonical report.
COLUMNS = (
    "row",
    "fault",
    "feed",
    "cusip",
    "bond_symbol",
    "status",
    "asof_code",
    "message_number",
    "original_message_number",
    "report_date",
    "reported_at",
    "execution_date",
    "executed_at",
    "settlement_date",
    "price",
    "par_usd",
    "yield_pct",
    "side",
    "contra",
    "days_to_settle",
    "sale_condition",
    "trading_market",
    "commission_code",
    "give_up_code",
    "buyer_capacity",
    "seller_capacity",
    "security_type",
    "is_when_issued",
    "is_locked_in",
    "is_special_price",
)
#: The seven terms a message repeats of the trade it is about (Dick-Nielsen 2014).
TERMS = ["cusip", "execution_date", "executed_at", "price", "par_usd", "side", "contra"]
#: The same without the time of execution, which the dealers give less exactly.
TIMELESS_TERMS = [name for name in TERMS if name != "executed_at"]
ENDING_STATUSES = {"X": "cancel_message", "C": "correction_message", "Y": "reversal_message"}


class Tally:
    """The reports that still stand, and why each of the others fell.

    Every step of a recipe strikes rows of `standing`; a struck row never comes back, so a report
    has one reason: the first step that dropped it.
    """

    def __init__(self, reports: pl.DataFrame) -> None:
        self.standing = reports
        self._struck: list[pl.DataFrame] = [
            pl.DataFrame(schema={"row": pl.Int64, "reason": pl.String})
        ]

    def strike(self, condition: pl.Expr, reason: str | pl.Expr) -> None:
        """Drop the standing reports for which `condition` is true (null is not) and say why."""
        named = pl.lit(reason) if isinstance(reason, str) else reason
        marked = self.standing.with_columns(_falls=condition.fill_null(False))
        self._struck.append(marked.filter("_falls").select("row", reason=named.cast(pl.String)))
        self.standing = marked.filter(~pl.col("_falls")).drop("_falls")

    def strike_rows(self, rows: pl.Series, reason: str) -> None:
        """Drop the standing reports whose `row` is in `rows`."""
        if len(rows):
            self.strike(pl.col("row").is_in(rows.implode()), reason)

    def keep_only(self, condition: pl.Expr, reason: str) -> None:
        """Drop the standing reports for which `condition` is not true: null falls too, as a filter
        of pandas or R has it.
        """
        self.strike(~condition.fill_null(False), reason)

    def result(self, reports: pl.DataFrame) -> pl.DataFrame:
        """`row`, `reason`, `price` for every row of `reports`, in its order: the price of
        `standing`, as reported for what fell.
        """
        prices = self.standing.select("row", standing_price="price")
        answer = reports.select("row", "price").join(
            pl.concat(self._struck), on="row", how="left", maintain_order="left"
        )
        answer = answer.join(prices, on="row", how="left", maintain_order="left")
        return answer.select("row", "reason", pl.coalesce("standing_price", "price").alias("price"))


def begin(reports: pl.DataFrame) -> Tally:
    """A tally over canonical reports (`reports.REPORT_SCHEMA`): prices to six decimals as TRACE has
    them, `is_old` for the regime.

    `is_old`: reported before the cut of 6 February 2012, or from a feed whose messages point on
    every date. Reports that could not be read (`fault`) and those without a CUSIP fall here, as
    every recipe asks for them by CUSIP. Raises ValueError when columns are missing.
    """
    missing = [name for name in COLUMNS if name not in reports.columns]
    if missing:
        raise ValueError(
            f"reports lack the columns {', '.join(missing)}; bring them to the canonical frame with"
            " as_reports"
        )
    feed_points = pl.col("feed").is_in(POINTING_FEEDS).fill_null(False)
    is_old = (pl.col("report_date") < REGIME_CUT) | feed_points
    tally = Tally(reports.select(COLUMNS).with_columns(pl.col("price").round(6), is_old=is_old))
    tally.strike(pl.col("fault").is_not_null(), "unusable_report")
    tally.strike(pl.col("cusip").is_null() | (pl.col("cusip").str.strip_chars() == ""), "no_cusip")
    return tally


def named_by(
    trades: pl.DataFrame, messages: pl.DataFrame, key: Sequence[str], pointer: str
) -> pl.Series:
    """Rows of `trades` equal to one of `messages` on `key` (null equals null) and with the number
    that its `pointer` holds.
    """
    named = messages.select(*key, pl.col(pointer).alias("message_number"))
    return trades.join(named, on=[*key, "message_number"], how="semi", nulls_equal=True)["row"]


def end_new_trades(tally: Tally) -> None:
    """X, C and Y of the regime since 2012 take their trades with them (Dick-Nielsen 2014;
    docs/trace_cleaning.md, What ends what).

    X and C repeat the number of what they end, Y points back to it; all repeat the seven terms.
    A Y looks at trades of its own regime only: what was reported before the cut survives it.
    """
    new = tally.standing.filter(~pl.col("is_old"))
    trades = new.filter(pl.col("status").is_in(["T", "R"]))
    for status, pointer, reason in (
        ("X", "message_number", "cancelled"),
        ("C", "message_number", "corrected"),
        ("Y", "original_message_number", "reversed"),
    ):
        tally.strike_rows(
            named_by(trades, new.filter(pl.col("status") == status), TERMS, pointer), reason
        )


def strike_messages(tally: Tally) -> None:
    """What is left of messages that are no trades themselves, and statuses that no regime knows."""
    old, status = pl.col("is_old"), pl.col("status")
    tally.strike(
        ~old & status.is_in(list(ENDING_STATUSES)),
        status.replace_strict(ENDING_STATUSES, default=None, return_dtype=pl.String),
    )
    tally.strike(old & (status == "C"), "cancel_message")
    tally.keep_only(
        pl.when(old).then(status.is_in(["T", "W"])).otherwise(status.is_in(["T", "R"])),
        "unknown_status",
    )


def reverse_by_sequence(
    tally: Tally, numbered_in: Sequence[str], matched_on: Sequence[str]
) -> None:
    """As-of reversals of before 2012: the k-th reversal of a group takes the k-th trade (WRDS,
    OSBAP, Tidy Finance).

    `numbered_in`: the group within which both are numbered, by execution, then report;
    `matched_on`: the terms on which the numbers are then compared. R, X and D fall first and D and
    X reverse nothing. Which of several equal trades the reversal names is not looked at: the first
    falls.
    """
    order = ["executed_at", "report_date", "reported_at", "message_number", "row"]
    old = tally.standing.filter("is_old").sort(order, nulls_last=True)
    numbered = pl.int_range(pl.len()).over(numbered_in)
    reversals = (
        old.filter(pl.col("asof_code") == "R")
        .with_columns(ordinal=numbered)
        .select(*matched_on, "ordinal")
    )
    for code, reason in (
        ("R", "reversal_message"),
        ("X", "delayed_reversal"),
        ("D", "delayed_dissemination"),
    ):
        tally.strike(pl.col("is_old") & (pl.col("asof_code") == code), reason)
    if reversals.height:
        trades = old.filter(
            ~pl.col("asof_code").is_in(["R", "X", "D"]).fill_null(False)
        ).with_columns(ordinal=numbered)
        tally.strike_rows(
            trades.join(reversals, on=[*matched_on, "ordinal"], how="semi", nulls_equal=True)[
                "row"
            ],
            "reversed",
        )


def drop_matched_buys(tally: Tally) -> None:
    """Double counting as WRDS, OSBAP and Tidy Finance remove it (docs/trace_cleaning.md, Double
    counting).

    Every buy leg with a sell leg of equal bond, date, price and par falls, however many buys there
    are for one sell; only trades with customers and dealers survive.
    """
    tally.keep_only(pl.col("contra").is_in(["C", "D"]), "affiliate_or_null_contra")
    dealers = tally.standing.filter(pl.col("contra") == "D")
    terms = ["cusip", "execution_date", "price", "par_usd"]
    sells = dealers.filter(pl.col("side") == "S").select(terms)
    buys = dealers.filter(pl.col("side") == "B")
    tally.strike_rows(
        buys.join(sells, on=terms, how="semi", nulls_equal=True)["row"], "interdealer_buy_leg"
    )
    tally.keep_only(
        (pl.col("contra") == "C") | pl.col("side").is_in(["B", "S"]), "interdealer_without_side"
    )
