"""One file cleaned twice: what the platform and a published recipe make of the same reports.

Belongs here: setting the two side by side by report, by bond day and by example, and the tables of
it as text. Not here: the recipes (`recipes/`), the platform's cleaning, and printing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from bondsig_assets.trace.recipes import RECIPES

KEPT = "kept"
#: What stands for ours when neither of our two frames names a report.
UNACCOUNTED = "unaccounted"
#: Examples shown of each pair of verdicts that differ.
EXAMPLES = 5
_DAY = ["cusip", "execution_date"]
_SAME_PRICE = 1e-9


@dataclass(frozen=True)
class Comparison:
    """Three frames, each with `recipe` first.

    `trades`: `ours`, `theirs` (`kept` or the reason), `n` reports, `par_usd`; most reports first.
    `bond_days`: one row per recipe: `both`, `only_ours`, `only_theirs` (bond days with a trade),
    `vwap_mean_bps`, `vwap_median_bps` (absolute difference of the par-weighted price relative to
    ours, over bond days in both), `over_1_bp`, `over_10_bps`, `over_100_bps` (shares of them, 0 to
    1), `par_difference`, `count_difference` (theirs over ours less 1, over all bond days).
    `examples`: up to EXAMPLES reports of each pair of verdicts where only one side keeps the
    report, or both do at different prices: `row`, `ours`, `theirs`, bond, times, terms,
    `our_price`, `their_price`.
    """

    trades: pl.DataFrame
    bond_days: pl.DataFrame
    examples: pl.DataFrame


def compare(
    reports: pl.DataFrame,
    ours_trades: pl.DataFrame,
    ours_rejected: pl.DataFrame,
    recipes: Sequence[str],
    bonds: pl.DataFrame | None = None,
) -> Comparison:
    """Set our result on `reports` beside that of published recipes on the same reports.

    - `reports`: canonical reports, all columns of `trace.reports.REPORT_SCHEMA` (`as_reports` of
      that module brings a frame to them).
    - `ours_trades`: `row`, `cusip`, `execution_date`, `price` (% of par), `par_usd` of the trades
      we keep; `ours_rejected`: `row`, `reason`. Both as `clean` returns them.
    - `recipes`: names of `trace.recipes.RECIPES`: `osbap`, `tidy`, `dick-nielsen`.
    - `bonds`: terms for the recipes that use them, as in `clean`.

    Returns a Comparison of three frames: verdicts by report, bond days, examples. Raises ValueError
    for an unknown recipe and for a report that is in both of ours.

    Examples:
        A sell leg and two buy legs of equal terms: one buy leg is the same trade again, the other
        is a trade of its own. The match of the recipe does not count.

        >>> from datetime import date, datetime
        >>> import polars as pl
        >>> from bondsig_assets import clean, compare
        >>> from bondsig_assets.trace.reports import as_reports
        >>> legs = pl.DataFrame(
        ...     {
        ...         "cusip": ["037833AK6"] * 3,
        ...         "execution_date": [date(2024, 3, 5)] * 3,
        ...         "executed_at": [datetime(2024, 3, 5, 10, 0)] * 3,
        ...         "report_date": [date(2024, 3, 5)] * 3,
        ...         "reported_at": [datetime(2024, 3, 5, 10, 1)] * 3,
        ...         "message_number": ["0000001", "0000002", "0000003"],
        ...         "status": ["T"] * 3,
        ...         "price": [98.5] * 3,
        ...         "par_usd": [250_000.0] * 3,
        ...         "side": ["S", "B", "B"],
        ...         "contra": ["D"] * 3,
        ...     }
        ... )
        >>> reports = as_reports(legs).collect()
        >>> ours = clean(reports)
        >>> told = compare(reports, ours.trades, ours.rejected, ["osbap"])
        >>> for verdict in told.trades.select("ours", "theirs", "n").rows():
        ...     print(verdict)
        ('interdealer_buy_leg', 'interdealer_buy_leg', 1)
        ('kept', 'interdealer_buy_leg', 1)
        ('kept', 'kept', 1)
    """
    unknown = [name for name in recipes if name not in RECIPES]
    if unknown:
        raise ValueError(f"no recipe {', '.join(unknown)}: there are {', '.join(RECIPES)}")
    ours = _ours(reports, ours_trades, ours_rejected)
    our_days = _bond_days(ours_trades)
    trades, days, examples = [], [], []
    for name in recipes:
        both = _verdicts(ours, RECIPES[name](reports, bonds))
        trades.append(_named(name, _cells(both)))
        kept = reports.drop("price").join(
            both.filter(pl.col("theirs") == KEPT).select("row", price="their_price"), on="row"
        )
        days.append(_named(name, _days_compared(our_days, _bond_days(kept))))
        examples.append(_named(name, _examples(both, reports)))
    return Comparison(_stacked(trades), _stacked(days), _stacked(examples))


def _named(recipe: str, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.lit(recipe).alias("recipe"), pl.all())


def _stacked(frames: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(frames) if frames else pl.DataFrame()


def _ours(reports: pl.DataFrame, trades: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """`row`, `par_usd`, `ours`, `our_price` of every report."""
    verdicts = pl.concat(
        [
            trades.select("row", ours=pl.lit(KEPT), our_price=pl.col("price").cast(pl.Float64)),
            rejected.select(
                "row",
                ours=pl.col("reason").cast(pl.String).fill_null(UNACCOUNTED),
                our_price=pl.lit(None, dtype=pl.Float64),
            ),
        ]
    ).with_columns(pl.col("row").cast(pl.Int64))
    twice = verdicts.filter(pl.col("row").is_duplicated())["row"]
    if len(twice):
        raise ValueError(
            f"report {twice[0]} has more than one verdict of ours; a row is a trade or rejected,"
            " once"
        )
    return (
        reports.select("row", "par_usd")
        .join(verdicts, on="row", how="left", maintain_order="left")
        .with_columns(pl.col("ours").fill_null(UNACCOUNTED))
    )


def _verdicts(ours: pl.DataFrame, answer: pl.DataFrame) -> pl.DataFrame:
    """`ours` with the recipe's verdict and price on the same reports."""
    theirs = answer.select("row", theirs=pl.col("reason").fill_null(KEPT), their_price="price")
    return ours.join(theirs, on="row", how="left", maintain_order="left")


