"""What a book did, in lines for a terminal: figures with errors, parts of the P&L, sizes.

Belongs here: how figures of books are written, here and on the tear sheet (`tear_sheet.py`). Not
here: the figures themselves (`portfolio/figures.py` and its neighbours).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bondsig_assets.portfolio.capacity import capacity_of
from bondsig_assets.portfolio.credit_money import CreditMoney

SIMULATED = "simulated market: nothing here is evidence about real bonds or stocks"

#: Label, part, figure, how it is written; None is a gap.
_SHOWN: tuple[tuple[str, str, str, str] | None, ...] = (
    ("total return", "net", "total_return_pct", "{:+.1f} %"),
    ("CAGR", "net", "cagr_pct", "{:+.2f} %"),
    ("mean a year", "net", "mean_return_pct", "{:+.2f} %"),
    ("the same, gross", "gross", "mean_return_pct", "{:+.2f} %"),
    ("volatility", "net", "volatility_pct", "{:.2f} %"),
    None,
    ("Sharpe ratio, √252", "net", "sharpe_ratio", "{:+.2f}"),
    ("by Lo's η", "net", "sharpe_ratio_lo", "{:+.2f}"),
    ("the same, gross", "gross", "sharpe_ratio", "{:+.2f}"),
    ("above luck of the search", "net", "deflated_sharpe_probability", "{:.0%}"),
    ("Sortino ratio", "net", "sortino_ratio", "{:+.2f}"),
    ("worst drawdown", "net", "worst_drawdown_pct", "{:.1f} %"),
    ("longest, days", "net", "longest_drawdown_days", "{:.0f}"),
    ("best, worst day", "net", "best_day_pct", "{:+.2f} %"),
    None,
    ("beyond the benchmark, a year", "active", "mean_return_pct", "{:+.2f} %"),
    ("information ratio", "active", "sharpe_ratio", "{:+.2f}"),
    ("alpha a year beyond factors", "net", "alpha_pct", "{:+.2f} %"),
    ("explained by factors", "net", "alpha_r_squared", "{:.0%}"),
    ("earned of a dollar expected", "net", "alpha_payoff", "{:+.2f}"),
    None,
    ("gross exposure", "net", "gross", "{:.0%}"),
    ("net exposure", "net", "net", "{:+.1%}"),
    ("return on gross, a year", "net", "return_on_gross_pct", "{:+.2f} %"),
    ("turnover a day, two-way", "net", "turnover", "{:.1%}"),
    ("trading cost of traded", "net", "trading_cost_bps", "{:.1f} bp"),
    ("trading cost a year", "net", "trading_cost_bps_a_year", "{:.0f} bp"),
    ("borrow a year", "net", "borrow_cost_bps_a_year", "{:.0f} bp"),
    None,
    ("longs, mean a year", "long", "mean_return_pct", "{:+.2f} %"),
    ("shorts, mean a year", "short", "mean_return_pct", "{:+.2f} %"),
)


@dataclass(frozen=True)
class Line:
    """A figure as it is written: its value, and its error with t where it has one."""

    label: str
    value: str
    error: str


def figure_lines(figures: pl.DataFrame, *, is_beyond_cash: bool = False) -> list[Line | None]:
    """The figures people look for, from rows of `performance` of one book, in their order; None is
    a gap. Those that days do not tell are left out.
    """
    of = {(row["part"], row["figure"]): row for row in figures.to_dicts()}
    found: list[Line | None] = []
    for one in _SHOWN:
        if one is None:
            if found and found[-1] is not None:
                found.append(None)
            continue
        label, part, figure, form = one
        row = of.get((part, figure), {})
        if row.get("value") is None:
            continue
        said = _written(form, row["value"])
        if figure == "best_day_pct":
            said += " / " + _written(form, of[part, "worst_day_pct"]["value"])
        if figure == "mean_return_pct" and part == "net" and is_beyond_cash:
            label += " beyond cash"
        t = "" if row["t_statistic"] is None else f"  ({row['t_statistic']:+.1f})"
        error = "" if row["error"] is None else f"± {abs(row['error']):.2f}{t}"
        found.append(Line(label, said, error))
    return found[:-1] if found and found[-1] is None else found


def _written(form: str, value: float) -> str:
    """`value` in its form, a space before its %, a zero without a sign."""
    said = form.format(value).replace("%", " %").replace("  %", " %")
    return said if any(one in said for one in "123456789") else said.lstrip("+-")


def detectable(figures: pl.DataFrame) -> str:
    """The smallest mean and alpha a year that these days could have shown; empty where neither is
    known.
    """
    of = {
        row["figure"]: row["smallest_detectable"]
        for row in figures.filter(part="net").to_dicts()
        if row["smallest_detectable"] is not None
    }
    seen = [
        f"{label} {of[figure]:.1f} %"
        for label, figure in (("mean", "mean_return_pct"), ("alpha", "alpha_pct"))
        if figure in of
    ]
    return f"smallest detectable a year: {', '.join(seen)}" if seen else ""


def print_book(
    console: Console,
    figures: pl.DataFrame,
    *,
    is_simulated: bool,
    is_beyond_cash: bool = False,
    parts: pl.DataFrame | None = None,
    credit: CreditMoney | None = None,
    capacity: pl.DataFrame | None = None,
) -> None:
    """Print what rows of `performance` of one book say, and where given of `pnl_parts`, of the
    difference to the control and of `capacity`.
    """
    if figures.is_empty():
        console.print("No day of a book that can be judged yet.")
        return
    row = figures.row(0, named=True)
    head = f"{row['policy']}, {row['first_date']} … {row['last_date']}, {row['n_days']:,} days"
    console.print(Text(head, style="bold"))
    if is_simulated:
        console.print(Text(SIMULATED, style="red"))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("± error (t)", justify="right", style="dim")
    for line in figure_lines(figures, is_beyond_cash=is_beyond_cash):
        table.add_row(*(("", "", "") if line is None else (line.label, line.value, line.error)))
    console.print(table)
    if said := detectable(figures):
        console.print(Text(said, style="dim"))
    if parts is not None and parts.height:
        console.print(_parts(parts))
    if credit is not None:
        console.print(_credit(credit))
    if capacity is not None and capacity.height:
        console.print(_capacity(capacity))


def _parts(parts: pl.DataFrame) -> Table:
    """Where the money came from, factors and costs each by name."""
    table = Table(title="P&L by part", title_justify="left", box=None, pad_edge=False)
    table.add_column("part")
    table.add_column("dollars", justify="right")
    total = parts.group_by("part", "source").agg(
        (pl.col("pnl_usd") * 1e4).round().sum() / 1e4,
    )
    order = {
        name: k
        for k, name in enumerate(
            ("alpha", "factor", "specific", "unmodelled", "timing", "interest", "cost", "remainder")
        )
    }
    rows = sorted(total.rows(), key=lambda row: (order.get(row[0], len(order)), row[1]))
    for part, source, usd in rows:
        if usd or part in ("alpha", "specific"):
            table.add_row(f"{part} {source}".strip(), f"{usd:+,.0f}")
    table.add_row(Text("all", style="bold"), Text(f"{sum(r[2] for r in rows):+,.0f}", style="bold"))
    return table


def _credit(credit: CreditMoney) -> Text:
    """What bonds paid beyond the equity-only control, and how sure that is."""
    said = f"Credit less equity-only: {credit.mean_usd:+,.0f} dollars a day"
    if credit.error_usd:
        said += (
            f" ± {credit.error_usd:,.0f} (t {credit.t_statistic:+.1f}; smallest detectable"
            f" {credit.smallest_detectable_usd:,.0f})"
        )
    return Text(f"{said}, {credit.total_usd:+,.0f} in {credit.n_days:,} days")


def _capacity(rows: pl.DataFrame) -> Table:
    """Net dollars a year by size; which is the most, and which cannot be told from it."""
    best = capacity_of(rows)
    title = "Net by size" if best is not None else "Net by size: no size earns"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("size", "net a year", "± error", "Sharpe", "cost, bp", ""):
        table.add_column(name, justify="left" if name in ("size", "") else "right")
    for row in rows.to_dicts():
        mark = ""
        if row["is_capacity"]:
            mark = "capacity or more: the largest tried" if row["is_last"] else "capacity"
        elif best is not None and row["t_below_best"] is not None and row["t_below_best"] < 2:
            mark = "cannot be told from it"
        table.add_row(
            dollars(row["nav_usd"]),
            "" if row["net_usd"] is None else f"{row['net_usd']:+,.0f}",
            "" if row["error_usd"] is None else f"{row['error_usd']:,.0f}",
            "" if row["sharpe_ratio"] is None else f"{row['sharpe_ratio']:+.2f}",
            "" if row["cost_bps"] is None else f"{row['cost_bps']:.1f}",
            mark,
        )
    return table


def dollars(value: float) -> str:
    """$10M, $300k."""
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"${value / unit:,.4g}{letter}"
    return f"${value:,.0f}"
