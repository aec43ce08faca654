from typing import Any

from numpy.typing import DTypeLike

def init(
    dot_precision_workaround: bool = True,
    default_dtype: DTypeLike | None = "float32",
    random_seed: int | None = 0,
) -> None: ...

# `method` is [owner, name, whether to cast the result, number of leading arguments before dtype];
# the call appends the original function to it.
def enclose(method: list[Any], default_dtype: DTypeLike) -> None: ...
