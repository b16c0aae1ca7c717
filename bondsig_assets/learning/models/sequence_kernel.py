"""An LSTM's prediction and its parts by input: the compiled loops.

Belongs here: the network forwards, and backwards through time. Not here: how it is trained,
settings and text (`sequence.py`). A row's sums run in one order and read nothing of other rows, so
that its bits do not depend on the call; hence no fastmath and no threads.

The network is Keras's: with z = x_t K + h_{t-1} R + b in four blocks i, f, g, o, c_t = sigmoid(f)
c_{t-1} + sigmoid(i) tanh(g), h_t = sigmoid(o) tanh(c_t), c_0 = h_0 = 0 (Hochreiter-Schmidhuber
1997; Gers et al. 2000), and the prediction is h_T v + x_T u + a. A missing input counts as 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

_compiled = njit(cache=True, nogil=True, error_model="numpy")


class Network(NamedTuple):
    """Weights of a network, float64 and contiguous, in the order in which Keras lists them."""

    kernel: np.ndarray  # K [feature, 4 units]
    recurrent: np.ndarray  # R [unit, 4 units]
    bias: np.ndarray  # b [4 units]
    output: np.ndarray  # v, then u [unit + feature, 1]; without u in texts of before 0.2
    output_bias: np.ndarray  # a [1]


@_compiled
def _sigmoid(value):
    return 1.0 / (1.0 + math.exp(-value))


@_compiled
def _project(features, kernel, projected):
    """Fill `projected` [day, 4 units] with x_t K of one row's features [day, feature]."""
    projected[:] = 0.0
    for day in range(features.shape[0]):
        for feature in range(features.shape[1]):
            value = float(features[day, feature])
            if value == value and value != 0.0:
                for gate in range(kernel.shape[1]):
                    projected[day, gate] += value * kernel[feature, gate]


@_compiled
def _forwards(projected, scale, network, gates, cells, hidden):
    """h_T v + a for inputs `scale` times those of `projected`.

    Fills `gates` [day, 4 units] after their sigmoid or tanh, and `cells` and `hidden` [day + 1,
    unit], whose first rows are 0.
    """
    units = network.recurrent.shape[0]
    cells[0] = 0.0
    hidden[0] = 0.0
    for day in range(projected.shape[0]):
        for gate in range(4 * units):
            gates[day, gate] = scale * projected[day, gate] + network.bias[gate]
        for unit in range(units):
            state = hidden[day, unit]
            for gate in range(4 * units):
                gates[day, gate] += state * network.recurrent[unit, gate]
        for gate in range(4 * units):
            is_candidate = 2 * units <= gate < 3 * units
            gates[day, gate] = (
                math.tanh(gates[day, gate]) if is_candidate else _sigmoid(gates[day, gate])
            )
        for unit in range(units):
            cell = (
                gates[day, units + unit] * cells[day, unit]
                + gates[day, unit] * gates[day, 2 * units + unit]
            )
            cells[day + 1, unit] = cell
            hidden[day + 1, unit] = gates[day, 3 * units + unit] * math.tanh(cell)
    recalled = network.output_bias[0]
    for unit in range(units):
        recalled += hidden[projected.shape[0], unit] * network.output[unit, 0]
    return recalled


@_compiled
def _passed(today, network, feature):
    """x_T u of one of `today`'s features [feature]."""
    at, value = network.recurrent.shape[0] + feature, float(today[feature])
    if value != value or at >= network.output.shape[0]:
        return 0.0
    return value * network.output[at, 0]


@_compiled
def _backwards(gates, cells, network, share, slopes, back_hidden, back_cell, back_gates):
    """Add `share` times the slope of the prediction in z to `slopes` [day, 4 units], by
    backpropagation through time (Werbos 1990).

    `gates` and `cells` are those of `_forwards`; the last three are room for one day's slopes in h,
    c and z.
    """
    units = network.recurrent.shape[0]
    for unit in range(units):
        back_hidden[unit] = network.output[unit, 0]
        back_cell[unit] = 0.0
    for day in range(gates.shape[0] - 1, -1, -1):
        for unit in range(units):
            enter, keep, candidate, leave = (
                gates[day, unit],
                gates[day, units + unit],
                gates[day, 2 * units + unit],
                gates[day, 3 * units + unit],
            )
            bent = math.tanh(cells[day + 1, unit])
            slope = back_cell[unit] + back_hidden[unit] * leave * (1.0 - bent * bent)
            back_gates[unit] = slope * candidate * enter * (1.0 - enter)
            back_gates[units + unit] = slope * cells[day, unit] * keep * (1.0 - keep)
            back_gates[2 * units + unit] = slope * enter * (1.0 - candidate * candidate)
            back_gates[3 * units + unit] = back_hidden[unit] * bent * leave * (1.0 - leave)
            back_cell[unit] = slope * keep
        for gate in range(4 * units):
            slopes[day, gate] += share * back_gates[gate]
        for unit in range(units):
            total = 0.0
            for gate in range(4 * units):
                total += network.recurrent[unit, gate] * back_gates[gate]
            back_hidden[unit] = total


@_compiled
def predicted(features, network):
    """Predictions [row] for features [row, day, feature]."""
    rows, days = features.shape[0], features.shape[1]
    units = network.recurrent.shape[0]
    projected, gates = np.empty((days, 4 * units)), np.empty((days, 4 * units))
    cells, hidden = np.empty((days + 1, units)), np.empty((days + 1, units))
    out = np.empty(rows)
    for row in range(rows):
        _project(features[row], network.kernel, projected)
        out[row] = _forwards(projected, 1.0, network, gates, cells, hidden)
        for feature in range(features.shape[2]):
            out[row] += _passed(features[row, days - 1], network, feature)
    return out


@_compiled
def explained(features, network, nodes, shares):
    """Inputs times their average slope along the straight path from 0, summed over days: [row,
    feature + 1].

    The average is the sum of `shares` times the slopes at `nodes` (0 … 1) of the path; one node at
    1 gives inputs times their slope where they are. The last column is the prediction for inputs of
    0. As x_t K is linear, a step along the path costs no more than the recurrent part of the
    network.
    """
    rows, days, n_features = features.shape
    units = network.recurrent.shape[0]
    projected, gates, slopes = (
        np.empty((days, 4 * units)),
        np.empty((days, 4 * units)),
        np.empty((days, 4 * units)),
    )
    cells, hidden = np.empty((days + 1, units)), np.empty((days + 1, units))
    back_hidden, back_cell, back_gates = np.empty(units), np.empty(units), np.empty(4 * units)
    projected[:] = 0.0
    out = np.zeros((rows, n_features + 1))
    out[:, n_features] = _forwards(projected, 0.0, network, gates, cells, hidden)
    for row in range(rows):
        _project(features[row], network.kernel, projected)
        slopes[:] = 0.0
        for step in range(nodes.size):
            _forwards(projected, nodes[step], network, gates, cells, hidden)
            _backwards(
                gates, cells, network, shares[step], slopes, back_hidden, back_cell, back_gates
            )
        for day in range(days):
            for feature in range(n_features):
                value = float(features[row, day, feature])
                if value == value and value != 0.0:
                    slope = 0.0
                    for gate in range(4 * units):
                        slope += network.kernel[feature, gate] * slopes[day, gate]
                    out[row, feature] += value * slope
        for feature in range(n_features):
            out[row, feature] += _passed(features[row, days - 1], network, feature)
    return out
