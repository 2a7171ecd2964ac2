"""Random small graphs of layers for images and signals.

`choose` is a function of a sequence that returns one of its items: a draw of
hypothesis, or of a generator of random numbers.
"""

import keras
from keras import layers

from tests.fuzz.images import BOOLEANS
from tests.fuzz.images import Images
from tests.fuzz.images import formats
from tests.fuzz.steps import STEPS


def image_graph(choose, **kernel):
    """Returns the input and the output, a vector, of a random graph.

    Args:
        choose: See the head of this file.
        **kernel: Arguments of every convolution, such as its regularizer.
    """
    net = Images(choose, choose([1, 2, 2]), choose(formats()), kernel)
    shape = [6] * net.n
    shape.insert(net.axis - 1, 2)
    x = keras.Input(shape)
    y = net.layer("Conv", 6, 3, padding="same", **kernel)(x)
    tensors = [y]
    for _ in range(choose(range(2, 7))):
        y = choose(STEPS)(net, y, choose(tensors))
        tensors.append(y)
    return x, _vector(net, y)


def _vector(net, y):
    """Returns a vector for each example."""
    if net.choose(BOOLEANS):
        return layers.Flatten(data_format=net.choose(_FORMATS))(y)
    name = net.choose(["GlobalAveragePooling", "GlobalMaxPooling"])
    keepdims = net.choose(BOOLEANS)
    y = net.layer(name, keepdims=keepdims)(y)
    return layers.Flatten()(y) if keepdims else y


_FORMATS = ("channels_last", "channels_first")
