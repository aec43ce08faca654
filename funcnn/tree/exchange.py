"""How do parameters come from PyTorch and Keras, and go back? `from_torch, to_torch, from_keras, to_keras`.

The order in which a net has its layers is the same everywhere, names and the order of axes are not. PyTorch has

    weight of a Linear      (out, in)              here w (in, out)
    weight of a ConvNd      (out, in, *kernel)     here w (*kernel, in, out)
    weight of a ConvTransposeNd  (in, out, *kernel)     the same
    weight, bias of a norm  scale, offset          running_mean, running_var: mean, var

Keras has our axes. A layer is told by its parameters: a matrix w with a bias b beside it is a Linear, without one an
Embedding. Recurrent layers of PyTorch have two biases where here is one: add them, and say names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from funcnn._arrays import readonly
from funcnn.tree.frozendict import FrozenDict
from funcnn.tree.structure import Path, Structure, flatten, keystr, unflatten

__all__ = ["from_keras", "from_torch", "to_keras", "to_torch"]

P = TypeVar("P")

TORCH = {"w": "weight", "b": "bias", "scale": "weight", "offset": "bias", "negative_slope": "weight",
         "mean": "running_mean", "var": "running_var"}
"""What PyTorch calls our parameters."""


class _Pair(NamedTuple):
    """A leaf, by its place among the leaves, what it is called elsewhere, and the order of the axes there."""

    place: int
    path: Path
    name: str
    axes: tuple[int, ...]


# ------------------------------------------------------------------------------------------------ PyTorch


def from_torch(state_dict: Mapping[str, Any], like: P, names: Mapping[str, str] | None = None,
               axes: Mapping[str, Sequence[int]] | None = None) -> P:
    """The parameters of a PyTorch module in the form of `like`, such as `net.init(key)`, with its shapes and dtypes.

    - `state_dict`: `module.state_dict()`, or the arrays of a file (`checkpoint.load_file`), whose layers must be
      numbered. Layers are taken in order.
    - `like`: the tree to be filled; its values do not matter.
    - `names`: what each parameter is called there, `{"dense_0/w": "encoder.weight"}`, where the order or the names are
      others: then only what is named is taken, and every leaf of `like` must be.
    - `axes`: in which order a parameter's axes stand there, `{"table/w": (0, 1)}`, if not in the usual one: there
      `(out, in)` for `w (in, out)` here, `(out, in, *kernel)` for `(*kernel, in, out)`, of a transposed convolution
      `(in, out, *kernel)`, and of an embedding, a matrix without a bias, as here.

    Numbers are converted where that is exact (float16 and bfloat16 into float32). A layer too many or too few, another
    shape, and a dtype that `like` cannot hold are a ValueError that names both sides.

    >>> like = {"dense_0": {"w": np.zeros((2, 3), np.float32), "b": np.zeros(3, np.float32)}}
    >>> weight = np.arange(6, dtype=np.float32).reshape(3, 2)                     # torch: (out, in)
    >>> from_torch({"0.weight": weight, "0.bias": np.ones(3, np.float32)}, like)["dense_0"]["w"]
    array([[0., 2., 4.],
           [1., 3., 5.]], dtype=float32)

    Statistics that run along (of a batch norm) are a tree of their own, `from_torch(state_dict, net.init_state())`.
    """
    leaves, form = flatten(like)
    for pair in _pairs("from_torch", form, state_dict, names, axes):
        own = _numpy(state_dict[pair.name])
        turned = _turned("from_torch", pair, own, pair.axes)
        leaves[pair.place] = _fitted("from_torch", pair, own, turned, leaves[pair.place])
    return cast(P, unflatten(form, leaves))


def to_torch(tree: Any, like: Mapping[str, Any], names: Mapping[str, str] | None = None,
             axes: Mapping[str, Sequence[int]] | None = None) -> dict[str, Any]:
    """The state of a PyTorch module with these parameters, the way back of `from_torch`.

        module.load_state_dict(to_torch(params, module.state_dict()))

    - `tree`: the parameters; not all that the module has need be among them.
    - `like`: `module.state_dict()`: the result has its names, shapes and dtypes, and its tensors where the tree has
      nothing to say.
    - `names`, `axes`: as in `from_torch`, and so are the errors; only what `names` has is written, if it is given.

    >>> params = {"dense_0": {"w": np.arange(6.0).reshape(2, 3), "b": np.ones(3)}}
    >>> to_torch(params, {"0.weight": np.zeros((3, 2)), "0.bias": np.zeros(3)})["0.weight"]
    array([[0., 3.],
           [1., 4.],
           [2., 5.]])
    """
    leaves, form = flatten(tree)
    found = dict(like)
    for pair in _pairs("to_torch", form, like, names, axes):
        own = np.asarray(leaves[pair.place])
        turned = _turned("to_torch", pair, own, tuple(np.argsort(pair.axes).tolist()))
        there = _numpy(like[pair.name])
        found[pair.name] = _like_tensor(_fitted("to_torch", pair, own, turned, there), like[pair.name])
    return found


def _turned(owner: str, pair: _Pair, own: Any, axes: tuple[int, ...]) -> Any:
    """An array with its axes in another order."""
    if sorted(axes) != list(range(own.ndim)):
        raise ValueError(f"tree.{owner}: {keystr(pair.path)!r} and {pair.name!r} do not fit: shape {own.shape}, and "
                         f"axes in the order {pair.axes}")
    return np.transpose(own, axes)


def _numpy(tensor: Any) -> Any:
    """A tensor as an ndarray; one of bfloat16, which NumPy lacks, as float32, the same numbers."""
    if not hasattr(tensor, "detach"):
        return np.asarray(tensor)
    plain = tensor.detach().cpu()
    return (plain.float() if str(plain.dtype) == "torch.bfloat16" else plain).numpy()


def _like_tensor(array: Any, like: Any) -> Any:
    if not hasattr(like, "detach"):
        return array
    import torch

    made = torch.tensor(array, dtype=like.dtype, device=like.device)
    if not np.array_equal(_numpy(made), array, equal_nan=True):  # of bfloat16
        raise ValueError(f"tree.to_torch: numbers of {array.dtype} are not those of {like.dtype} exactly; convert the "
                         "module (module.float()), and back afterwards")
    return made


def _fitted(owner: str, pair: _Pair, own: Any, turned: Any, like: Any) -> Any:
    """A copy of an array in the axes and the dtype of another, if nothing is lost by that."""
    if turned.shape != np.shape(like):
        raise ValueError(f"tree.{owner}: {keystr(pair.path)!r} and {pair.name!r} do not fit: {own.shape} with its axes "
                         f"in order is {turned.shape}, expected {np.shape(like)}. Say names= or axes= of it, if it is "
                         "another one")
    dtype = np.result_type(like)
    if not np.can_cast(turned.dtype, dtype):
        which = repr(keystr(pair.path) if owner == "to_torch" else pair.name)
        raise ValueError(f"tree.{owner}: {which} is {own.dtype}, which {dtype} cannot hold exactly; convert one of "
                         f"them, such as tree.astype(tree, np.{own.dtype if owner == 'from_torch' else dtype})")
    return readonly(np.array(turned, dtype, order="C"))


# ------------------------------------------------------------------------------------------------ what belongs together


def _pairs(owner: str, form: Structure, there: Mapping[str, Any], names: Mapping[str, str] | None,
           axes: Mapping[str, Sequence[int]] | None) -> Iterator[_Pair]:
    """Each leaf with its name in a state_dict, and the order of its axes there."""
    paths = form.paths()
    given = {key: tuple(order) for key, order in (axes or {}).items()}
    if unknown := given.keys() - set(map(keystr, paths)):
        raise ValueError(f"tree.{owner}: axes has {sorted(unknown)}, which the tree has not; it has {_shown(paths)}")
    named = _by_order(owner, form, there) if names is None else _by_name(owner, paths, there, names)
    for place, path in enumerate(paths):
        if path in named:
            shape, has_bias = np.shape(_numpy(there[named[path]])), (*path[:-1], "b") in paths
            usual = given.get(keystr(path)) or _usual_axes(owner, path, has_bias, shape)
            yield _Pair(place, path, named[path], usual)


def _usual_axes(owner: str, path: Path, has_bias: bool, shape: Sequence[int]) -> tuple[int, ...]:
    """Which axis of PyTorch's stands where here."""
    own, layer, ndim = str(path[-1]) if path else "", str(path[-2]) if len(path) > 1 else "", len(shape)
    if ndim < 2 or not (own == "w" or own.startswith("w_")):
        return tuple(range(ndim))
    if ndim == 2 and own == "w" and not has_bias:
        if shape[0] == shape[1] and not layer.startswith("embedding"):
            raise ValueError(f"tree.{owner}: {keystr(path)!r} is a square matrix without a bias: of a Linear, which is "
                             "transposed, or of an Embedding, which is not; say axes={path: (1, 0)} or (0, 1)")
        return (0, 1)
    return (*range(2, ndim), *((0, 1) if layer.startswith("conv_transpose") else (1, 0)))


