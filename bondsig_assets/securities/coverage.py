"""How much of the bond market reaches a stock on a day, and why the rest does not.

Belongs here: one reason for each bond, and their shares of bonds, par and trading. Not here: making
links (`links.py`) and showing them (`reporting/`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

import polars as pl

from bondsig_assets.calendar import cutoff
from bondsig_assets.securities.master import bitemporal
from bondsig_assets.securities.rectangles import is_seen

#: Reason → meaning; a bond has the first that holds.
REASONS: dict[str, str] = {
    "linked": "reaches a stock",
    "no_terms": "traded, and its terms were never delivered",
    "ambiguous": "claims of equal rank disagree on that day",
    "not_yet_known": "a link for the day, or its terms, became known only later",
    "link_ended": "had a link that ended before the day (delisting, sale, a table not renewed)",
    "link_not_begun": "has a link that begins after the day",
    "unknown_issuer": "its issuer is not known to lead to any parent on the day",
    "parent_private": "its parent is listed as private",
    "issuer_without_parent_stock": "its issuer and parent are known, a stock of the parent is not",
    "chain_broken": "issuer, parent and stock are known, and no link of them holds on the day",
}


def bond_reasons(
    day: date,
    bonds: pl.DataFrame,
    issuers: pl.DataFrame,
    equities: pl.DataFrame,
    master: pl.DataFrame,
    *,
    moment: datetime | None = None,
    conflicts: pl.DataFrame | None = None,
    traded: pl.DataFrame | None = None,
    private_parents: Iterable[str] = (),
) -> pl.DataFrame:
    """`cusip, reason`: one of REASONS for each bond outstanding on `day`, and for each CUSIP in
    `traded`.

    `bonds, issuers, equities`: the raw tables, `master`: rows of `security_master`, `conflicts` of
    `links.resolve`, all of them whole: what became known after `moment` (the cutoff of `day`) tells
    'not_yet_known' from never. A report on the past, no feature: it looks ahead for that one
    reason.
    """
    moment = cutoff(day) if moment is None else moment
    outstanding = bonds.filter(
        (pl.col("offering_date") <= day) & (pl.col("maturity_date") > day)
    ).select("cusip")
    universe = (
        pl.concat([outstanding, *([] if traded is None else [traded.select("cusip")])])
        .unique()
        .sort("cusip")
    )
    now, valid, known = is_seen(day, moment), _is_valid(day), pl.col("known_at") <= moment
    ambiguous = (
        pl.DataFrame(schema={"cusip": pl.String})
        if conflicts is None
        else conflicts.filter(now & (pl.col("reason") == "ambiguous"))
    )
    owners = bitemporal(
        issuers.select("issuer_id", "parent_id", "valid_from_date", "valid_to_date", "known_at"),
        "issuer_id",
    ).filter(now)
    stocks = equities.filter(known).select("parent_id").unique()
    terms = bonds.unique("cusip", keep="first", maintain_order=True).select(
        "cusip", "issuer_id", late=~known
    )
    rows = universe.join(terms, on="cusip", how="left", maintain_order="left").join(
        owners.select("issuer_id", "parent_id"), on="issuer_id", how="left", maintain_order="left"
    )

    def among(frame: pl.DataFrame, name: str = "cusip") -> pl.Expr:
        return pl.col(name).is_in(frame[name].unique().to_list()).fill_null(False)

    known_now = master.filter(
        known & (pl.col("known_until").is_null() | (pl.col("known_until") > moment))
    )
    reason = (
        pl.when(among(master.filter(now)))
        .then(pl.lit("linked"))
        .when(pl.col("issuer_id").is_null())
        .then(pl.lit("no_terms"))
        .when(among(ambiguous))
        .then(pl.lit("ambiguous"))
        .when(pl.col("late") | among(master.filter(valid & ~known)))
        .then(pl.lit("not_yet_known"))
        .when(among(known_now.filter(pl.col("valid_to_date") < day)))
        .then(pl.lit("link_ended"))
        .when(among(known_now.filter(pl.col("valid_from_date") > day)))
        .then(pl.lit("link_not_begun"))
        .when(pl.col("parent_id").is_null())
        .then(pl.lit("unknown_issuer"))
        .when(pl.col("parent_id").is_in(list(private_parents)).fill_null(False))
        .then(pl.lit("parent_private"))
        .when(~among(stocks, "parent_id"))
        .then(pl.lit("issuer_without_parent_stock"))
        .otherwise(pl.lit("chain_broken"))
    )
    return rows.select("cusip", reason=reason)


def coverage(
    reasons: pl.DataFrame, amounts: pl.DataFrame | None = None, traded: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Shares by reason: `reason, n_bonds, bonds_pct, outstanding_usd, outstanding_pct, n_trades,
    trades_pct, traded_usd, traded_pct`.

    `reasons` as from `bond_reasons`; `amounts`: `cusip, amount_usd` (`amounts.amounts_on`);
    `traded`: `cusip, n_trades, par_usd` of any stretch of time. Rows in the order of REASONS, those
    that occur. Each share column sums to 100; it is null where there is nothing to share (no such
    frame, or a sum of zero).
    """
    rows = reasons.with_columns(n_bonds=pl.lit(1, pl.Int64))
    outstanding = {"amount_usd": pl.Float64}
    trading = {"n_trades": pl.Int64, "par_usd": pl.Float64}
    for frame, columns in ((amounts, outstanding), (traded, trading)):
        if frame is None:
            rows = rows.with_columns(
                pl.lit(None, dtype).alias(name) for name, dtype in columns.items()
            )
        else:
            sums = frame.group_by("cusip").agg(
                pl.col(name).cast(dtype).sum() for name, dtype in columns.items()
            )
            rows = rows.join(sums, on="cusip", how="left", maintain_order="left").with_columns(
                pl.col(name).fill_null(0) for name in columns
            )
    order = pl.Enum(list(REASONS))
    sums = (
        rows.sort("cusip")
        .group_by("reason")
        .agg(
            pl.col("n_bonds").sum(),
            outstanding_usd=_sum("amount_usd"),
            n_trades=_sum("n_trades"),
            traded_usd=_sum("par_usd"),
        )
        .sort(pl.col("reason").cast(order))
    )
    measures = {
        "n_bonds": "bonds_pct",
        "outstanding_usd": "outstanding_pct",
        "n_trades": "trades_pct",
        "traded_usd": "traded_pct",
    }
    shares = [
        pl.when(pl.col(name).sum() > 0).then(100.0 * pl.col(name) / pl.col(name).sum()).alias(share)
        for name, share in measures.items()
    ]
    return sums.with_columns(shares).select(
        "reason", *(column for pair in measures.items() for column in pair)
    )


def _is_valid(day: date) -> pl.Expr:
    return (pl.col("valid_from_date") <= day) & (
        pl.col("valid_to_date").is_null() | (pl.col("valid_to_date") >= day)
    )


def _sum(name: str) -> pl.Expr:
    """Sum that stays null where every row is."""
    return pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum())
