"""Lesson 36: attention lets each word ask all others, and take the mean of what they say, weighted by how they fit.

Of each word x there is a query q = x w_q, what it looks for; a key k = x w_k, what it can be found by; and a value
v = x w_v, what it has to say. What it gets is softmax(q k^T / sqrt(d)) v. Here the matrices are chosen by hand, so that
deeds, states and pronouns look for a thing; a network learns them. See which word looks where, in five lines of NumPy,
and the same numbers from `dot_product_attention` and from the layer. See also that nobody knows the order of the words
(`positional` tells it), and that with `is_causal` no word looks at a later one.

Who looks where is drawn into the folder that you name: `python examples/lessons/36_attention.py .`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from funcnn import plotting
from funcnn.layers import attention, dot_product_attention
from funcnn.typing import Array

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
sentence = ["the", "cat", "slept", "because", "it", "was", "tired"]
kinds = ["thing", "deed", "state", "pronoun"]
kind_of = {"cat": "thing", "dog": "thing", "slept": "deed", "saw": "deed", "tired": "state", "it": "pronoun"}

x = np.array([[float(kind_of.get(word) == kind) for kind in kinds] for word in sentence])  # small words have no kind
w_q = np.array([[0.0, 0, 8, 0],  # a thing looks for a state
                [6, 0, 0, 0],  # a deed looks for a thing
                [6, 0, 0, 0],  # so does a state
                [9, 0, 0, 0]])  # and a pronoun all the more
w_k = w_v = np.identity(4)  # a word is found by its kind, and says its kind

q, k, v = x @ w_q, x @ w_k, x @ w_v
scores = q @ k.T / np.sqrt(4)  # how well each key (a column) fits to each query (a row)
powers = np.exp(scores - np.max(scores, axis=1, keepdims=True))
looks = powers / np.sum(powers, axis=1, keepdims=True)
y = looks @ v

print("WHO (a row) LOOKS WHERE, in percent")
print(" " * 8, "".join(f"{word:>9}" for word in sentence))
for word, row in zip(sentence, looks, strict=True):
    print(f"{word:>8}:", "".join(f"{share:9.1%}" for share in row))

print("\nWHAT EACH HAS LEARNT OF THE OTHERS: the kinds that it saw")
for word, row in zip(sentence, y, strict=True):
    print(f"{word:>8}:", ", ".join(f"{share:.0%} {kind}" for kind, share in zip(kinds, row, strict=True)))


def with_heads(matrix: Array) -> Array:
    """(time, d) as a batch of one sentence with one head, (1, time, 1, d)."""
    return matrix[None, :, None, :]


by_function = dot_product_attention(with_heads(q), with_heads(k), with_heads(v))[0, :, 0]
layer = attention(4, heads=1)
params = {"w_qkv": np.concatenate([w_q, w_k, w_v], axis=1), "b_qkv": np.full(12, 0.0), "w_o": np.identity(4),
          "b_o": np.full(4, 0.0)}
print("\ndot_product_attention gives the same:", np.allclose(by_function, y, rtol=1e-12))
print("the layer attention(4, heads=1), too:", np.allclose(layer.apply(params, x[None])[0], y, rtol=1e-12))

order = np.arange(len(sentence))[::-1]
print("\nTHE WORDS THE OTHER WAY ROUND:", *(sentence[i] for i in order))
print("each gets what it got before:", np.allclose(layer.apply(params, x[order][None])[0], y[order], rtol=1e-12))

earlier = np.tri(len(sentence)) * powers
causal = earlier / np.sum(earlier, axis=1, keepdims=True)
by_function = dot_product_attention(with_heads(q), with_heads(k), with_heads(v), is_causal=True)[0, :, 0]
print("\nNO WORD LOOKS AT A LATER ONE: the same as is_causal=True:", np.allclose(causal @ v, by_function, rtol=1e-12))
print(f"{sentence[1]} cannot see {sentence[-1]} any more:", causal[1, -1] == 0 < looks[1, -1])

try:
    figure = plotting.figure(width=9.6, height=5.3)
    for ax, (title, shares) in zip(figure.subplots(1, 2), {"all words": looks, "no later one": causal}.items(),
                                   strict=True):
        ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for i, j in np.argwhere(shares):
            color = "white" if shares[i, j] > 0.4 else "#555555"
            ax.text(j, i, f"{shares[i, j]:.0%}", ha="center", va="center", fontsize=9, color=color)
        ax.set_xticks(range(len(sentence)), sentence, rotation=45)
        ax.set_yticks(range(len(sentence)), sentence)
        ax.set(title=f"each row may look at {title}")
    figure.savefig(folder / "attention.png", dpi=160)
    print(f"\nwrote {folder / 'attention.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: put `"cat", "saw", "the", "dog"` in place of `"cat", "slept"` into the
# sentence. Where will "it" look now, and with which shares?
