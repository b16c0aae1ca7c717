"""The tear sheet of a book: growth, drawdown, Sharpe ratio, exposures, costs, months, capacity.

Belongs here: one picture of what a book's rows say, as people know it. Not here: the figures
themselves (`portfolio/figures.py` and its neighbours), the pictures of a run (`pictures.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from bondsig_assets.arrays import Floats
from bondsig_assets.calendar import offset
from bondsig_assets.portfolio.capacity import capacity_of
from bondsig_assets.portfolio.credit_money import summed
from bondsig_assets.portfolio.performance import (
    monthly_returns,
    rolling_sharpe,
    underwater,
    wealth,
)
from bondsig_assets.reporting.book_summary import SIMULATED, detectable, dollars, figure_lines

_BLUE, _GREY, _RED, _GREEN, _BLACK = "#2a6f97", "#8d99ae", "#c1121f", "#588157", "#111111"
_PARTS = {
    "alpha": _BLUE,
    "factor": _GREY,
    "specific": "#e09f3e",
    "unmodelled": "#bc6c25",
    "timing": "#6a4c93",
    "interest": _GREEN,
    "cost": _RED,
    "remainder": _BLACK,
}
#: Days of the rolling Sharpe ratio and of the mean of turnover; fewer where the book is short.
_ROLLING, _SMOOTH = 126, 21
#: Gross exposure below which a book holds next to nothing.
_IDLE = 0.01
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WIDTH = 12.0


@dataclass(frozen=True)
class TearSheet:
    """What a tear sheet shows of one book.

    `book`: rows of `book_returns`; `figures`: of `performance`. Optional, each a panel of its own:
    `parts` of `pnl_parts`, `slices` of `pnl_slices`, `capacity`, `credit_money`; and `cash_returns`
    [day] that Sharpe ratios are beyond. `market`: what the data is, in words; `is_simulated`: the
    market never was. `notes`: what limits the data, as that names are survivors.
    """

    book: pl.DataFrame
    figures: pl.DataFrame
    market: str
    is_simulated: bool
    parts: pl.DataFrame | None = None
    slices: pl.DataFrame | None = None
    capacity: pl.DataFrame | None = None
    credit_money: pl.DataFrame | None = None
    cash_returns: Floats | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Days:
    """The days that are judged, as arrays."""

    dates: list[date]
    book: pl.DataFrame
    excess: Floats

    @property
    def at(self) -> np.ndarray:
        return np.array(self.dates, dtype="datetime64[D]")

    @property
    def from_start(self) -> np.ndarray:
        """The days with the evening before the first."""
        return np.concatenate([[np.datetime64(offset(self.dates[0], -1))], self.at])

    def of(self, column: str) -> Floats:
        values: Floats = self.book[column].to_numpy()
        return values


def draw_tear_sheet(sheet: TearSheet) -> Figure | None:
    """The whole page; None for a book without a day that can be judged."""
    book = sheet.book.sort("trade_date")
    judged = book.filter(pl.col("net_return").is_not_null())
    if judged.is_empty():
        return None
    there = book["net_return"].is_not_null().to_numpy()
    cash = np.zeros(judged.height) if sheet.cash_returns is None else sheet.cash_returns[there]
    days = _Days(judged["trade_date"].to_list(), judged, judged["net_return"].to_numpy() - cash)
    months = monthly_returns(days.dates, days.of("net_return"))
    n_years = months["year"].n_unique()
    below = _below(sheet, days)
    # Inches: the rows of the page, one above the other.
    heights = [3.2, 1.5, 1.5, 1.7, 1.5, 0.3 + 0.26 * n_years] + [2.2] * bool(below)
    gap = 0.55
    figure = Figure(figsize=(_WIDTH, sum(heights) + gap * len(heights) + 0.9))
    top = 1 - 0.95 / figure.get_figheight()
    grid = figure.add_gridspec(
        len(heights),
        12,
        height_ratios=heights,
        left=0.055,
        right=0.985,
        top=top,
        bottom=0.5 / figure.get_figheight(),
        hspace=gap * len(heights) / sum(heights),
        wspace=1.0,
    )
    _head(figure, sheet, days)
    panels: Sequence[Callable[[Axes, _Days], None]] = (
        _growth,
        _drawdown,
        _sharpe,
        _exposure,
        _costs,
    )
    first: Axes | None = None
    for place, draw in enumerate(panels):
        axes = figure.add_subplot(grid[place, :8], sharex=first)
        first = first or axes
        draw(axes, days)
        _dated(axes)
    deciles = _deciles(sheet)
    _figures(figure.add_subplot(grid[: len(panels) - bool(deciles.height), 8:]), sheet)
    if deciles.height:
        _score_deciles(figure.add_subplot(grid[len(panels) - 1, 9:]), deciles)
    table = grid[len(panels), :].subgridspec(2, 1, height_ratios=[0.3, 0.26 * n_years], hspace=0)
    _months(figure.add_subplot(table[1]), months)
    _row(figure, grid, len(heights) - 1, below)
    _foot(figure, sheet)
    return figure


def _head(figure: Figure, sheet: TearSheet, days: _Days) -> None:
    """Policy, span, and what kind of market this is."""
    high = figure.get_figheight()
    policy = days.book["policy"][0]
    span = f"{days.dates[0]} … {days.dates[-1]}, {len(days.dates):,} trading days"
    figure.text(
        0.055, 1 - 0.3 / high, f"{policy}", fontsize=17, weight="bold", va="center", ha="left"
    )
    figure.text(
        0.055,
        1 - 0.58 / high,
        f"{span}, {dollars(days.of('base_usd')[0])} at the start · {sheet.market}",
        fontsize=9,
        color="#555555",
        va="center",
        ha="left",
    )
    if sheet.is_simulated:
        figure.text(
            0.985,
            1 - 0.3 / high,
            SIMULATED,
            fontsize=10,
            color=_RED,
            weight="bold",
            va="center",
            ha="right",
        )


def _foot(figure: Figure, sheet: TearSheet) -> None:
    notes = (
        "Returns are after all costs unless they are called gross. Errors count autocorrelation;"
        " smallest detectable is 2.8 of them.",
        *sheet.notes,
    )
    figure.text(
        0.055,
        0.12 / figure.get_figheight(),
        "  ".join(notes),
        fontsize=7.5,
        color="#555555",
        va="bottom",
        ha="left",
        wrap=True,
    )


def _growth(axes: Axes, days: _Days) -> None:
    """What a dollar became, gross and net."""
    for column, label, color, width in (
        ("gross_return", "gross", _GREY, 1.1),
        ("net_return", "net of all costs", _BLUE, 1.6),
    ):
        level = np.concatenate([[1.0], wealth(days.of(column))])
        axes.plot(days.from_start, level, color=color, label=label, linewidth=width)
    axes.axhline(1, color="black", linewidth=0.6)
    axes.set_title("Growth of a dollar", loc="left", fontsize=9)
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def _drawdown(axes: Axes, days: _Days) -> None:
    below = np.concatenate([[0.0], 100 * underwater(days.of("net_return"))])
    axes.fill_between(days.from_start, below, 0, color=_RED, alpha=0.35, linewidth=0)
    axes.plot(days.from_start, below, color=_RED, linewidth=0.8)
    axes.set_ylim(min(1.05 * below.min(), -0.1), 0)
    axes.set_title("Drawdown, net", loc="left", fontsize=9)
    _percent(axes)


def _sharpe(axes: Axes, days: _Days) -> None:
    """The ratio of the last days, and its error if days were independent, as a band about 0; none
    where half of these days the book held next to nothing: a ratio of interest says nothing.
    """
    window = min(_ROLLING, max(len(days.dates) // 2, 2))
    is_idle = (np.nan_to_num(days.of("gross").astype(float)) < _IDLE).astype(float)
    idle_days = np.convolve(is_idle, np.ones(window))[: is_idle.size]
    rolling = np.where(idle_days > window / 2, np.nan, rolling_sharpe(days.excess, window))
    band = 1.96 * float(np.sqrt(252 / window))
    axes.axhspan(-band, band, color=_GREY, alpha=0.15, linewidth=0)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.plot(days.at, rolling, color=_BLUE, linewidth=1.1)
    axes.set_title(
        f"Sharpe ratio of the last {window} days, net; grey: luck, 95 %", loc="left", fontsize=9
    )


def _exposure(axes: Axes, days: _Days) -> None:
    for column, label, color in (
        ("long", "long", _GREEN),
        ("short", "short", _RED),
        ("net", "net", _BLACK),
    ):
        values = 100 * days.of(column)
        if column != "net":
            axes.fill_between(days.at, values, 0, color=color, alpha=0.3, linewidth=0)
        axes.plot(days.at, values, color=color, linewidth=0.9, label=label)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_title("Exposure, of net asset value", loc="left", fontsize=9)
    axes.margins(y=0.18)
    axes.legend(frameon=False, fontsize=8, loc="upper left", ncols=3)
    _percent(axes)


def _costs(axes: Axes, days: _Days) -> None:
    """Turnover as a running mean, costs so far on an axis of their own."""
    turnover = 100 * days.of("turnover")
    window = min(_SMOOTH, turnover.size)
    smooth = np.convolve(turnover, np.ones(window) / window, mode="valid")
    axes.fill_between(days.at[window - 1 :], smooth, 0, color=_GREY, alpha=0.45, linewidth=0)
    axes.set_ylim(0, max(1.25 * float(smooth.max()), 0.1))
    _percent(axes)
    other = axes.twinx()
    for name, color in (("trading", _RED), ("borrow", "#e09f3e")):
        share = days.of(f"{name}_cost_usd") / days.of("base_usd")
        other.plot(days.at, 100 * np.cumsum(share), color=color, linewidth=1.2, label=name)
    other.set_ylim(bottom=0)
    _percent(other)
    other.tick_params(labelsize=8)
    other.spines[["top", "left"]].set_visible(False)
    other.legend(frameon=False, fontsize=8, loc="upper left", title=None, ncols=2)
    axes.set_title(
        f"Two-way turnover a day, mean of {window} days (grey, left); costs so far (lines, right)",
        loc="left",
        fontsize=9,
    )


def _months(axes: Axes, months: pl.DataFrame) -> None:
    """Net return by month and year."""
    years = sorted(months["year"].unique().to_list())
    table = np.full((len(years), 13), np.nan)
    for year, month, value, _ in months.iter_rows():
        table[years.index(year), 12 if month is None else month - 1] = 100 * value
    largest = float(np.nanmax(np.abs(table[:, :12]), initial=0.1))
    axes.imshow(
        np.where(np.arange(13) < 12, table, np.nan),
        cmap="RdYlGn",
        norm=TwoSlopeNorm(0.0, -1.4 * largest, 1.4 * largest),
        aspect="auto",
        alpha=0.75,
    )
    for row in range(len(years)):
        for column in range(13):
            if np.isfinite(table[row, column]):
                axes.text(
                    column,
                    row,
                    _plain(table[row, column]),
                    ha="center",
                    va="center",
                    fontsize=8,
                    weight="bold" if column == 12 else "normal",
                )
    axes.set_xticks(range(13), [*_MONTHS, "year"], fontsize=8)
    axes.set_yticks(range(len(years)), [str(year) for year in years], fontsize=8)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("Net return by month, %", loc="left", fontsize=9, pad=14)


def _plain(value: float) -> str:
    """A number with one digit, and none that is -0.0."""
    return f"{value:.1f}".replace("-0.0", "0.0")


def _deciles(sheet: TearSheet) -> pl.DataFrame:
    """`decile, pnl_usd, error_usd` of names by score; no rows where there are no slices."""
    schema = {"decile": pl.Int64, "pnl_usd": pl.Float64, "error_usd": pl.Float64}
    if sheet.slices is None:
        return pl.DataFrame(schema=schema)
    return (
        sheet.slices.filter(slice="score_decile")
        .with_columns(decile=pl.col("bucket").cast(pl.Int64, strict=False))
        .filter(pl.col("decile").is_not_null())
        .select("decile", "pnl_usd", error_usd=pl.col("error_usd") * pl.col("n_days"))
        .sort("decile")
    )


def _score_deciles(axes: Axes, rows: pl.DataFrame) -> None:
    """What names brought by the tenth that their score was in."""
    values = rows["pnl_usd"].to_numpy()
    unit, suffix = _scale(float(np.abs(values).max()))
    axes.bar(
        rows["decile"].to_numpy(),
        values / unit,
        yerr=1.96 * rows["error_usd"].fill_null(0.0).to_numpy() / unit,
        color=[_GREEN if value >= 0 else _RED for value in values],
        alpha=0.7,
        width=0.7,
        error_kw={"elinewidth": 0.8, "ecolor": "#555555"},
    )
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xticks(range(1, 11))
    axes.set_xlim(0.4, 10.6)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"P&L by score decile, {suffix}", loc="left", fontsize=9)


_Panel = Callable[[Axes], None]


def _below(sheet: TearSheet, days: _Days) -> list[_Panel]:
    """The panels of the last row: those that there are rows for."""
    found: list[_Panel] = []
    if sheet.parts is not None and sheet.parts.height:
        parts = sheet.parts
        found.append(lambda axes: _parts(axes, parts, days))
    if sheet.credit_money is not None and sheet.credit_money.height:
        money = sheet.credit_money
        found.append(lambda axes: _credit(axes, money))
    if sheet.capacity is not None and sheet.capacity.height:
        curve = sheet.capacity
        found.append(lambda axes: _capacity(axes, curve))
    return found


def _row(figure: Figure, grid: GridSpec, place: int, panels: Sequence[_Panel]) -> None:
    width = 12 // max(len(panels), 1)
    for k, draw in enumerate(panels):
        axes = figure.add_subplot(grid[place, k * width : (k + 1) * width])
        draw(axes)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)


def _parts(axes: Axes, parts: pl.DataFrame, days: _Days) -> None:
    """Where the money came from, so far."""
    daily = parts.group_by("trade_date", "part").agg(pl.col("pnl_usd").sum())
    unit, suffix = _scale(float(np.abs(np.cumsum(days.of("pnl_usd"))).max()))
    for part, color in _PARTS.items():
        mine = daily.filter(part=part).sort("trade_date")
        values = mine["pnl_usd"].to_numpy()
        if not values.any():
            continue
        axes.plot(
            mine["trade_date"].to_numpy(),
            np.cumsum(values) / unit,
            color=color,
            linewidth=1.2,
            label={"factor": "factors", "cost": "costs"}.get(part, part),
        )
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_title(f"P&L so far by part, {suffix}", loc="left", fontsize=9)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=7, loc="upper left", ncols=2)
        axes.margins(y=0.25)
    _dated(axes)


def _credit(axes: Axes, rows: pl.DataFrame) -> None:
    """What bonds paid so far, with the error of such a sum."""
    values = rows["cumulative_usd"].to_numpy()
    at = rows["trade_date"].to_numpy()
    total = summed(rows)
    unit, suffix = _scale(float(np.abs(values).max()))
    axes.plot(at, values / unit, color=_BLUE, linewidth=1.3)
    said = ""
    if total is not None and total.error_usd:
        # The error of the sum of n days is the root of n times that of one, which the mean's gives.
        n = np.arange(1, values.size + 1)
        error = total.error_usd * np.sqrt(rows.height * n)
        low, high = ((values + s * 1.96 * error) / unit for s in (-1, 1))
        axes.fill_between(at, low, high, color=_BLUE, alpha=0.15, linewidth=0)
        said = f"\n{total.mean_usd:+,.0f} ± {total.error_usd:,.0f} a day, t {total.t_statistic:.1f}"
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_title(f"Credit less equity-only, so far, {suffix}{said}", loc="left", fontsize=9)
    _dated(axes)


def _capacity(axes: Axes, rows: pl.DataFrame) -> None:
    """Net dollars a year by size, with errors; gross beside."""
    nav = rows["nav_usd"].to_numpy()
    net, gross = (rows[one].to_numpy() for one in ("net_usd", "gross_usd"))
    error = rows["error_usd"].fill_null(0.0).to_numpy()
    unit, suffix = _scale(float(np.abs(net).max()))
    axes.errorbar(
        nav,
        net / unit,
        yerr=1.96 * error / unit,
        fmt="o-",
        color=_BLUE,
        markersize=4,
        linewidth=1.2,
        capsize=2,
        label="net, 95 %",
    )
    axes.plot(nav, gross / unit, "o--", color=_GREY, markersize=3, linewidth=1.0, label="gross")
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xscale("log")
    axes.set_xticks(nav, [dollars(one).removeprefix("$") for one in nav], fontsize=8)
    axes.minorticks_off()
    # Gross of sizes that nobody would trade must not squeeze the curve that counts.
    low, high = (
        min(float((net - 1.96 * error).min()) / unit, 0.0),
        max(float((net + 1.96 * error).max()) / unit, 0.0),
    )
    room = 0.1 * (high - low) or 1.0
    axes.set_ylim(low - room, high + 2.5 * room)
    best = capacity_of(rows)
    last = best is not None and bool(rows.filter(pl.col("is_capacity"))["is_last"][0])
    said = "no size earns" if best is None else f"capacity {'≥ ' if last else ''}{dollars(best)}"
    if best is not None:
        axes.axvline(best, color=_GREEN, linewidth=0.9, linestyle=":")
    axes.set_title(f"Net a year by size, {suffix}: {said}", loc="left", fontsize=9)
    axes.legend(frameon=False, fontsize=7, loc="upper left")


# ------------------------------------------------------------------------------------------------
#   the column of figures


def _figures(axes: Axes, sheet: TearSheet) -> None:
    """Figures with their errors, a line each."""
    axes.set_axis_off()
    lines = figure_lines(sheet.figures, is_beyond_cash=sheet.cash_returns is not None)
    step = 1 / max(len(lines) + 5, 1)
    place = 1.0
    axes.text(1.0, place, "± error  (t)", ha="right", va="top", fontsize=7.5, color="#555555")
    place -= step
    for line in lines:
        if line is None:
            place -= 0.45 * step
            continue
        axes.text(0.0, place, line.label, ha="left", va="top", fontsize=8.5)
        axes.text(0.70, place, line.value, ha="right", va="top", fontsize=8.5, weight="bold")
        axes.text(1.0, place, line.error, ha="right", va="top", fontsize=8, color="#555555")
        place -= step
    axes.text(
        0.0,
        place - 0.45 * step,
        detectable(sheet.figures),
        ha="left",
        va="top",
        fontsize=8,
        color="#555555",
    )


# ------------------------------------------------------------------------------------------------
#   axes


def _dated(axes: Axes) -> None:
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _percent(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")


def _scale(largest: float) -> tuple[float, str]:
    """Unit in which amounts up to `largest` are written, and its name."""
    for unit, name in ((1e9, "billion dollars"), (1e6, "million dollars"), (1e3, "1,000 dollars")):
        if largest >= unit:
            return unit, name
    return 1.0, "dollars"
