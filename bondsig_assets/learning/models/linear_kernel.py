"""Second moments added up in one order: a compiled loop.

Belongs here: what linear models need compiled; imported when one is fitted, for numba takes a
second. Not here: the models (`linear.py`).
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def moments_of(columns, share):
    """Weighted second moments [column, column] of `columns` [row, column], added up row by row.

    A matrix product cuts its sums by the number of cores, and the weights would differ in their
    last bits.
    """
    rows, size = columns.shape
    out = np.zeros((size, size))
    for row in range(rows):
        for one in range(size):
            part = share[row] * columns[row, one]
            for other in range(size):
                out[one, other] += part * columns[row, other]
    return out


@njit(cache=True, nogil=True)
def posterior_of(precision, product):
    """Posterior mean and variances of weights from their `precision` [weight, weight], positive
    definite, and `product` [weight]: by Cholesky, in one order.

    LAPACK cuts its sums by the number of cores.
    """
    size = product.size
    low = np.zeros((size, size))
    for one in range(size):
        for other in range(one + 1):
            rest = precision[one, other]
            for k in range(other):
                rest -= low[one, k] * low[other, k]
            low[one, other] = np.sqrt(rest) if one == other else rest / low[other, other]
    # Column j of the inverse of `low` solves low x = e_j.
    inverse = np.zeros((size, size))
    for column in range(size):
        inverse[column, column] = 1.0 / low[column, column]
        for row in range(column + 1, size):
            rest = 0.0
            for k in range(column, row):
                rest -= low[row, k] * inverse[k, column]
            inverse[row, column] = rest / low[row, row]
    half = np.zeros(size)
    for row in range(size):
        for k in range(row + 1):
            half[row] += inverse[row, k] * product[k]
    mean, variance = np.zeros(size), np.zeros(size)
    for column in range(size):
        for row in range(column, size):
            mean[column] += inverse[row, column] * half[row]
            variance[column] += inverse[row, column] ** 2
    return mean, variance
