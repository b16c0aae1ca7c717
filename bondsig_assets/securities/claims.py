"""Claims: what one source says about which stock a bond leads to, and the readers that make them.

Belongs here: the shape of a claim, a pure reader for each kind of file a user has, and filling in
what a claim leaves out (ticker, permno, parent) from dated tables. Not here: which claim wins
(`links.py`), and opening files (`sources/`).

Where a table says nothing of knowledge, a link counts as known at 09:00 on the trading day after
its first day. Tables built with hindsight (WRDS's link table) may in truth have been known later:
give the delivery moment where you have one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta

import polars as pl

from bondsig_assets.calendar import LAST_DAY, next_trading_days
from bondsig_assets.securities.cusips import as_cusips
from bondsig_assets.securities.master import bitemporal, replaced, stock_links
from bondsig_assets.securities.rectangles import SIDES, is_lasting, overlay

#: A claim: an entity leads to a parent or a stock on days `valid_from_date` … `valid_to_date`, as
#: known from `known_at` up to `known_until`. At least one of parent_id, permno, permco, ticker is
#: given.
CLAIM_SCHEMA: dict[str, pl.DataType] = {
    "link_source": pl.String(),
    "entity_kind": pl.String(),
    "entity": pl.String(),
    "parent_id": pl.String(),
    "permno": pl.Int64(),
    "permco": pl.Int64(),
    "ticker": pl.String(),
    "figi": pl.String(),
    "valid_from_date": pl.Date(),
    "valid_to_date": pl.Date(),
    "known_at": pl.Datetime("us"),
    "known_until": pl.Datetime("us"),
    "confidence": pl.Float64(),
    "note": pl.String(),
}
#: Names a stock has had, with CRSP's ids: what `dated_names` makes.
NAME_SCHEMA: dict[str, pl.DataType] = {
    "permno": pl.Int64(),
    "permco": pl.Int64(),
    "ticker": pl.String(),
    "ncusip": pl.String(),
    "figi": pl.String(),
    "valid_from_date": pl.Date(),
    "valid_to_date": pl.Date(),
    "known_at": pl.Datetime("us"),
    "known_until": pl.Datetime("us"),
}
#: Kinds of entity, the most specific first.
ENTITY_KINDS = ("cusip", "issuer_cusip", "issuer_id")
TARGETS = ("parent_id", "permno", "permco", "ticker")
#: Days that a link ending with its table outlives the table.
GRACE_DAYS = 120
#: Days that a fund's holdings vouch for the issuer's ticker.
HOLDINGS_DAYS = 45
_MORNING = time(9, 0)
_ALWAYS = date(1900, 1, 1)
_NO_TICKER = ("", "-", "--", "N/A", "NA", "NONE", "NULL")


def empty_claims() -> pl.DataFrame:
    """A frame of CLAIM_SCHEMA without rows."""
    return pl.DataFrame(schema=CLAIM_SCHEMA)


def next_morning(days: pl.Series) -> pl.Series:
    """09:00 on the trading day after each of `days`; null stays null."""
    end = LAST_DAY - timedelta(days=7)
    found = (
        next_trading_days(days.fill_null(end).clip(upper_bound=end))
        .dt.combine(_MORNING)
        .cast(pl.Datetime("us"))
    )
    return found.set(days.is_null(), None).alias("known_at")


def split_claims(claims: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Claims that can be used, and those that cannot, with their `reason`.

    Reasons: 'unknown kind of entity', 'no entity', 'leads nowhere', 'no first day', 'no knowledge
    time', 'ends before it begins', 'confidence outside 0 to 1'.
    """
    empty = [pl.col(name).is_null() for name in TARGETS]
    reason = (
        pl.when(~pl.col("entity_kind").is_in(ENTITY_KINDS).fill_null(False))
        .then(pl.lit("unknown kind of entity"))
        .when(pl.col("entity").is_null() | (pl.col("entity") == ""))
        .then(pl.lit("no entity"))
        .when(pl.all_horizontal(empty))
        .then(pl.lit("leads nowhere"))
        .when(pl.col("valid_from_date").is_null())
        .then(pl.lit("no first day"))
        .when(pl.col("known_at").is_null())
        .then(pl.lit("no knowledge time"))
        .when(~is_lasting())
        .then(pl.lit("ends before it begins"))
        .when(~pl.col("confidence").is_between(0, 1).fill_null(False))
        .then(pl.lit("confidence outside 0 to 1"))
    )
    judged = claims.with_columns(reason=reason)
    return judged.filter(pl.col("reason").is_null()).drop("reason"), judged.filter(
        pl.col("reason").is_not_null()
    )