def _by_name(owner: str, paths: Sequence[Path], there: Mapping[str, Any], names: Mapping[str, str]) -> dict[Path, str]:
    """The names that were given; every parameter must have one, and be there."""
    written = {keystr(path): path for path in paths}
    missing = [key for key in written if key not in names] if owner == "from_torch" else []
    unknown, absent = [key for key in names if key not in written], [own for own in names.values() if own not in there]
    for what, found in (("has no name for", missing), ("names what the tree has not,", unknown),
                        ("names what is not in the state_dict,", absent)):
        if found:
            raise ValueError(f"tree.{owner}: names {what} {_shown_texts(found)}. The tree has {_shown(paths)}; the "
                             f"state_dict has {_shown_texts(list(there))}")
    return {written[key]: name for key, name in names.items()}


def _by_order(owner: str, form: Structure, there: Mapping[str, Any]) -> dict[Path, str]:
    """Layer by layer, in order, as far as both have layers with such parameters."""
    ours: dict[Path, dict[str, Path]] = {}
    for path in _in_order(form):
        ours.setdefault(path[:-1], {})[TORCH.get(str(path[-1]), str(path[-1]))] = path
    known = {name for names in ours.values() for name in names}
    theirs: dict[str, dict[str, str]] = {}
    for name in _numbered(owner, there) if isinstance(there, FrozenDict) else there:
        layer, _, own = name.rpartition(".")
        if own in known:
            theirs.setdefault(layer, {})[own] = name
    if [names.keys() for names in ours.values()] != [names.keys() for names in theirs.values()]:
        raise ValueError(f"tree.{owner}: the layers are not the same, in order; say which is which by names=, "
                         f"{{'dense_0/w': '0.weight'}}. The tree has {_layers(ours)}; the state_dict has "
                         f"{_layers({(key,): names for key, names in theirs.items()})}")
    return {path: names[own] for mine, names in zip(ours.values(), theirs.values(), strict=True)
            for own, path in mine.items()}


