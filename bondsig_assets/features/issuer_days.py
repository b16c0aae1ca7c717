"""The rows of `issuer_days`: every declared feature of every issuer for a range of days.

Belongs here: putting the blocks together, which issuer has a row on a day, and why values are
missing. Not here: the blocks (`spread_block.py`, `trading_block.py`, `structure_block.py`,
`equity_block.py`), how a bond-day's spread is found (`bonds/`) and what the feature names mean
(`tables/issuer_features.py`).
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.calendar import CUTOFF
from bondsig_assets.features import replay as rp
from bondsig_assets.features.equity_block import equity_features
from bondsig_assets.features.inputs import Columns, Credit, Inputs
from bondsig_assets.features.issuer_levels import METHODS
from bondsig_assets.features.panels import Panels
from bondsig_assets.features.spread_block import cds_features, spread_features
from bondsig_assets.features.structure_block import structure_features
from bondsig_assets.features.trading_block import trading_features
from bondsig_assets.tables.issuer_features import ALL_FEATURES, FEATURES

#: Table of an input → reason that a feature is missing without it, the first that holds.
_MISSING = {
    "bond_analytics": "no_bond_spread",
    "bond_day_revisions": "no_bonds_outstanding",
    "cds_quotes": "no_cds_quote",
    "equity_prices": "no_stock_price",
    "fundamentals": "no_filing",
    "treasury_yields": "no_treasury_curve",
}
#: Reasons of `feature_coverage`, in the order in which they are asked.
REASONS = (*dict.fromkeys(_MISSING.values()), "no_trade_reports", "too_few_observations")


def issuer_days(panels: Panels, start: date, end: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `issuer_days` and of `feature_coverage` for the trading days `start` … `end`.

    `panels` must reach back LOOKBACK_DAYS before `start`. An issuer has a row on a day when its
    stock is known and it has a bond outstanding or a CDS quote no older than five days.
    """
    inputs = Inputs(
        panels,
        int(np.searchsorted(panels.days, np.datetime64(start))),
        Credit(*rp.replay(*panels.replay_arguments)),
    )
    columns: Columns = {}
    columns |= equity_features(inputs)
    columns |= spread_features(inputs)
    columns |= trading_features(inputs)
    columns |= cds_features(inputs)
    columns |= structure_features(inputs, columns)
    if undeclared := sorted(set(columns) - set(ALL_FEATURES)):
        raise ValueError(f"tables/issuer_features.py does not declare {', '.join(undeclared)}")
    credit = inputs.credit
    keep = panels.listed & ((credit[rp.OUTSTANDING] > 0) | np.isfinite(columns["cds_spread_bps"]))
    keep &= ((panels.days >= np.datetime64(start)) & (panels.days <= np.datetime64(end)))[:, None]
    day, parent = np.nonzero(keep)
    frame = pl.DataFrame(
        {
            "parent_id": panels.parents[parent],
            "trade_date": panels.days[day],
            **panels.identity(day, parent),
            "rating_number": panels.rating[day, parent],
            "n_bonds": credit[rp.OUTSTANDING][day, parent].astype(np.int64),
            "n_bonds_traded": _counts(credit[rp.TRADED], inputs.told["trades"], day, parent),
            "n_capped_trades": _counts(credit[rp.CAPPED], inputs.told["reports"], day, parent),
            "curve_method": (
                pl.Series([*METHODS, None], dtype=pl.String).gather(_method(inputs)[day, parent])
            ),
            **{name: columns[name][day, parent] for name in ALL_FEATURES},
        }
    )
    numeric = ["rating_number", *ALL_FEATURES]
    finite = (pl.when(pl.col(name).is_finite()).then(name).alias(name) for name in numeric)
    rows = frame.with_columns(*finite, known_at=pl.col("trade_date").dt.combine(CUTOFF)).sort(
        "trade_date", "parent_id"
    )
    return rows, _coverage(inputs, columns, keep)


def _counts(
    values: np.ndarray, is_told: np.ndarray, day: np.ndarray, parent: np.ndarray
) -> pl.Series:
    """Counts of the given cells, null where nobody counts."""
    counts = pl.Series(values[day, parent].astype(np.int64))
    return counts.set(pl.Series(~is_told[day, parent]), None)


def _method(inputs: Inputs) -> np.ndarray:
    """Position in METHODS of what each level rests on, the last for none."""
    return np.where(np.isfinite(inputs.level), inputs.spread_curves.method, len(METHODS)).astype(
        np.int64
    )


def _coverage(inputs: Inputs, columns: Columns, keep: np.ndarray) -> pl.DataFrame:
    """`feature_coverage` of the cells to `keep` [day, parent]: how many values each feature has,
    and why the others have none.
    """
    has = inputs.has
    days = np.flatnonzero(keep.any(axis=1))
    parts = []
    for feature in FEATURES:
        missing = keep & ~np.isfinite(columns[feature.name])
        counts = {"n_issuers": keep.sum(axis=1), "n_present": (keep & ~missing).sum(axis=1)}
        for reason in dict.fromkeys(
            _MISSING[name.split(".")[0]]
            for name in feature.inputs
            if name.split(".")[0] in _MISSING
        ):
            without = missing & ~has[reason]
            counts[f"n_{reason}"], missing = without.sum(axis=1), missing & ~without
        if feature.of_trades:
            without = missing & ~inputs.told[feature.of_trades]
            counts["n_no_trade_reports"], missing = without.sum(axis=1), missing & ~without
        counts["n_too_few_observations"] = missing.sum(axis=1)
        parts.append(
            pl.DataFrame(
                {
                    "trade_date": inputs.panels.days[days],
                    "feature": [feature.name] * days.size,
                    **{name: values[days].astype(np.int64) for name, values in counts.items()},
                }
            )
        )
    coverage = pl.concat(parts, how="diagonal").with_columns(
        pl.col([f"n_{reason}" for reason in REASONS]).fill_null(0)
    )
    return coverage.sort("trade_date", "feature", maintain_order=True)