def wrds_bond_crsp(
    rows: pl.DataFrame,
    *,
    delivered_at: datetime | None = None,
    updated_on: date | None = None,
    grace_days: int = GRACE_DAYS,
    confidence: float = 1.0,
) -> pl.DataFrame:
    """Claims from WRDS's bond–CRSP link (`wrdsapps.bondcrsp_link`).

    `rows`: `cusip, permno, permco, trace_startdt, trace_enddt, crsp_startdt, crsp_enddt,
    link_startdt, link_enddt`. The table has no open ends: a live link ends on the day the table was
    updated, its newest `link_enddt` (`updated_on` where given). Such a link is believed for
    `grace_days` more, not forever, and its note says so. Known at `delivered_at`, or, the table
    being built with hindsight, on the morning after `link_startdt`. Raises ValueError for missing
    columns.
    """
    dates = [f"{part}_{side}dt" for part in ("trace", "crsp", "link") for side in ("start", "end")]
    _need(rows, ["cusip", "permno", "permco", *dates], "WRDS bond-CRSP link")
    frame = rows.with_columns(_days("link_startdt", "link_enddt"))
    last, note = _with_grace(frame["link_enddt"], updated_on, grace_days)
    return _claims(
        frame,
        "wrds_bond_crsp",
        entity=full_cusips(frame["cusip"]),
        valid_from_date=frame["link_startdt"],
        valid_to_date=last,
        note=note,
        known_at=_known(frame["link_startdt"], delivered_at),
        confidence=confidence,
        rejected=frame["link_enddt"].is_null(),
    )


def user_map(
    rows: pl.DataFrame,
    *,
    kind: str = "cusip",
    delivered_at: datetime | None = None,
    link_source: str = "user_map",
    confidence: float = 1.0,
) -> pl.DataFrame:
    """Claims from a plain map: `cusip, ticker`, and where given `parent_id, permno, permco, figi,
    valid_from_date, valid_to_date, known_at, confidence`.

    With `kind` 'issuer_cusip' or 'issuer_id' that column takes the place of `cusip`. A later row of
    the same entity replaces the earlier from its first day on, once known; two rows of one day and
    moment stand beside each other. Known: the row's own `known_at`, else `delivered_at`, else the
    morning after its first day. A map without any of the three could have been made yesterday, so
    ValueError says that one is needed.
    """
    _need(rows, [kind], "map")
    if not set(TARGETS) & set(rows.columns):
        raise ValueError(f"map: it has none of {', '.join(TARGETS)}")
    if not {"known_at", "valid_from_date"} & set(rows.columns) and delivered_at is None:
        raise ValueError(
            "map: without valid_from_date or known_at it must be said when it was delivered"
            " (delivered_at), or it would look ahead"
        )
    frame = _with(
        rows,
        valid_from_date=pl.Date(),
        valid_to_date=pl.Date(),
        known_at=pl.Datetime("us"),
        confidence=pl.Float64(),
    )
    frame = frame.with_columns(_days("valid_from_date", "valid_to_date"))
    undated = (
        frame["valid_from_date"].is_null() & frame["known_at"].is_null() & (delivered_at is None)
    )
    known = (
        frame["known_at"]
        .cast(pl.Datetime("us"))
        .zip_with(frame["known_at"].is_not_null(), _known(frame["valid_from_date"], delivered_at))
    )
    entity = (
        full_cusips(frame[kind])
        if kind == "cusip"
        else _clean(frame[kind])
        if kind == "issuer_cusip"
        else frame[kind].cast(pl.String)
    )
    claims = _claims(
        frame.with_columns(confidence=pl.col("confidence").fill_null(confidence)),
        link_source,
        kind=kind,
        entity=entity,
        valid_from_date=frame["valid_from_date"].fill_null(_ALWAYS),
        valid_to_date=frame["valid_to_date"],
        known_at=known,
        rejected=undated,
    )
    good, bad = split_claims(claims)
    return pl.concat(
        [
            replaced(good.drop("known_until"), "entity").select(list(CLAIM_SCHEMA)),
            bad.drop("reason"),
        ]
    )


