"""Which parts look at a whole array? `scale_by_trust_ratio`, `adaptive_grad_clip`, `centralize`.

All others treat every entry alone; these take a length or a mean of a parameter, of its gradient, or of the rows of
both. A length of 0 has derivative 0 here. Users find all of it in `funcnn.optimizers`.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from funcnn import tree
from funcnn._arguments import whole_number
from funcnn._arrays import namespace, readonly
from funcnn.core.settings import setting
from funcnn.optimizers.transformation import GradientTransformation, as_count, check_state, like, stateless
from funcnn.tree.structure import aligned, parts
from funcnn.typing import Shape

__all__ = ["FactoredState", "adaptive_grad_clip", "centralize", "clip_by_block_rms", "scale_by_factored_rms",
           "scale_by_param_block_rms", "scale_by_trust_ratio"]


def _leaf_by_leaf(owner: str, f: Callable[[Any, Any], Any]) -> GradientTransformation:
    """The part with this formula, (g, p) -> update, of the arrays at one place; the update is a new array."""
    return stateless(owner, partial(_each_leaf, f))


def _each_leaf(f: Callable[[Any, Any], Any], grads: Any, params: Any) -> Any:
    return tree.map(lambda g, p: readonly(like(g, f(g, p))), grads, params)


def _length(x: Any, axis: Any = None) -> Any:
    """The root of the sum of squares over these axes, which stay, or over all, which go."""
    xp = namespace(x)
    square = xp.sum(xp.square(x), axis=axis, keepdims=axis is not None)
    return xp.where(square > 0, xp.sqrt(xp.where(square > 0, square, 1)), 0)


def _rms(x: Any) -> Any:
    return _length(x) / math.sqrt(max(getattr(x, "size", 1), 1))


# ---------------------------------------------------------------------------------------- lengths of layers


def scale_by_trust_ratio(min_norm: float = 0.0, trust_coefficient: float = 1.0, eps: float = 0.0,
                         ) -> GradientTransformation:
    """Make each update as long as its parameter, times a coefficient; where one of the two is 0, leave it.

        update = g trust_coefficient norm(p) / (norm(g) + eps)
        norm(x) = max(sqrt(sum x^2), min_norm), of each array

    >>> import numpy as np
    >>> part = scale_by_trust_ratio(trust_coefficient=0.5)
    >>> p, g = np.array([3.0, 4.0]), np.array([0.0, 2.0])
    >>> part.update(g, part.init(p), p)[0]
    array([0. , 2.5])

    You et al. 2017 (arXiv:1708.03888); as `optax.scale_by_trust_ratio`.
    """
    name = "scale_by_trust_ratio"
    min_norm, eps = setting(name, "min_norm", min_norm), setting(name, "eps", eps)
    trust_coefficient = setting(name, "trust_coefficient", trust_coefficient)
    return _leaf_by_leaf(name, partial(_trusted, min_norm, trust_coefficient, eps))


def _trusted(min_norm: Any, trust_coefficient: Any, eps: Any, g: Any, p: Any) -> Any:
    xp = namespace(g)
    of_p, of_g = (xp.maximum(_length(x), min_norm) for x in (p, g))
    told = (of_p > 0) & (of_g > 0)
    return g * xp.where(told, trust_coefficient * of_p / xp.where(told, of_g + eps, 1), 1)


def clip_by_block_rms(threshold: float) -> GradientTransformation:
    """Shorten the update of each array of a large root mean square: `g / max(1, rms(g) / threshold)`.

    >>> import numpy as np
    >>> part = clip_by_block_rms(1.0)
    >>> part.update(np.array([2.0, -2.0]), part.init(np.ones(2)), np.ones(2))[0]
    array([ 1., -1.])

    Shazeer & Stern 2018, section 6; as `optax.clip_by_block_rms`.
    """
    threshold = setting("clip_by_block_rms", "threshold", threshold, "(0, inf)")
    return _leaf_by_leaf("clip_by_block_rms", partial(_clipped_rms, threshold))


def _clipped_rms(threshold: Any, g: Any, p: Any) -> Any:
    return g / namespace(g).maximum(_rms(g) / threshold, 1.0)


def scale_by_param_block_rms(min_scale: float = 1e-3) -> GradientTransformation:
    """Multiply the update of each array by the root mean square of the parameter: `g max(rms(p), min_scale)`.

    >>> import numpy as np
    >>> part = scale_by_param_block_rms()
    >>> part.update(np.array([1.0, 2.0]), part.init(np.ones(2)), np.array([3.0, -3.0]))[0]
    array([3., 6.])

    Shazeer & Stern 2018, section 8; as `optax.scale_by_param_block_rms`.
    """
    min_scale = setting("scale_by_param_block_rms", "min_scale", min_scale)
    return _leaf_by_leaf("scale_by_param_block_rms", partial(_of_its_size, min_scale))


def _of_its_size(min_scale: Any, g: Any, p: Any) -> Any:
    return g * namespace(g).maximum(_rms(p), min_scale)


# ------------------------------------------------------------------------------------ lengths and means of rows


def adaptive_grad_clip(clipping: float, eps: float = 1e-3, axis: int | tuple[int, ...] | None = None,
                       ) -> GradientTransformation:
    """Shorten the gradient of each unit that is longer than a share of the unit's own weights.

        g max_norm / norm(g)    where norm(g) >= max_norm = clipping max(norm(p), eps)
        g                       elsewhere

    A length is that of the weights into one unit: over all axes but the last, which is the first of two axes, and over
    all of what has only one longer than 1. `axis` names others.

    >>> import numpy as np
    >>> part, p = adaptive_grad_clip(0.5), np.array([[3.0, 3.0], [4.0, 4.0]])
    >>> part.update(np.array([[0.0, 0.0], [5.0, 1.0]]), part.init(p), p)[0]
    array([[0. , 0. ],
           [2.5, 1. ]])

    Brock et al. 2021 (arXiv:2102.06171); as `optax.adaptive_grad_clip`, which of three axes takes the first alone.
    """
    name = "adaptive_grad_clip"
    clipping, eps = setting(name, "clipping", clipping), setting(name, "eps", eps)
    return _leaf_by_leaf(name, partial(_clipped_units, clipping, eps, axis))


def _clipped_units(clipping: Any, eps: Any, axis: Any, g: Any, p: Any) -> Any:
    xp, axes = namespace(g), _into_one_unit(getattr(g, "shape", ())) if axis is None else axis
    of_g, most = _length(g, axes), clipping * xp.maximum(_length(p, axes), eps)
    return xp.where(of_g < most, g, g * (most / xp.maximum(of_g, 1e-6)))


def _into_one_unit(shape: Shape) -> tuple[int, ...]:
    n = len(shape)
    if sum(length != 1 for length in shape) <= 1:
        return tuple(range(n))
    if n > 5:
        raise ValueError(f"adaptive_grad_clip: which axes of a parameter of shape {shape} lead into one unit is not "
                         "known; pass axis=...")
    return (0,) if n <= 3 else tuple(range(n - 1))


def centralize() -> GradientTransformation:
    """Take from the gradient of each array of several axes its mean over all but the first.

    >>> import numpy as np
    >>> part, g = centralize(), np.array([[1.0, 3.0], [5.0, 5.0]])
    >>> part.update(g, part.init(g), g)[0]
    array([[-1.,  1.],
           [ 0.,  0.]])

    As `optax.centralize`. Yong et al. 2020 (arXiv:2004.01461) take the mean over the weights into one unit, which are
    those where the first axis counts the units, as in torch; here, and in JAX, w is (in, out).
    """
    return _leaf_by_leaf("centralize", _centred)


def _centred(g: Any, p: Any) -> Any:
    shape = getattr(g, "shape", ())
    if len(shape) < 2 or 0 in shape:
        return +g
    return g - g.mean(axis=tuple(range(1, len(shape))), keepdims=True)


# ------------------------------------------------------------------------------------- the memory of Adafactor


class FactoredState(NamedTuple):
    """How many updates were done (`count`), and the means of squares: of rows and columns, or of all.

    `v_row` and `v_col` have one number in the place of a matrix that is not factored, `v` where one is.
    """

    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs
    v_row: Any
    v_col: Any
    v: Any


def scale_by_factored_rms(factored: bool = True, decay_rate: float = 0.8, min_dim_size_to_factor: int = 128,
                          epsilon: float = 1e-30) -> GradientTransformation:
    """Divide by the root of the running mean of the squares, of which of a matrix only rows and columns are remembered.

        b = 1 - t^(-decay_rate)
        v_row' = b v_row + (1 - b) mean over columns of (g^2 + epsilon),    v_col' likewise
        update = g / sqrt(v_row' v_col' / mean of v_row')

    The two are the longest axes; where the shorter of them is below `min_dim_size_to_factor`, or `factored` is False,
    the mean of each entry is remembered instead: `v' = b v + (1 - b) (g^2 + epsilon)`, `update = g / sqrt(v')`. What is
    not in use is an array of one zero.

    >>> import numpy as np
    >>> part, g = scale_by_factored_rms(min_dim_size_to_factor=2), np.array([[1.0, -2.0], [3.0, -6.0]])
    >>> part.update(g, part.init(g), g)[0]
    array([[ 1., -1.],
           [ 1., -1.]])

    Shazeer & Stern 2018 (arXiv:1804.04235); as `optax.scale_by_factored_rms`, which rounds b to float32.
    """
    name = "scale_by_factored_rms"
    least = whole_number(name, "min_dim_size_to_factor", min_dim_size_to_factor, least=0) if factored else math.inf
    decay_rate, epsilon = setting(name, "decay_rate", decay_rate), setting(name, "epsilon", epsilon)
    return GradientTransformation(partial(_begin_factored, least), partial(_factored, least, decay_rate, epsilon))


def _begin_factored(least: float, params: Any) -> FactoredState:
    return FactoredState(0, *[tree.map(partial(_nothing_yet, least, which), params) for which in range(3)])


def _nothing_yet(least: float, which: int, p: Any) -> Any:
    """Zeros for the means of rows, of columns, of all entries."""
    shape, axes = getattr(p, "shape", ()), _longest(getattr(p, "shape", ()), least)
    shapes = ((1,), (1,), shape) if axes is None else (_without(shape, axes[1]), _without(shape, axes[0]), (1,))
    return readonly(namespace(p).zeros(shapes[which], getattr(p, "dtype", np.float64)))


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1:]


def _longest(shape: Shape, least: float) -> tuple[int, int] | None:
    """The second longest axis and the longest one, or None where the array is not factored."""
    order = sorted(range(len(shape)), key=shape.__getitem__)
    return (order[-2], order[-1]) if len(shape) >= 2 and shape[order[-2]] >= least else None


def _factored(least: float, decay_rate: Any, epsilon: Any, grads: Any, state: Any, params: Any,
              ) -> tuple[Any, FactoredState]:
    check_state("scale_by_factored_rms", FactoredState, state)
    t, (leaves, form) = as_count(state.count) + 1, parts(grads)
    rows = zip(leaves, *[_aligned(form, kept) for kept in state[1:]], strict=True)
    new = [_divided(least, 1 - t ** -decay_rate, epsilon, *row) for row in rows]
    updates, *means = (tree.unflatten(form, [readonly(row[i]) for row in new]) for i in range(4))
    return updates, FactoredState(t, *means)


def _aligned(form: tree.Structure, kept: Any) -> tuple[Any, ...]:
    try:
        return aligned(form, kept, 1)
    except ValueError as error:
        what = str(error).removeprefix("tree.map: ").replace("tree 1", "state").replace("the first", "grads")
        raise ValueError(f"scale_by_factored_rms: {what}") from None


def _divided(least: float, b: Any, epsilon: Any, g: Any, v_row: Any, v_col: Any, v: Any) -> tuple[Any, Any, Any, Any]:
    """The update of one array, and its three means."""
    xp, square = namespace(g), g * g + epsilon
    axes = _longest(getattr(g, "shape", ()), least)
    if axes is None:
        v = like(v, b * v + (1 - b) * square)
        return like(g, g / xp.sqrt(v)), +v_row, +v_col, v
    short, long = axes
    v_row = like(v_row, b * v_row + (1 - b) * xp.mean(square, axis=long))
    v_col = like(v_col, b * v_col + (1 - b) * xp.mean(square, axis=short))
    of_row = v_row / xp.mean(v_row, axis=short - (short > long), keepdims=True)
    root = xp.sqrt(xp.expand_dims(of_row, long)) * xp.sqrt(xp.expand_dims(v_col, short))
    return like(g, g / root), v_row, v_col, +v
