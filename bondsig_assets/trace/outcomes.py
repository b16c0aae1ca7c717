"""What became of every report, and when it was known: lifecycle, double counting, screens and
prices together.

Belongs here: the order in which the steps are applied and the state of a report at any moment.
Not here: the steps themselves (`lifecycle.py`, `interdealer.py`, `screens.py`, `prices.py`).

The state of a report after another report arrived is the first of: unusable (fault, duplicate,
not in the view, message), ended, buy leg that repeats a sell leg, screened out, price
quarantined; else it is a trade.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.trace import encoding, prices
from bondsig_assets.trace.encoding import FEED_RANK, Encoded, encode, mix
from bondsig_assets.trace.interdealer import BUY, DEALER, SELL, Legs, pair_legs
from bondsig_assets.trace.lifecycle import Endings, match_endings
from bondsig_assets.trace.options import Screens
from bondsig_assets.trace.order import Positions, Rows
from bondsig_assets.trace.reports import REGIME_CUT
from bondsig_assets.trace.screens import BOND_TERMS, screen_code, screen_codes

TRADE, FAULT = 0, 1
#: Reasons that do not depend on the screens; a state is a position in `Outcomes.names`.
FIXED = (
    "",
    "fault",
    "duplicate_report",
    "superseded_feed",
    "unknown_status",
    "cancel_message",
    "correction_message",
    "reversal_message",
    "cancel_message_without_trade",
    "correction_message_without_trade",
    "reversal_message_without_trade",
    "correction_of_ended_trade",
    "ended_by_cancel",
    "ended_by_correction",
    "ended_by_reversal",
    "interdealer_buy_leg",
    "price_error",
)
_CODE = {name: code for code, name in enumerate(FIXED)}
_CUT_DAY = (REGIME_CUT - date(1970, 1, 1)).days
#: What each role is called when it ends a trade.
_ENDING = {
    encoding.CANCELS: "cancel",
    encoding.POINTED_CANCEL: "cancel",
    encoding.CORRECTS: "correction",
    encoding.POINTED_CORRECTION: "correction",
    encoding.REPLACES: "correction",
    encoding.REVERSES: "reversal",
    encoding.AGAINST: "reversal",
}


@dataclass(frozen=True)
class Outcomes:
    """What became of `reports` as arrays [position], a position being a place in the order of
    knowledge.

    `order[position]`: row of `reports`; `fixed`, `screened`: states that never change, 0 for none;
    `cause_of_fixed`: the report that a duplicate repeats or a message ends (-1: none); `names`:
    reason of each state; `known`: moment known in microseconds; `price`: as reported;
    `role`, `feed`: as in `Encoded`.
    """

    reports: pl.DataFrame
    order: Rows
    names: tuple[str, ...]
    known: np.ndarray
    price: np.ndarray
    fixed: np.ndarray
    cause_of_fixed: Positions
    screened: np.ndarray
    endings: Endings
    role: np.ndarray
    feed: np.ndarray
    legs: Legs
    judgement: prices.Judgement

    def ended_states(self, position: Positions, ender: Positions) -> np.ndarray:
        """State of each report at `position` that `ender` ended, by what that is; 0 where there is
        none (-1).
        """
        of_role = np.zeros(8, dtype=np.uint8)
        for role, word in _ENDING.items():
            of_role[role] = _CODE[f"ended_by_{word}"]
        by_better_feed = self.feed[ender] < self.feed[position]
        return np.where(
            ender < 0,
            0,
            np.where(by_better_feed, _CODE["superseded_feed"], of_role[self.role[ender]]),
        ).astype(np.uint8)


def decide(
    reports: pl.DataFrame,
    order: Rows,
    screens: Screens,
    bonds: pl.DataFrame | None = None,
    given: np.ndarray | None = None,
    known_day: np.ndarray | None = None,
) -> Outcomes:
    """What becomes of `reports`, which have the columns of REPORT_SCHEMA and `known_at`.

    `order`: rows by issuer and then in the order in which they became known (`order.py`); `bonds`:
    cusip and BOND_TERMS (any may be missing), unless `reports` have them; `given` [position]:
    verdicts on prices from earlier runs, UNJUDGED for new reports; `known_day` [position]: day a
    print counts as known in the price rules (default: the report date).
    """
    terms = encode(reports, order)
    known = _taken(reports["known_at"].cast(pl.Int64).fill_null(encoding.NULL), order)
    price = _taken(reports["price"], order)
    fixed, cause = _fixed(reports, order, terms, known)
    usable = fixed == 0
    endings = _endings(terms, usable, fixed, cause)
    opening = terms.opens & usable & ~endings.is_stillborn
    legs = _legs(reports, order, terms, opening, endings, screens)
    if screens.interdealer == "drop_buys":
        is_bought = (terms.contra == DEALER) & (terms.side == BUY)
        fixed[opening & is_bought] = _CODE["interdealer_buy_leg"]
    screened = _screened(reports, order, screens, bonds)
    judged = opening & (screened == 0)
    return Outcomes(
        reports=reports,
        order=order,
        names=(*FIXED, *screen_codes(screens)),
        known=known,
        price=price,
        fixed=fixed,
        cause_of_fixed=cause,
        screened=screened,
        endings=endings,
        role=terms.role,
        feed=terms.feed,
        legs=legs,
        judgement=_judge(reports, order, terms, known, price, screens, judged, given, known_day),
    )


def _taken(column: pl.Series, order: Rows) -> np.ndarray:
    """A column of the reports by position."""
    return column.to_numpy()[order]


def _fixed(
    reports: pl.DataFrame, order: Rows, terms: Encoded, known: np.ndarray
) -> tuple[np.ndarray, Positions]:
    """States that are clear on arrival, and the report each duplicate repeats."""
    fixed = np.zeros(order.size, dtype=np.uint8)
    cause = Positions(np.full(order.size, -1, dtype=np.int64))
    fixed[terms.role < 0] = _CODE["unknown_status"]
    if reports["fault"].null_count() < reports.height:
        fixed[_taken(reports["fault"].is_not_null(), order)] = FAULT
    _mark_duplicates(terms, known, fixed, cause)
    return fixed, cause


def _endings(terms: Encoded, usable: np.ndarray, fixed: np.ndarray, cause: Positions) -> Endings:
    """What ends what; `fixed` and `cause` are filled in for messages and stillborn corrections."""
    endings = match_endings(terms, usable, _CUT_DAY)
    _name_messages(terms, usable, endings, fixed, cause)
    endings = _with_superseded(terms, usable, endings)
    fixed[endings.is_stillborn] = _CODE["correction_of_ended_trade"]
    cause[endings.is_stillborn] = endings.ended_by[endings.is_stillborn]
    return endings


def _with_superseded(terms: Encoded, usable: np.ndarray, endings: Endings) -> Endings:
    """Endings, with trades ended by the first report of a better feed about their bond and
    execution date.

    Enhanced comes half a year after Standard: until then the capped report stands, and in any past
    view for ever.
    """
    if not terms.feed.any():
        return endings
    better = pl.DataFrame(
        {
            "cusip": terms.bond,
            "day": terms.execution_day,
            "rank": terms.feed,
            "at": np.arange(terms.feed.size),
        }
    ).filter(pl.Series(usable))
    at = np.full(terms.feed.size, -1, dtype=np.int64)
    for rank in range(1, len(FEED_RANK) + 1):
        first = (
            better.filter(pl.col("rank") < rank).group_by("cusip", "day").agg(by=pl.col("at").min())
        )
        worse = better.filter(pl.col("rank") == rank).join(first, on=["cusip", "day"])
        at[worse["at"].to_numpy()] = worse["by"].to_numpy()
    superseded = terms.opens & (at >= 0) & ~endings.is_stillborn
    wins = superseded & ((endings.ended_by < 0) | (at < endings.ended_by))
    trade, changed_at, _ = endings.later.T
    # Nothing that a worse feed says later matters; a trade that stood again by then ends for good.
    kept = endings.later[~(superseded[trade] & (changed_at > at[trade]))]
    last = np.append(kept[1:, 0] != kept[:-1, 0], True)[: len(kept)]
    stands = kept[last & (kept[:, 2] < 0) & superseded[kept[:, 0]], 0]
    later = np.concatenate([kept, np.column_stack([stands, at[stands], at[stands]])])
    return replace(
        endings,
        ended_by=Positions(np.where(wins, at, endings.ended_by)),
        later=later[np.lexsort((later[:, 1], later[:, 0]))],
    )


def _mark_duplicates(
    terms: Encoded, known: np.ndarray, fixed: np.ndarray, cause: Positions
) -> None:
    """A report delivered again, alike in all that matching reads, is a duplicate of its first
    copy.
    """
    keys = mix(
        terms.cusip,
        terms.report_day,
        terms.number,
        terms.role,
        known,
        terms.executed,
        terms.execution_day,
        terms.price,
        terms.par,
        terms.side,
        terms.contra,
        terms.original,
    )
    asked = (fixed == 0) & (terms.number != encoding.NULL)
    again = asked.copy()
    again[asked] = ~pl.Series(keys[asked]).is_first_distinct().to_numpy()
    if not again.any():
        return
    again_at = np.flatnonzero(again)
    is_copied = pl.Series(keys).is_in(pl.Series(keys[again]).implode()).to_numpy()
    asked_at = np.flatnonzero(asked & ~again & is_copied)
    order = np.argsort(keys[asked_at], kind="stable")
    cause[again_at] = asked_at[order][np.searchsorted(keys[asked_at][order], keys[again_at])]
    fixed[again_at] = _CODE["duplicate_report"]


def _name_messages(
    terms: Encoded, usable: np.ndarray, endings: Endings, fixed: np.ndarray, cause: Positions
) -> None:
    """Reports that only end others are messages, with or without a trade."""
    messages = np.flatnonzero(usable & ~terms.opens)
    with_trade = np.zeros(8, dtype=np.uint8)
    without = np.zeros(8, dtype=np.uint8)
    for code, word in _ENDING.items():
        with_trade[code] = _CODE[f"{word}_message"]
        without[code] = _CODE[f"{word}_message_without_trade"]
    target, role = endings.target[messages], terms.role[messages]
    by = np.where(target >= 0, endings.ended_by[np.maximum(target, 0)], -1)
    # The C of a pair C and R has its trade, also where the R came first.
    ended = endings.has_ended[messages] | (by >= 0) & (role == encoding.CORRECTS) & (
        terms.role[by] == encoding.REPLACES
    )
    fixed[messages] = np.where(ended, with_trade[role], without[role])
    cause[messages] = target


def _legs(
    reports: pl.DataFrame,
    order: Rows,
    terms: Encoded,
    opening: np.ndarray,
    endings: Endings,
    screens: Screens,
) -> Legs:
    """Pairs of the legs that both dealers report. A locked-in or give-up report stands for both
    sides, so it pairs with no dealer's own report; two such reports of opposite sides, seconds
    apart, are the two sides of one.
    """
    unpaired = Positions(np.full(order.size, -1, dtype=np.int64))
    nothing = Legs(unpaired, np.empty((0, 3), dtype=np.int64))
    is_leg = opening & (terms.contra == DEALER) & ((terms.side == BUY) | (terms.side == SELL))
    if screens.interdealer != "pair" or not (is_leg & (terms.side == BUY)).any():
        return nothing
    alone = reports.select(
        pl.col("is_locked_in").fill_null(False)
        | pl.col("give_up_code").is_in(["A", "Q"]).fill_null(False)
    ).to_series()
    reporter, counterparty = (
        _taken(_hash_or_zero(reports[name]), order) for name in ("reporting_party", "contra_party")
    )
    return pair_legs(terms, endings, is_leg, _taken(alone, order), reporter, counterparty)


def _hash_or_zero(column: pl.Series) -> pl.Series:
    """Hash of each value, 0 for null."""
    if column.null_count() == column.len():
        return pl.repeat(0, column.len(), dtype=pl.UInt64, eager=True)
    return column.hash().zip_with(column.is_not_null(), pl.Series([0], dtype=pl.UInt64))


def _screened(
    reports: pl.DataFrame, order: Rows, screens: Screens, bonds: pl.DataFrame | None
) -> np.ndarray:
    """State of each report that a screen drops, 0 for none."""
    codes = _with_terms(reports, bonds).with_columns(code=screen_code(screens))["code"]
    screened = _taken(codes, order)
    return np.where(screened > 0, screened + len(FIXED) - 1, 0).astype(np.uint8)


def _with_terms(reports: pl.DataFrame, bonds: pl.DataFrame | None) -> pl.DataFrame:
    """`reports` with BOND_TERMS, null where unknown."""
    missing = [
        pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in BOND_TERMS.items()
        if name not in reports.columns
    ]
    if bonds is None:
        return reports.with_columns(missing)
    held = [name for name in BOND_TERMS if name in bonds.columns]
    terms = bonds.select("cusip", *(pl.col(name).cast(BOND_TERMS[name]) for name in held)).unique(
        "cusip", keep="last", maintain_order=True
    )
    joined = reports.join(terms, on="cusip", how="left", maintain_order="left")
    return joined.with_columns(
        expression for expression in missing if expression.meta.output_name() not in held
    )


def _judge(
    reports: pl.DataFrame,
    order: Rows,
    terms: Encoded,
    known: np.ndarray,
    price: np.ndarray,
    screens: Screens,
    eligible: np.ndarray,
    given: np.ndarray | None,
    known_day: np.ndarray | None,
) -> prices.Judgement:
    """What is thought of each print; `given` verdicts are taken over."""
    n = order.size
    if screens.price_errors != "trailing":
        unjudged = np.full(n, prices.UNJUDGED, dtype=np.int8)
        return prices.Judgement(unjudged, price, Positions(np.full(n, -1, dtype=np.int64)))
    given = np.full(n, prices.UNJUDGED, dtype=np.int8) if given is None else given
    known_day = terms.report_day if known_day is None else known_day
    issuer = _taken(reports["cusip"].str.slice(0, 6).hash(), order)
    executed = np.where(terms.executed == encoding.NULL, known, terms.executed)
    sound = np.isfinite(price) & (price > 0)
    return prices.judge_prices(
        issuer,
        terms.bond,
        price,
        known_day,
        executed,
        (eligible | (given != prices.UNJUDGED)) & sound,
        given,
    )