def _cells(both: pl.DataFrame) -> pl.DataFrame:
    cells = both.group_by("ours", "theirs").agg(
        n=pl.len().cast(pl.Int64), par_usd=pl.col("par_usd").sum()
    )
    return cells.sort(["n", "ours", "theirs"], descending=[True, False, False])


def _bond_days(trades: pl.DataFrame) -> pl.DataFrame:
    """`vwap` (par-weighted price), `par_usd` and `n` trades of every bond day; the same sum for
    both sides.

    In a fixed order of rows, as sums of floats depend on it.
    """
    value = pl.col("par_usd") * pl.col("price")
    plain = trades.sort("row").select(
        *_DAY, "par_usd", value=value, weight=pl.when(value.is_not_null()).then("par_usd")
    )
    days = plain.group_by(_DAY, maintain_order=True).agg(
        pl.col("value", "weight", "par_usd").sum(), n=pl.len().cast(pl.Int64)
    )
    return days.select(
        *_DAY,
        "par_usd",
        "n",
        vwap=pl.when(pl.col("weight") > 0).then(pl.col("value") / pl.col("weight")),
    )


def _days_compared(ours: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    both = ours.join(theirs, on=_DAY, suffix="_theirs")
    bps = ((pl.col("vwap_theirs") / pl.col("vwap") - 1).abs() * 1e4).drop_nulls()
    shares = {
        name: (bps > limit).mean()
        for name, limit in (("over_1_bp", 1), ("over_10_bps", 10), ("over_100_bps", 100))
    }
    return both.select(
        both=pl.len().cast(pl.Int64),
        only_ours=pl.lit(ours.height - both.height, dtype=pl.Int64),
        only_theirs=pl.lit(theirs.height - both.height, dtype=pl.Int64),
        vwap_mean_bps=bps.mean(),
        vwap_median_bps=bps.median(),
        **shares,
        par_difference=pl.lit(_relative(theirs, ours, "par_usd"), dtype=pl.Float64),
        count_difference=pl.lit(_relative(theirs, ours, "n"), dtype=pl.Float64),
    )


def _relative(theirs: pl.DataFrame, ours: pl.DataFrame, column: str) -> float | None:
    total = ours.select(pl.col(column).sum()).item()
    return theirs.select(pl.col(column).sum()).item() / total - 1 if total else None


def _examples(both: pl.DataFrame, reports: pl.DataFrame) -> pl.DataFrame:
    """The first reports, in their order, of each pair of verdicts that makes another set of
    trades.
    """
    other_price = (pl.col("their_price") / pl.col("our_price") - 1).abs() > _SAME_PRICE
    one_keeps = (pl.col("ours") == KEPT) != (pl.col("theirs") == KEPT)
    differ = both.filter(one_keeps | ((pl.col("ours") == KEPT) & other_price.fill_null(False)))
    shown = (
        differ.filter(pl.int_range(pl.len()).over("ours", "theirs") < EXAMPLES)
        .drop("par_usd")
        .with_columns(pl.when(pl.col("theirs") == KEPT).then("their_price"))
    )
    terms = [
        "row",
        "cusip",
        "execution_date",
        "executed_at",
        "message_number",
        "status",
        "price",
        "par_usd",
        "side",
        "contra",
    ]
    wide = shown.join(reports.select(terms), on="row", how="left", maintain_order="left")
    return wide.sort("ours", "theirs", "row").select(
        "ours", "theirs", *terms, "our_price", "their_price"
    )


def lines(comparison: Comparison) -> list[str]:
    """The comparison as lines of plain text, a block for each recipe: verdicts, bond days,
    examples.
    """
    blocks: list[str] = []
    for recipe in comparison.bond_days["recipe"].to_list() if comparison.bond_days.width else []:
        cells, days, examples = (
            frame.filter(pl.col("recipe") == recipe).drop("recipe")
            for frame in (comparison.trades, comparison.bond_days, comparison.examples)
        )
        blocks += [
            f"{recipe}: reports by verdict",
            *_columns(cells),
            "",
            f"{recipe}: bond days",
            *_day_lines(days.row(0, named=True)),
            "",
        ]
        if examples.height:
            blocks += [
                f"{recipe}: reports only one side keeps, or at another price",
                *_columns(examples),
                "",
            ]
    return blocks


def _day_lines(day: dict[str, float | None]) -> list[str]:
    def share(name: str, digits: int = 2, sign: str = "") -> str:
        value = day[name]
        return "none" if value is None else f"{value:{sign}.{digits}%}"

    def bps(name: str) -> str:
        value = day[name]
        return "none" if value is None else f"{value:,.2f} bps"

    return [
        (
            f"  in both {day['both']:,}, only ours {day['only_ours']:,}, only theirs"
            f" {day['only_theirs']:,}"
        ),
        (
            f"  par-weighted price, absolute difference: mean {bps('vwap_mean_bps')}, median"
            f" {bps('vwap_median_bps')}"
        ),
        (
            f"  share of bond days over 1 bp {share('over_1_bp')}, over 10 bps"
            f" {share('over_10_bps')}, over 100 bps {share('over_100_bps')}"
        ),
        (
            f"  theirs against ours: par {share('par_difference', sign='+')}, trades"
            f" {share('count_difference', sign='+')}"
        ),
    ]


def _columns(frame: pl.DataFrame) -> list[str]:
    """A frame as aligned lines; numbers to the right."""
    header = list(frame.columns)
    rows = [[_text(value) for value in row] for row in frame.iter_rows()]
    widths = [max(len(row[k]) for row in [header, *rows]) for k in range(len(header))]
    right = [dtype.is_numeric() for dtype in frame.dtypes]
    return [
        "  " + "  ".join(_padded(row[k], widths[k], right[k]) for k in range(len(header))).rstrip()
        for row in [header, *rows]
    ]


def _padded(text: str, width: int, to_the_right: bool) -> str:
    return text.rjust(width) if to_the_right else text.ljust(width)


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.6f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else str(value)
