"""What a network is made of: `dense`, `conv2d`, `gru`, `attention`, `batch_norm`; and `>>`, which composes them.

Each function returns a `Layer`, a record of `init` and `apply`. Read `composition` first, then `linear`; each other
file is one kind of layer, with the formula above it: `blocks`, `convolution` and `pooling` on `windows`,
`normalization`, `lookup`, `noise`, `rectifier`, `reshaping`, `recurrent`, `self_attention`; `running` are those that
remember, by `state`. To add one: a function that returns a `Layer`, and a row in the list of tests/layers.
"""

from typing import TYPE_CHECKING

from funcnn._later import later
from funcnn.layers.blocks import residual
from funcnn.layers.composition import Layer, Net, serial
from funcnn.layers.linear import affine, dense
from funcnn.layers.lookup import embedding
from funcnn.layers.noise import dropout
from funcnn.layers.normalization import group_norm, layer_norm, normalize, rms_norm
from funcnn.layers.reshaping import flatten

if TYPE_CHECKING:
    from funcnn.layers.convolution import conv1d, conv2d, conv_transpose2d
    from funcnn.layers.pooling import avg_pool1d, avg_pool2d, global_avg_pool, max_pool1d, max_pool2d
    from funcnn.layers.rectifier import prelu
    from funcnn.layers.recurrent import gru, lstm
    from funcnn.layers.running import LayerWithState, batch_norm
    from funcnn.layers.self_attention import attention, dot_product_attention, positional

__all__ = ["Layer", "LayerWithState", "Net", "affine", "attention", "avg_pool1d", "avg_pool2d", "batch_norm", "conv1d",
           "conv2d", "conv_transpose2d", "dense", "dot_product_attention", "dropout", "embedding", "flatten",
           "global_avg_pool", "group_norm", "gru", "layer_norm", "lstm", "max_pool1d", "max_pool2d", "normalize",
           "positional", "prelu", "residual", "rms_norm", "serial"]

later(globals(), convolution="conv1d conv2d conv_transpose2d", rectifier="prelu", recurrent="gru lstm",
      pooling="avg_pool1d avg_pool2d global_avg_pool max_pool1d max_pool2d", running="LayerWithState batch_norm",
      self_attention="attention dot_product_attention positional")
