"""What are the derivatives of Fourier transforms and convolutions: `fft, rfft, convolve`?

All are linear. The matrix of the Fourier transform is symmetric, so its pullback is the transform itself; that of
a convolution is a convolution with the reversed kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from funcnn.batching import families
from funcnn.core import Rule
from funcnn.rules.table import composite, row, rule

__all__: list[str] = []

# ------------------------------------------------------------------ along one axis


def _to_length(z: Any, n: int, axis: int) -> Any:
    """Cut off or filled up with zeros to n entries along an axis: the way back from the opposite."""
    if z.shape[axis] >= n:
        return z[(slice(None),) * (axis % z.ndim) + (slice(n),)]
    widths = [(0, 0)] * z.ndim
    widths[axis] = (0, n - z.shape[axis])
    return np.pad(z, widths)


def _fft_back(fft: Callable[..., Any]) -> Callable[..., Any]:
    def pullback(g: Any, _y: Any, _x: Any, n: int | None = None, axis: int = -1, norm: Any = None, out: None = None,
                 ) -> Any:
        length = _x.shape[axis]
        return _to_length(fft(g, length if n is None else n, axis, norm), length, axis)

    return pullback


def _irfft_back(g: Any, _y: Any, _x: Any, n: int | None = None, axis: int = -1, norm: Any = None, out: None = None,
                ) -> Any:
    """Each frequency but the first and, if n is even, the last stands for two, itself and its conjugate."""
    n = _y.shape[axis]
    back = np.moveaxis(np.conj(np.fft.rfft(g, n, axis, _OPPOSITE[norm])), axis, -1)
    twice = np.full(n // 2 + 1, 2, g.dtype)
    twice[n // 2:] = 2 if n % 2 else 1
    twice[0] = 1
    return _to_length(np.moveaxis(back * twice, -1, axis), _x.shape[axis], axis)


_OPPOSITE: dict[Any, Any] = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}

rule(np.fft.fft,       "y = fft(x)",       "dx = fft(g)",                                         _fft_back(np.fft.fft),
     batch=families.along)
rule(np.fft.ifft, "y = ifft(x)", "dx = ifft(g)", _fft_back(np.fft.ifft), batch=families.along)
rule(np.fft.rfft,      "y = rfft(x)",      "dx = fft(g with zeros for the frequencies left out)", _fft_back(np.fft.fft),
     batch=families.along)
rule(np.fft.irfft,     "y = irfft(x)",     "dx = conj(rfft(g)) * (1 or 2) / n",                   _irfft_back,
     batch=families.along)
rule(np.fft.fftshift, "y = fftshift(x)", "dx = ifftshift(g)", lambda g, _y, _x, axes=None: np.fft.ifftshift(g, axes),
     batch=families.by_shape)
rule(np.fft.ifftshift, "y = ifftshift(x)", "dx = fftshift(g)", lambda g, _y, _x, axes=None: np.fft.fftshift(g, axes),
     batch=families.by_shape)


@composite(np.fft.hfft)
def _hfft(a: Any, n: int | None = None, axis: int = -1, norm: Any = None, out: None = None) -> Any:
    return np.fft.irfft(np.conj(a), 2 * (a.shape[axis] - 1) if n is None else n, axis, _OPPOSITE[norm])


@composite(np.fft.ihfft)
def _ihfft(a: Any, n: int | None = None, axis: int = -1, norm: Any = None, out: None = None) -> Any:
    return np.conj(np.fft.rfft(a, n, axis, _OPPOSITE[norm]))


# ------------------------------------------------------------------ along several axes: one after the other


def _plan(a: Any, s: Sequence[int] | None, axes: Sequence[int] | None) -> list[tuple[int, int]]:
    """(axis, length) of each transform."""
    if axes is None:
        axes = range(a.ndim) if s is None else range(-len(s), 0)
    lengths = [-1] * len(axes) if s is None else s
    return [(axis, a.shape[axis] if n == -1 else n) for axis, n in zip(axes, lengths, strict=True)]


def _in_turn(fft: Callable[..., Any], a: Any, plan: Sequence[tuple[int, int]], norm: Any) -> Any:
    for axis, n in plan:
        a = fft(a, n, axis, norm)
    return a


def _several(fft: Callable[..., Any], default: Sequence[int] | None) -> Callable[..., Any]:
    def run(a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: None = None) -> Any:
        return _in_turn(fft, a, _plan(a, s, axes)[::-1], norm)

    return run


def _several_real(default: Sequence[int] | None) -> Callable[..., Any]:
    def run(a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: None = None) -> Any:
        *others, last = _plan(a, s, axes)
        return _in_turn(np.fft.fft, _in_turn(np.fft.rfft, a, [last], norm), others[::-1], norm)

    return run


def _several_inverse_real(default: Sequence[int] | None) -> Callable[..., Any]:
    def run(a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: None = None) -> Any:
        *others, (axis, n) = _plan(a, s, axes)
        n = 2 * (n - 1) if s is None else n
        return np.fft.irfft(_in_turn(np.fft.ifft, a, others, norm), n, axis, norm)

    return run


composite(np.fft.fftn)(_several(np.fft.fft, None))
composite(np.fft.fft2)(_several(np.fft.fft, (-2, -1)))
composite(np.fft.ifftn)(_several(np.fft.ifft, None))
composite(np.fft.ifft2)(_several(np.fft.ifft, (-2, -1)))
composite(np.fft.rfftn)(_several_real(None))
composite(np.fft.rfft2)(_several_real((-2, -1)))
composite(np.fft.irfftn)(_several_inverse_real(None))
composite(np.fft.irfft2)(_several_inverse_real((-2, -1)))

# ------------------------------------------------------------------ convolutions: y_k = sum over i + j = k of a_i v_j


def _full(a: Any, v: Any) -> Any:
    return np.convolve(a, v)


def _valid(a: Any, v: Any) -> Any:
    """Where v, the shorter, lies within a."""
    return np.convolve(a, v, "valid")


def _windows(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """Where v lies within a: each window of a, times v reversed."""
    a, v = [families.spread(x, is_mapped, n) for x, is_mapped in zip(values, mapped, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(a, v.shape[1], axis=1)
    return np.matmul(windows, v[:, ::-1, None])[..., 0]


def _padded_windows(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    a, v = [families.spread(x, is_mapped, n) for x, is_mapped in zip(values, mapped, strict=True)]
    around = v.shape[1] - 1
    return _windows(rule, n, [np.pad(a, [(0, 0), (around, around)]), v], [True, True], options)


_FULL = row(_full, "y = convolve(a, v)",
            "da = convolve(g, v[::-1], 'valid')", lambda g, _y, _a, v: np.convolve(g, v[::-1], "valid"),
            "dv = convolve(g, a[::-1], 'valid')", lambda g, _y, a, _v: np.convolve(g, a[::-1], "valid"),
            name="convolve", batch=_padded_windows)
_VALID = row(_valid, "y = convolve(a, v, 'valid')",
             "da = convolve(g, v[::-1])", lambda g, _y, _a, v: np.convolve(g, v[::-1]),
             "dv = convolve(a, g[::-1], 'valid')[::-1]", lambda g, _y, a, _v: np.convolve(a, g[::-1], "valid")[::-1],
             name="convolve", batch=_windows)


@composite(np.convolve, arrays=2)
def _convolve(a: Any, v: Any, mode: str = "full") -> Any:
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    a, v = (v, a) if len(v) > len(a) else (a, v)
    if mode == "valid":
        return _VALID(a, v)
    y = _FULL(a, v)
    start = (len(v) - 1) // 2
    return y[start:start + len(a)] if mode == "same" else y


@composite(np.correlate, arrays=2)
def _correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    """The convolution with v* reversed."""
    if len(v) > len(a):
        return np.conj(np.correlate(v, a, mode))[::-1]
    return np.convolve(a, np.conj(v)[::-1], mode)
