"""`bondsig diff`: what has become known since a day about its trades, and what its features, its
credit news and its score would be with that.

Belongs here: recomputing one day with today's knowledge of trades, taking bond days back one by
one, and the text with its tables. Not here: the queries (`reporting/score_trail.py`), features
(`features/`), scoring (`learning/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from rich.console import RenderableType

from bondsig_assets.calendar import offset, quarter_of
from bondsig_assets.commands.console import open_console, plain_table, print_section
from bondsig_assets.commands.explain import find_trail, number, par, score_section
from bondsig_assets.commands.warehouse import open_warehouse
from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.learning.rows import ScoreRow, rows_from
from bondsig_assets.reporting.score_trail import ChangedBondDay, TradeEvent
from bondsig_assets.tables.issuer_features import ALL_FEATURES, LOOKBACK_DAYS
from bondsig_assets.tables.news_features import NEWS_AGES
from bondsig_assets.warehouse import Warehouse

if TYPE_CHECKING:
    from bondsig_assets.features.news.parameters import NewsParameters
    from bondsig_assets.features.panels import Panels
    from bondsig_assets.learning.scoring import Scorer
    from bondsig_assets.reporting.score_trail import Trail

_RECENT_DAYS = 10
#: Rows printed of each kind.
_SHOWN = 15
#: Bond days that are taken back one by one; the older ones together.
_ONE_BY_ONE = 6
#: Smaller differences are how floats are added, not knowledge.
_NOTHING = 1e-9
#: Change of a piece of news, in daily volatilities, that is told.
_TOLD = 0.05
_KEYS = ["cusip", "trade_date"]


@dataclass(frozen=True)
class Knowledge:
    """A day's issuers and scores under some knowledge of bond days: `z` [row, ALL_FEATURES] and the
    rows of `issuer_days`, `credit_news`, `scores` and `explanations`.
    """

    issuers: pl.DataFrame
    news: pl.DataFrame
    z: np.ndarray
    scores: pl.DataFrame
    explanations: pl.DataFrame

    def prediction(self, parent_id: str) -> float | None:
        """The prediction of a parent, None when it would have no score."""
        found = self.scores.filter(parent_id=parent_id)["prediction"]
        return found[0] if found.len() else None


@dataclass(frozen=True)
class Recomputed:
    """A day computed anew: `panels` as known on it, `news` what its credit news is made of,
    `changed` the bond days that are others now, `placed` their revisions as known now, `champion`
    its model.
    """

    day: date
    panels: Panels
    news: NewsInputs
    changed: pl.DataFrame
    placed: pl.DataFrame
    champion: Scorer
    registry_version: str

    def knowing(self, keys: pl.DataFrame) -> Knowledge:
        """The day with the bond days of `keys` as known now and all others as known then."""
        from bondsig_assets.features.issuer_days import issuer_days
        from bondsig_assets.reporting.score_trail import with_newest

        begin = offset(self.day, 1 - self.champion.specification.history_days)
        newest = self.placed.join(keys, on=_KEYS, how="semi", maintain_order="left")
        panels = replace(self.panels, revisions=with_newest(self.panels.revisions, newest))
        frame, _ = issuer_days(panels, begin, self.day)
        news = self.news.knowing(newest, begin, self.day)
        return knowledge_of(frame, news, self.day, self.champion, self.registry_version)


@dataclass(frozen=True)
class NewsInputs:
    """What a day's credit news is made of: `panels` as known on it, the quarters' parameters, which
    were estimated before and stay as they were, and the rows that were `stored`. Where there were
    none, nothing was heard then, and nothing is heard now.
    """

    panels: Panels | None
    parameters: Mapping[date, NewsParameters]
    stored: pl.DataFrame

    def knowing(self, newest: pl.DataFrame, begin: date, day: date) -> pl.DataFrame:
        """Rows of `credit_news` of `begin` … `day` with the bond days of `newest` as known now."""
        from bondsig_assets.features.news.credit_news import credit_news
        from bondsig_assets.reporting.score_trail import with_newest

        if self.panels is None or newest.is_empty():
            return self.stored
        panels = replace(self.panels, revisions=with_newest(self.panels.revisions, newest))
        return credit_news(panels, begin, day, self.parameters)[0]


def _news_inputs(warehouse: Warehouse, begin: date, day: date) -> NewsInputs:
    """What the news of `begin` … `day` is made of."""
    from bondsig_assets.reading.credit_news import (
        first_needed,
        load_news_panels,
        stored_parameters,
    )

    stored = warehouse.read_table("credit_news", between=(begin, day))
    quarters = {quarter_of(begin), quarter_of(day)}
    parameters = stored_parameters(warehouse, quarters)
    if stored.is_empty() or set(parameters) != quarters:
        return NewsInputs(None, parameters, stored)
    panels = load_news_panels(warehouse, first_needed(begin, is_estimated=False), day)
    return NewsInputs(panels, parameters, stored)


def knowledge_of(
    issuer_days: pl.DataFrame,
    credit_news: pl.DataFrame,
    day: date,
    champion: Scorer,
    registry_version: str,
) -> Knowledge:
    """The scores of `day` by `champion` from `issuer_days` and `credit_news`, which hold whole days
    up to it.
    """
    from bondsig_assets.learning.dataset import make_dataset
    from bondsig_assets.learning.scoring import score
    from bondsig_assets.learning.settings import WalkForwardSettings
    from bondsig_assets.tables import TABLES

    frame = issuer_days.sort("trade_date", "parent_id")
    data = make_dataset(frame, TABLES["labels"].empty(), WalkForwardSettings(), credit_news)
    whole = data.between(day, day)
    rows = whole[data.scorable[whole]]
    scores, explanations = score(data, rows, champion, registry_version, frame[rows])
    news = credit_news.filter(pl.col("trade_date") == day)
    return Knowledge(frame[whole], news, data.z[whole, : len(ALL_FEATURES)], scores, explanations)


def print_diff(home: Home, ticker: str, day: date) -> None:
    """Print what has become known since `day` about the bonds of `ticker`, and what its features
    and score would be with it.
    """
    from bondsig_assets.reporting import score_trail as trails

    warehouse = open_warehouse(home)
    trail = find_trail(home, warehouse, ticker, day)
    first, parent = offset(day, -LOOKBACK_DAYS), trail.score.parent_id
    cusips = trails.linked_bonds(warehouse.read, parent, day, trail.score.known_at)
    events = trails.events_since(warehouse.read, cusips, first, day)
    changed = trails.changed_bond_days(warehouse.read, first, day)
    own = changed.filter(pl.col("cusip").is_in(cusips))
    newest = warehouse.read("SELECT max(known_date) AS day FROM trade_events")["day"][0]
    console = open_console()
    compared = (
        f"compared with what is known after the delivery of {newest}; only trades are brought up to"
        " date, everything else is as known then"
    )
    print_section(console, [*score_section(trail), compared])
    print_section(console, _event_section(events, first, day))
    if changed.is_empty():
        console.print("nothing has become known since that changes this score")
        return
    then, now, recomputed = _recomputed(home, warehouse, trail, changed)
    print_section(console, _feature_section(then, now, parent))
    print_section(console, _news_section(news_changes(then, now, parent), day))
    if not _differs(then.prediction(parent), now.prediction(parent)):
        others = changed.height - own.height
        console.print(
            f"nothing has become known since that changes this score ({own.height} of its bond days"
            f" and {others} others changed, none that moves it)"
        )
        return
    print_section(console, _score_section(then, now, trail))
    print_section(console, _cause_section(recomputed, then, now, own, events, parent))


def _recomputed(
    home: Home, warehouse: Warehouse, trail: Trail, changed: pl.DataFrame
) -> tuple[Knowledge, Knowledge, Recomputed]:
    """The day as stored, as known now, and what is needed to compute it otherwise.

    Raises BondsigError when the champion cannot be had, or `issuer_days` is not what the score was
    made from.
    """
    from bondsig_assets.reading.panels import load_panels

    day, champion = trail.score.trade_date, _champion(home, trail)
    begin = offset(day, 1 - champion.specification.history_days)
    stored = warehouse.read_table("issuer_days", between=(begin, day))
    news = _news_inputs(warehouse, begin, day)
    then = knowledge_of(stored, news.stored, day, champion, trail.score.registry_version)
    if _differs(then.prediction(trail.score.parent_id), trail.score.prediction):
        raise UserError(
            f"{day} was scored on other features than issuer_days has now: bondsig run --start"
            f" {day} --end {day} --select key:scores --again"
        )
    panels = load_panels(warehouse, offset(begin, -LOOKBACK_DAYS), day)
    recomputed = Recomputed(
        day,
        panels,
        news,
        changed,
        _placed(warehouse, changed),
        champion,
        trail.score.registry_version,
    )
    return then, recomputed.knowing(changed), recomputed


def _champion(home: Home, trail: Trail) -> Scorer:
    from bondsig_assets.resources.champion import load_champion
    from bondsig_assets.resources.tracking import TrackingResource

    if trail.champion is None:
        version = f"{trail.score.model_version}, version {trail.score.registry_version}"
        raise UserError(
            f"{version}, is champion of {trail.score.trade_date} no more: score the day again to"
            " compare"
        )
    return load_champion(TrackingResource(home=str(home.path)), trail.champion)


def _placed(warehouse: Warehouse, changed: pl.DataFrame) -> pl.DataFrame:
    """Changed bond days as known now, on the days on which something was known of them then, with
    the analytics they would have had.

    The spread of a late revision in `bond_analytics` is over the Treasury curve of the day it
    became known. Here each is solved on the curve that stood behind what was known then, so that
    what the Treasury market did in between is not taken for news about the bond.
    """
    from bondsig_assets.bonds.analytics import analyze
    from bondsig_assets.bonds.known_terms import Reference
    from bondsig_assets.reading.panels import ANALYTICS_COLUMNS
    from bondsig_assets.reporting.score_trail import placed_then

    reference = Reference(*(warehouse.read_table(name) for name in Reference._fields))
    placed = placed_then(changed)
    analytics = analyze(placed, reference).select(ANALYTICS_COLUMNS)
    return placed.join(analytics, on=[*_KEYS, "known_date"], how="left", maintain_order="left")


def _differs(one: float | None, other: float | None) -> bool:
    return (one is None) != (other is None) or (
        one is not None and other is not None and abs(one - other) > _NOTHING
    )


# What is printed


def what_it_did(event: TradeEvent) -> str:
    """What an event was, in words."""
    cause = (
        f" by report {event.cause_delivery_date} {event.cause_record_number}"
        if event.cause_delivery_date
        else ""
    )
    if event.is_arrival:
        return (
            "late trade"
            if event.reason is None
            else f"arrived late, not a trade: {event.reason}{cause}"
        )
    if event.was_reason is None and event.reason is not None:
        return f"ceased to be a trade: {event.reason}{cause}"
    if event.was_reason is not None and event.reason is None:
        return f"became a trade, was {event.was_reason}{cause}"
    if event.was_price != event.price:
        return f"price put right, was {number(event.was_price)}{cause}"
    return f"still {event.reason or 'a trade'}{cause}"


def _event_rows(events: pl.DataFrame) -> list[list[str]]:
    return [
        [
            f"{event.known_at:%Y-%m-%d %H:%M}",
            f"{event.executed_at or event.execution_date}",
            event.cusip,
            number(event.price),
            par(event.par_usd, event.is_par_capped),
            str(event.delivery_date),
            str(event.record_number),
            what_it_did(event),
        ]
        for event in rows_from(TradeEvent, events)
    ]


def _event_section(events: pl.DataFrame, first: date, day: date) -> list[RenderableType]:
    """What became known later about trades of the window, those of the last days first."""
    recent = offset(day, -_RECENT_DAYS)
    late = events.filter(pl.col("is_arrival") & pl.col("reason").is_null()).height
    ended = events.filter(~pl.col("is_arrival") & pl.col("reason").is_not_null()).height
    counted = f"{late} late, {ended} ended, {events.height - late - ended} otherwise"
    section: list[RenderableType] = [
        f"Trades: {events.height} changes since, of its bonds' trades executed {first} … {day}:"
        f" {counted}"
    ]
    header = [
        "known since",
        "executed",
        "cusip",
        "price",
        "par usd",
        "delivery",
        "record",
        "what it did",
    ]
    for title, part in (
        (
            f"executed in the {_RECENT_DAYS} trading days before ({recent} on)",
            events.filter(pl.col("execution_date") >= recent),
        ),
        ("executed before", events.filter(pl.col("execution_date") < recent)),
    ):
        if part.height:
            section += [
                f"{title}: {part.height}",
                plain_table(header, _event_rows(part.head(_SHOWN)), right=(3, 4, 6)),
            ]
            section += [f"  and {part.height - _SHOWN} more"] if part.height > _SHOWN else []
    return section


def feature_changes(then: Knowledge, now: Knowledge, parent_id: str) -> pl.DataFrame:
    """`feature, then, now, z_then, z_now, is_own, z_change, median_z_change` per feature of an
    issuer, the largest change in z first.

    `is_own`: the value itself changed, and not only those of others; the median is over all issuers
    of both.
    """
    one, other = (
        k.issuers.select("parent_id", *ALL_FEATURES).with_row_index("row") for k in (then, now)
    )
    both = one.select("row", "parent_id").join(
        other.select("row", "parent_id"), on="parent_id", suffix="_now", maintain_order="left"
    )
    z_then, z_now = then.z[both["row"].to_numpy()], now.z[both["row_now"].to_numpy()]
    at = both["parent_id"].to_list().index(parent_id)
    raw_then, raw_now = one.row(both["row"][at])[2:], other.row(both["row_now"][at])[2:]
    change = np.where(
        np.isfinite(z_then) != np.isfinite(z_now), np.inf, np.nan_to_num(np.abs(z_now - z_then))
    )
    return pl.DataFrame(
        {
            "feature": ALL_FEATURES,
            "then": raw_then,
            "now": raw_now,
            "z_then": z_then[at],
            "z_now": z_now[at],
            "is_own": [_differs_relatively(a, b) for a, b in zip(raw_then, raw_now, strict=True)],
            "z_change": change[at],
            "median_z_change": np.median(change, axis=0),
        },
        schema_overrides={"then": pl.Float64, "now": pl.Float64},
    ).sort("z_change", descending=True, maintain_order=True)


def _differs_relatively(one: float | None, other: float | None) -> bool:
    return one is not other and (
        one is None or other is None or abs(one - other) > _NOTHING * max(abs(one), abs(other))
    )


def _feature_section(then: Knowledge, now: Knowledge, parent_id: str) -> list[RenderableType]:
    if now.issuers.filter(parent_id=parent_id).is_empty():
        return ["Features: with what is known now it would have no issuer day"]
    changes = feature_changes(then, now, parent_id)
    own = changes.filter("is_own")
    only_z = changes.filter(~pl.col("is_own") & (pl.col("z_change") > _NOTHING))
    title = (
        f"Features: {own.height} of {changes.height} have another value, {only_z.height} more have"
        " only another z, because other issuers have other values"
    )
    moved = changes.filter(pl.col("is_own") | (pl.col("z_change") > _NOTHING))
    rows = [
        [
            row["feature"],
            number(row["then"]),
            number(row["now"]),
            _z(row["z_then"]),
            _z(row["z_now"]),
            f"{row['median_z_change']:.3f}",
        ]
        for row in moved.head(_SHOWN).to_dicts()
    ]
    if not rows:
        return [title]
    header = ["feature", "then", "now", "z then", "z now", "median |z change| of all issuers"]
    more = [f"  and {moved.height - _SHOWN} that moved less"] if moved.height > _SHOWN else []
    return [title, plain_table(header, rows, right=(1, 2, 3, 4, 5)), *more]


def _z(value: float) -> str:
    return f"{value:+.3f}" if np.isfinite(value) else "missing"


@dataclass(frozen=True)
class NewsChange:
    """A piece of credit news of an age as known then and now: size in the stock's daily
    volatilities (good is positive) and probability; None where neither bond nor CDS spoke.
    """

    age: int
    size_then: float | None
    size: float | None
    probability_then: float | None
    probability: float | None

    @property
    def moved(self) -> float:
        """How far its size moved; no news counts as 0."""
        return abs((self.size or 0.0) - (self.size_then or 0.0))

    def sentence(self, day: date) -> str:
        """What a person is told of it, on the day `day`."""
        mostly = self.size if abs(self.size or 0.0) > abs(self.size_then or 0.0) else self.size_then
        kind = "good" if (mostly or 0.0) > 0 else "bad"
        sizes = " → ".join(
            "none" if v is None else f"{v:+.2f}" for v in (self.size_then, self.size)
        )
        chances = " → ".join(
            "none" if v is None else f"{v:.2f}" for v in (self.probability_then, self.probability)
        )
        return (
            f"{offset(day, -self.age)}: {kind} news of {sizes} daily volatilities, probability"
            f" {chances}"
        )


def news_changes(then: Knowledge, now: Knowledge, parent_id: str) -> list[NewsChange]:
    """The issuer's pieces of news whose size or probability is another now, the one whose size
    moved most first.
    """
    rows = [k.news.filter(parent_id=parent_id).to_dicts() for k in (then, now)]
    before, after = (found[0] if found else {} for found in rows)
    names = [(k, f"credit_news_{k}", f"credit_news_probability_{k}") for k in NEWS_AGES]
    found = [
        NewsChange(k, before.get(size), after.get(size), before.get(chance), after.get(chance))
        for k, size, chance in names
        if _differs(before.get(size), after.get(size))
        or _differs(before.get(chance), after.get(chance))
    ]
    return sorted(found, key=lambda one: -one.moved)


def _news_section(changes: list[NewsChange], day: date) -> list[RenderableType]:
    """What changed in what the issuer's bonds and CDS had newly said."""
    if not changes:
        return ["Credit news: the same with what is known now"]
    told = [
        one
        for one in changes
        if one.moved >= _TOLD or max(one.probability_then or 0.0, one.probability or 0.0) >= 0.5
    ]
    if not told:
        return [
            f"Credit news: no piece of it moved by {_TOLD:g} daily volatilities, the largest change"
            f" is {changes[0].moved:.4f}"
        ]
    return ["Credit news, then → now:", *(f"  {one.sentence(day)}" for one in told)]


