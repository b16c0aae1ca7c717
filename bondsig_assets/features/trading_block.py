"""Volume, order flow, liquidity and staleness.

Belongs here: features of how the issuer's bonds trade. Not here: the measures (`liquidity.py`,
`detection.py`), what the bonds cost (`spread_block.py`).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from bondsig_assets.features import liquidity, windows
from bondsig_assets.features import replay as rp
from bondsig_assets.features.detection import volume_spikes
from bondsig_assets.features.inputs import Columns, Inputs
from bondsig_assets.tables.issuer_features import MATCH_DAYS

#: Days that measures of single bonds look back to: the longest window and the last trade before it.
_BOND_HISTORY = 42 + 2 * MATCH_DAYS + 1


def trading_features(inputs: Inputs) -> Columns:
    """All features of trading."""
    return {
        **_volume(inputs),
        **_flow(inputs),
        **_costs(inputs),
        **_single_bonds(inputs),
        **_presence(inputs),
    }


def _volume(inputs: Inputs) -> Columns:
    w, credit = windows, inputs.credit
    volume = np.log1p(np.maximum(w.total(credit[rp.PAR] + inputs.alive_par, 5, 5), 0.0))
    baseline = w.lag(volume, 5)
    usual, deviation = w.mean(baseline, 63, 40), w.deviation(baseline, 63, 40)
    weekday = pl.Series(inputs.panels.days).dt.weekday().to_numpy() - 1
    counts, imbalance = credit[rp.TRADES] + inputs.alive_trades, credit[rp.BUY] - credit[rp.SELL]
    spikes = volume_spikes(counts, weekday, imbalance)
    return {
        "trace_volume_zscore_5d": (volume - usual) / np.maximum(deviation, 0.25),
        "volume_spike_zscore": np.where(np.isfinite(spikes.p_value), spikes.zscore, np.nan),
        "volume_spike_direction": np.where(
            np.isfinite(spikes.p_value) & np.isfinite(inputs.alive),
            np.where(spikes.is_spike, np.nan_to_num(spikes.direction), 0.0),
            np.nan,
        ),
        "turnover_21d_pct": inputs.whole(
            liquidity.turnover_pct(
                inputs.recent(credit[rp.PAR] + inputs.alive_par, 21),
                inputs.recent(inputs.panels.outstanding_usd, 21),
                minimum=21,
            )
        ),
    }


def _flow(inputs: Inputs) -> Columns:
    credit = inputs.credit

    def imbalance(bought: int, sold: int, days: int) -> np.ndarray:
        # A late cancel takes par back on the day it becomes known; the days can hold more of that
        # than of trades.
        buy, sell = (
            np.maximum(windows.total(credit[column] + inputs.alive, days, 1), 0.0)
            for column in (bought, sold)
        )
        return _share(buy - sell, buy + sell)

    trades = windows.total(credit[rp.TRADES] + inputs.alive, 21, 1)
    customers = windows.total(credit[rp.BUY] + credit[rp.SELL] + inputs.alive, 21, 1)
    return {
        "order_imbalance_1d": imbalance(rp.BUY, rp.SELL, 1),
        "order_imbalance_5d": imbalance(rp.BUY, rp.SELL, 5),
        "order_imbalance_institutional_5d": imbalance(rp.BIG_BUY, rp.BIG_SELL, 5),
        "interdealer_share_21d": np.clip(
            _share(windows.total(credit[rp.INTERDEALER] + inputs.alive, 21, 1), trades), 0, 1
        ),
        "riskless_share_21d": np.clip(
            _share(windows.total(credit[rp.RISKLESS] + inputs.alive, 21, 1), customers), 0, 1
        ),
        "n_dealers": credit[rp.DEALERS],
    }


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """NaN where there is nothing to share."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)


def _costs(inputs: Inputs) -> Columns:
    """Costs of trading from daily means over the issuer's bonds, each beside its own median of 63
    days.
    """
    credit = inputs.credit
    amihud, bid_ask = (
        windows.median(credit[rp.AMIHUD], 21, 5),
        windows.median(credit[rp.BID_ASK], 21, 3),
    )
    round_trip = liquidity.round_trip_cost(credit[rp.ROUND_TRIP])
    against = liquidity.change_vs_own_median
    composite = liquidity.lambda_composite(
        inputs.recent(credit[rp.AMIHUD], 126), inputs.recent(credit[rp.ROUND_TRIP], 126)
    )
    return {
        "customer_bid_ask_pct": bid_ask,
        "customer_bid_ask_vs_own_median_pct": inputs.whole(against(inputs.recent(bid_ask, 63))),
        "round_trip_cost_21d_bps": round_trip,
        "round_trip_cost_vs_own_median_bps": inputs.whole(against(inputs.recent(round_trip, 63))),
        "amihud_21d": amihud,
        "amihud_vs_own_median": inputs.whole(against(inputs.recent(amihud, 63))),
        "price_dispersion_21d_bps": windows.mean(credit[rp.DISPERSION], 21, 5),
        "liquidity_lambda": inputs.whole(composite),
        "liquidity_lambda_vs_own_median": inputs.whole(against(composite)),
    }


def _single_bonds(inputs: Inputs) -> Columns:
    """Measures of the prices of one bond over several days, averaged over the issuer's bonds."""
    first = max(inputs.first - _BOND_HISTORY, 0)
    prices, parent_of = inputs.panels.bond_values(first), inputs.panels.parent_of[first:]
    change = liquidity.price_changes_pct(prices["price"])
    measures = {
        "roll_21d_pct": liquidity.roll_measure(change),
        "price_reversal_42d": liquidity.bao_pan_wang_gamma(change),
        "high_low_spread_21d_pct": liquidity.corwin_schultz(
            prices["price_high"], prices["price_low"], prices["price_last"]
        ),
    }
    return {
        name: inputs.whole(rp.mean_by_parent(values, parent_of, inputs.shape[1]))
        for name, values in measures.items()
    }


def _presence(inputs: Inputs) -> Columns:
    credit, alive = inputs.credit, inputs.alive_trades
    traded, outstanding = (
        windows.total(credit[rp.TRADED] + alive, 63, 40),
        windows.total(credit[rp.OUTSTANDING] + alive, 63, 40),
    )
    return {
        "zero_trading_share_63d": 1 - traded / np.maximum(outstanding, 1.0),
        "staleness_days": np.where(credit[rp.OUTSTANDING] > 0, credit[rp.STALENESS], np.nan),
        "n_trades_21d": windows.total(credit[rp.TRADES] + alive, 21, 1),
    }
