"""Short names for the types of NumPy arrays.

Belongs here: what an annotation says of an array's elements. Not here: anything that runs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
