"""Files of a known layout as claims of `equity_links`, and their rows that make none.

Belongs here: reading the columns of a layout, and which row a bad claim came from. Not here: what a
layout is (`layouts.py`), what its rows claim (`securities/claims.py`), and blocks that map
the columns of `equity_links` themselves (`rows.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from bondsig_assets.errors import SourceError
from bondsig_assets.securities import claims
from bondsig_assets.sources.files.checks import RAGGED_ROW, UNREAD
from bondsig_assets.sources.files.config import ColumnRule, Feed
from bondsig_assets.sources.files.forms import recognised
from bondsig_assets.sources.files.layouts import LAYOUTS, OPTIONS, STOCK_NAMES, Layout
from bondsig_assets.sources.files.read import RAGGED, ROW, read_file, row_texts
from bondsig_assets.sources.files.rows import (
    RANK,
    FileRows,
    declared,
    kept,
    refuse_wrong_columns,
    rows_of,
)
from bondsig_assets.tables.schema import Table
from bondsig_assets.validation import unknown_name

#: Number of the row among all rows that one reader takes, and of its file.
_ID, _PLACE = "__id", "__place"
_c = pl.col


def _equity_cusip6(
    rows: pl.DataFrame, confidence: float | None = None, **options: Any
) -> pl.DataFrame:
    given = {} if confidence is None else {"confidence": confidence}
    return claims.equity_cusip6(claims.dated_names(rows, **options), **given)


_READERS: dict[str, Callable[..., pl.DataFrame]] = {
    "wrds-bond-crsp": claims.wrds_bond_crsp,
    "map": claims.user_map,
    "equity-cusip6": _equity_cusip6,
    "etf-holdings": claims.etf_holdings,
}


def link_rows(
    table: Table, sources: list[tuple[Path, Feed]], told: list[str], equities: pl.DataFrame | None
) -> list[FileRows]:
    """What each file of `equity_links` holds, in the order of `sources`; `told` gets what was
    recognised on the way, `equities` says which stocks there are.

    Files of one layout and the same options are read as one, whichever blocks name them: the newer
    of two maps, or holdings of two funds, replaces the older. Their claims come with the first of
    them, bad rows each with its own file.
    """
    together: dict[tuple[Any, ...], list[int]] = {}
    for place, (_, feed) in enumerate(sources):
        if feed.layout:
            together.setdefault((feed.layout, *_options(feed).items()), []).append(place)
    found = {
        place: rows_of(path, table, feed, read_file(path, feed, told), told)
        for place, (path, feed) in enumerate(sources)
        if not feed.layout
    }
    for places in together.values():
        found |= dict(
            zip(
                places,
                _claimed(table, [sources[place] for place in places], told, equities),
                strict=True,
            )
        )
    return [found[place] for place in range(len(sources))]


def _claimed(
    table: Table, sources: list[tuple[Path, Feed]], told: list[str], equities: pl.DataFrame | None
) -> list[FileRows]:
    """Claims and bad rows of files of one layout with the same options."""
    feed = sources[0][1]
    where = ", ".join(str(path) for path, _ in sources[:3]) + (
        " and others" if len(sources) > 3 else ""
    )
    try:
        parts = [_values(path, mine, place, told) for place, (path, mine) in enumerate(sources)]
        rows = pl.concat(parts, how="diagonal")
        if _is_mute(feed, rows):
            rows = rows.with_columns(ticker=pl.lit(None, pl.String))
        rows = rows.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(_ID))
        if feed.layout == "map" and equities is not None:
            rows = _with_strangers(rows, equities)
        readable, unreadable = (
            rows.filter(_c("reason").is_null()),
            rows.filter(_c("reason").is_not_null()),
        )
        bad = pl.concat([unreadable, _refused(readable, feed)], how="diagonal")
        good, _ = claims.split_claims(_read(readable, feed))
    except ValueError as error:
        raise SourceError(
            f"{where}: {error}; mend the file or its [[equity_links]] block in source.toml"
        ) from None
    except pl.exceptions.PolarsError as error:
        raise SourceError(
            f"{where}: does not fit the layout {feed.layout}: {str(error).splitlines()[0]}"
        ) from None
    filled = {
        name: pl.lit(value, pl.Int64)
        for name, value in (("claim_number", None), (ROW, 0), (RANK, 0))
    }
    good = good.with_columns(**filled).select(*table.column_names, ROW, RANK)
    counts = dict(rows.group_by(_PLACE).len().iter_rows())
    mute = {place for place, frame in enumerate(parts) if _is_mute(feed, frame)}
    told.extend(
        f"{sources[place][0].name}: has no column ticker, so no holding leads to a stock"
        for place in sorted(mute)
    )
    return [
        FileRows(
            good if place == 0 else good.clear(),
            _bad_rows(path, mine, bad.filter(_c(_PLACE) == place).sort(ROW)),
            counts.get(place, 0),
            place in mute,
        )
        for place, (path, mine) in enumerate(sources)
    ]


def _values(path: Path, feed: Feed, place: int, told: list[str]) -> pl.DataFrame:
    """The layout's columns that a file has, as values, with ROW, the file's place, and the `reason`
    of rows that cannot be read.
    """
    table = _layout(feed).table
    raw = read_file(path, feed, told)
    rules = _rules(path, feed, raw)
    raw = kept(table, feed, recognised(path, table, feed, raw, told))
    frame, failed = declared(table, feed, rules, raw)
    if frame.height:
        refuse_wrong_columns(path, table, rules, raw, frame, failed)
    types = {column.name: column.type for column in table.columns}
    faults = [
        (RAGGED_ROW, _c(RAGGED)),
        *(
            (f"{UNREAD.get(types[name], 'unknown value')}: {name}", _c(flag))
            for name, flag in failed.items()
        ),
    ]
    faults += [
        (f"no {column.name}", _c(column.name).is_null())
        for column in table.columns
        if not column.nullable
    ]
    if "nameendt" in rules:
        # What the reader of names leaves out without a word.
        faults.append(("ends before it begins", _c("nameendt") < _c("namedt")))
    if "known_at" in rules:
        # A date alone: known some time that day, so on the next morning, as in every table of
        # links.
        mornings = pl.lit(claims.next_morning(frame["known_at"].dt.date()))
        frame = frame.with_columns(
            known_at=pl.when(_c("known_at").dt.time() == pl.time(0, 0))
            .then(mornings)
            .otherwise(_c("known_at"))
        )
    reason = pl.coalesce(*(pl.when(wrong).then(pl.lit(text)) for text, wrong in faults))
    return frame.select(*rules, ROW, pl.lit(place, pl.Int64).alias(_PLACE), reason.alias("reason"))


def _rules(path: Path, feed: Feed, raw: pl.DataFrame) -> dict[str, ColumnRule]:
    """Where each column of the layout comes from: as the block says, else the column of that
    name.
    """
    layout, there = _layout(feed), [name for name in raw.columns if name not in (ROW, RAGGED)]
    for name in layout.needed:
        wanted = _entity(feed) if name == layout.entity else name
        if wanted not in feed.columns and wanted not in there:
            say = f'or say {wanted} = "…" in its columns in source.toml'
            raise SourceError(
                f"{path}: no column '{wanted}', which the layout {feed.layout} needs;"
                f" {unknown_name('column', wanted, there)}; mend the file, {say}"
            )
    found = {
        column.name: feed.columns.get(column.name, ColumnRule(column=column.name))
        for column in layout.table.columns
    }
    return {name: rule for name, rule in found.items() if name in feed.columns or name in there}


def _is_mute(feed: Feed, rows: pl.DataFrame) -> bool:
    """Whether these are holdings of a fund that names no stocks."""
    return feed.layout == "etf-holdings" and "ticker" not in rows.columns


def _with_strangers(rows: pl.DataFrame, equities: pl.DataFrame) -> pl.DataFrame:
    """Rows of a map with the `reason` of those that name no parent and only stocks that are not in
    `equities`: nobody would ever say to whom they lead.
    """
    names = [name for name in STOCK_NAMES if name in rows.columns]
    if not names:
        return rows
    is_known = pl.any_horizontal(
        _c(name).is_in(equities[name].drop_nulls().unique().implode()).fill_null(False)
        for name in names
    )
    has_parent = _c("parent_id").is_not_null() if "parent_id" in rows.columns else pl.lit(False)
    first = pl.coalesce(
        pl.when(_c(name).is_not_null()).then(pl.lit(f"unknown {name}")) for name in names
    )
    return rows.with_columns(
        reason=pl.coalesce("reason", pl.when(~is_known & ~has_parent).then(first))
    )


def _refused(rows: pl.DataFrame, feed: Feed) -> pl.DataFrame:
    """Those of `rows` whose claim cannot be used, with the `reason`.

    The readers merge and cut claims, which then lead to no row any more. So each row is asked
    alone: under its own number in place of what it links, where no other row touches it.
    """
    entity = _entity(feed)
    if feed.layout == "equity-cusip6":
        # Its reader cuts the number off, and refuses nothing that `_values` has not.
        return rows.clear()
    own_claims = _read(rows.with_columns(_c(_ID).cast(pl.String).str.zfill(12).alias(entity)), feed)
    _, bad = claims.split_claims(own_claims)
    number = _c("entity").cast(pl.Int64).alias(_ID)
    bad = bad.select(number, found="reason").unique(_ID, keep="first", maintain_order=True)
    nameless = rows.filter(
        (_c(entity).is_null() | (_c(entity) == ""))
        & _c(_ID).is_in(own_claims.select(number).to_series().implode())
    )
    bad = pl.concat(
        [nameless.select(_ID, found=pl.lit("no entity")), bad.join(nameless, on=_ID, how="anti")]
    )
    return (
        rows.join(bad, on=_ID, how="inner", maintain_order="left")
        .with_columns(reason="found")
        .drop("found")
    )


def _read(rows: pl.DataFrame, feed: Feed) -> pl.DataFrame:
    """The claims of `rows`, by the reader of the block's layout."""
    assert feed.layout is not None
    names = [column.name for column in _layout(feed).table.columns if column.name in rows.columns]
    return _READERS[feed.layout](rows.select(names), **_options(feed))


def _bad_rows(path: Path, feed: Feed, bad: pl.DataFrame) -> pl.DataFrame:
    """Bad rows of one file as `FileRows` has them."""
    # The rows as they stand are read again only where there is one to tell.
    texts = (
        row_texts(read_file(path, feed), bad[ROW])
        if bad.height
        else pl.DataFrame(schema={ROW: pl.Int64, "row_text": pl.String})
    )
    return bad.select(ROW, pl.lit(None, pl.Date).alias("day"), "reason").join(
        texts, on=ROW, how="left", maintain_order="left"
    )


def _layout(feed: Feed) -> Layout:
    assert feed.layout is not None
    return LAYOUTS[feed.layout]


def _entity(feed: Feed) -> str:
    """Column that names what is linked."""
    return feed.kind or _layout(feed).entity


def _options(feed: Feed) -> dict[str, Any]:
    """Options of its layout that the block gives."""
    return {name: getattr(feed, name) for name in OPTIONS if getattr(feed, name) is not None}