def _score_section(then: Knowledge, now: Knowledge, trail: Trail) -> list[RenderableType]:
    """Score then and now, and the contributions that moved most."""
    parent = trail.score.parent_id
    rows = [[title, *_score_cells(k, parent)] for title, k in (("then", then), ("now", now))]
    header = ["", "score", "P(underperform)", "prediction", "rank"]
    section: list[RenderableType] = [
        f"Score by {trail.score.model_version}, the champion of the day",
        plain_table(header, rows, right=(1, 2, 3, 4)),
    ]
    if now.prediction(parent) is None:
        why = "no bond trade stands in the ten days before, and it has no CDS quote"
        return [*section, f"with what is known now it would have no score: {why}"]
    parts = [
        np.array(k.explanations.filter(parent_id=parent)["contributions"][0].to_list())
        for k in (then, now)
    ]
    moved = parts[1] - parts[0]
    order = np.argsort(-np.abs(moved), kind="stable")[:_SHOWN]
    contributions = [
        [
            f"{moved[k]:+.6f}",
            trail.model.features[k],
            f"{parts[0][k]:+.6f}",
            f"{parts[1][k]:+.6f}",
        ]
        for k in order
        if abs(moved[k]) > _NOTHING
    ]
    if not contributions:
        return section
    title = f"Contributions that moved most; all together {moved.sum():+.6f}"
    header = ["change", "feature", "then", "now"]
    return [*section, title, plain_table(header, contributions, right=(0, 2, 3))]


