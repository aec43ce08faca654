from typing import Any

import numpy as np
from numpy.typing import NDArray

# The points are float64, or what `nnfs.init(default_dtype=...)` has made the default.
def create_data(samples: int, classes: int) -> tuple[NDArray[np.floating[Any]], NDArray[np.uint8]]: ...
