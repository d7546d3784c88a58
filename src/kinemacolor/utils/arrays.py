"""Names for the kinds of numpy arrays that functions take and give."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

UIntArray = NDArray[np.unsignedinteger[Any]]  # samples as a film stores them: uint8 or uint16
UInt8Array = NDArray[np.uint8]
Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
Size = tuple[int, int]  # rows, columns
