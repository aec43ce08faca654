"""What is an optimizer? A `GradientTransformation`; several in a row, `chain`, are one.

A transformation is two pure functions, `init(params) -> state` and `update(grads, state, params) -> (updates, state)`;
`apply_updates(params, updates)` adds the updates. State is plain data: trees shaped like the parameters, and counts.
A transformation that treats every entry alone is the formula of one array: `entrywise`. Every dtype stays. Settings
come first and are bound by `partial`, so that an optimizer pickles as far as the functions it was given do.

Users find all of it in `funcnn.optimizers`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias, TypeVar, cast, final

import numpy as np

from funcnn import tree
from funcnn._arguments import at, described, plain_array
from funcnn._arrays import is_number, kind_of, namespace, readonly
from funcnn.core import call
from funcnn.optimizers.onepass import Formula, check_fit, kinds, leafwise
from funcnn.tree.structure import parts

__all__ = [
    "EmptyState", "Entrywise", "GradientTransformation", "OptState", "apply_updates", "as_count", "chain",
    "check_state", "check_transformations", "entrywise", "full_like", "identity", "like", "stateless",
]

P = TypeVar("P")

if TYPE_CHECKING:
    @final
    class OptState(Generic[P]):
        """The state of an optimizer for parameters of type P; to the type checker it is opaque."""
else:
    OptState = tuple


# ------------------------------------------------------------------------------------------ the contract


class Entrywise(NamedTuple):
    """A part that treats every entry alone: its formula is (g, *remembered) -> (update, *remembered').

    Its state is of the NamedTuple `form`: a count or none, then trees shaped like the parameters, full of `initial` at
    first, which is one number for each of them. Where it counts, t stands before g; with `reads_params`, the parameter
    stands behind it.
    """

    owner: str
    form: type[Any]
    formula: Formula
    initial: tuple[float, ...]
    reads_params: bool
    counts: bool


@final
@dataclass(frozen=True)
class GradientTransformation:
    """A pair of pure functions, `init(params) -> state` and `update(grads, state, params) -> (updates, state)`.

    To write one of your own, give both functions, `init_fn` and `update_fn`; state may be any tree.

    >>> sign = GradientTransformation(
    ...     init_fn=lambda params: (),
    ...     update_fn=lambda grads, state, params: (tree.map(np.sign, grads), ()))
    >>> sign.update({"w": -2.0}, sign.init({"w": 1.0}), {"w": 1.0})
    ({'w': np.float64(-1.0)}, ())

    As `optax.GradientTransformation`, except that `params` is always given, and gradients of other shapes than the
    parameters are an error; those of another dtype are converted. `part` is how `chain` knows the parts that may run
    in one pass.
    """

    init_fn: Callable[[Any], Any]
    update_fn: Callable[[Any, Any, Any], tuple[Any, Any]]
    part: Entrywise | None = field(default=None, repr=False)

    def init(self, params: P) -> OptState[P]:
        """The state before the first update of `params`, whose structure and shapes it may have."""
        _check_trainable(params)
        return cast("OptState[P]", self.init_fn(params))

    def update(self, grads: P, state: OptState[P], params: P) -> tuple[P, OptState[P]]:
        """The updates that `grads` ask for, to be added to `params`, and the state after `state`."""
        result: tuple[P, OptState[P]] = self.update_fn(_gradients_of(params, grads), state, params)
        return result

    def __repr__(self) -> str:
        """What it is made of, in its order, with the settings: `chain(scale_by_adam(0.9, 0.999, 1e-08), scale(-0.1))`.

        Of a part that was given as two functions, their names.
        """
        if self.part is not None:
            return _called(self.part.owner, *getattr(self.part.formula, "args", ()))
        init, update = (getattr(f, "func", f) for f in (self.init_fn, self.update_fn))
        settings = [*getattr(self.init_fn, "args", ()), *getattr(self.update_fn, "args", ())]
        if init is _begin_chain:
            return _called("chain", *settings[0])
        if update is _stateless:
            return _called(settings[0], *getattr(settings[1], "args", ()))
        return _called("GradientTransformation", init, update)


def _called(name: str, *settings: object) -> str:
    return f"{name}({', '.join(map(_said, settings))})"


def _said(setting: object) -> str:
    """A setting in a few words: a function by its name, one with bound settings as a call."""
    if isinstance(setting, partial):
        return _called(_said(setting.func), *setting.args)
    return getattr(setting, "__name__", repr(setting))


def _check_trainable(params: Any) -> None:
    """Only floating-point parameters can follow a gradient."""
    for path, leaf in tree.leaves_with_path(params):
        if hasattr(leaf, "shape"):
            plain_array("init", f"the parameter{at(path)}", leaf)
        dtype = leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype
        if getattr(dtype, "kind", "O") in "biucOSU":
            raise TypeError(f"init: the parameter{at(path)} is {dtype}, not a floating-point number: convert it, "
                            "x.astype(np.float32), or keep what is not trained outside the parameters")


def _gradients_of(params: Any, grads: Any) -> Any:
    """The gradients, each in the dtype of its parameter."""
    (leaves, form), (found, its_form) = parts(params), parts(grads)
    if form == its_form and kinds(leaves) == kinds(found) and tree.are_leaves(found):
        return grads
    if type(grads) is tuple and type(params) is not tuple:
        raise TypeError("update: grads is a tuple; if it is the pair that value_and_grad returned, unpack it: "
                        "value, grads = value_and_grad(loss)(params, batch)")
    check_fit("update", "params", params, "grads", grads)
    for path, leaf in tree.leaves_with_path(grads):
        if hasattr(leaf, "shape"):
            plain_array("update", f"the gradient{at(path)}", leaf)
    return tree.map(like, params, grads)


def like(model: Any, x: Any) -> Any:
    """The same number or array, in the dtype of a model that has one; where that is an array, so is what comes back.

    >>> like(np.float32(1.0), np.ones(2, np.float64))
    array([1., 1.], dtype=float32)
    """
    dtype = getattr(model, "dtype", None)
    if issubclass(kind_of(x), np.generic) and issubclass(kind_of(model), np.ndarray):
        x = call(np.asarray, x)
    if dtype is None or dtype == getattr(x, "dtype", None):
        return x
    if dtype.kind in "biu":
        raise TypeError(f"a parameter of dtype {dtype} cannot follow a gradient; convert it: x.astype(np.float32)")
    return readonly(x.astype(dtype) if hasattr(x, "astype") else np.asarray(x, dtype))


# ------------------------------------------------------------------------------------------- composition


def apply_updates(params: P, updates: P) -> P:
    """The parameters after a step: `params + updates`, each leaf in its own dtype, read-only.

    >>> apply_updates({"w": 1.0}, {"w": -0.25})
    {'w': 0.75}

    As `optax.apply_updates`, except that updates of other shapes are an error.
    """
    if type(updates) is tuple and type(params) is not tuple:
        raise TypeError("apply_updates: updates is a tuple; if it is the pair that update returned, unpack it: "
                        "updates, state = optimizer.update(grads, state, params)")
    try:
        return tree.map(_added, params, updates)
    except ValueError:
        check_fit("apply_updates", "params", params, "updates", updates)
        raise


def _added(p: Any, u: Any) -> Any:
    if getattr(u, "shape", ()) != getattr(p, "shape", ()):
        raise ValueError("they would broadcast")
    return readonly(like(p, p + u))


class EmptyState(NamedTuple):
    """The state of a part that remembers nothing."""


def identity() -> GradientTransformation:
    """Updates are the gradients.

    >>> identity().update({"w": 2.0}, EmptyState(), {"w": 0.0})
    ({'w': 2.0}, EmptyState())
    """
    return stateless("identity", _unchanged)


def _unchanged(grads: Any, params: Any) -> Any:
    return grads


def stateless(owner: str, f: Callable[[Any, Any], Any]) -> GradientTransformation:
    """The transformation (grads, params) -> updates that remembers nothing.

    >>> stateless("doubled", lambda grads, params: tree.map(lambda g: 2 * g, grads)).update(1.0, EmptyState(), 0.0)
    (2.0, EmptyState())
    """
    return GradientTransformation(_nothing, partial(_stateless, owner, f))


def _nothing(params: Any) -> EmptyState:
    return EmptyState()


def _stateless(owner: str, f: Callable[[Any, Any], Any], grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
    check_state(owner, EmptyState, state)
    return f(grads, params), state


def chain(*transformations: GradientTransformation) -> GradientTransformation:
    """The `transformations` one after the other; its state is the tuple of theirs, and `chain()` is the identity.

    >>> from funcnn.optimizers import scale_by_learning_rate, trace
    >>> nnfs_momentum = chain(scale_by_learning_rate(0.1), trace(0.9))
    >>> nnfs_momentum.update(1.0, nnfs_momentum.init(0.0), 0.0)
    (-0.1, (EmptyState(), TraceState(trace=-0.1)))

    As `optax.chain`. Neighbours that treat every entry alone run in one pass over the leaves.
    """
    check_transformations("chain", *transformations)
    return GradientTransformation(partial(_begin_chain, transformations),
                                  partial(_chained, len(transformations), list(_runs(transformations))))


def check_transformations(owner: str, *given: Any) -> None:
    """Raise if something else was given, such as a learning rate: it would fail no sooner than at the first update."""
    for each in given:
        if not isinstance(each, GradientTransformation):
            raise TypeError(f"{owner}: takes GradientTransformations, such as adam(0.01), got {described(each)}")


def _begin_chain(transformations: Sequence[GradientTransformation], params: Any) -> tuple[Any, ...]:
    return tuple([each.init_fn(params) for each in transformations])


def _chained(length: int, runs: list[Run], grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
    if not isinstance(state, tuple) or len(state) != length:
        raise TypeError(_wrong_state("chain", f"a tuple of {length}", state))
    new: tuple[Any, ...] = ()
    for run, count in runs:
        grads, states = run(grads, state[len(new):len(new) + count], params)
        new += states
    return grads, new


Run: TypeAlias = tuple[Callable[[Any, tuple[Any, ...], Any], tuple[Any, tuple[Any, ...]]], int]
"""Several transformations at once, (grads, states, params) -> (updates, states), and how many."""


def _runs(transformations: Iterable[GradientTransformation]) -> Iterator[Run]:
    """The transformations, of which neighbours that treat every entry alone are one run."""
    for alone, group in itertools.groupby(transformations, lambda each: each.part is not None):
        if alone:
            several = [each.part for each in group if each.part is not None]
            owner, reads_params = ", ".join([part.owner for part in several]), any(p.reads_params for p in several)
            yield partial(_in_one_pass, owner, reads_params, several), len(several)
        else:
            yield from ((partial(_by_itself, each), 1) for each in group)


def _by_itself(each: GradientTransformation, grads: Any, states: tuple[Any, ...], params: Any,
               ) -> tuple[Any, tuple[Any, ...]]:
    updates, state = each.update_fn(grads, states[0], params)
    return updates, (state,)


# ------------------------------------------------------------------------------------ how parts are made


def entrywise(owner: str, form: type[Any], formula: Formula, initial: float | tuple[float, ...] = 0.0,
              reads_params: bool = False) -> GradientTransformation:
    """The part with this `formula`, `(g, *remembered) -> (update, *remembered')`, of the arrays at one place.

    `owner` is what errors call it. `form` is the NamedTuple of its state; what it remembers is full of `initial` at
    first, one number, or one for each tree. If the state begins with a count, the formula begins with t; with
    `reads_params`, the parameter stands behind g. The results are new arrays.

    >>> class MaxState(NamedTuple):
    ...     largest: Any
    >>> def formula(g, m):
    ...     m = np.maximum(m, abs(g))
    ...     return g / m, m
    >>> scale_by_max = entrywise("scale_by_max", MaxState, formula)
    >>> scale_by_max.update({"w": np.array([-2.0, 1.0])}, MaxState({"w": np.ones(2)}), {"w": np.ones(2)})
    ({'w': array([-1.,  1.])}, MaxState(largest={'w': array([2., 1.])}))
    """
    counts = form._fields[:1] == ("count",)
    each = initial if isinstance(initial, tuple) else (initial,) * (len(form._fields) - counts)
    part = Entrywise(owner, form, formula, each, reads_params, counts)
    return GradientTransformation(partial(_begin, part), partial(_by_formula, part), part)


def _begin(part: Entrywise, params: Any) -> Any:
    return part.form(*[0] * part.counts, *[full_like(params, value) for value in part.initial])


def _by_formula(part: Entrywise, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
    updates, (state,) = _in_one_pass(part.owner, part.reads_params, [part], grads, (state,), params)
    return updates, state


def _in_one_pass(owner: str, reads_params: bool, several: Sequence[Entrywise], grads: Any, states: tuple[Any, ...],
                 params: Any) -> tuple[Any, tuple[Any, ...]]:
    """The formulas of several parts, one after the other, on the arrays at each place."""
    begun = [_begun(part, state) for part, state in zip(several, states, strict=True)]
    trees = [each for _, _, memory in begun for each in memory]
    updates, *new = leafwise(owner, partial(_composed, begun), 1 + len(trees), grads, *trees, *[params] * reads_params)
    rest = iter(new)
    return updates, tuple([part.form(*t, *itertools.islice(rest, len(memory))) for part, t, memory in begun])


Begun: TypeAlias = tuple[Entrywise, tuple[Any, ...], tuple[Any, ...]]
"""A part at one update: the part, (t,) or () where nothing counts, the trees it remembers."""


def _begun(part: Entrywise, state: Any) -> Begun:
    check_state(part.owner, part.form, state)
    return (part, (as_count(state[0]) + 1,), state[1:]) if part.counts else (part, (), state)


def _composed(begun: list[Begun], g: Any, *arrays: Any) -> tuple[Any, ...]:
    """One formula of several: each transforms what the one before gives, and remembers its own arrays.

    Every dtype stays, also where a traced number (a count or a rate, one for each example of vmap) would widen it.
    """
    new: list[Any] = []
    for part, t, memory in begun:
        p = arrays[-1:] if part.reads_params else ()
        before = arrays[len(new):len(new) + len(memory)]
        update, *remembered = part.formula(*t, g, *p, *before)
        g = like(g, update)
        new += map(like, before, remembered)
    return g, *new


def check_state(owner: str, form: type[Any], state: Any) -> None:
    """Raise an error of the function `owner` unless its state is of this type."""
    if type(state) is not form:
        raise TypeError(_wrong_state(owner, f"of type {form.__name__}", state))


def _wrong_state(owner: str, expected: str, state: Any) -> str:
    came = f"a tuple of {len(state)}" if type(state) is tuple else described(state)
    return (f"{owner}: the state must be {expected}, as init and update of this optimizer give it; got {came}. If it "
            "is the pair that update returned, unpack it: updates, state = optimizer.update(grads, state, params)")


def as_count(count: Any) -> Any:
    """A count; NumPy's integers become Python's, which leave the dtype of what they meet alone."""
    return call(int, count) if issubclass(kind_of(count), np.generic | np.ndarray) else count


def full_like(params: P, value: float) -> P:
    """A tree like the parameters, full of one number.

    >>> full_like({"w": np.ones(2, np.float32)}, 0.5)
    {'w': array([0.5, 0.5], dtype=float32)}
    """
    return tree.map(partial(_full_like, value), params)


def _full_like(value: Any, p: Any) -> Any:
    if is_number(p):
        return value
    if is_number(value):
        return readonly(namespace(p).full_like(p, value))
    return like(p, namespace(p).zeros_like(p) + value)  # a traced number
