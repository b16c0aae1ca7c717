"""A feature of one's own, judged as the models are: walked forward, and over the control.

Belongs here: one column of numbers as the simplest model there is, and its judgement. Not here:
features of the platform (`features/`), statistics (`evaluation.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats
from bondsig_assets.calendar import CUTOFF
from bondsig_assets.errors import FoldError, SchemaError
from bondsig_assets.learning.evaluation import evaluations
from bondsig_assets.learning.folds import Fold, folds_between
from bondsig_assets.learning.inputs import normal_scores, standardised
from bondsig_assets.learning.labels import known_labels
from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.learning.settings import WalkForwardSettings
from bondsig_assets.market_rules import MINIMUM_NAMES

_KEYS = ["trade_date", "parent_id"]
#: What is asked of labels, beside the kind.
_LABEL_COLUMNS = (*_KEYS, "horizon_days", "stock_return_pct", "sector_return_pct")
_KINDS = {"trade_date": pl.Date, "parent_id": pl.String}


def predict_from_feature(
    values: pl.DataFrame,
    labels: pl.DataFrame,
    settings: WalkForwardSettings | None = None,
    name: str = "mine",
) -> pl.DataFrame:
    """`trade_date, parent_id, model_name, prediction` of one feature, walked forward by quarter.

    A day's values become robust z-scores across the issuers of the day. In each quarter the
    prediction is this z times a slope, that of the label's normal score on z over all days of the
    quarter's fold: what was known before it, purged as for every model. So the data say which side
    is good, and may change their mind. An issuer without a value has no prediction.

    `values`, `labels`: as for `judge_feature`. Raises FoldError where no quarter has enough
    history, and SchemaError for values that cannot be used.
    """
    settings = settings or WalkForwardSettings()
    frame = _checked(values)
    _require(labels, _LABEL_COLUMNS, "the labels' frame")
    known = known_labels(labels, settings.label).filter(
        pl.col("horizon_days") == settings.horizon_days
    )
    rows = frame.join(
        known.select(*_KEYS, "label_pct"), on=_KEYS, how="left", maintain_order="left"
    )
    z = standardised(rows, ("value",))[:, 0]
    score = _label_scores(rows)
    first, last = rows["trade_date"][0], rows["trade_date"][-1]
    parts = []
    for fold in folds_between(first, last, settings):
        slope = _slope(z, score, _trained_on(rows["trade_date"], fold))
        if slope is None:
            continue
        judged = rows.select(pl.col("trade_date").is_between(fold.first_day, fold.last_day))
        parts.append(
            rows.select(*_KEYS, model_name=pl.lit(name), prediction=pl.Series(slope * z)).filter(
                judged["trade_date"], pl.col("prediction").is_finite()
            )
        )
    if not parts:
        raise FoldError(
            f"no quarter has {settings.minimum_train_days} trading days of values and labels before"
            f" it within {first} … {last}"
        )
    return pl.concat(parts)


def judge_feature(
    values: pl.DataFrame,
    labels: pl.DataFrame,
    predictions: pl.DataFrame,
    settings: WalkForwardSettings | None = None,
    name: str = "mine",
) -> pl.DataFrame:
    """Rows of `evaluations` for one feature: `<name>`, `<name>_over_equity`, and the control beside
    them, over all days and by year.

    `mine_over_equity` is the answer: what the feature says that stock prices and filings do not.
    An effect below `smallest_detectable_size_weighted_ic` is no evidence, and none above it counts
    in full once you have tried several features.

    - `values`: `parent_id`, `trade_date`, `value`, one row an issuer and day, and `known_at` where
      you have it: a row that became known after its day's cutoff is refused, as it looks ahead.
      NaN and null are missing.
    - `labels`: rows of that table; the horizon and kind are those of `settings`.
    - `predictions`: rows of that table, at least those of the control, `equity_only`.
    - `settings`: folds and label; None: the defaults, as of every home without a learning.toml.

    Raises FoldError and SchemaError, as `predict_from_feature`.

    Examples:
        Sixteen stocks that do what a number says, and a control that knows nothing:

        >>> from datetime import date
        >>> import numpy as np
        >>> import polars as pl
        >>> from bondsig_assets import judge_feature
        >>> from bondsig_assets.calendar import trading_days
        >>> from bondsig_assets.learning.settings import WalkForwardSettings
        >>> days = trading_days(date(2021, 12, 1), date(2022, 12, 30))
        >>> keys = [(day, f"P{n:02}") for day in days for n in range(16)]
        >>> rng = np.random.default_rng(1)
        >>> values = pl.DataFrame(keys, schema=["trade_date", "parent_id"], orient="row")
        >>> values = values.with_columns(value=pl.Series(rng.normal(size=values.height)))
        >>> noise = rng.normal(size=(2, values.height))
        >>> labels = values.select(
        ...     "trade_date",
        ...     "parent_id",
        ...     horizon_days=5,
        ...     excess_return_pct=pl.Series(noise[0]) - 0.3 * pl.col("value"),
        ...     stock_return_pct=0.0,
        ...     sector_return_pct=0.0,
        ... )
        >>> control = values.select(
        ...     "trade_date",
        ...     "parent_id",
        ...     model_name=pl.lit("equity_only"),
        ...     prediction=pl.Series(noise[1]),
        ... )
        >>> settings = WalkForwardSettings(minimum_train_days=126)
        >>> rows = judge_feature(values, labels, control, settings)
        >>> told = rows.filter(slice="all").select(
        ...     "model_name",
        ...     pl.col("size_weighted_ic").round(2),
        ...     pl.col("smallest_detectable_size_weighted_ic").round(2).alias("detectable"),
        ... )
        >>> for row in told.rows():
        ...     print(row)
        ('equity_only', 0.01, 0.04)
        ('mine', 0.25, 0.07)
        ('mine_over_equity', 0.24, 0.07)
    """
    settings = settings or WalkForwardSettings()
    control = predictions.filter(pl.col("model_name") == CONTROL)
    if control.is_empty():
        raise SchemaError(
            f"predictions have no row of {CONTROL}, the control: read those of the warehouse"
        )
    if name == CONTROL:
        raise SchemaError(f"a feature cannot be called {CONTROL}, as the control is")
    mine = predict_from_feature(values, labels, settings, name)
    both = pl.concat([mine, control.select(mine.columns)])
    return evaluations(both, known_labels(labels, settings.label), horizon=settings.horizon_days)


def _checked(values: pl.DataFrame) -> pl.DataFrame:
    """`trade_date, parent_id, value` in order of days and parents, without what is missing; raises
    SchemaError.
    """
    wanted = [*_KEYS, "value"]
    _require(values, wanted, "the feature's frame")
    try:
        frame = values.with_columns(
            *(pl.col(name).cast(kind) for name, kind in _KINDS.items()),
            pl.col("value").cast(pl.Float64),
        )
    except pl.exceptions.PolarsError as error:
        raise SchemaError(f"the feature's frame: {str(error).splitlines()[0]}") from error
    if frame.select(pl.any_horizontal(pl.col(_KEYS).is_null()).any()).item():
        raise SchemaError("the feature's frame has rows without trade_date or parent_id")
    if twice := frame.select(_KEYS).is_duplicated().sum():
        raise SchemaError(f"{twice} rows of the feature share their trade_date and parent_id")
    if "known_at" in frame.columns:
        late = frame.filter(pl.col("known_at") > pl.col("trade_date").dt.combine(CUTOFF))
        if late.height:
            first = late.select(pl.col("trade_date").min()).item()
            raise SchemaError(
                f"{late.height} of {frame.height} values became known after the cutoff of their"
                f" day, the first on {first}: they look ahead"
            )
    frame = frame.select(wanted).filter(pl.col("value").is_finite()).sort(_KEYS)
    if frame.is_empty():
        raise SchemaError("the feature has no value on any day")
    return frame


def _require(frame: pl.DataFrame, columns: Sequence[str], what: str) -> None:
    if missing := [name for name in columns if name not in frame.columns]:
        raise SchemaError(f"{what} lacks {', '.join(missing)}")


def _label_scores(rows: pl.DataFrame) -> Floats:
    """Normal score of each row's label among the rows of its day, NaN without a label and on days
    with fewer than MINIMUM_NAMES of them.
    """
    out = np.full(rows.height, np.nan)
    labelled = rows.with_row_index("row").filter(
        pl.col("label_pct").is_finite(),
        pl.col("label_pct").is_finite().sum().over("trade_date") >= MINIMUM_NAMES,
    )
    out[labelled["row"].to_numpy()] = normal_scores(labelled["trade_date"], labelled["label_pct"])
    return out


def _trained_on(days: pl.Series, fold: Fold) -> np.ndarray:
    first: date = fold.train_start or days[0]
    return days.is_between(first, fold.train_end).to_numpy()


def _slope(z: Floats, score: Floats, trained_on: np.ndarray) -> float | None:
    """Slope of `score` on `z` through the origin, where both have their middle every day; None
    where nothing varies.
    """
    rows = trained_on & np.isfinite(z) & np.isfinite(score)
    squares = float(z[rows] @ z[rows])
    return float(z[rows] @ score[rows]) / squares if squares > 0 else None
