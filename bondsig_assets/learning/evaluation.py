"""How good predictions were: daily rank IC, what a model adds, Newey-West t, smallest detectable IC.

Belongs here: pure statistics on predictions and labels. Not here: plots and pages (`reporting/`).
"""

from __future__ import annotations

import numpy as np
import polars as pl

#: Fewer issuers than this make no cross-section.
MINIMUM_NAMES = 15
#: Lags of the Newey-West variance: labels overlap for five days and start a day late.
NEWEY_WEST_LAGS = 8
#: z(0.975) + z(0.80): an effect this many standard errors large is found four times in five.
DETECTABLE = 2.80


def daily_ic(predictions: pl.DataFrame, labels: pl.DataFrame, control: str = "equity_only") -> pl.DataFrame:
    """Rows of `information_coefficients`.

    Per day and model the Spearman correlation of prediction and label over at least MINIMUM_NAMES
    issuers; and for every model but the `control`, `<model>_over_equity`: the correlation of the
    label with the part of the prediction's rank that the control's rank does not explain that day.
    """
    joined = predictions.join(labels.select("parent_id", "trade_date", "excess_return_5d_pct"), on=["parent_id", "trade_date"])
    wide = joined.pivot("model_name", index=["trade_date", "parent_id", "excess_return_5d_pct"], values="prediction", sort_columns=True)
    models = [name for name in wide.columns if name not in ("trade_date", "parent_id", "excess_return_5d_pct")]
    wide = wide.drop_nulls().sort("trade_date", "parent_id").filter(pl.len().over("trade_date") >= MINIMUM_NAMES)
    ranks = wide.select("trade_date", pl.all().exclude("trade_date", "parent_id").rank().over("trade_date"))
    columns = {name: pl.col(name) for name in models}
    if control in models:
        for name in models:
            if name != control:
                columns[f"{name}_over_equity"] = _unexplained(name, control)
    prepared = ranks.select("trade_date", label="excess_return_5d_pct", **columns)
    names = list(columns)
    prepared = prepared.with_columns(pl.col(names).rank().over("trade_date"))
    ics = prepared.group_by("trade_date", maintain_order=True).agg(
        *(pl.corr(name, "label").alias(name) for name in names), n_issuers=pl.len().cast(pl.Int64)
    )
    long = ics.unpivot(names, index=["trade_date", "n_issuers"], variable_name="model_name", value_name="information_coefficient")
    return long.filter(pl.col("information_coefficient").is_finite()).sort("trade_date", "model_name")


def _unexplained(name: str, control: str) -> pl.Expr:
    """Residual of one rank on another within each day."""
    x, y = pl.col(control), pl.col(name)
    slope = (pl.cov(control, name) / x.var()).over("trade_date")
    return y - slope.fill_nan(0.0).fill_null(0.0) * x


def newey_west(values: np.ndarray, lags: int = NEWEY_WEST_LAGS) -> tuple[float, float]:
    """Mean and its standard error with Bartlett weights (Newey-West 1987). NaN for fewer than `lags` + 2 values."""
    n = values.size
    if n < lags + 2:
        return (float(values.mean()) if n else float("nan")), float("nan")
    gap = values - values.mean()
    variance = float(gap @ gap) / n
    for step in range(1, lags + 1):
        variance += 2 * (1 - step / (lags + 1)) * float(gap[step:] @ gap[:-step]) / n
    return float(values.mean()), float(np.sqrt(max(variance, 0.0) / n))


def evaluations(ics: pl.DataFrame) -> pl.DataFrame:
    """Rows of `evaluations`: one per model of `information_coefficients`."""
    rows = []
    for (name,), group in ics.sort("trade_date").group_by("model_name", maintain_order=True):
        mean, error = newey_west(group["information_coefficient"].to_numpy())
        rows.append({
            "model_name": name, "mean_ic": mean, "t_statistic": mean / error if error else None, "standard_error": error,
            "smallest_detectable_ic": DETECTABLE * error, "n_days": group.height,
            "first_date": group["trade_date"].min(), "last_date": group["trade_date"].max(),
        })
    schema = {"model_name": pl.String, "mean_ic": pl.Float64, "t_statistic": pl.Float64, "standard_error": pl.Float64,
              "smallest_detectable_ic": pl.Float64, "n_days": pl.Int64, "first_date": pl.Date, "last_date": pl.Date}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    # Too few days for a standard error: not judged rather than judged with a NaN.
    return frame.filter(pl.col("standard_error").is_finite() & (pl.col("standard_error") > 0)).sort("model_name")
