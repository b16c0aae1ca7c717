"""A company as it was known at a moment: parent, its issuers, their bonds, its stock.

Belongs here: finding what a name, ticker or CUSIP means then, and the tree. Not here: how it is
printed (`commands/issuer.py`), pages (`reporting/`).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from bondsig_assets.errors import AmbiguousNameError, UnknownNameError
from bondsig_assets.securities.master import bitemporal
from bondsig_assets.securities.ratings import composite, parent_ratings
from bondsig_assets.securities.rectangles import is_seen

_NEAR = 5


@dataclass(frozen=True)
class Equity:
    """The stock of a parent."""

    ticker: str
    company_name: str | None
    sector: str
    sector_etf: str
    valid_from_date: date


@dataclass(frozen=True)
class Bond:
    """A bond outstanding; the amount in usd, the coupon in percent."""

    cusip: str
    coupon_type: str
    coupon_pct: float
    maturity_date: date
    amount_usd: float | None


@dataclass(frozen=True)
class Issuer:
    """An issuer of a parent; no name where only its bonds' links are known."""

    issuer_id: str
    issuer_name: str | None
    issuer_cusip: str
    rating_number: float | None
    bonds: tuple[Bond, ...]


@dataclass(frozen=True)
class Tree:
    """A parent and what leads to it, as known at `moment` for its day."""

    parent_id: str
    moment: datetime
    equity: Equity | None
    rating_number: float | None
    issuers: tuple[Issuer, ...]


def security_tree(
    query: str,
    moment: datetime,
    *,
    master: pl.DataFrame,
    issuers: pl.DataFrame,
    equities: pl.DataFrame,
    bonds: pl.DataFrame,
    ratings: pl.DataFrame | None = None,
    amounts: pl.DataFrame | None = None,
) -> Tree:
    """The tree of the parent that `query` means on the day of `moment`, as known at it.

    - `query`: parent id, ticker, CUSIP, issuer CUSIP or issuer id, else a name (company or issuer;
      whole, else part of it; capitals do not matter).
    - `moment`: New York wall clock; its date is the day that is meant.
    - `master`: rows of `security_master`. `issuers`, `equities`, `bonds`, `ratings`: rows of the
      raw tables of those names; without `ratings` nobody is rated.
    - `amounts`: `cusip, amount_usd` as of `amounts.amounts_on`, in US dollars; without it the
      offering amounts.

    A bond goes where the master leads it, else where its issuer's parent is. Matured and unissued
    bonds are left out. Raises AmbiguousNameError for several parents and UnknownNameError, with
    near matches, for none.

    Examples:
        >>> from datetime import date, datetime
        >>> import polars as pl
        >>> from bondsig_assets import security_tree
        >>> from bondsig_assets.tables import TABLES
        >>> def rows(table, **values):
        ...     return pl.DataFrame([values], schema=TABLES[table].polars_schema)
        >>> since = {"valid_from_date": date(2019, 1, 2), "known_at": datetime(2019, 1, 2, 9, 30)}
        >>> company = security_tree(
        ...     "345397A45",
        ...     datetime(2024, 3, 5, 18, 30),
        ...     master=TABLES["security_master"].empty(),
        ...     issuers=rows(
        ...         "issuers",
        ...         issuer_id="fmcc",
        ...         issuer_cusip="345397",
        ...         issuer_name="Ford Motor Credit Company LLC",
        ...         parent_id="ford",
        ...         **since,
        ...     ),
        ...     equities=rows(
        ...         "equities",
        ...         parent_id="ford",
        ...         ticker="F",
        ...         company_name="Ford Motor Company",
        ...         sector="Consumer Discretionary",
        ...         sector_etf="XLY",
        ...         **since,
        ...     ),
        ...     bonds=rows(
        ...         "bonds",
        ...         cusip="345397A45",
        ...         issuer_id="fmcc",
        ...         coupon_type="F",
        ...         coupon_pct=5.0,
        ...         offering_date=date(2019, 6, 15),
        ...         maturity_date=date(2030, 6, 15),
        ...         offering_amount_usd=7.5e8,
        ...         known_at=datetime(2019, 6, 15, 18, 30),
        ...     ),
        ... )
        >>> company.equity.ticker
        'F'
        >>> (issuer,) = company.issuers
        >>> issuer.issuer_name, [bond.cusip for bond in issuer.bonds]
        ('Ford Motor Credit Company LLC', ['345397A45'])
    """
    world = _World(moment, master, issuers, equities, bonds)
    parent = world.parent_of(query)
    numbers = _numbers(moment, ratings, issuers)
    return Tree(
        parent,
        moment,
        world.equity(parent),
        numbers.get(("parent", parent)),
        world.issuers_of(parent, numbers, amounts),
    )


