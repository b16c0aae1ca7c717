"""From scores to target positions.

Belongs here: the assets of the group portfolio. Not here: rules, risk and optimum (`portfolio/`),
what they read (`reading/portfolio.py`).
"""

from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from bondsig_assets.assets.common import (
    Result,
    Rows,
    chunks,
    daily_result,
    made_anywhere,
    made_chunks,
    markdown_picture,
    markdown_table,
    replace_days,
    rows_per_day,
    table_asset,
)
from bondsig_assets.calendar import trading_days
from bondsig_assets.home import Home
from bondsig_assets.orchestration.partitions import rests_on
from bondsig_assets.orchestration.stages import DAYS, SCORING
from bondsig_assets.portfolio.book_days import TABLES as BOOK
from bondsig_assets.portfolio.book_days import book_days
from bondsig_assets.portfolio.books import Books
from bondsig_assets.portfolio.broker import PaperBroker
from bondsig_assets.portfolio.market_days import BORROW_DAYS, FACTS_LOOKBACK_DAYS, NAME_DAYS
from bondsig_assets.portfolio.risk_rows import RISK_TABLES, risk_of_days
from bondsig_assets.portfolio.settings import PortfolioSettings, RiskSettings
from bondsig_assets.portfolio.universe import removed
from bondsig_assets.portfolio.universe import universe as make_universe
from bondsig_assets.reading.portfolio import (
    SKILL_DAYS,
    book_inputs,
    books_before,
    lookback_days,
    market_days,
    universe_before,
)
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.warehouse import Warehouse, Write

_YEAR = 252


