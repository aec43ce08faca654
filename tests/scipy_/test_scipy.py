"""SciPy's functions under grad: found where they are met, in the formulas that they print, as autograd has them.

Each function is also a row of `rules_contract`, by which it meets every law of the derivative table.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn.core import RULES, Rule, TracerError

special: Any = pytest.importorskip("scipy.special")  # first: without SciPy this folder itself is a package `scipy`
ours: Any = pytest.importorskip("funcnn.scipy")
linalg: Any = pytest.importorskip("scipy.linalg")
ufuncs: Any = pytest.importorskip("funcnn.scipy.ufuncs")

grad: Any = fn.grad
X = np.array([0.3, 0.55, 0.9])

# ------------------------------------------------------------------------------------------------ found when met

LATER = """
import sys
import numpy as np
{before}
import funcnn as fn
assert "funcnn.scipy" not in sys.modules
{after}
import scipy.special
f = lambda x: np.sum(scipy.special.erf(x))
print(*[g(np.zeros(2)).tolist() for g in (fn.grad(f), fn.grad(fn.jit(f)), fn.jit(fn.grad(f)))])
"""


@pytest.mark.parametrize(("before", "after"), [
    ("import scipy.special", ""), ("", "assert 'scipy' not in sys.modules"),
    ("import os; os.environ['SCIPY_ARRAY_API'] = '1'", "")])
def test_a_ufunc_finds_its_rule_whenever_scipy_comes(before: str, after: str) -> None:
    program = LATER.format(before=before, after=after)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False,
                          cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["[1.1283791670955126,", "1.1283791670955126]"] * 3


@pytest.mark.parametrize("f", [
    special.logsumexp, special.softmax, special.polygamma, linalg.expm,
    lambda x: linalg.solve_triangular(x * np.ones((3, 3)), X)])
def test_what_is_no_ufunc_says_where_it_is(f: Callable[..., Any]) -> None:
    f = (lambda x, f=f: f(1, x)) if f is special.polygamma else f
    for call in (grad(lambda x: np.sum(f(x))), fn.jit(f), fn.vmap(lambda x: f(np.stack([x, x, x])))):
        with pytest.raises(TracerError, match=r"funcnn\.scipy"):
            call(np.outer(X, X))


def test_a_ufunc_without_a_rule_is_batched_and_refused_by_name() -> None:
    y, slope = fn.vmap(lambda x: special.airy(x)[:2])(X)
    np.testing.assert_array_equal([y, slope], special.airy(X)[:2])
    np.testing.assert_array_equal(fn.vmap(lambda x: special.hyp2f1(1, 2, 3, x))(X), special.hyp2f1(1, 2, 3, X))
    with pytest.raises(TracerError, match=r"scipy\.special\.hyp2f1: has no derivative with respect to argument 3"):
        grad(lambda x: np.sum(special.hyp2f1(1, 2, 3, x)))(X)
    with pytest.raises(TracerError, match=r"jv: has no derivative with respect to argument 0"):
        grad(lambda x: np.sum(special.jv(x, 1.0)))(X)


def test_this_room_can_stand_in_the_place_of_scipys() -> None:
    assert ours.special.erf is special.erf and ours.special.gamma is special.gamma
    with pytest.raises(AttributeError, match="erff"):
        _ = ours.special.erff


# ------------------------------------------------------------------------------------------------ no formula can lie

LANGUAGE = {**vars(np), **vars(special), "polygamma": special.polygamma, "zeta": special.zeta}
WITH_CONDITION = {("huber", "dd")}
ROWS = {rule.name: rule for ufunc, rule in RULES.items()
        if isinstance(ufunc, np.ufunc) and isinstance(rule, Rule) and getattr(special, ufunc.__name__, None) is ufunc
        and not rule.name.startswith("scipy") and not rule.is_constant}


@pytest.mark.parametrize("rule", [*ROWS.values(), ufuncs.polygamma, ufuncs.zeta], ids=lambda rule: rule.name)
def test_the_formula_of_a_pullback_computes_what_the_rule_does(rule: Rule) -> None:
    formula, g = rule.formula, np.array([1.5, -0.5, 2.0])
    names = [line.split(" ")[0][1:] for line in formula.pullbacks]
    given = dict(zip(ARGUMENTS.get(rule.name, names), (X + 0.5, X + 1.25, X)[3 - len(names):], strict=True))
    if rule.name in ("polygamma", "jv", "yn", "yv", "iv", "ive", "kn", "kv", "kve"):
        given["n"] = np.array([1, 2, 3])
    if rule.name == "ndtri_exp":
        given["x"] = -X
    z = rule.fun(*given.values())
    result = formula.value.split(" ")[0]
    for i, line in enumerate(formula.pullbacks):
        target, _, text = line.partition(" = ")
        if target and (rule.name, target) not in WITH_CONDITION:
            assert target == f"d{list(given)[i]}"
            found = eval(text, LANGUAGE | given | {result: z, "g": g})  # the texts are our own
            np.testing.assert_allclose(found, rule.pullback(i)(g, z, *given.values()), rtol=1e-9)


ARGUMENTS = {"gammainc": "ax", "gammaincc": "ax", "betainc": "abx", "betaincc": "abx", "zeta": "xq",
             **dict.fromkeys(["polygamma", "jv", "yn", "yv", "iv", "ive", "kn", "kv", "kve"], "nx")}

# ------------------------------------------------------------------------------------------------ as autograd has them

OF_ONE = {"erf": X, "erfc": X, "erfinv": X - 0.5, "erfcinv": X + 0.2, "expit": 5 * X, "logit": X, "gamma": X + 1,
          "gammaln": X + 1, "digamma": X + 1, "psi": X + 1, "rgamma": X + 1,
          **dict.fromkeys(["i0", "i1", "j0", "j1", "y0", "y1"], X)}
WITH_AN_ORDER = {"polygamma": 2, "jn": 2, "yn": 2, "iv": 1.5, "ive": 1.5, "gammainc": 1.5, "gammaincc": 1.5}


def squares(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *x: (f(*x) ** 2).sum()


def test_derivatives_are_those_of_autograd() -> None:
    autograd: Any = pytest.importorskip("autograd")
    theirs: Any = pytest.importorskip("autograd.scipy.special")
    their_linalg: Any = pytest.importorskip("autograd.scipy.linalg")

    def same(f: Callable[..., Any], g: Callable[..., Any], *args: Any, second: bool = True) -> None:
        for i in range(len(args)):
            one, two = grad(lambda *x: np.sum(f(*x)), argnums=i), autograd.grad(lambda *x: g(*x).sum(), i)
            np.testing.assert_allclose(one(*args), two(*args), rtol=1e-9, atol=1e-12)
            if second:
                third, fourth = grad(squares(one), argnums=i)(*args), autograd.grad(squares(two), i)(*args)
                np.testing.assert_allclose(third, fourth, rtol=1e-9, atol=1e-12)

    for name, x in OF_ONE.items():
        same(getattr(special, name), getattr(theirs, name), x)
    for name, n in WITH_AN_ORDER.items():
        same(lambda x, name=name, n=n: getattr(ours.special, name)(n, x),
             lambda x, name=name, n=n: getattr(theirs, name)(n, x), X + 0.5)
    for name in ("beta", "betaln"):
        same(getattr(special, name), getattr(theirs, name), X + 0.5, X + 1)
    same(lambda x: special.betainc(1.5, 2.5, x), lambda x: theirs.betainc(1.5, 2.5, x), X)
    same(lambda x: ours.special.multigammaln(x, 2), lambda x: theirs.multigammaln(x, 2), X + 1)
    same(lambda x: ours.special.logsumexp(x, axis=0), lambda x: theirs.logsumexp(x, axis=0), np.outer(X, X))
    r = np.random.default_rng(0)
    a, b, q = r.normal(size=(3, 3)) + 3 * np.identity(3), r.normal(size=(2, 2)), r.normal(size=(3, 2))
    same(lambda a, q: ours.linalg.solve_triangular(a, q, lower=True),
         lambda a, q: their_linalg.solve_triangular(a, q, lower=True), a, q, second=False)
    same(ours.linalg.solve_sylvester, their_linalg.solve_sylvester, a, b, q, second=False)
    same(ours.linalg.sqrtm, their_linalg.sqrtm, a, second=False)


# ------------------------------------------------------------------------------------------------ values and edges


def test_values_are_scipys_also_of_lists_and_of_float32() -> None:
    a, lower = np.array([[4.0, 1.0], [1.0, 3.0]], np.float32), np.array([[2.0, 9.0], [0.5, 1.5]])
    for name, args in {"logsumexp": (a,), "softmax": (a, 0), "log_softmax": (a, 1), "polygamma": (2, a),
                       "zeta": (2.5, a), "multigammaln": (a, 2)}.items():
        same_bytes(getattr(ours.special, name)(*args), getattr(special, name)(*args))
    same_bytes(ours.special.softmax([1.0, 2.0]), special.softmax([1.0, 2.0]))
    same_bytes(ours.special.logsumexp([1.0, 2.0], b=[1.0, -3.0]), special.logsumexp([1.0, 2.0], b=[1.0, -3.0]))
    for trans in (0, 1, 2, "N", "T", "C"):
        same_bytes(ours.linalg.solve_triangular(lower, [1.0, 2.0], trans, True),
                   linalg.solve_triangular(lower, [1.0, 2.0], trans, True))
    same_bytes(ours.linalg.expm(a), linalg.expm(a))
    same_bytes(ours.linalg.cho_solve((lower, True), a), linalg.cho_solve((lower, True), a))
    c, is_lower = ours.linalg.cho_factor(a)
    np.testing.assert_allclose(c, np.triu(linalg.cho_factor(a)[0]), rtol=1e-6)
    assert is_lower is False and c.dtype == np.float32


def same_bytes(found: Any, expected: Any) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.dtype, found.shape, found.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())


def test_a_sum_of_exponentials_at_its_edges() -> None:
    inf = np.inf
    np.testing.assert_array_equal(grad(ours.special.logsumexp)(np.array([-inf, 0.0, 0.0])), [0.0, 0.5, 0.5])
    np.testing.assert_array_equal(grad(ours.special.logsumexp)(np.array([inf, 0.0])), [1.0, 0.0])
    np.testing.assert_array_equal(grad(ours.special.logsumexp)(np.array([-inf, -inf])), [0.5, 0.5])
    np.testing.assert_array_equal(grad(ours.special.logsumexp)(np.array([1e9, 1e9])), [0.5, 0.5])
    weighted = grad(lambda x: ours.special.logsumexp(x, b=np.array([1.0, 0.0])))
    np.testing.assert_array_equal(weighted(np.zeros(2)), [1.0, 0.0])
    value, sign = ours.special.logsumexp(np.zeros(2), b=np.array([1.0, -3.0]), return_sign=True)
    assert (float(sign), round(float(value), 12)) == (-1.0, round(np.log(2), 12))
    with pytest.raises(np.exceptions.AxisError):
        ours.special.softmax(X, axis=1)


def test_a_stretch_of_0_times_a_logarithm_has_a_slope() -> None:
    zero, one = np.zeros(1), np.ones(1)
    np.testing.assert_array_equal(grad(lambda y: np.sum(special.xlogy(0.0, y)))(zero), zero)
    np.testing.assert_array_equal(grad(lambda y: np.sum(special.rel_entr(0.0, y)))(one), zero)
    np.testing.assert_array_equal(grad(lambda x: np.sum(special.huber(1.0, x)))(np.array([-3.0, 0.5, 2.0])),
                                  [-1.0, 0.5, 1.0])
    np.testing.assert_array_equal(grad(lambda x: np.sum(special.i0e(x)))(zero), zero)


def test_tails_keep_their_slope() -> None:
    np.testing.assert_allclose(grad(lambda x: np.sum(special.log_ndtr(x)))(np.array([-40.0])), [40.0249688], rtol=1e-8)
    np.testing.assert_allclose(grad(lambda x: np.sum(special.expit(x)))(np.array([40.0])), [np.exp(-40.0)], rtol=1e-12)


def test_only_one_triangle_is_read_and_has_a_cotangent() -> None:
    a, b = np.array([[2.0, 7.0], [1.0, 3.0]]), np.array([1.0, 2.0])
    for lower, other in ((True, (0, 1)), (False, (1, 0))):
        def solved(a: Any, lower: bool = lower) -> Any:
            return np.sum(ours.linalg.solve_triangular(a, b, lower=lower))

        assert grad(solved)(a)[other] == 0
        unit = grad(lambda a, lower=lower: np.sum(ours.linalg.solve_triangular(a, b, 0, lower, unit_diagonal=True)))
        assert np.diag(unit(a)).tolist() == [0, 0]
        assert grad(lambda c, lower=lower: np.sum(ours.linalg.cho_solve((c, lower), b)))(a)[other] == 0


def test_a_program_with_scipys_functions_is_a_file_that_imports_it() -> None:
    def f(x: Any) -> Any:
        return np.sum(special.gammaln(x) * ours.special.logsumexp(x) + ours.linalg.expm(np.outer(x, x))[0])

    program = fn.make_program(grad(f))(X)
    scope: dict[str, Any] = {}
    text = program.source()
    exec(text, scope)
    assert "import scipy.special as scipy_special" in text and "needs NumPy and SciPy" in text
    np.testing.assert_array_equal(scope["f"](X), grad(f)(X))