def _score_cells(knowledge: Knowledge, parent_id: str) -> list[str]:
    found = rows_from(ScoreRow, knowledge.scores.filter(parent_id=parent_id))
    if not found:
        return ["none", "", "", ""]
    rank = int((knowledge.scores["prediction"] > found[0].prediction).sum()) + 1
    return [
        f"{found[0].score:+.4f}",
        f"{100 * found[0].probability_underperform:.2f} %",
        f"{found[0].prediction:+.6f}",
        f"{rank} of {knowledge.scores.height}",
    ]


def _cause_section(
    recomputed: Recomputed,
    then: Knowledge,
    now: Knowledge,
    own: pl.DataFrame,
    events: pl.DataFrame,
    parent_id: str,
) -> list[RenderableType]:
    """What each changed bond day of the issuer did: the prediction now minus the prediction with
    that bond day as known then.
    """
    changed = recomputed.changed
    others = changed.height - own.height
    if own.is_empty():
        what = (
            f"{others} bond days of other issuers changed, and with them what this one is measured"
            " against"
        )
        return [f"Which report did it: none of its own, no trade of its bonds changed; {what}"]
    ordered = own.sort("trade_date", "cusip", descending=[True, False])
    newest = rows_from(ChangedBondDay, ordered.head(_ONE_BY_ONE))
    groups = [
        (ordered[k : k + 1], _bond_day_name(bond_day, events)) for k, bond_day in enumerate(newest)
    ]
    if own.height > _ONE_BY_ONE:
        groups.append(
            (ordered[_ONE_BY_ONE:], [f"{own.height - _ONE_BY_ONE} older bond days together", ""])
        )
    if others:
        groups.append(
            (
                changed.join(own, on=_KEYS, how="anti"),
                [f"{others} bond days of other issuers together", ""],
            )
        )
    moved = [one for one in news_changes(then, now, parent_id) if one.moved > _NOTHING]
    piece = f"credit_news_{moved[0].age}" if moved else ""
    effects = [(*_effect(recomputed, now, taken, parent_id, piece), name) for taken, name in groups]
    effects.sort(key=lambda one: -abs(one[0]) if one[0] is not None else -np.inf)
    rows = [
        ["would have no score" if effect is None else f"{effect:+.6f}", *([heard] * bool(piece))]
        + name
        for effect, heard, name in effects
    ]
    told = [f"news of {offset(recomputed.day, -moved[0].age)}"] if moved else []
    header = ["effect", *told, "bond day", "late reports (delivery date and record number)"]
    return [
        "Which report did it: what the prediction of now"
        + (", and the piece of news that moved most," if piece else "")
        + " loses when a bond day is put back as it was known then",
        "(effects need not add up: features are not linear in trades)",
        plain_table(header, rows, right=tuple(range(1 + len(told)))),
    ]


