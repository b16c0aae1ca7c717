"""Risk models of some days, read back from their rows.

Belongs here: from rows of the risk tables to a `RiskModel` of any names. Not here: rows of a model
(`risk_rows.py`), the model itself (`risk_model.py`), reading tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.portfolio.macro_factors import FACTORS
from bondsig_assets.portfolio.risk_model import RiskModel

#: Daily specific risk where no name has any, as in `risk_model.py`.
_USUAL_RISK_PCT = 2.0
_KEYS = ["trade_date", "parent_id"]
_BETAS = [f"{factor}_beta" for factor in FACTORS]


class RiskDays:
    """The risk model of any of some days; rows are joined and cut into days once."""

    def __init__(self, rows: Mapping[str, pl.DataFrame]) -> None:
        """`rows`: of each of RISK_TABLES by name."""
        order = {name: place for place, name in enumerate(FACTORS)}
        returns = rows["factor_returns"].sort(
            ~pl.col("is_macro"),
            pl.col("factor").replace_strict(order, default=0, return_dtype=pl.Int64),
            "factor",
        )
        exposed = rows["factor_exposures"].select(*_KEYS, "sector", *_BETAS)
        risks = rows["specific_risks"].select(*_KEYS, "specific_risk_pct", "has_own", "n_returns")
        self._names = by_day(risks.join(exposed, on=_KEYS, how="left", maintain_order="left"))
        self._returns, self._covariances = by_day(returns), by_day(rows["factor_covariances"])
        self._nothing = returns.clear(), rows["factor_covariances"].clear()

    def of(self, day: date, parents: Sequence[str]) -> tuple[RiskModel, np.ndarray]:
        """The model of `parents` in their order, and their sectors.

        A name that the day's model has not (held since before its bonds were gone) is in no sector
        and has the median exposures and the median specific risk.
        """
        returns = self._returns.get(day, self._nothing[0])
        is_used = (returns["state"] != "no_data").to_numpy()
        named, is_macro = returns["factor"].to_numpy(), returns["is_macro"].to_numpy()
        factors, n_macro = tuple(named[is_used]), int(is_macro[is_used].sum())
        names = self._of_names(day, parents)
        sector = names["sector"].to_numpy()
        columns = [names[f"{factor}_beta"].to_numpy() for factor in factors[:n_macro]]
        columns += [1.0 * (sector == one) for one in factors[n_macro:]]
        model = RiskModel(
            factors,
            n_macro,
            np.column_stack(columns) if columns else np.zeros((len(parents), 0)),
            self._covariance(day, factors),
            (names["specific_risk_pct"].to_numpy() / 100) ** 2,
            returns["factor_return"].cast(pl.Float64).to_numpy()[is_used],
            names["has_own"].to_numpy(),
            names["n_returns"].to_numpy(),
            tuple(named[~is_used]),
            returns["unit_change"].to_numpy()[is_used & is_macro],
        )
        return model, sector

    def _of_names(self, day: date, parents: Sequence[str]) -> pl.DataFrame:
        """A row for each of `parents`."""
        known = self._names.get(day)
        place = {} if known is None else {name: k for k, name in enumerate(known["parent_id"])}
        at = np.array([place.get(name, -1) for name in parents], dtype=np.int64)
        if known is not None and (at >= 0).all():
            return known[at]
        stranger = _stranger(known)
        if known is None:
            return stranger[np.zeros(len(parents), dtype=np.int64)]
        rows = pl.concat([known.select(stranger.columns), stranger])
        return rows[np.where(at >= 0, at, known.height)]

    def _covariance(self, day: date, factors: Sequence[str]) -> np.ndarray:
        """[factor, factor]"""
        place = {name: k for k, name in enumerate(factors)}
        rows = self._covariances.get(day, self._nothing[1])
        first, other = ([place[name] for name in rows[of]] for of in ("factor", "other_factor"))
        covariance = np.zeros((len(factors), len(factors)))
        covariance[first, other] = covariance[other, first] = rows["covariance"].to_numpy()
        return covariance


def _stranger(known: pl.DataFrame | None) -> pl.DataFrame:
    """A row as of a name that the day's model, of `known` names, has not."""
    if known is None:
        usual = {name: pl.lit(None, pl.Float64) for name in _BETAS}
        risk = pl.lit(_USUAL_RISK_PCT)
        known = pl.DataFrame({"parent_id": [""]})
    else:
        usual = {name: pl.col(name).median() for name in _BETAS}
        risk = pl.col("specific_risk_pct").median()
    return known.select(
        specific_risk_pct=risk,
        has_own=pl.lit(value=False),
        n_returns=pl.lit(0, pl.Int64),
        sector=pl.lit(""),
        **usual,
    )


def by_day(frame: pl.DataFrame) -> dict[date, pl.DataFrame]:
    """Rows of each `trade_date`."""
    parts = frame.partition_by("trade_date", as_dict=True)
    return {day: part for (day,), part in parts.items()}
