"""`bondsig portfolio`: a day's target positions, and where each expected return went.

Belongs here: the text and its tables. Not here: how targets are made (`portfolio/`), the picture
(`reporting/portfolio_pictures.py`).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
from rich.console import RenderableType
from rich.text import Text

from bondsig_assets.commands.books import check_picture, day_of_book
from bondsig_assets.commands.console import facts, open_console, plain_table, print_section
from bondsig_assets.commands.warehouse import open_warehouse
from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.portfolio.settings import load_settings
from bondsig_assets.portfolio.universe import removed

#: Decimals of a bound's width below which it is the binding one.
_BINDS = 1e-6
_MONEY = ("risk_bps", "trade_bps", "holding_bps", "exposure_bps", "box_bps")


def print_portfolio(home: Home, day: date | None, picture: Path | None, n_rows: int) -> None:
    """Print the targets of `day` (the newest where None) by the policy of portfolio.toml, the
    `n_rows` largest; with `picture` also draw where expected returns went.
    """
    check_picture(picture)
    policy = load_settings(home.portfolio_file).policy
    warehouse = open_warehouse(home)
    with warehouse.on_snapshot():
        day = day_of_book(home, warehouse, day, policy, "solutions", "target positions")
        tables = {
            name: warehouse.read_table(name, between=(day, day)).filter(policy=policy)
            for name in ("target_positions", "solutions", "exposures", "breaches", "alphas")
        }
        universe = warehouse.read_table("universe", between=(day, day))
    positions = tables["target_positions"].join(
        tables["alphas"].select("parent_id", "probability_underperform"),
        on="parent_id",
        how="left",
    )
    if picture is not None:
        _draw(home, positions, day, policy, picture)
    console = open_console()
    print_section(console, [_title(home, day, policy), _facts(tables, universe)])
    for section in (_positions(positions, n_rows), _exposures(tables), _breaches(tables)):
        if section:
            print_section(console, section)
    if picture is not None:
        console.print(Text(f"drawn: {picture}"))


def _title(home: Home, day: date, policy: str) -> str:
    return f"Target positions of {day} by policy {policy}" + (home.note and f" ({home.note})")


def _facts(tables: dict[str, pl.DataFrame], universe: pl.DataFrame) -> RenderableType:
    row = tables["solutions"].row(0, named=True)
    names = universe.filter(~pl.col("is_hedge"))
    causes = removed(universe).sort(["n_all", "reason"], descending=[True, False])
    out = ", ".join(f"{one['reason']} {one['n_all']}" for one in causes.iter_rows(named=True))
    certificate = (
        f"gap {row['gap_bps']:.1e} bp, residuals {row['primal_residual']:.0e} and"
        f" {row['dual_residual']:.0e}, {row['iterations']} steps"
        if row["gap_bps"] is not None
        else "nothing was solved"
    )
    risk = row["forecast_risk_pct"]
    return facts(
        [
            ("state", f"{row['state']} ({certificate})"),
            ("net asset value", f"${row['nav_usd']:,.0f}"),
            (
                "gross, net",
                f"{100 * row['gross']:.1f} %, {100 * row['net']:+.2f} %; turnover"
                f" {100 * row['turnover']:.1f} %",
            ),
            ("forecast risk", "" if risk is None else f"{risk:.3f} % a day"),
            (
                "expected",
                f"{row['expected_bps']:+.2f} bp over five days; the trades cost"
                f" {row['expected_cost_bps']:.2f} bp",
            ),
            (
                "universe",
                f"{int(names['is_in'].sum())} of {names.height} names"
                + (f"; out for {out}" if out else ""),
            ),
            ("with an alpha", f"{row['n_known']} names"),
        ]
    )


def _positions(positions: pl.DataFrame, n_rows: int) -> list[RenderableType]:
    """The largest targets and trades, and where the expected return of each went."""
    rows = positions.filter((pl.col("shares") != 0) | (pl.col("held_shares") != 0)).sort(
        pl.max_horizontal(pl.col("weight").abs(), pl.col("held_weight").abs()),
        "ticker",
        descending=[True, False],
    )
    if rows.is_empty():
        return ["No positions: nothing is expected of any name, and nothing is held."]
    header = (
        "ticker",
        "state",
        "target %",
        "shares",
        "trade",
        "P(under)",
        "expected bp",
        "alone %",
        "risk",
        "trading",
        "holding",
        "sums",
        "own bounds",
    )
    table = plain_table(
        header,
        [
            (
                row["ticker"],
                row["state"],
                f"{100 * row['weight']:+.2f}",
                f"{row['shares']:,}",
                f"{row['shares'] - row['held_shares']:+,}",
                _number(row["probability_underperform"], ".3f"),
                _number(row["alpha_bps"], "+.1f"),
                _number(row["unconstrained_weight"], "+.1f", 100),
                *(_number(row[name], "+.1f") for name in _MONEY),
            )
            for row in rows.head(n_rows).iter_rows(named=True)
        ],
        right=range(2, len(header)),
    )
    more = rows.height - n_rows
    note = (
        "alone: what alpha and risk alone would hold. risk, trading, holding, sums and own bounds"
        " add up to what is expected, in bp over five days."
    )
    return [table, note, *([f"{more} smaller ones: --rows {rows.height}"] if more > 0 else [])]


def _number(value: float | None, form: str, times: float = 1.0) -> str:
    return "" if value is None else f"{times * value:{form}}"


def _exposures(tables: dict[str, pl.DataFrame]) -> list[RenderableType]:
    rows = tables["exposures"]
    if rows.is_empty():
        return []
    return [
        plain_table(
            ("bound", "value %", "from", "to", "one more % brings, bp"),
            [
                (
                    row["bound"],
                    f"{100 * row['value']:+.3f}",
                    f"{100 * row['low']:+.3f}",
                    f"{100 * row['high']:+.3f}",
                    _number(_binding(row["shadow_price_bps"]), ".3f"),
                )
                for row in rows.iter_rows(named=True)
            ],
            right=(1, 2, 3, 4),
        )
    ]


def _binding(shadow: float | None) -> float | None:
    """A shadow price, None where it is nothing but what solving leaves."""
    return shadow if shadow is not None and abs(shadow) > _BINDS else None


def _breaches(tables: dict[str, pl.DataFrame]) -> list[RenderableType]:
    rows = tables["breaches"]
    return [
        f"Bound that gave way: {row['bound']} is {100 * row['value']:+.3f} %, allowed"
        f" {100 * row['low']:+.3f} … {100 * row['high']:+.3f} %"
        + (" (rounding to whole shares)" if row["is_rounding"] else "")
        for row in rows.iter_rows(named=True)
    ]


def _draw(home: Home, positions: pl.DataFrame, day: date, policy: str, picture: Path) -> None:
    from bondsig_assets.reporting.portfolio_pictures import draw_targets

    figure = draw_targets(positions, day, policy, home.note)
    if figure is None:
        raise UserError(f"nothing to draw: {day} has neither positions nor expected returns")
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(picture, dpi=110, bbox_inches="tight")
    except OSError as error:
        raise UserError(f"'{picture}' cannot be written: {error.strerror}") from error
