"""Which claim about a bond holds on a day, as known at a moment: one link or none, and every
disagreement listed.

Belongs here: ranking claims, settling share classes, refusing what is ambiguous, and the master
built from claims. Not here: making claims from files and filling them in (`claims.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from bondsig_assets.securities.claims import (
    CLAIM_SCHEMA,
    ENTITY_KINDS,
    issuer_chain,
    split_claims,
    with_identity,
)
from bondsig_assets.securities.master import build_master, replaced
from bondsig_assets.securities.rectangles import SIDES, cells, edges, merged, sides

#: Ranks of the sources known here, 1 the most trusted; give `resolve` your own for others.
DEFAULT_RANKS: dict[str, int] = {
    "user_map": 1,
    "wrds_bond_crsp": 2,
    "issuer_chain": 3,
    "etf_holdings": 4,
    "equity_cusip6": 5,
}
_SAID = [
    "link_source",
    "entity_kind",
    "entity",
    "parent_id",
    "permno",
    "permco",
    "ticker",
    "figi",
    "confidence",
    "note",
]
_SIDE = ["link_source", "entity_kind", "entity", "parent_id", "permno", "permco", "ticker"]
#: A link: the claim that won, for a bond. `share_class_rule` says how one of several share classes
#: was taken.
LINK_SCHEMA: dict[str, pl.DataType] = {
    "cusip": pl.String(),
    **{name: CLAIM_SCHEMA[name] for name in _SAID},
    "share_class_rule": pl.String(),
    **{name: CLAIM_SCHEMA[name] for name in SIDES},
}
#: Two claims that disagree about a bond: each side of `_SIDE`, the second prefixed `other_`.
CONFLICT_SCHEMA: dict[str, pl.DataType] = {
    "cusip": pl.String(),
    "reason": pl.String(),
    **{name: CLAIM_SCHEMA[name] for name in _SIDE},
    **{f"other_{name}": CLAIM_SCHEMA[name] for name in _SIDE},
    **{name: CLAIM_SCHEMA[name] for name in SIDES},
}
#: Claims settled in one go, which bounds memory: about 1 GB.
_AT_ONCE = 200_000
#: Days after which a market cap no longer says which share class is the primary one.
_CAP_DAYS = 92


@dataclass(frozen=True)
class Resolution:
    """`links` (LINK_SCHEMA), `conflicts` (CONFLICT_SCHEMA) and `rejected` claims (CLAIM_SCHEMA and
    `reason`).
    """

    links: pl.DataFrame
    conflicts: pl.DataFrame
    rejected: pl.DataFrame


def resolve(
    claims: pl.DataFrame,
    bonds: pl.DataFrame,
    ranks: Mapping[str, int] | None = None,
    share_classes: pl.DataFrame | None = None,
) -> Resolution:
    """The winning claim of each bond on each day as known at each moment: never two.

    `claims`: CLAIM_SCHEMA, best after `with_identity`; `bonds`: `cusip, issuer_id, known_at`. The
    lowest rank wins, then the more specific kind of entity, then the higher confidence. Claims of
    the best rank and kind that disagree leave no link where both hold and are known ('ambiguous');
    worse ones that disagree with the winner are listed ('outranked'). Claims disagree if they name
    different permcos; without two permcos, different permnos, then tickers; if they name different
    parents. Of one rank and kind they also count as disagreeing when they share no identifier at
    all and so cannot be compared (fill them in first).

    Several permnos of one permco agree: the primary one is taken, by `share_classes` (`permco,
    permno, valid_from_date, market_cap_usd, known_at`; a cap, lagged by the giver, counts from
    valid_from_date for 92 days), else the smallest. A bond's links are known no earlier than its
    terms. Raises ValueError for a source without a rank or missing columns.
    """
    good, rejected = split_claims(_shaped(claims))
    applied, said = _applied(good, bonds, _ranks(good, DEFAULT_RANKS if ranks is None else ranks))
    primaries = None if share_classes is None else _primaries(share_classes, applied)
    parts = [
        _settled(part, primaries, said)
        for part in applied.with_columns(
            part=pl.col("row").min().over("bond") // _AT_ONCE
        ).partition_by("part")
    ]
    links = pl.concat([pl.DataFrame(schema=LINK_SCHEMA), *(part[0] for part in parts)])
    conflicts = pl.concat([pl.DataFrame(schema=CONFLICT_SCHEMA), *(part[1] for part in parts)])
    return Resolution(links, conflicts, rejected)


def link_master(
    bonds: pl.DataFrame,
    issuers: pl.DataFrame,
    equities: pl.DataFrame,
    claims: pl.DataFrame,
    *,
    ranks: Mapping[str, int] | None = None,
    names: pl.DataFrame | None = None,
    share_classes: pl.DataFrame | None = None,
    delistings: pl.DataFrame | None = None,
) -> tuple[pl.DataFrame, Resolution]:
    """Rows of `security_master` where `claims` compete with the chain of `issuers` and `equities`,
    and how they were settled.

    Arguments as of `build_master`, `with_identity` and `resolve`. With no claims the master is what
    `build_master` alone makes of the same tables, as seen on any day at any moment.
    """
    chain = issuer_chain(issuers, equities, delistings)
    everything = pl.concat([chain, claims.select(list(CLAIM_SCHEMA))])
    filled = with_identity(everything, equities, names, delistings)
    settled = resolve(filled, bonds, ranks, share_classes)
    return build_master(bonds, issuers, equities, settled.links, delistings), settled


def _shaped(claims: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in CLAIM_SCHEMA if name not in claims.columns]
    if missing:
        raise ValueError(f"claims: missing columns {', '.join(missing)}")
    return claims.select(pl.col(name).cast(dtype) for name, dtype in CLAIM_SCHEMA.items())


def _ranks(claims: pl.DataFrame, ranks: Mapping[str, int]) -> pl.DataFrame:
    unknown = sorted(set(claims["link_source"].drop_nulls()) - set(ranks))
    if unknown or claims["link_source"].null_count():
        raise ValueError(
            f"claims: no rank for {', '.join(unknown) or 'claims without a link_source'} (ranks are"
            f" given for {', '.join(ranks)})"
        )
    return pl.DataFrame(
        {"link_source": list(ranks), "rank": list(ranks.values())},
        schema={"link_source": pl.String, "rank": pl.Int64},
    )


def _applied(
    claims: pl.DataFrame, bonds: pl.DataFrame, ranks: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A row for each claim and bond it is about, best first, in numbers alone; and what each `who`
    says in words.

    `row` orders them, `who` is equal where all that is said is, `ticker` and `parent_id` are codes.
    """
    terms = (
        bonds.select("cusip", "issuer_id", bond_known_at="known_at")
        .sort("cusip")
        .with_row_index("bond")
        .with_columns(pl.col("bond").cast(pl.Int64))
    )
    entity = {
        "cusip": pl.col("cusip"),
        "issuer_cusip": pl.col("cusip").str.slice(0, 6),
        "issuer_id": pl.col("issuer_id"),
    }
    parts = [
        claims.filter(entity_kind=kind).join(
            terms.select("bond", "cusip", "bond_known_at", entity=entity[kind]), on="entity"
        )
        for kind in ENTITY_KINDS
    ]
    both = (
        pl.concat(parts)
        .join(ranks, on="link_source")
        .with_columns(known_at=pl.max_horizontal("known_at", "bond_known_at"))
    )
    kinds = pl.col("entity_kind").replace_strict(
        {kind: place for place, kind in enumerate(ENTITY_KINDS)}, return_dtype=pl.Int64
    )
    both = both.with_columns(
        *edges(), (pl.col("rank") * len(ENTITY_KINDS) + kinds).alias("class")
    ).filter(pl.col("k0") < pl.col("k1"))
    order = [
        "bond",
        "class",
        "confidence",
        "permno",
        "ticker",
        *(name for name in _SAID if name not in ("confidence", "permno", "ticker")),
    ]
    both = both.sort(
        *order,
        *SIDES,
        descending=[name == "confidence" for name in [*order, *SIDES]],
        nulls_last=True,
    )
    both = both.with_row_index("row").with_columns(
        pl.col("row").cast(pl.Int64), who=pl.struct("bond", *_SAID).rle_id().cast(pl.Int64)
    )
    codes = [pl.col(name).rank("dense").cast(pl.Int64) for name in ("ticker", "parent_id")]
    applied = both.select(
        "row", "bond", "who", "class", "permno", "permco", *codes, "v0", "v1", "k0", "k1"
    )
    return applied, both.select("who", "cusip", *_SAID).unique(
        "who", keep="first", maintain_order=True
    )