class _World:
    """The tables as known at a moment for its day."""

    def __init__(
        self,
        moment: datetime,
        master: pl.DataFrame,
        issuers: pl.DataFrame,
        equities: pl.DataFrame,
        bonds: pl.DataFrame,
    ) -> None:
        day, seen = moment.date(), is_seen(moment.date(), moment)
        self.moment = moment
        links = issuers.select(
            "issuer_id",
            "issuer_cusip",
            "issuer_name",
            "parent_id",
            "valid_from_date",
            "valid_to_date",
            "known_at",
        )
        self.owners = bitemporal(links, "issuer_id").filter(seen)
        columns = [
            "parent_id",
            "ticker",
            "company_name",
            "sector",
            "sector_etf",
            "valid_from_date",
            "valid_to_date",
            "known_at",
        ]
        self.stocks = bitemporal(equities.select(columns), "parent_id").filter(seen)
        self.past = equities.filter(pl.col("known_at") <= moment)
        self.ended = bonds.filter((pl.col("known_at") <= moment) & (pl.col("maturity_date") <= day))
        self.bonds = (
            bonds.filter(
                (pl.col("known_at") <= moment)
                & (pl.col("offering_date") <= day)
                & (pl.col("maturity_date") > day)
            )
            .join(master.filter(seen).select("cusip", linked="parent_id"), on="cusip", how="left")
            .join(
                self.owners.select("issuer_id", "issuer_name", "issuer_cusip", owner="parent_id"),
                on="issuer_id",
                how="left",
            )
            .with_columns(
                parent_id=pl.coalesce("linked", "owner"),
                issuer_cusip=pl.coalesce("issuer_cusip", pl.col("cusip").str.slice(0, 6)),
            )
            .sort("cusip")
        )

    def parent_of(self, query: str) -> str:
        """The one parent that `query` means."""
        wanted = query.strip()
        for found in (
            self._by_id(wanted),
            self._by_name(wanted, whole=True),
            self._by_name(wanted, whole=False),
        ):
            parents = sorted(found)
            if len(parents) == 1:
                return parents[0]
            if parents:
                raise AmbiguousNameError(
                    wanted, [(parent, self._name(parent)) for parent in parents]
                )
        raise UnknownNameError(self._not_found(wanted))

    def _by_id(self, wanted: str) -> set[str]:
        """Parents of the first kind of identifier that fits; capitals matter for none that is
        written in capitals.
        """
        capitals = wanted.upper()
        kinds = [
            (self.owners, "parent_id", wanted),
            (self.stocks, "parent_id", wanted),
            (self.stocks, "ticker", capitals),
            (self.bonds, "cusip", capitals),
            (self.owners, "issuer_cusip", capitals),
            (self.bonds, "issuer_cusip", capitals),
            (self.owners, "issuer_id", wanted),
        ]
        for frame, column, value in kinds:
            found = frame.filter(pl.col(column) == value)["parent_id"].drop_nulls()
            if found.len():
                return set(found)
        return set()

    def _by_name(self, wanted: str, *, whole: bool) -> set[str]:
        small = wanted.lower()
        fits: Callable[[pl.Expr], pl.Expr] = (
            (lambda name: name.str.to_lowercase() == small)
            if whole
            else (lambda name: name.str.to_lowercase().str.contains(small, literal=True))
        )
        if not small:
            return set()
        return set(self.stocks.filter(fits(pl.col("company_name")))["parent_id"]) | set(
            self.owners.filter(fits(pl.col("issuer_name")))["parent_id"]
        )

    def _name(self, parent: str) -> str:
        names = [
            *self.stocks.filter(parent_id=parent)["company_name"].drop_nulls(),
            *self.owners.filter(parent_id=parent)["issuer_name"].sort(),
        ]
        return names[0] if names else ""

    def _not_found(self, wanted: str) -> str:
        """Why nothing was found, in one line."""
        when = f"on {self.moment:%Y-%m-%d} as known at {self.moment:%H:%M}"
        if self.ended.filter(pl.col("cusip") == wanted.upper()).height:
            return f"bond {wanted.upper()} had matured {when}"
        if self.bonds.filter(pl.col("cusip") == wanted.upper()).height:
            return f"bond {wanted.upper()} is known {when}, its parent is not"
        former = (
            self.past.filter(pl.col("ticker") == wanted.upper())["parent_id"]
            .unique()
            .sort()
            .to_list()
        )
        if former:
            return f"{wanted.upper()} was no ticker {when}; it had been, of {', '.join(former)}"
        near = self._near(wanted)
        return f"nothing called {wanted!r} {when}" + (f"; near: {', '.join(near)}" if near else "")

    def _near(self, wanted: str) -> list[str]:
        """Names and identifiers that look like it, each as it is written."""
        columns = [
            self.stocks["ticker"],
            self.stocks["company_name"],
            self.owners["issuer_name"],
            self.owners["parent_id"],
            self.stocks["parent_id"],
            self.owners["issuer_cusip"],
            self.bonds["cusip"],
        ]
        written = {
            value.lower(): value
            for value in (
                pl.concat([column.alias("") for column in columns]).drop_nulls().unique().sort()
            )
            if value
        }
        return [
            written[name]
            for name in difflib.get_close_matches(wanted.lower(), list(written), n=_NEAR)
        ]

    def equity(self, parent: str) -> Equity | None:
        """Its stock, where one is known."""
        rows = self.stocks.filter(parent_id=parent).to_dicts()
        return (
            Equity(**{name: rows[0][name] for name in Equity.__dataclass_fields__})
            if rows
            else None
        )

    def issuers_of(
        self,
        parent: str,
        numbers: dict[tuple[str, str], float | None],
        amounts: pl.DataFrame | None,
    ) -> tuple[Issuer, ...]:
        """Its issuers by name, each with the bonds that lead to the parent."""
        own = self.bonds.filter(parent_id=parent)
        given = (
            own.select("cusip", amount_usd="offering_amount_usd")
            if amounts is None
            else amounts.select("cusip", "amount_usd")
        )
        rows = own.join(given, on="cusip", how="left").sort("maturity_date", "cusip")
        names = (
            pl.concat(
                [
                    self.owners.filter(parent_id=parent).select(
                        "issuer_id", "issuer_name", "issuer_cusip"
                    ),
                    own.select("issuer_id", "issuer_name", "issuer_cusip"),
                ]
            )
            .unique("issuer_id", keep="first", maintain_order=True)
            .sort("issuer_name", "issuer_id", nulls_last=True)
        )
        held = {
            key[0]: part.to_dicts()
            for key, part in rows.partition_by("issuer_id", as_dict=True).items()
        }
        return tuple(
            Issuer(
                issuer,
                name,
                cusip,
                numbers.get(("issuer", issuer)),
                tuple(
                    Bond(**{column: row[column] for column in Bond.__dataclass_fields__})
                    for row in held.get(issuer, [])
                ),
            )
            for issuer, name, cusip in names.iter_rows()
        )


def _numbers(
    moment: datetime, ratings: pl.DataFrame | None, issuers: pl.DataFrame
) -> dict[tuple[str, str], float | None]:
    """Newest rating known of each parent and issuer."""
    if ratings is None:
        return {}
    found: dict[tuple[str, str], float | None] = {}
    for kind, steps in (
        ("parent", parent_ratings(ratings, issuers)),
        ("issuer", composite(ratings)),
    ):
        last = steps.filter(pl.col("known_at") <= moment).unique(
            f"{kind}_id", keep="last", maintain_order=True
        )
        found |= {
            (kind, entity): number
            for entity, number in last.select(f"{kind}_id", "rating_number").iter_rows()
        }
    return found
