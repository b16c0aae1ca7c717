"""What published recipes make of reports of known outcome: `python -m benchmarks.recipes`.

Belongs here: counting right and wrong outcomes by recipe. Not here: the recipes (`trace/recipes/`).
Only matching is compared: every price is sound, and no report is one for a screen.
"""

from __future__ import annotations

import sys
import time

import polars as pl

from benchmarks.known_outcomes import TRADE, reports_of_known_outcome
from bondsig_assets.trace import clean
from bondsig_assets.trace.layouts import normalise
from bondsig_assets.trace.recipes import RECIPES


def main(n_reports: int) -> None:
    """Prints, for ours and each recipe, reports kept that should not be, and trades lost."""
    raw = reports_of_known_outcome(n_reports)
    reports = normalise(raw.drop("outcome").lazy(), "wrds-enhanced").collect()
    # A report delivered twice is one report: only how many of its copies are kept can be right or
    # wrong.
    copies = [name for name in raw.columns if name != "outcome"]
    outcomes = raw.with_row_index("row").select(
        pl.col("row").cast(pl.Int64), "outcome", content=pl.struct(copies).hash()
    )
    print(
        f"{raw.height:,} reports, {raw.filter(pl.col('outcome') == TRADE).height:,} of them trades"
    )
    began = time.perf_counter()
    kept = {"bondsig": clean(reports, screens="none").trades.select("row")}
    print(f"bondsig {time.perf_counter() - began:.1f} s")
    for name, recipe in RECIPES.items():
        began = time.perf_counter()
        kept[name] = recipe(reports, None).filter(pl.col("reason").is_null()).select("row")
        print(f"{name} {time.perf_counter() - began:.1f} s (as re-built here)")
    print(f"{'':14}{'kept, no trade':>18}{'copies kept':>14}{'trades lost':>14}")
    for name, rows in kept.items():
        compared = (
            outcomes.join(rows.with_columns(is_kept=pl.lit(1)), on="row", how="left")
            .group_by("content")
            .agg(kept=pl.col("is_kept").sum(), right=(pl.col("outcome") == TRADE).sum(), n=pl.len())
            .with_columns(surplus=pl.col("kept").cast(pl.Int64) - pl.col("right").cast(pl.Int64))
        )
        surplus = compared.filter(pl.col("surplus") > 0)
        copied = int(surplus.filter(pl.col("right") > 0)["surplus"].sum())
        invented = int(surplus["surplus"].sum()) - copied
        lost = -int(compared.filter(pl.col("surplus") < 0)["surplus"].sum())
        print(f"{name:14}{invented:18,}{copied:14,}{lost:14,}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
