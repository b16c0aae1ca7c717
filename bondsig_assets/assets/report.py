"""The pages people open in the morning, written when the day's work is done.

Belongs here: the asset that writes them under the home. Not here: the pages (`reporting/site/`).
"""

import dagster as dg

from bondsig_assets.assets.common import OWNERS, PARTITION_TAG, Result
from bondsig_assets.errors import ReportError
from bondsig_assets.home import Home
from bondsig_assets.orchestration.stages import SCORING, TAG
from bondsig_assets.reporting.site.make import make_site
from bondsig_assets.resources.warehouse_resource import WarehouseResource


@dg.asset(
    name="report",
    group_name="reporting",
    kinds={"polars"},
    owners=[OWNERS["reporting"]],
    deps=[
        "scores",
        "signals",
        "target_positions",
        "pnl_parts",
        "performance",
        "monitors",
        "evaluations",
        "security_coverage",
        "issuer_days",
        "credit_news",
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
    tags={TAG: SCORING, PARTITION_TAG: "whole"},
    metadata={"doing": "writing the report", "expected_seconds": 8.0},
)
def report_asset(warehouse: WarehouseResource) -> Result:
    """The pages people open in the morning, of the newest evening: what arrived and what is late,
    scores and why, trades to do, P&L, every issuer, the record, the data.

    A static site in `report/` of the home; `bondsig ui` serves it, and it opens from the disk. A
    range of days writes its newest evening alone: `bondsig report --date` shows another.
    """
    opened = warehouse.open()
    home = Home(opened.home)
    try:
        made = make_site(opened, home, None, home.report)
    except ReportError as error:
        # There may be nothing to show yet, which is no reason to call the day's work failed.
        return dg.MaterializeResult(metadata={"not_written": str(error)})
    return dg.MaterializeResult(
        metadata={
            "day": made.day.isoformat(),
            "first_page": dg.MetadataValue.path(str(made.first_page)),
            "pages": made.n_pages,
            "bytes": made.n_bytes,
        }
    )