def _settled(
    applied: pl.DataFrame, primaries: pl.DataFrame | None, said: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Links and conflicts of a share of the bonds."""
    pieces = cells(_with_primaries(applied, primaries), "bond").filter(
        pl.col("row").is_not_null().any().over("cell")
    )
    claimed = (
        pieces.filter(pl.col("row").is_not_null())
        .drop("permno")
        .join(applied.drop("bond", "v0", "v1", "k0", "k1"), on="row")
    )
    claimed = claimed.with_columns(is_top=pl.col("class") == pl.col("class").min().over("cell"))
    top = claimed.filter("is_top")
    ambiguous = _disagreeing(top, top.filter(pl.len().over("cell") > 1), when_unknown=True).filter(
        pl.col("who") < pl.col("who_other")
    )
    agreed = top.join(ambiguous.select("cell").unique(), on="cell", how="anti")
    winners = _winners(
        agreed, pieces.filter(pl.col("row").is_null()).select("cell", primary="permno")
    )
    outranked = _disagreeing(winners, claimed.filter(~pl.col("is_top")), when_unknown=False)
    conflicts = pl.concat(
        [_listed(ambiguous, said, "ambiguous"), _listed(outranked, said, "outranked")]
    )
    return _links(winners, said), conflicts.sort(
        "cusip", "valid_from_date", "known_at", "reason", "who", "who_other"
    ).select(list(CONFLICT_SCHEMA))


def _with_primaries(applied: pl.DataFrame, primaries: pl.DataFrame | None) -> pl.DataFrame:
    """Rectangles to split: the claims', and for bonds with several share classes those in which one
    is the primary (`row` null).
    """
    narrow = applied.select("bond", "row", "permno", "v0", "v1", "k0", "k1")
    if primaries is None:
        return narrow
    several = (
        applied.group_by("bond", "permco")
        .agg(pl.col("permno").n_unique(), pl.col("v0", "k0").min(), pl.col("v1", "k1").max())
        .filter(pl.col("permno") > 1)
    )
    both = (
        primaries.select("permco", "permno", *edges())
        .join(several.drop("permno"), on="permco", suffix="_bond")
        .select(
            "bond",
            pl.lit(None, pl.Int64).alias("row"),
            "permno",
            v0=pl.max_horizontal("v0", "v0_bond"),
            v1=pl.min_horizontal("v1", "v1_bond"),
            k0=pl.max_horizontal("k0", "k0_bond"),
            k1=pl.min_horizontal("k1", "k1_bond"),
        )
    )
    return pl.concat(
        [narrow, both.filter((pl.col("v0") < pl.col("v1")) & (pl.col("k0") < pl.col("k1")))]
    )


def _primaries(share_classes: pl.DataFrame, applied: pl.DataFrame) -> pl.DataFrame:
    """`permco, permno` and sides: the share class with the largest cap, as known, ties to the
    smallest permno.
    """
    wanted = (
        applied.group_by("permco")
        .agg(pl.col("permno").n_unique())
        .filter(pl.col("permno") > 1)["permco"]
        .drop_nulls()
    )
    caps = (
        share_classes.filter(pl.col("permco").is_in(wanted.to_list()))
        .select(
            pl.col("permco", "permno").cast(pl.Int64),
            pl.col("valid_from_date").cast(pl.Date),
            "market_cap_usd",
            pl.col("known_at").cast(pl.Datetime("us")),
        )
        .drop_nulls()
        .sort("known_at")
        .unique(["permco", "permno", "valid_from_date"], keep="first", maintain_order=True)
    )
    # A cap is compared with those that were known with it: who hears of one later may not change
    # what was settled before.
    moments = caps.select("permco", "valid_from_date", "known_at").unique()
    # A cap lasts a period, so it can only matter to moments of its own period and the next.
    period = pl.col("valid_from_date").to_physical() // _CAP_DAYS
    rivals = caps.with_columns(period=period).rename(
        {"valid_from_date": "cap_date", "known_at": "cap_known_at"}
    )
    rivals = pl.concat([rivals, rivals.with_columns(pl.col("period") + 1)])
    fresh = (pl.col("cap_date") <= pl.col("valid_from_date")) & (
        pl.col("cap_date") > pl.col("valid_from_date") - pl.duration(days=_CAP_DAYS)
    )
    largest = (
        moments.with_columns(period=period)
        .join(rivals, on=["permco", "period"])
        .filter(fresh & (pl.col("cap_known_at") <= pl.col("known_at")))
    )
    newest = largest.sort("cap_date").unique(
        ["permco", "permno", "valid_from_date", "known_at"], keep="last"
    )
    largest = newest.sort("market_cap_usd", "permno", descending=[True, False]).unique(
        ["permco", "valid_from_date", "known_at"], keep="first"
    )
    dated = largest.select(
        "permco",
        "permno",
        "valid_from_date",
        "known_at",
        valid_to_date=pl.col("valid_from_date") + pl.duration(days=_CAP_DAYS - 1),
    )
    return replaced(dated, "permco")


def _disagreeing(left: pl.DataFrame, right: pl.DataFrame, *, when_unknown: bool) -> pl.DataFrame:
    """Pairs of rows of one cell whose targets differ, or cannot be compared `when_unknown`: cell,
    edges, `who` and `who_other`.
    """
    targets = ["permco", "permno", "ticker", "parent_id"]
    left = left.join(right.select("cell").unique(), on="cell", how="semi")
    pairs = left.select("cell", "v0", "v1", "k0", "k1", "who", *targets).join(
        right.select("cell", "who", *targets), on="cell", suffix="_other"
    )
    both = {
        name: pl.col(name).is_not_null() & pl.col(f"{name}_other").is_not_null() for name in targets
    }
    differ = {name: (pl.col(name) != pl.col(f"{name}_other")).fill_null(False) for name in targets}
    stock = (
        pl.when(both["permco"])
        .then(differ["permco"])
        .when(both["permno"])
        .then(differ["permno"])
        .when(both["ticker"])
        .then(differ["ticker"])
    )
    return pairs.filter(stock.otherwise(~both["parent_id"] & when_unknown) | differ["parent_id"])


def _winners(top: pl.DataFrame, primaries: pl.DataFrame) -> pl.DataFrame:
    """The best row of each cell, and how a share class was chosen where there were several."""
    classes = pl.col("permno").drop_nulls().n_unique().over("cell")
    single = top.filter(pl.len().over("cell") == 1).with_columns(
        share_class_rule=pl.lit(None, pl.String)
    )
    rest = top.filter(pl.len().over("cell") > 1).with_columns(several=classes > 1)
    rest = rest.join(primaries, on="cell", how="left").with_columns(
        is_primary=(pl.col("several") & (pl.col("permno") == pl.col("primary"))).fill_null(False),
        class_order=pl.when("several").then("permno"),
    )
    best = rest.sort("cell", ~pl.col("is_primary"), "class_order", "row", nulls_last=True).unique(
        "cell", keep="first", maintain_order=True
    )
    rule = (
        pl.when("is_primary")
        .then(pl.lit("primary"))
        .when("several")
        .then(pl.lit("smallest_permno"))
    )
    return pl.concat([single, best.with_columns(share_class_rule=rule).select(single.columns)])


def _links(winners: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    rules = pl.Enum(["primary", "smallest_permno"])
    rule = pl.col("share_class_rule").cast(rules).to_physical().cast(pl.Int64).fill_null(2)
    found = merged(winners.with_columns(key=pl.col("who") * 3 + rule), "key").with_columns(
        *sides(),
        who=pl.col("key") // 3,
        share_class_rule=(pl.col("key") % 3).replace_strict(
            {0: "primary", 1: "smallest_permno", 2: None}, return_dtype=pl.String
        ),
    )
    return (
        found.join(said, on="who")
        .select(list(LINK_SCHEMA))
        .sort("cusip", "valid_from_date", "known_at")
    )


def _listed(pairs: pl.DataFrame, said: pl.DataFrame, reason: str) -> pl.DataFrame:
    wide = said.height + 1
    found = merged(
        pairs.select(
            "v0", "v1", "k0", "k1", key=pl.col("who") * wide + pl.col("who_other")
        ).unique(),
        "key",
    ).with_columns(
        *sides(), who=pl.col("key") // wide, who_other=pl.col("key") % wide, reason=pl.lit(reason)
    )
    other = said.select(who_other="who", **{f"other_{name}": pl.col(name) for name in _SIDE})
    return (
        found.join(said, on="who")
        .join(other, on="who_other")
        .select("who", "who_other", *CONFLICT_SCHEMA)
    )
