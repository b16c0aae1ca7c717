"""Issuer days, and issuers at times of day.

Belongs here: the assets of the group features. Not here: formulas (`features/`).
numba takes a second to import, so what needs it is imported by the asset that runs it.
"""

from collections.abc import Sequence
from datetime import date, time

import dagster as dg
import polars as pl
from pydantic import Field

from bondsig_assets.assets.common import (
    Result,
    Rows,
    chunks,
    daily_result,
    day_range,
    made_anywhere,
    replace_days,
    rows_per_day,
    table_asset,
)
from bondsig_assets.calendar import at_or_after, offset, quarters_between
from bondsig_assets.orchestration.partitions import rests_on
from bondsig_assets.reading.credit_news import (
    first_needed,
    load_news_panels,
    parameter_rows,
    stored_parameters,
)
from bondsig_assets.reading.intraday import load_intraday_inputs
from bondsig_assets.reading.panels import load_panels
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.issuer_features import (
    FEATURES,
    INTRADAY_LOOKBACK_DAYS,
    LOOKBACK_DAYS,
    MATCH_DAYS,
    Feature,
)
from bondsig_assets.tables.news_features import NEWS_FEATURES, NEWS_LOOKBACK_DAYS
from bondsig_assets.warehouse import Warehouse, Write

_YEAR = 4 * 63
#: Probability from which a move counts as news where issuers with news are counted.
_LOUD = 0.8


def feature_lineage(features: Sequence[Feature] = FEATURES) -> dg.TableColumnLineage:
    """Which columns of which asset feed which feature."""
    columns = {feature.name: [name.split(".") for name in feature.inputs] for feature in features}
    return dg.TableColumnLineage(
        {
            name: [
                dg.TableColumnDep(asset_key=dg.AssetKey(table), column_name=column)
                for table, column in inputs
            ]
            for name, inputs in columns.items()
        }
    )


