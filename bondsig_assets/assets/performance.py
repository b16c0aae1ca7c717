"""What the book earned, and from what.

Belongs here: the assets of the group performance. Not here: figures and parts (`portfolio/`), what
they read (`reading/books.py`).
"""

import dagster as dg
import polars as pl

from bondsig_assets.assets.common import (
    Result,
    daily_result,
    made_anywhere,
    markdown_picture,
    markdown_table,
    replace_days,
    rows_per_day,
    table_asset,
)
from bondsig_assets.home import Home
from bondsig_assets.orchestration.partitions import rests_on
from bondsig_assets.orchestration.stages import SCORING
from bondsig_assets.portfolio.attribution_days import DECISION_LAG
from bondsig_assets.reading.books import cash_of_books, judged_books, parts
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.warehouse import Write


def pnl_parts_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of the parts of what a book earned."""

    @table_asset(
        "pnl_parts",
        also=["shortfalls"],
        kinds={"polars", "numpy"},
        partitions=days,
        deps=[
            rests_on("target_positions", days_back=DECISION_LAG),
            rests_on("factor_exposures", days_back=DECISION_LAG),
            rests_on("equity_prices", days_back=DECISION_LAG),
        ],
        stage=SCORING,
        doing="splitting the P&L",
        seconds=10,
    )
    def pnl_parts(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        """Where each day's P&L came from, to 1e-4 dollars: alpha, factors, specific, timing, each
        cost, interest; and what every order fell short of the decision to send it.

        Alpha is what names earned along their expected returns, factors what the book's exposures
        of the evening before earned; what is left is specific.
        """
        opened, counted = warehouse.open(), []
        for start, end, made in made_anywhere(context, opened, parts, days=252):
            replace_days(opened, made, start, end)
            earned = pl.col("pnl_usd")
            counted.append(
                rows_per_day(
                    made["pnl_parts"],
                    "trade_date",
                    pnl_usd=earned.sum(),
                    **{
                        f"{name}_usd": earned.filter(pl.col("part") == name).sum()
                        for name in ("alpha", "factor", "specific", "cost")
                    },
                )
            )
        return daily_result(context, pl.concat(counted))

    return pnl_parts


@table_asset(
    "performance",
    also=["pnl_slices"],
    kinds={"polars"},
    deps=[
        "target_positions",
        "pnl_parts",
        "factor_exposures",
        "universe",
        "signals",
        "issuer_days",
        "treasury_yields",
        "evaluations",
    ],
    stage=SCORING,
    doing="adding up what was earned",
    seconds=8,
)
def performance_asset(warehouse: WarehouseResource) -> Result:
    """What the book earned over all its days, each figure with its error: Sharpe ratios, drawdown,
    turnover, costs, alpha beyond factors and the smallest that could have been seen.

    Deflated by the study's trials. `pnl_slices` has it by side, sector, rating, score and age of
    the signal.
    """
    from bondsig_assets.reporting.book_pictures import save_tear_sheet

    opened = warehouse.open()
    made = judged_books(opened)
    opened.replace(*(Write(name, rows) for name, rows in made.items()))
    home = Home(opened.home)
    with opened.on_snapshot():
        picture = save_tear_sheet(opened, home.pictures, home.note, cash_of_books(opened))
    shown = {}
    if picture is not None:
        shown["tear_sheet_picture"] = dg.MetadataValue.md(markdown_picture(picture))
    table = made["performance"].filter(pl.col("part").is_in(["net", "gross"]))
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": made["performance"].height,
            "figures": dg.MetadataValue.md(
                markdown_table(table.select("policy", "part", "figure", "value", "error"))
            ),
            **shown,
        }
    )
