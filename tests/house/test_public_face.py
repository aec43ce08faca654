"""The public face says its types: no parameter or result is without one, and none is `Any` where a type can be said.

New modules of the face, and new names in them, are found by themselves. What cannot be said stands in `UNSAYABLE`, with
the reason.
"""

from __future__ import annotations

import ast
import inspect
import typing
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from types import ModuleType

import pytest

import funcnn as fn

ENGINE = {"core", "batching", "autodiff", "rules"}
"""Rooms that users need not know; what they have for users is exported by the package itself."""

NUMPY_LIKE = {"NDArray", "ndarray", "dtype", "floating", "integer", "unsignedinteger", "Layer"}
"""Generics whose Any says: of any dtype, of any width."""

OPERATORS = {"__call__", "__getitem__", "__iter__", "__len__", "__rshift__", "__rrshift__", "__or__"}

UNSAYABLE = {
    "the leaves of a tree have no common type, and Python has no type for 'a tree of any structure'": [
        "tree.*(*", "tree.*->*", "checkpoint.*(tree)", "optimizers.global_norm(grads)",
        "optimizers.masked(mask)", "optimizers.add_decayed_weights(mask)", "testing.assert_trees_close(*",
        "testing.check_optimizer(params)", "training.check_finite(values)",
    ],
    "a function of any arguments is called with arguments of its own": [
        "testing.check_grads(*", "testing.assert_pure(*",
    ],
    "axes are numbers, or trees of numbers like the arguments": ["fn.vmap(*axes)"],
    "a Jacobian is a tree like the result of trees like the argument": ["fn.jac*", "fn.hessian*"],
    "the type depends on numbers (argnums, inputs of a ufunc) that the checker does not know": [
        "fn.grad->", "fn.value_and_grad->", "fn.grad(f)", "fn.elementwise_grad->",
    ],
    "an optimizer's own functions see a state that only they know": [
        "optimizers.GradientTransformation*", "optimizers.*State.*", "optimizers.entrywise(form)",
    ],
    "the values of a fold are stacked, leaf by leaf": ["training.fold->"],
    "what a derivative rule saves, takes and gives differs from rule to rule": ["fn.custom_vjp.defvjp*"],
    "as many keys as the shape says": ["random.split->"],
    "an operand, an index or a dtype may be all that NumPy takes": [
        "typing.*.__*__(*", "typing.Array.astype(dtype)", "tracing.Operand.value",
    ],
    "a sum of squares of leaves, which are arrays or numbers": ["optimizers.global_norm->"],
    "what is said while training runs may be anything that can be printed": ["training.progress(show)"],
    "a layer's key is what it is given": ["testing.check_layer(key)"],
    "what a layer was made with, as it prints it": ["*.Layer.arguments"],
    "a program holds any operation, of any operands": ["staging.Program.*", "staging.Equation.*"],
}


@pytest.mark.parametrize(("name", "text"), [("grd", "did you mean 'grad'"), ("optimiser", "did you mean 'optimizers'"),
                                            ("pmap", r"parallel\.data_parallel"), ("xyzzy", "'xyzzy'$")])
def test_a_name_that_is_not_there_says_what_may_be_meant(name: str, text: str) -> None:
    with pytest.raises(AttributeError, match=text):
        getattr(fn, name)


def public_modules() -> dict[str, ModuleType]:
    """The rooms for users, also those that are imported only when they are asked for."""
    found = {name: getattr(fn, name) for name in dir(fn) if not name.startswith("_") and name not in ENGINE}
    return {name: value for name, value in found.items() if inspect.ismodule(value)}


def face() -> Iterator[tuple[str, object]]:
    """Every public name: (module.name, what it is)."""
    for name, module in public_modules().items():
        for public in module.__all__:
            yield f"{name}.{public}", getattr(module, public)
    for name, value in vars(fn).items():
        if not name.startswith("_") and not inspect.ismodule(value):
            yield f"fn.{name}", value


def functions(name: str, value: object) -> Iterator[tuple[str, Callable[..., object]]]:
    """The functions behind a public name: itself, its overloads, its methods."""
    if inspect.isclass(value):
        for attribute, member in vars(value).items():
            if inspect.isfunction(member) and (not attribute.startswith("_") or attribute in OPERATORS):
                yield from functions(f"{name}.{attribute}", member)
    elif callable(value):
        wrapped = inspect.unwrap(value)
        yield from ((name, each) for each in typing.get_overloads(wrapped) or [wrapped])


