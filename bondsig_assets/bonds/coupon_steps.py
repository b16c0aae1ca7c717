"""Later coupons of step-up bonds: from the text of table `bonds` to what kernels read.

Belongs here: the form of that text. Not here: when coupons fall (`coupon_dates.py`).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from bondsig_assets.bonds.conventions import NO_DATE

_STEP = r"\d{4}-\d{2}-\d{2}\s+\d+(?:\.\d+)?"
_FORM = rf"^\s*{_STEP}(?:\s*,\s*{_STEP})*\s*$"


def unreadable_steps(column: pl.Expr) -> pl.Expr:
    """Whether a text of coupon steps has another form than '2026-06-15 5.25, 2028-06-15 6'."""
    return column.is_not_null() & ~column.str.contains(_FORM)


def coupon_steps(texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Dates (n, m) as days since 1970-01-01 and coupons (n, m) in percent of n texts, in the order
    given; NO_DATE and NaN where a bond has fewer than m steps. Texts of no such form have none.
    """
    n = len(texts)
    if texts.null_count() == n:
        return np.empty((n, 0), np.int64), np.empty((n, 0))
    read = texts.str.contains(_FORM).fill_null(False)
    steps = (
        pl.DataFrame({"place": np.arange(n), "step": texts})
        .filter(read)
        .with_columns(pl.col("step").str.split(","))
        .explode("step")
        .with_columns(parts=pl.col("step").str.strip_chars().str.split_exact(" ", 1))
        .select(
            "place",
            number=pl.int_range(pl.len()).over("place"),
            day=pl.col("parts").struct.field("field_0").str.to_date(strict=False),
            coupon=pl.col("step").str.extract(r"\s(\d+(?:\.\d+)?)\s*$").cast(pl.Float64),
        )
    )
    width = 1 + int(steps.select(pl.col("number").max().fill_null(-1)).item())
    dates, coupons = np.full((n, width), NO_DATE), np.full((n, width), np.nan)
    at = (steps["place"].to_numpy(), steps["number"].to_numpy())
    dates[at] = steps["day"].to_numpy().astype("datetime64[D]").astype(np.int64)
    coupons[at] = steps["coupon"].to_numpy()
    return dates, coupons
