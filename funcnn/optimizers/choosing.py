"""Which parameters does an optimizer move, and how? `masked`, `freeze`, `partition`, `selective_transform`.

Which ones is said by a tree shaped like the parameters, in which one leaf may stand for a whole subtree, such as
`{"dense_0": True, "dense_1": False}`, or by a function from the parameters to such a tree. Users find all of it in
`funcnn.optimizers`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from funcnn import tree
from funcnn._arguments import at, described, nearest
from funcnn.optimizers.transformation import (
    GradientTransformation,
    check_state,
    check_transformations,
    full_like,
    stateless,
)

__all__ = ["PartitionState", "freeze", "masked", "partition", "selective_transform", "set_to_zero"]


# ------------------------------------------------------------------------------------------- some of them


def masked(inner: GradientTransformation, mask: Any) -> GradientTransformation:
    """Transform by `inner` only the parameters that the mask chooses; the gradients of the others pass unchanged.

    `mask` is a tree of bools shaped like the parameters, in which one bool may stand for a whole subtree, or a function
    from the parameters to such a tree. What is not chosen is None in the state.

    >>> from funcnn.optimizers import EmptyState, scale
    >>> only_weights = masked(scale(-0.5), {"w": True, "b": False})
    >>> only_weights.update({"w": 2.0, "b": 2.0}, EmptyState(), {"w": 0.0, "b": 0.0})
    ({'w': -1.0, 'b': 2.0}, EmptyState())

    What passes unchanged is a gradient, a step uphill: `masked(adam(0.1), trained)` does not freeze the others.
    `selective_transform` does, and `partition` gives each its own optimizer. As `optax.masked`. The function may look
    at the shapes of the parameters, as `lambda params: tree.map(lambda p: p.ndim > 1, params)`, and not, under
    `jax.jit`, at their values.
    """
    check_transformations("masked", inner)
    return GradientTransformation(partial(_begin_masked, inner, mask), partial(_masked, inner, mask))


def _begin_masked(inner: GradientTransformation, mask: Any, params: Any) -> Any:
    return inner.init_fn(_chosen(_marks(mask, params), params))


def _masked(inner: GradientTransformation, mask: Any, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
    return _of_the_chosen(inner, _marks(mask, params), grads, state, params)


def _of_the_chosen(inner: GradientTransformation, marks: list[bool], grads: Any, state: Any, params: Any,
                   ) -> tuple[Any, Any]:
    updates, state = inner.update_fn(_chosen(marks, grads), state, _chosen(marks, params))
    new = iter(tree.leaves(updates))
    every = [next(new) if mark else g for mark, g in zip(marks, tree.leaves(grads), strict=True)]
    return tree.unflatten(tree.structure(grads), every), state


def _chosen(marks: list[bool], params: Any) -> Any:
    """The tree with None, which has no leaves, at the places that are not marked."""
    leaves, form = tree.flatten(params)
    return tree.unflatten(form, [leaf if mark else None for mark, leaf in zip(marks, leaves, strict=True)])


def _marks(mask: Any, params: Any) -> list[bool]:
    """Which leaves of the parameters are chosen."""
    return list(map(bool, _said_of_each("masked: the mask", mask, _check_mark, params)))


def _check_mark(mark: Any, path: tree.Path) -> None:
    if not isinstance(mark, bool | np.bool_):
        raise TypeError(f"masked: the mask must be a tree of bools, got {described(mark)}{at(path)}")


# ---------------------------------------------------------------------------------------- none, and frozen


def set_to_zero() -> GradientTransformation:
    """Zeros, whatever the gradient: parameters that get it stay as they are.

    >>> from funcnn.optimizers import EmptyState
    >>> set_to_zero().update({"w": float("inf")}, EmptyState(), {"w": 1.0})
    ({'w': 0.0}, EmptyState())

    As `optax.set_to_zero`.
    """
    return stateless("set_to_zero", _zeros)


def _zeros(grads: Any, params: Any) -> Any:
    return full_like(params, 0.0)


def freeze(mask: object) -> GradientTransformation:
    """Zero updates for the parameters that `mask` chooses: put it last in a chain, and they stay as they are.

    >>> from funcnn.optimizers import chain, sgd
    >>> optimizer, params = chain(sgd(0.5), freeze({"old": True, "new": False})), {"old": 1.0, "new": 1.0}
    >>> optimizer.update({"old": 2.0, "new": 2.0}, optimizer.init(params), params)[0]
    {'old': 0.0, 'new': -1.0}

    The mask is that of `masked`; the optimizer before it sees all gradients, and remembers of all. As `optax.freeze`.
    """
    if isinstance(mask, GradientTransformation):
        raise TypeError("freeze: takes the mask of what is frozen, got an optimizer; write chain(optimizer, "
                        "freeze(mask)), or selective_transform(optimizer, freeze_mask=mask)")
    return masked(set_to_zero(), mask)


# ------------------------------------------------------------------------------------- to each its own


class PartitionState(NamedTuple):
    """The state of each transformation, by its label: `inner_states`."""

    inner_states: Any


def partition(transforms: Mapping[str, GradientTransformation], param_labels: object) -> GradientTransformation:
    """To each parameter the transformation of its label: other rates for other layers, some of them frozen.

    `transforms` is {label: transformation}. `param_labels` is a tree of labels shaped like the parameters, in which one
    label may stand for a whole subtree, or a function from the parameters to such a tree. Each transformation sees only
    what is labelled as its own, so that `clip_by_global_norm` inside of one takes the norm of those.

    >>> from funcnn.optimizers import sgd
    >>> optimizer = partition({"slow": sgd(0.5), "fast": sgd(2.0), "frozen": set_to_zero()},
    ...                       {"dense_0": "frozen", "dense_1": {"w": "slow", "b": "fast"}})
    >>> params = {"dense_0": {"w": 1.0, "b": 1.0}, "dense_1": {"w": 1.0, "b": 1.0}}
    >>> optimizer.update(params, optimizer.init(params), params)[0]
    {'dense_0': {'w': 0.0, 'b': 0.0}, 'dense_1': {'w': -0.5, 'b': -2.0}}

    As `optax.partition`. A label without a transformation is an error, and so is a parameter without a label.
    """
    check_transformations("partition", *transforms.values())
    own = dict(transforms)
    return GradientTransformation(partial(_begin_partition, own, param_labels),
                                  partial(_partitioned, own, param_labels))


Transforms = Mapping[str, GradientTransformation]


def _begin_partition(transforms: Transforms, param_labels: Any, params: Any) -> PartitionState:
    labels = _labels(transforms, param_labels, params)
    return PartitionState({name: inner.init_fn(_chosen([label == name for label in labels], params))
                           for name, inner in transforms.items()})


def _partitioned(transforms: Transforms, param_labels: Any, grads: Any, state: Any, params: Any,
                 ) -> tuple[Any, PartitionState]:
    check_state("partition", PartitionState, state)
    labels, states = _labels(transforms, param_labels, params), {}
    for name, inner in transforms.items():
        marks = [label == name for label in labels]
        grads, states[name] = _of_the_chosen(inner, marks, grads, state.inner_states[name], params)
    return grads, PartitionState(states)


def _labels(transforms: Transforms, param_labels: Any, params: Any) -> list[Any]:
    return _said_of_each("partition: param_labels", param_labels, partial(_check_label, transforms), params)


def _check_label(transforms: Transforms, label: Any, path: tree.Path) -> None:
    if label not in transforms:
        near = nearest(str(label), list(transforms))
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"partition: the label {label!r}{at(path)} has no transformation; there are those of "
                         f"{', '.join(map(repr, transforms))}{hint}")


def selective_transform(optimizer: GradientTransformation, *, freeze_mask: object) -> GradientTransformation:
    """Freeze the parameters that `freeze_mask` chooses, and give the others to `optimizer`, which sees only them.

    >>> from funcnn.optimizers import sgd
    >>> optimizer = selective_transform(sgd(0.5), freeze_mask={"old": True, "new": False})
    >>> params = {"old": 1.0, "new": 1.0}
    >>> optimizer.update({"old": 2.0, "new": 2.0}, optimizer.init(params), params)[0]
    {'old': 0.0, 'new': -1.0}

    The mask is that of `masked`. As `optax.selective_transform`.
    """
    return partition({"train": optimizer, "freeze": set_to_zero()}, partial(_frozen_or_not, freeze_mask))


def _frozen_or_not(mask: Any, params: Any) -> Any:
    marks = ["freeze" if mark else "train" for mark in _marks(mask, params)]
    return tree.unflatten(tree.structure(params), marks)


# --------------------------------------------------------------------------------------- a tree of prefixes


def _said_of_each(name: str, given: Any, check: Callable[[Any, tree.Path], None], params: Any) -> list[Any]:
    """What a tree of prefixes, or a function that gives one, says of each leaf of the parameters."""
    said = dict(tree.leaves_with_path(given(params) if callable(given) else given))
    for path, each in said.items():
        check(each, path)
    sources = [_prefix(name, path, said) for path, _ in tree.leaves_with_path(params)]
    unknown = said.keys() - set(sources)
    if unknown:
        raise ValueError(f"{name} has an entry{at(min(unknown, key=str))}, where the parameters have none")
    return [said[source] for source in sources]


def _prefix(name: str, path: tree.Path, said: dict[tree.Path, Any]) -> tree.Path:
    """The entry that speaks for a parameter: its own or that of a subtree around it."""
    for depth in range(len(path) + 1):
        if path[:depth] in said:
            return path[:depth]
    raise ValueError(f"{name} says nothing about the parameter{at(path)}")