def dated_names(
    rows: pl.DataFrame,
    *,
    delivered_at: datetime | None = None,
    updated_on: date | None = None,
    grace_days: int = GRACE_DAYS,
) -> pl.DataFrame:
    """Historical names of stocks (NAME_SCHEMA) from CRSP's `dsenames`: `permno, permco, ticker,
    ncusip, namedt, nameendt`, `figi` where given.

    `ncusip` is the CUSIP of that time, not the header's of today. Names that end with the table
    live on for `grace_days`; a null end is open. Known at `delivered_at`, or at 09:00 of the first
    day: a new ticker or CUSIP is published before it trades. Raises ValueError for missing columns;
    rows without permno or first day are left out.
    """
    _need(rows, ["permno", "permco", "ticker", "ncusip", "namedt", "nameendt"], "stock names")
    frame = _with(rows, figi=pl.String()).with_columns(_days("namedt", "nameendt"))
    last, _ = _with_grace(frame["nameendt"], updated_on, grace_days)
    first_morning = frame["namedt"].dt.combine(_MORNING).cast(pl.Datetime("us"))
    frame = frame.with_columns(
        valid_from_date="namedt",
        valid_to_date=last,
        ticker=_tickers(frame["ticker"]),
        ncusip=_clean(frame["ncusip"]),
        known_at=first_morning if delivered_at is None else pl.lit(delivered_at, pl.Datetime("us")),
        known_until=pl.lit(None, pl.Datetime("us")),
    )
    frame = frame.filter(
        pl.col("permno").is_not_null() & pl.col("valid_from_date").is_not_null() & is_lasting()
    )
    return frame.select(pl.col(name).cast(dtype) for name, dtype in NAME_SCHEMA.items())


def listed_names(equities: pl.DataFrame) -> pl.DataFrame | None:
    """NAME_SCHEMA from the raw table `equities`, of the stocks whose permno it gives; null where it
    gives none.
    """
    numbered = equities.filter(pl.col("permno").is_not_null())
    if numbered.is_empty():
        return None
    dated = bitemporal(
        numbered.select(
            "parent_id",
            "permno",
            "permco",
            "ticker",
            "figi",
            "valid_from_date",
            "valid_to_date",
            "known_at",
        ),
        "parent_id",
    )
    return dated.with_columns(ncusip=pl.lit(None, pl.String)).select(
        pl.col(name).cast(dtype) for name, dtype in NAME_SCHEMA.items()
    )


def equity_cusip6(names: pl.DataFrame, *, confidence: float = 0.6) -> pl.DataFrame:
    """Claims that bonds with a stock's first six CUSIP characters are its company's, while the
    stock has that CUSIP.

    `names` as from `dated_names`. Right for bonds that the listed company issues itself, silent
    about its subsidiaries: rank it low. A six-character CUSIP of two companies at once becomes an
    ambiguity in `links.resolve`.
    """
    issuer = names["ncusip"].str.slice(0, 6)
    frame = names.with_columns(entity=issuer.set(issuer.str.len_chars() < 6, None)).filter(
        pl.col("entity").is_not_null()
    )
    return _claims(
        frame,
        "equity_cusip6",
        kind="issuer_cusip",
        entity=frame["entity"],
        valid_from_date=frame["valid_from_date"],
        valid_to_date=frame["valid_to_date"],
        known_at=frame["known_at"],
        confidence=confidence,
    )