def said_of(name: str, value: object) -> Iterator[tuple[str, str | None]]:
    """(name(parameter), its annotation) and (name->, that of the result), and those of a class's fields."""
    for called, function in functions(name, value):
        if not inspect.isfunction(function):
            continue
        signature = inspect.signature(function)
        for parameter in signature.parameters.values():
            if parameter.name != "self":
                yield f"{called}({parameter.name})", text(parameter.annotation)
        yield f"{called}->", text(signature.return_annotation)
    if inspect.isclass(value):
        for field, annotation in vars(value).get("__annotations__", {}).items():
            if not field.startswith("_"):
                yield f"{name}.{field}", text(annotation)


def text(annotation: object) -> str | None:
    if annotation is inspect.Signature.empty:
        return None
    if isinstance(annotation, str | typing.ForwardRef):
        return annotation if isinstance(annotation, str) else annotation.__forward_arg__
    return inspect.formatannotation(annotation).replace("collections.abc.", "")


def says_nothing(annotation: str | None) -> bool:
    """Whether there is no annotation, or Any in it other than as the dtype or width of an array or layer."""
    return annotation is None or any(_anys(ast.parse(annotation.removeprefix("*"), mode="eval").body))


def _anys(node: ast.AST) -> Iterator[bool]:
    if isinstance(node, ast.Subscript) and ast.unparse(node.value).split(".")[-1] in NUMPY_LIKE:
        return
    if isinstance(node, ast.Name):
        yield node.id == "Any"
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Callable":
        yield isinstance(node.slice, ast.Tuple) and ast.unparse(node.slice.elts[0]) == "..."
    for child in ast.iter_child_nodes(node):
        yield from _anys(child)


def speechless() -> set[str]:
    return {where for name, value in face() for where, said in said_of(name, value) if says_nothing(said)}


def test_everything_public_says_its_type() -> None:
    patterns = [pattern for group in UNSAYABLE.values() for pattern in group]
    unexcused = {where for where in speechless() if not any(fnmatchcase(where, pattern) for pattern in patterns)}
    assert sorted(unexcused) == []


def test_no_excuse_is_left_over() -> None:
    modules, found = public_modules(), speechless()
    patterns = [pattern for group in UNSAYABLE.values() for pattern in group if pattern.split(".")[0] in modules]
    assert [pattern for pattern in patterns if not any(fnmatchcase(where, pattern) for where in found)] == []


def test_the_walk_reaches_the_face() -> None:
    walked = {where.split("(")[0] for name, value in face() for where, _ in said_of(name, value)}
    assert {"layers.dense", "losses.huber", "tree.map", "fn.grad", "fn.FrozenDict.get", "training.fold", "random.split",
            "layers.Layer.apply", "optimizers.GradientTransformation.update"} <= walked
    assert len(walked) > 200


def test_what_says_nothing_is_told_from_what_does() -> None:
    assert all(map(says_nothing, [None, "Any", "Any | None", "Callable[..., int]", "Callable[[Any], int]",
                                  "tuple[int, Any]", "list[Any]"]))
    assert not any(map(says_nothing, ["int", "Array | None", "NDArray[Any]", "NDArray[np.floating[Any]]",
                                      "Layer[Any, Any, Params]", "Callable[[Key], P]", "Anything"]))


@pytest.mark.parametrize(("room", "name", "text"), [
    (fn.random, "PRNGKey", r"^module 'funcnn\.random' has no attribute 'PRNGKey'; .*random\.key\(seed\)"),
    (fn.losses, "mse", r"np\.mean\(losses\.squared_error"), (fn.layers, "Dense", "did you mean 'dense'"),
    (fn.optimizers, "adan", "did you mean 'ada"), (fn.activations, "xyzzy", "'xyzzy'$"),
])
def test_a_room_says_where_else_a_name_is(room: ModuleType, name: str, text: str) -> None:
    with pytest.raises(AttributeError, match=text):
        getattr(room, name)