def universe_asset(days: dg.PartitionsDefinition, settings: PortfolioSettings) -> Any:
    """The asset of the universe, by the settings of the home's portfolio.toml."""

    @table_asset(
        "universe",
        kinds={"polars", "numpy"},
        partitions=days,
        deps=[
            rests_on("equity_prices", days_back=FACTS_LOOKBACK_DAYS),
            rests_on("issuer_days", days_back=NAME_DAYS),
            rests_on("borrow_rates", days_back=BORROW_DAYS),
            "equities",
            "delistings",
        ],
        stage=DAYS,
        own_past=True,
        doing="choosing the universe",
        seconds=3,
    )
    def universe(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        """Which names may be held on each day, with every reason why the others may not.

        Price, dollar volume, history, gaps, bond trades, staleness, days to liquidate, borrow, a
        delisting to come, your own lists (`portfolio.toml`). A name enters by stricter rules than
        it stays by.
        """
        opened, counted, gone = warehouse.open(), [], []
        for start, end in chunks(context, 4 * _YEAR):
            market = market_days(opened, start, end, FACTS_LOOKBACK_DAYS)
            rows = make_universe(
                market.facts(start, end),
                settings.universe,
                settings.bounds,
                settings.nav_usd,
                universe_before(opened, start),
            )
            opened.replace(Write("universe", rows, (start, end)))
            names = rows.filter(~pl.col("is_hedge"))
            counted.append(
                rows_per_day(names, "trade_date", n_in=pl.col("is_in").sum().cast(pl.Int64))
            )
            gone.append(removed(rows))
        causes = (
            pl.concat(gone)
            .group_by("reason")
            .agg(name_days=pl.col("n_all").sum(), name_days_as_first_cause=pl.col("n_first").sum())
            .sort("name_days", descending=True)
        )
        return daily_result(
            context, pl.concat(counted), removed=dg.MetadataValue.md(markdown_table(causes))
        )

    return universe


def factor_exposures_asset(days: dg.PartitionsDefinition, settings: PortfolioSettings) -> Any:
    """The asset of the risk model, by the settings of the home's portfolio.toml."""
    back = lookback_days(settings)

    @table_asset(
        "factor_exposures",
        also=[name for name in RISK_TABLES if name != "factor_exposures"],
        kinds={"numpy"},
        partitions=days,
        deps=[
            rests_on("equity_prices", days_back=back),
            rests_on("issuer_days", days_back=back),
            "equities",
            "delistings",
            "macro_series",
            "treasury_yields",
        ],
        stage=DAYS,
        doing="estimating risk",
        seconds=25,
    )
    def factor_exposures(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        """The risk model of each day: what names gain and lose with the market, rates, volatility,
        credit, oil and their sector, how these move together, and the risk that is a name's own.

        Made of what was known at the day's cutoff: the Treasury curve of a day is known the morning
        after.
        """
        opened, counted = warehouse.open(), []

        given = settings.risk, back
        for start, end, made in made_anywhere(context, opened, risk_between, *given, days=_YEAR):
            replace_days(opened, made, start, end)
            counted.append(
                rows_per_day(
                    made["specific_risks"],
                    "trade_date",
                    median_specific_risk_pct=pl.col("specific_risk_pct").median(),
                    share_with_own=pl.col("has_own").mean(),
                )
            )
        return daily_result(context, pl.concat(counted))

    return factor_exposures


def risk_between(
    warehouse: Warehouse, settings: RiskSettings, back: int, start: date, end: date
) -> Rows:
    """Rows of the risk tables of these trading days, from the `back` days before them on."""
    return risk_of_days(market_days(warehouse, start, end, back), start, end, settings)


def target_positions_asset(days: dg.PartitionsDefinition, settings: PortfolioSettings) -> Any:
    """The asset of target positions, by the settings of the home's portfolio.toml."""

    @table_asset(
        "target_positions",
        also=[table.name for table in BOOK if table.name != "target_positions"],
        kinds={"numpy", "polars"},
        partitions=days,
        deps=[
            rests_on("scores", days_back=SKILL_DAYS),
            "universe",
            rests_on("factor_exposures", days_back=SKILL_DAYS),
            rests_on("labels", days_back=SKILL_DAYS),
            "equity_prices",
            "champions",
            "delistings",
            "treasury_yields",
        ],
        stage=SCORING,
        own_past=True,
        doing="solving for target positions",
        seconds=40,
    )
    def target_positions(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        """The book of `portfolio.toml`'s policy: what the session's orders came to, what is held
        and worth, what to hold instead and why, and orders for the next session.

        Each solution is certified optimal and keeps its residuals; a bound that had to give way is
        a row of `breaches` with its shadow price. Where nothing is known nothing is traded. Nothing
        is filled at a price of the day that decided, and money is booked twice over, to 1e-4
        dollars.
        """
        from bondsig_assets.reporting.portfolio_pictures import save_portfolio_picture

        opened, counted = warehouse.open(), []
        books: Books | None = None

        def rows_between(start: date, end: date) -> dict[str, pl.DataFrame]:
            nonlocal books
            made = book_days(
                book_inputs(opened, start, end, settings),
                trading_days(start, end),
                books or books_before(opened, start, settings.policy),
                settings,
                PaperBroker(settings),
            )
            books = made.books
            return made.rows

        for start, end, made in made_chunks(context, rows_between, _YEAR, threads=1):
            replace_days(opened, made, start, end)
            counted.append(_per_day(made))
        with opened.on_snapshot():
            home = Home(opened.home)
            picture = save_portfolio_picture(opened.read, home.pictures, settings.policy, home.note)
        shown = {}
        if picture is not None:
            shown["portfolio_picture"] = dg.MetadataValue.md(markdown_picture(picture))
        return daily_result(context, pl.concat(counted), **shown)

    return target_positions


def _per_day(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    solved = tables["solutions"].select(
        "trade_date", "forecast_risk_pct", "expected_bps", "n_breaches"
    )
    sent = (
        tables["orders"]
        .filter(state="sent")
        .group_by(trade_date="decision_date")
        .agg(n_orders=pl.len())
    )
    return (
        tables["portfolio_days"]
        .select(
            "trade_date",
            "nav_usd",
            "gross",
            "net",
            "turnover",
            "n_fills",
            "n_stale",
            pnl_usd=pl.col("nav_usd") - pl.col("nav_before_usd") - pl.col("capital_usd"),
        )
        .join(solved, on="trade_date", how="left")
        .join(sent, on="trade_date", how="left")
        .rename({"trade_date": "day"})
        .join(rows_per_day(tables["target_positions"], "trade_date"), on="day", how="left")
        .with_columns(pl.col("rows", "n_orders").fill_null(0))
        .sort("day")
    )
