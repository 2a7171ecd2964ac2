"""Ultra-Fast-Lane-Detection (arXiv 2004.11757) on a ResNet-18."""

import keras
from keras import layers
from keras import ops

from examples.models.blocks import convolution
from examples.models.resnet import basic
from examples.models.resnet import trunk


def ultra_fast_lanes(shape, lanes, anchors, cells, scale=1):
    """Returns the network, with logits.

    The output has shape `(batch, lanes, anchors, cells + 1)`. For each lane
    and row anchor, it has a logit for each cell of the row, and a last one for
    rows that the lane does not cross.

    Args:
        shape: Tuple, height, width and channels; the published size is
            `(288, 800, 3)`.
        lanes: Integer, the number of lanes.
        anchors: Integer, the number of rows in which to find lanes.
        cells: Integer, the number of cells in each row.
        scale: See `vgg_16`. Defaults to `1`.
    """
    outputs = (lanes, anchors, cells + 1)
    inputs = keras.Input(shape)
    x = trunk(inputs, basic, (2, 2, 2, 2), scale)[-1]
    # The head sees the whole image. Few channels keep it small.
    x = convolution(x, 8, 1, name="head_conv")
    x = layers.Flatten()(x)
    x = layers.Dense(2048 // scale, activation="relu", name="head_dense")(x)
    x = layers.Dense(lanes * anchors * (cells + 1), name="head_logits")(x)
    return keras.Model(
        inputs, layers.Reshape(outputs)(x), name="ultra_fast_lanes"
    )


@keras.saving.register_keras_serializable("keras_slr_examples")
def row_anchor_loss(cell, logits):
    """Cross-entropy of the cells, with penalties on the shape of lanes.

    Adds the paper's three terms, each with weight one: the cross-entropy, the
    differences of logits between neighbouring rows, because lanes are
    continuous, and the second differences of places, because lanes are mostly
    straight.

    Args:
        cell: Integer tensor of `(batch, lanes, anchors)`.
        logits: Tensor of `(batch, lanes, anchors, cells + 1)`.

    Returns:
        Tensor of `(batch,)`.
    """
    entropy = keras.losses.sparse_categorical_crossentropy(
        cell, logits, from_logits=True
    )
    similarity = ops.abs(logits[:, :, 1:] - logits[:, :, :-1])
    place = places(logits)
    bend = ops.abs(place[..., 2:] - 2 * place[..., 1:-1] + place[..., :-2])
    return (
        ops.mean(entropy, axis=(1, 2))
        + ops.mean(similarity, axis=(1, 2, 3))
        + ops.mean(bend, axis=(1, 2))
    )


def places(logits):
    """Returns the mean place of each lane in each row, counted in cells.

    Args:
        logits: Tensor of `(batch, lanes, anchors, cells + 1)`.

    Returns:
        Tensor of `(batch, lanes, anchors)`. A place is meaningless in rows
        that the lane does not cross.
    """
    share = ops.softmax(logits[..., :-1])
    cells = ops.arange(share.shape[-1], dtype=share.dtype)
    return ops.sum(share * cells, axis=-1)
