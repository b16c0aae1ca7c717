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