def _effect(
    recomputed: Recomputed, now: Knowledge, taken: pl.DataFrame, parent_id: str, piece: str
) -> tuple[float | None, str]:
    """Prediction now minus that without what became known about the bond days `taken`, None where
    one of the two does not exist; and the same of the `piece` of news (a column of `credit_news`)
    in words, nothing without one.
    """
    without = recomputed.knowing(recomputed.changed.join(taken, on=_KEYS, how="anti"))
    one, other = without.prediction(parent_id), now.prediction(parent_id)
    effect = None if one is None or other is None else other - one
    if not piece:
        return effect, ""
    sizes = [k.news.filter(parent_id=parent_id)[piece].to_list() for k in (now, without)]
    heard = [float(found[0] or 0.0) if found else 0.0 for found in sizes]
    return effect, f"{heard[0] - heard[1]:+.3f}"


def _bond_day_name(bond_day: ChangedBondDay, events: pl.DataFrame) -> list[str]:
    """A bond day with its price and trades then and now, and the late reports that changed it: what
    ended a trade, or the late trade itself.
    """
    of_it = events.filter(
        (pl.col("cusip") == bond_day.cusip) & (pl.col("execution_date") == bond_day.trade_date)
    )
    late = of_it.select(
        pl.coalesce("cause_delivery_date", "delivery_date"),
        pl.coalesce("cause_record_number", "record_number"),
    )
    reports = late.unique(maintain_order=True).rows()
    then_and_now = (bond_day.price_then, bond_day.price)
    prices = " → ".join("none" if value is None else f"{value:.6g}" for value in then_and_now)
    changes = f"price {prices}, trades {bond_day.n_trades_then} → {bond_day.n_trades}"
    return [
        f"{bond_day.cusip} {bond_day.trade_date}: {changes}",
        "; ".join(f"{day} {record}" for day, record in reports),
    ]