def issuer_days_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of issuer-day features."""
    upstream = [
        *(
            rests_on(name, days_back=LOOKBACK_DAYS)
            for name in ("bond_day_revisions", "bond_analytics", "equity_prices", "cds_quotes")
        ),
        "security_master",
        "fundamentals",
        "ratings",
        "issuers",
        "equities",
        "delistings",
        "bonds",
        "amounts_outstanding",
        "treasury_yields",
    ]

    @table_asset(
        "issuer_days",
        also=["feature_coverage"],
        kinds={"polars", "numpy"},
        partitions=days,
        deps=upstream,
        doing="computing issuer features",
        seconds=25,
    )
    def issuer_days(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        """One row per issuer and day with every feature as known at that day's cutoff (18:30 New
        York).

        Null means missing, never zero. `oas_*` and `cds_*` are what credit says, `equity_*` the
        controls it has to beat. The comment of each column gives formula, window and source;
        `feature_coverage` counts for each day why values are missing.
        """
        opened, counted = warehouse.open(), []
        for start, end, made in made_anywhere(context, opened, issuer_days_between, days=_YEAR):
            replace_days(opened, made, start, end)
            frame = made["issuer_days"]
            counted.append(
                rows_per_day(
                    frame,
                    "trade_date",
                    bond_coverage=pl.col("spread_bps").is_not_null().mean(),
                    cds_coverage=pl.col("cds_spread_bps").is_not_null().mean(),
                    median_spread_bps=pl.col("spread_bps").median(),
                    median_staleness_days=pl.col("staleness_days").median(),
                )
            )
        return daily_result(context, pl.concat(counted))

    # On the definition, from where `daily_result` takes it along with the newest day of a run.
    return issuer_days.map_asset_specs(
        lambda spec: spec.merge_attributes(metadata={"dagster/column_lineage": feature_lineage()})
    )


def issuer_days_between(warehouse: Warehouse, start: date, end: date) -> Rows:
    """Rows of `issuer_days` and `feature_coverage` of these trading days."""
    from bondsig_assets.features.issuer_days import issuer_days

    made = issuer_days(load_panels(warehouse, offset(start, -LOOKBACK_DAYS), end), start, end)
    names = ("issuer_days", "feature_coverage")
    return {name: TABLES[name].conform(rows) for name, rows in zip(names, made, strict=True)}


def credit_news_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of credit news."""

    @table_asset(
        "credit_news",
        also=["credit_news_parameters"],
        kinds={"polars", "numpy"},
        partitions=days,
        deps=[
            *(
                rests_on(name, days_back=NEWS_LOOKBACK_DAYS)
                for name in ("bond_day_revisions", "bond_analytics", "equity_prices", "cds_quotes")
            ),
            "security_master",
            "ratings",
            "issuers",
            "equities",
            "delistings",
            "treasury_yields",
        ],
        doing="listening for credit news",
        seconds=25,
    )
    def credit_news(context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> Result:
        """What bonds and CDS of each issuer have newly said, by age, beyond market, sector and its
        own stock, and what its stock is expected to answer.

        A filter follows each issuer's credit level over all its instruments; what moved it is news
        with a probability. Parameters are those of the quarter, estimated on the days before it and
        kept in `credit_news_parameters`: anew where the run has the quarter's first day, else as
        they are. Null means that nothing spoke.
        """
        from bondsig_assets.features.news.credit_news import credit_news as compute_credit_news

        opened, counted = warehouse.open(), []
        begins = day_range(context)[0]
        for start, end in chunks(context, 4 * _YEAR):
            quarters = quarters_between(start, end)
            stored = stored_parameters(opened, [q for q in quarters if at_or_after(q) < begins])
            first = first_needed(start, len(stored) < len(quarters))
            frame, parameters = compute_credit_news(
                load_news_panels(opened, first, end), start, end, stored
            )
            made = {quarter: of for quarter, of in parameters.items() if quarter not in stored}
            opened.replace(
                Write("credit_news", TABLES["credit_news"].conform(frame), (start, end)),
                *(
                    Write("credit_news_parameters", parameter_rows({quarter: of}), (quarter,) * 2)
                    for quarter, of in made.items()
                ),
            )
            loud = pl.max_horizontal(pl.col("^credit_news_probability_.$")) > _LOUD
            counted.append(
                rows_per_day(
                    frame,
                    "trade_date",
                    n_with_news=loud.sum(),
                    n_silent=(pl.col("credit_news_missing") == 1).sum(),
                    largest_expected_reaction=pl.col("expected_reaction").abs().max(),
                )
            )
        return daily_result(context, pl.concat(counted))

    return credit_news.map_asset_specs(
        lambda spec: spec.merge_attributes(
            metadata={"dagster/column_lineage": feature_lineage(NEWS_FEATURES)}
        )
    )


class IntradayConfig(dg.Config):
    """The times of day that get rows."""

    times_of_day: list[str] = Field(
        default=["12:00", "16:00"],
        description=(
            "Times of day 'HH:MM', New York, up to 18:30. The days of the run get one row per"
            " issuer for each and lose those of other times."
        ),
    )


def issuer_intraday_asset(days: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of intraday issuer features."""

    @table_asset(
        "issuer_intraday",
        kinds={"polars", "numpy"},
        partitions=days,
        deps=[
            rests_on("trade_events", days_back=INTRADAY_LOOKBACK_DAYS),
            rests_on("bond_day_revisions", days_back=MATCH_DAYS),
            rests_on("bond_analytics", days_back=MATCH_DAYS),
            "security_master",
            "bonds",
            "call_schedules",
            "amounts_outstanding",
            "treasury_yields",
        ],
        doing="computing intraday features",
        seconds=12,
    )
    def issuer_intraday(
        context: dg.AssetExecutionContext, config: IntradayConfig, warehouse: WarehouseResource
    ) -> Result:
        """Spread, volume and customer imbalance of each issuer at noon and at the close (or when
        you say), as known then.

        A row sees the reports of its day that were known by its moment, as they stood then: a
        cancel of 14:00 is in the row of 16:00 and not in that of noon. Changes are against the
        cutoff of the day before. Nothing downstream reads it. The times are set in the launchpad.
        """
        from bondsig_assets.features.intraday import times_of_day

        times, opened, counted = times_of_day(config.times_of_day), warehouse.open(), []
        for start, end, made in made_anywhere(context, opened, intraday_between, times):
            replace_days(opened, made, start, end)
            frame = made["issuer_intraday"]
            counted.append(
                rows_per_day(
                    frame,
                    "trade_date",
                    spread_coverage=pl.col("intraday_spread_bps").is_not_null().mean(),
                    change_coverage=pl.col("intraday_spread_change_bps").is_not_null().mean(),
                    median_change_bps=pl.col("intraday_spread_change_bps").median(),
                )
            )
        return daily_result(
            context, pl.concat(counted), times_of_day=", ".join(f"{time:%H:%M}" for time in times)
        )

    return issuer_intraday


def intraday_between(warehouse: Warehouse, times: Sequence[time], start: date, end: date) -> Rows:
    """Rows of `issuer_intraday` of these trading days, at these times of day."""
    from bondsig_assets.features.intraday import issuer_intraday

    made = issuer_intraday(load_intraday_inputs(warehouse, start, end), start, end, times)
    return {"issuer_intraday": TABLES["issuer_intraday"].conform(made)}