def etf_holdings(
    rows: pl.DataFrame, *, days: int = HOLDINGS_DAYS, confidence: float = 0.5
) -> pl.DataFrame:
    """Claims from holdings files of bond funds that name the issuer's stock: `etf_ticker,
    as_of_date, cusip, ticker`, `known_at` where given.

    A snapshot vouches for `days` days from its own day and is known the next trading morning unless
    said. A newer snapshot of any fund replaces an older one for the bonds in it; funds that differ
    on one day stand beside each other (an ambiguity). Rows without a ticker ('-', empty) give no
    claim. Raises ValueError for missing columns.
    """
    _need(rows, ["etf_ticker", "as_of_date", "cusip", "ticker"], "fund holdings")
    frame = _with(rows, known_at=pl.Datetime("us")).with_columns(
        _days("as_of_date"), ticker=_tickers(rows["ticker"])
    )
    frame = frame.filter(pl.col("ticker").is_not_null() & pl.col("as_of_date").is_not_null())
    frame = frame.with_columns(
        entity=full_cusips(frame["cusip"]),
        known_at=pl.col("known_at").fill_null(next_morning(frame["as_of_date"])),
    )
    # What funds agree on is known with the first of them; a fund heard later may not change what
    # was known before.
    first = pl.col("known_at") == pl.col("known_at").min().over("entity", "as_of_date", "ticker")
    frame = (
        frame.filter(first)
        .group_by("entity", "as_of_date", "ticker", "known_at")
        .agg(note=pl.lit("held by ") + pl.col("etf_ticker").unique().sort().str.join(", "))
        .sort("entity", "as_of_date", "ticker")
    )
    claims = _claims(
        frame,
        "etf_holdings",
        entity=frame["entity"],
        valid_from_date=frame["as_of_date"],
        valid_to_date=frame["as_of_date"].dt.offset_by(f"{days}d"),
        known_at=frame["known_at"],
        note=frame["note"],
        confidence=confidence,
    )
    good, bad = split_claims(claims)
    return pl.concat(
        [
            replaced(good.drop("known_until"), "entity", corrects=False).select(list(CLAIM_SCHEMA)),
            bad.drop("reason"),
        ]
    )


