"""Structural credit: what the balance sheet and the stock say of default, and where the bonds
disagree.

Belongs here: which inputs the models of `structural.py` get. Not here: the models.
"""

from __future__ import annotations

import numpy as np

from bondsig_assets.calendar import all_trading_days
from bondsig_assets.features import replay as rp
from bondsig_assets.features import structural as st
from bondsig_assets.features.inputs import Columns, Inputs

#: Days before the present one whose hedge ratios the divergence needs.
_FLOW_DAYS = 7


def structure_features(inputs: Inputs, equity: Columns) -> Columns:
    """Distance to default, model spreads, and the divergence of bonds from them; `equity`: features
    of the stock.
    """
    panels, size, history = inputs.panels, inputs.market_cap, st.MERTON_DAYS + _FLOW_DAYS
    point = st.default_point(panels.short_term_debt, panels.long_term_debt)
    one_year, five_years = panels.treasury_rate(1.0), panels.treasury_rate(5.0)
    number = np.searchsorted(all_trading_days(), panels.days)
    stock, debt, rate = (inputs.recent(values, history) for values in (size, point, one_year))
    merton = st.merton(stock, debt, rate, inputs.recent(number, history))
    value, sigma, distance = (
        inputs.whole(values)
        for values in (merton.asset_value, merton.asset_volatility, merton.distance_to_default)
    )
    grades = st.credit_grades_spread_bps(
        size, panels.debt, equity["equity_volatility_63d_pct"] / 100, five_years
    )
    groups = np.where(np.isfinite(panels.rating), np.nan_to_num(panels.rating), -1.0).astype(
        np.int64
    )
    hedge = st.shrunk_to_rating(st.hedge_ratio(value, sigma, panels.debt, five_years), groups)
    year = [inputs.recent(values, 252) for values in (size, point, panels.stock_return)]
    return {
        "distance_to_default": distance,
        "naive_distance_to_default": inputs.whole(
            st.naive_distance_to_default(year[0], year[1], year[2])
        ),
        "creditgrades_spread_bps": grades,
        "capital_structure_divergence": st.divergence_level(
            inputs.level, grades, panels.rating, panels.sector
        ),
        "capital_structure_divergence_5d_pct": st.divergence_flow_pct(
            inputs.credit[rp.CHANGE], inputs.credit[rp.DURATION], hedge, 100 * panels.stock_return
        ),
    }
