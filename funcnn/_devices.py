"""How do the numbers of an array on JAX's devices come to NumPy, and back to such an array? `on_host`, `placed_like`.

An array of JAX may be split over many devices, some of them of other processes; a typed key (`jax.random.key`) is an
array of no dtype that NumPy knows, and stands for its words, a uint32[2]. JAX is imported where one is met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from funcnn._arrays import namespace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from funcnn.typing import Shape

__all__ = ["is_of_jax", "is_typed_key", "on_host", "out_of_reach", "placed_like", "stored_as"]


def is_of_jax(x: Any) -> bool:
    """Whether x is an array of JAX, traced or not, or the outline of one (`jax.ShapeDtypeStruct`).

    >>> is_of_jax(np.ones(3, np.float32))
    False
    """
    return type(x).__module__.partition(".")[0] in ("jax", "jaxlib") and hasattr(x, "shape") and hasattr(x, "dtype")


def is_typed_key(x: Any) -> bool:
    """Whether x is a typed key of JAX, or an array of them.

    >>> is_typed_key(np.array([0, 7], np.uint32))
    False
    """
    return is_of_jax(x) and not isinstance(x.dtype, np.dtype)


def stored_as(x: Any) -> tuple[np.dtype[Any], Shape]:
    """The dtype and shape of the numbers of an array; a typed key's are those of its words.

    >>> stored_as(np.ones(3, np.float32))
    (dtype('float32'), (3,))
    """
    if is_typed_key(x):
        import jax

        x = jax.eval_shape(jax.random.key_data, x)
    return x.dtype, tuple(x.shape)


def out_of_reach(x: Any) -> str:
    """Why the numbers of an array of JAX cannot be had, with the fix; an empty text where they can.

    >>> out_of_reach(np.ones(3, np.float32))
    ''
    """
    if not is_of_jax(x):
        return ""
    import jax

    what = f"an array of shape {tuple(x.shape)} and dtype {x.dtype}"
    if isinstance(x, jax.core.Tracer):
        return f"{what} that JAX traces, which has no numbers yet: do this outside of the function that is transformed"
    if not isinstance(x, jax.Array):
        return f"{what} that is an outline without numbers"
    if x.is_deleted():
        return f"{what} whose memory was given away (donate_argnums): take what the jitted function returned"
    if not (x.is_fully_addressable or x.is_fully_replicated):
        return (f"{what} with parts on devices of other processes: gather it in all of them first, "
                "jax.experimental.multihost_utils.process_allgather(x, tiled=True)")
    return ""


def on_host(owner: str, x: Any) -> Any:
    """An array of JAX as one of NumPy, gathered from all devices, a typed key as its words; anything else as it is.

    >>> on_host("tree.equal", 1.5)
    1.5
    """
    if not is_of_jax(x):
        return x
    if why := out_of_reach(x):
        raise ValueError(f"{owner}: there is {why}")
    if is_typed_key(x):
        import jax

        x = jax.random.key_data(x)
    return np.asarray(x)


def placed_like(numbers: NDArray[Any], like: Any) -> Any:
    """The numbers as an array of the kind that `like` is; if that is one of JAX, on its devices and split as it is.

    A process lays only the parts on its own devices, so all of them call this with the same numbers.
    """
    if not is_of_jax(like):
        return namespace(like).asarray(numbers)
    import jax

    array = _placed(jax, numbers, like)
    if not is_typed_key(like):
        return array
    return jax.random.wrap_key_data(array, impl=jax.random.key_impl(jax.numpy.empty((), like.dtype)))


def _placed(jax: Any, numbers: NDArray[Any], like: Any) -> Any:
    sharding = getattr(like, "sharding", None)
    if sharding is None or not getattr(like, "committed", True):  # then it goes wherever it is needed
        return jax.numpy.asarray(numbers)
    return jax.make_array_from_callback(numbers.shape, sharding, lambda index: numbers[index])