def issuer_chain(
    issuers: pl.DataFrame, equities: pl.DataFrame, delistings: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Claims of the raw tables `issuers` and `equities`: issuer → parent → ticker, where both links
    hold and while both are known; `delistings` end them as in `master.stock_links`.
    """
    links = bitemporal(
        issuers.select("issuer_id", "parent_id", "valid_from_date", "valid_to_date", "known_at"),
        "issuer_id",
    )
    stocks = stock_links(equities, delistings=delistings)
    chain = (
        links.join(stocks, on="parent_id", suffix="_stock")
        .with_columns(
            valid_from_date=pl.max_horizontal("valid_from_date", "valid_from_date_stock"),
            valid_to_date=pl.min_horizontal("valid_to_date", "valid_to_date_stock"),
            known_at=pl.max_horizontal("known_at", "known_at_stock"),
            known_until=pl.min_horizontal("known_until", "known_until_stock"),
        )
        .filter(is_lasting())
        .sort("issuer_id", "valid_from_date", "known_at")
    )
    return _claims(
        chain,
        "issuer_chain",
        kind="issuer_id",
        entity=chain["issuer_id"],
        valid_from_date=chain["valid_from_date"],
        valid_to_date=chain["valid_to_date"],
        known_at=chain["known_at"],
        confidence=1.0,
    ).with_columns(known_until=chain["known_until"])


def with_identity(
    claims: pl.DataFrame,
    equities: pl.DataFrame,
    names: pl.DataFrame | None = None,
    delistings: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Claims with what they leave out filled in from dated tables, cut where those change; nothing
    given is overwritten.

    A parent gets its ticker and a ticker its parent from the raw table `equities`; permno, permco,
    figi and ticker get each other from `names` (`dated_names`). A re-used ticker leads to whoever
    has it on the day. A stock listed under another share class finds its parent through the permco.
    What nothing is known of stays null; where a table names two, there are two claims. Returns
    CLAIM_SCHEMA. `delistings` end the links of `equities` as in `master.stock_links`. A claim whose
    own identifiers belong to different stocks is two claims, one for each, so that the
    contradiction is listed and not settled by the order of columns.
    """
    good, bad = split_claims(claims.select(list(CLAIM_SCHEMA)))
    good = _apart(good, equities, ("parent_id",))
    if names is not None:
        good = _apart(good, names, ("permno", "permco"))
    stocks = stock_links(equities, delistings=delistings)
    good = _filled(
        good,
        stocks.select("parent_id", "ticker", *SIDES),
        "parent_id",
        ("ticker",),
        pl.col("ticker").is_null() & pl.col("permno").is_null(),
    )
    if names is not None:
        ids = ("permno", "permco", "ticker", "figi")
        no_stock = pl.col("permno").is_null()
        good = _filled(
            good,
            names,
            "permno",
            ids,
            pl.any_horizontal(pl.col(name).is_null() for name in ("permco", "ticker", "figi")),
        )
        good = _filled(good, names, "permco", ids, no_stock & pl.col("ticker").is_null())
        good = _filled(good, names, "ticker", ids, no_stock & pl.col("permco").is_null())
        owners = overlay(names, stocks.select("parent_id", "ticker", *SIDES), "ticker").filter(
            pl.col("parent_id").is_not_null()
        )
        owners = owners.select("permco", "parent_id", *SIDES).unique(maintain_order=True)
        good = _filled(good, owners, "permco", ("parent_id",), pl.col("parent_id").is_null())
    good = _filled(
        good,
        stocks.select("parent_id", "ticker", *SIDES),
        "ticker",
        ("parent_id",),
        pl.col("parent_id").is_null(),
    )
    return pl.concat([good, bad.drop("reason")]).unique(maintain_order=True)


def _apart(claims: pl.DataFrame, table: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """`claims` of which those that give a ticker and one of `names` that `table` has apart and not
    together are two: one without the ticker, one without `names`. What `table` had when the claim
    became known decides, so that nothing heard later changes it.
    """
    first, both = names[0], claims.with_row_index("_row")
    heard = table.select(first, "ticker", "known_at").drop_nulls()
    for mark, keys in {"_pair": [first, "ticker"], "_one": [first], "_other": ["ticker"]}.items():
        since = heard.group_by(keys).agg(pl.col("known_at").min().alias(mark))
        both = both.join(since, on=keys, how="left", maintain_order="left")
    known = {mark: pl.col(mark) <= pl.col("known_at") for mark in ("_pair", "_one", "_other")}
    clash = known["_one"] & known["_other"] & ~known["_pair"].fill_null(False)
    both = both.with_columns(_clash=clash.fill_null(False))
    torn = both.filter("_clash")
    return (
        pl.concat(
            [
                both.filter(~pl.col("_clash")),
                torn.with_columns(ticker=pl.lit(None, pl.String), figi=pl.lit(None, pl.String)),
                torn.with_columns(pl.lit(None, CLAIM_SCHEMA[name]).alias(name) for name in names),
            ]
        )
        .sort("_row", maintain_order=True)
        .select(list(CLAIM_SCHEMA))
    )


def _filled(
    claims: pl.DataFrame, table: pl.DataFrame, on: str, names: Iterable[str], wanting: pl.Expr
) -> pl.DataFrame:
    """Claims that are `wanting` and have `on`, with those of `names` that are null taken from
    `table`.
    """
    wanting = wanting & pl.col(on).is_not_null()
    names = [name for name in names if name != on]
    found = overlay(claims.filter(wanting), table.select(on, *names, *SIDES), on)
    found = found.with_columns(pl.coalesce(name, f"{name}_extra").alias(name) for name in names)
    return pl.concat([claims.filter(~wanting), found.select(list(CLAIM_SCHEMA))])


def full_cusips(values: pl.Series) -> pl.Series:
    """CUSIPs in capitals without blanks; eight characters get their check digit, of ISINs the CUSIP
    inside is taken.
    """
    return as_cusips(values.cast(pl.String))


def _clean(values: pl.Series) -> pl.Series:
    return values.cast(pl.String).str.strip_chars().str.to_uppercase()


def _tickers(values: pl.Series) -> pl.Series:
    """Tickers in capitals without blanks, null where a file writes that there is none."""
    text = _clean(values)
    return text.set(text.is_in(_NO_TICKER).fill_null(False), None)


def _need(frame: pl.DataFrame, names: list[str], what: str) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ValueError(
            f"{what}: missing columns {', '.join(missing)} (it has {', '.join(frame.columns)})"
        )


def _with(frame: pl.DataFrame, **columns: pl.DataType) -> pl.DataFrame:
    """`frame` with null columns where it lacks them."""
    return frame.with_columns(
        pl.lit(None, dtype).alias(name)
        for name, dtype in columns.items()
        if name not in frame.columns
    )


def _days(*names: str) -> list[pl.Expr]:
    """Date columns as dates, whether they come as dates or as moments."""
    return [pl.col(name).cast(pl.Date) for name in names]


def _known(first: pl.Series, delivered_at: datetime | None) -> pl.Series:
    if delivered_at is None:
        return next_morning(first)
    return pl.repeat(delivered_at, len(first), dtype=pl.Datetime("us"), eager=True).alias(
        "known_at"
    )


def _with_grace(
    last: pl.Series, updated_on: date | None, grace_days: int
) -> tuple[pl.Series, pl.Series]:
    """Last days, those at the table's end moved by the grace, and a note where they were."""
    newest = last.max() if updated_on is None else updated_on
    at_end = (last >= newest).fill_null(False) if newest is not None else last.is_not_null()
    note = f"open when the table was updated on {newest!s}; believed for {grace_days} days more"
    frame = pl.select(
        last=pl.when(at_end).then(last.dt.offset_by(f"{grace_days}d")).otherwise(last),
        note=pl.when(at_end).then(pl.lit(note)),
    )
    return frame["last"], frame["note"]


def _claims(
    frame: pl.DataFrame,
    link_source: str,
    *,
    entity: pl.Series,
    valid_from_date: pl.Series,
    valid_to_date: pl.Series,
    known_at: pl.Series,
    kind: str = "cusip",
    note: pl.Series | None = None,
    confidence: float | None = None,
    rejected: pl.Series | None = None,
) -> pl.DataFrame:
    """`frame` as claims; what it has of parent, permno, permco, ticker and figi is kept. `rejected`
    rows lose their first day.
    """
    completed = _with(
        frame,
        parent_id=pl.String(),
        permno=pl.Int64(),
        permco=pl.Int64(),
        ticker=pl.String(),
        figi=pl.String(),
        confidence=pl.Float64(),
    )
    completed = completed.with_columns(ticker=_tickers(completed["ticker"]))
    claims = completed.with_columns(
        link_source=pl.lit(link_source),
        entity_kind=pl.lit(kind),
        entity=entity,
        valid_from_date=valid_from_date,
        valid_to_date=valid_to_date,
        known_at=known_at,
        known_until=pl.lit(None, pl.Datetime("us")),
        note=pl.lit(None, pl.String) if note is None else note,
        confidence=pl.col("confidence") if confidence is None else pl.lit(confidence),
    )
    if rejected is not None:
        claims = claims.with_columns(valid_from_date=pl.when(~rejected).then("valid_from_date"))
    return claims.select(pl.col(name).cast(dtype) for name, dtype in CLAIM_SCHEMA.items())