def _numbered(owner: str, names: Iterable[str]) -> list[str]:
    """The names of a file, which has no order, by the numbers in them; an error where letters would decide."""
    key: dict[str, list[tuple[int, str]]] = {name: [(int(part), "") if part.isdigit() else (-1, part)
                                                    for part in name.split(".")[:-1]] for name in names}
    ordered = sorted(key, key=key.__getitem__)
    for one, two in pairwise(ordered):
        differ = [pair for pair in zip(key[one], key[two], strict=False) if pair[0] != pair[1]][:1]
        if any(number < 0 for pair in differ for number, _ in pair) or (not differ and len(key[one]) != len(key[two])):
            raise ValueError(f"tree.{owner}: a file has no order of layers, and {one!r} and {two!r} do not say which "
                             "is first; say which is which by names=, {'dense_0/w': '0.weight'}")
    return ordered


def _in_order(form: Structure, before: Path = ()) -> Iterator[Path]:
    """The paths of the leaves, dict keys in the order in which they were given."""
    if form.node is None:
        yield before
    for key, child in form.children.items():
        yield from _in_order(child, (*before, key))


def _layers(layers: Mapping[Path, Mapping[str, Any]]) -> str:
    return "; ".join(f"{keystr(path) or 'one layer'} ({', '.join(names)})" for path, names in layers.items()) or "none"


def _shown(paths: Sequence[Path]) -> str:
    return _shown_texts(list(map(keystr, paths)))


def _shown_texts(texts: Sequence[str]) -> str:
    return ", ".join(map(repr, texts[:20])) + (f" and {len(texts) - 20} more" if len(texts) > 20 else "") or "nothing"


# ------------------------------------------------------------------------------------------------ Keras


def from_keras(weights: Sequence[Any], like: P) -> P:
    """The parameters of a Keras model in the form of `like`: `from_keras(model.get_weights(), net.init(key))`.

    `weights` are its arrays in order, as many as `like` has leaves. Keras has our axes and our order, layer by layer:
    kernel, bias; gamma, beta. Of a layer with statistics that run along take `layer.trainable_weights`. Numbers are
    converted where that is exact; another number of arrays, or another shape, is a ValueError.

    >>> like = {"dense_0": {"w": np.zeros((1, 2), np.float32), "b": np.zeros(2, np.float32)}}
    >>> from_keras([np.ones((1, 2), np.float32), np.arange(2, dtype=np.float32)], like)
    {'dense_0': {'w': array([[1., 1.]], dtype=float32), 'b': array([0., 1.], dtype=float32)}}
    """
    leaves, form = flatten(like)
    order = _places_in_order(form)
    if len(weights) != len(order):
        raise ValueError(f"tree.from_keras: {len(weights)} arrays came, the tree has {len(order)}: "
                         f"{_shown(list(_in_order(form)))}")
    paths = form.paths()
    for place, given in zip(order, weights, strict=True):
        own = _numpy(given)
        pair = _Pair(place, paths[place], f"weights[{order.index(place)}]", ())
        leaves[place] = _fitted("from_keras", pair, own, own, leaves[place])
    return cast(P, unflatten(form, leaves))


def to_keras(tree: Any) -> list[Any]:
    """The arrays of `tree` in Keras' order, layer by layer as the net has them: `model.set_weights(to_keras(params))`.

    >>> to_keras({"dense_0": {"w": np.ones((1, 2)), "b": np.zeros(2, np.float64)}})
    [array([[1., 1.]]), array([0., 0.])]
    """
    leaves, form = flatten(tree)
    return [leaves[place] for place in _places_in_order(form)]


def _places_in_order(form: Structure) -> list[int]:
    """Where the leaves stand among the sorted ones, in the order in which they were given."""
    places = {path: place for place, path in enumerate(form.paths())}
    return [places[path] for path in _in_order(form)]
