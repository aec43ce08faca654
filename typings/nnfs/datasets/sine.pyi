import numpy as np
from numpy.typing import NDArray

def create_data(samples: int = 1000) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
