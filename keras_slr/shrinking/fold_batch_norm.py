"""Folds batch normalization into the kernels before it."""

import keras
import numpy as np
from keras import layers

from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr.models.graph import called_for_training
from keras_slr.models.graph import check_graph
from keras_slr.models.graph import graph_of
from keras_slr.models.graph import sole_consumers
from keras_slr.models.layer_table import KERNELS
from keras_slr.models.layer_table import Family
from keras_slr.selection.axes import axes_of
from keras_slr.shrinking.rebuild_model import Rebuild
from keras_slr.shrinking.state import to_numpy

# Layers with these kernels end in a product, a bias and an activation.
_FOLDABLE = (
    Family.DENSE,
    Family.CONVOLUTION,
    Family.TRANSPOSE,
    Family.DEPTHWISE,
)


def fold_batch_norm(model: keras.Model) -> keras.Model:
    """Builds a model without the batch normalizations that can be folded.

    At inference a batch normalization is a scale and a shift per channel. It
    is folded into the kernel and bias of a dense layer or a convolution if
    that layer has no activation and no other consumer; other norms stay. The
    outputs are the same up to rounding, zeros stay zero, and `predict` saves
    a pass over memory for each norm.

    Fold when training is finished: the new model no longer normalizes by
    batches.

    Args:
        model: Built Functional or Sequential model, which is not changed.

    Returns:
        Keras model, Sequential if the given one is, else Functional, not
        compiled.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built, its graph is not known, or a
            layer cannot be rebuilt from its config.

    Example:

    ```python
    fast = keras_slr.fold_batch_norm(keras_slr.shrink(model))
    ```
    """
    check_model(model)
    check_graph(model)
    check_built(model)
    return _Folding(model).rebuild(model)


class _Folding(Rebuild):
    """Rebuilds a model with its batch normalizations folded."""

    def __init__(self, model):
        super().__init__()
        # With `training=True` a norm normalizes by batches.
        trains = called_for_training(graph_of(model))
        # By the id of the layer before.
        self._norms = {
            id(node.operation): reader.operation
            for node, reader in sole_consumers(graph_of(model))
            if id(reader.operation) not in trains and _fits(node, reader)
        }
        self._left_out = {id(norm) for norm in self._norms.values()}

    def left_out(self, operation):
        return id(operation) in self._left_out

    def changes(self, operation):
        return {"use_bias": True} if id(operation) in self._norms else {}

    def weights(self, layer):
        if id(layer) not in self._norms:
            return super().weights(layer)
        norm = self._norms[id(layer)]
        scale, shift = _affine(norm)
        values = []
        for variable in layer.variables:
            value = to_numpy(variable)
            if variable.name == _output_kernel(layer):
                outputs = axes_of(layer, variable.name, value.ndim).outputs
                along = [
                    size if axis in outputs else 1
                    for axis, size in enumerate(value.shape)
                ]
                value = value * scale.reshape(along)
            elif variable.name == "bias":
                value = value * scale + shift
            values.append(value.astype(variable.dtype))
        if not layer.use_bias:
            values.append(shift.astype(layer.variables[0].dtype))
        return values


def _output_kernel(layer):
    """Returns the name of the kernel that writes the outputs, or `None`.

    A subclass of a known layer may compute something else.
    """
    *_, (name, family) = KERNELS.get(type(layer), {}).items() or [(None, None)]
    return name if family in _FOLDABLE else None


def _affine(norm):
    """Returns what a batch normalization does at inference, in float64.

    Returns:
        Scale and shift, vectors with one entry per channel.
    """
    variance = np.asarray(to_numpy(norm.moving_variance), "float64")
    mean = np.asarray(to_numpy(norm.moving_mean), "float64")
    scale = 1.0 / np.sqrt(variance + norm.epsilon)
    if norm.scale:
        scale = scale * to_numpy(norm.gamma)
    shift = -mean * scale
    if norm.center:
        shift = shift + to_numpy(norm.beta)
    return scale, shift


def _fits(node, reader):
    """Returns whether the call that reads a layer is a norm that can go."""
    layer, norm = node.operation, reader.operation
    if _output_kernel(layer) is None:
        return False
    if type(norm) is not layers.BatchNormalization:
        return False
    # The kernel may write the mask of the norm, which comes second.
    if reader.input_tensors[0] is not node.outputs[0]:
        return False
    if layer.activation is not keras.activations.linear:
        return False
    rank = len(node.outputs[0].shape)
    first = getattr(layer, "data_format", None) == "channels_first"
    if norm.axis % rank != (1 if first else rank - 1):
        return False
    # A quantized kernel, or one that LoRA adds to, is not one array.
    names = {variable.name for variable in layer.variables}
    known = {_output_kernel(layer), "bias", "depthwise_kernel"}
    return names <= known
