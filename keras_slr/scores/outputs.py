"""What the layers of kernels give out: their feature maps."""

import math

import keras
import numpy as np

from keras_slr.completed import completed
from keras_slr.keras_internals.instance_patch import InstancePatch
from keras_slr.keras_internals.layers import layers_of
from keras_slr.layerwise.batches import samples_of
from keras_slr.layerwise.products import UnknownProduct
from keras_slr.layerwise.program import Stage
from keras_slr.layerwise.program import program_of
from keras_slr.layerwise.unrolled import recurrent_around
from keras_slr.layerwise.walk import as_array
from keras_slr.models.layer_table import Family
from keras_slr.models.layer_table import kernel_families
from keras_slr.shrinking.heads import name_of
from keras_slr.shrinking.rules import RULES
from keras_slr.shrinking.rules import elementwise
from keras_slr.shrinking.rules import norms

# What may lie between a kernel and its activation, and the activations.
_BETWEEN = (norms.batch_norm, elementwise.dropout, elementwise.same)
_ACTIVATIONS = (elementwise.unary, elementwise.activation, elementwise.prelu)


class Outputs:
    """Runs a model in inference mode, and changes nothing.

    Outputs are read behind the activation. Where the graph of the model is
    known, this is also an activation that is a layer of its own, behind a
    batch normalization or a dropout, if nothing else reads what is between
    them. Without an activation, the outputs of the normalization count. Of
    layers inside others, as in subclassed models, their own outputs count.

    Args:
        model: Built Keras model.
        weights: List of `selection.Weight`. Those that are no kernels have no
            outputs.
    """

    def __init__(self, model, weights):
        self._weights = weights
        owners = {id(w.layer): w.layer for w in weights if w.is_kernel}
        self._program = program_of(model, owners.values())
        steps = self._program.steps
        inside = {
            id(layer)
            for step in steps
            for layer in layers_of(step.operation, include_self=False)
        }
        readers = self._program.sole_readers()
        self._values = {}
        for step in steps:
            key = id(step.operation)
            if key in owners and key not in inside:
                value = _behind_activation(step, readers)
                self._values.setdefault(key, []).append(value)
        self._nested = [
            layer for key, layer in owners.items() if key not in self._values
        ]
        self._stage = Stage(
            steps,
            {value for values in self._values.values() for value in values},
            [
                layer
                for step in steps
                for layer in recurrent_around(step.operation, owners)
            ],
        )

    def __call__(self, x):
        """Returns the outputs on a batch, see `Evidence.outputs`.

        Args:
            x: Inputs of the model.
        """
        found = {id(layer): [] for layer in self._nested}
        patches = [
            InstancePatch(layer, "call", _noting(found[id(layer)]))
            for layer in self._nested
        ]
        try:
            for patch in patches:
                patch.attach()
            values = self._stage.run(self._program.begin(x))
        finally:
            completed(lambda: [patch.detach() for patch in patches])
        for key, wanted in self._values.items():
            found[key] = [values[value] for value in wanted]
        samples = samples_of(x)
        return [
            _feature_maps(weight, found[id(weight.layer)], samples)
            if weight.is_kernel
            else None
            for weight in self._weights
        ]


def _noting(found):
    def replace(call):
        def watched(*args, **kwargs):
            outputs = call(*args, **kwargs)
            # The cells of recurrent layers also return their states.
            is_cell = isinstance(outputs, tuple)
            found.append(outputs[0] if is_cell else outputs)
            return outputs

        return watched

    return replace


def _behind_activation(step, readers):
    """Returns the `Value` of a layer behind the activation that follows it."""
    value = step.outputs[0]
    own = getattr(step.operation, "activation", None)
    if own not in (None, keras.activations.linear):
        return value
    while (reader := readers.get(value)) is not None:
        rule = RULES.get(name_of(reader.operation))
        if rule is None or rule.follow not in _BETWEEN + _ACTIVATIONS:
            break
        value = reader.outputs[0]
        if rule.follow in _ACTIVATIONS:
            break
    return value


def _feature_maps(weight, calls, samples):
    """Returns what a layer gives out in all its calls, channels last."""
    layer = weight.layer
    if not calls:
        raise ValueError(
            f"Expected `{layer.path}` to be called when the model predicts. "
            "Received data that do not reach it: leave it out with `exclude`."
        )
    try:
        maps = [_channels_last(weight, as_array(y)) for y in calls]
    except UnknownProduct as error:
        raise ValueError(
            f"Expected `{layer.path}` to give out arrays. Received "
            f"{error}: leave it out with `exclude`."
        ) from error
    for y in maps:
        if not np.isfinite(y).all():
            raise ValueError(
                f"Expected finite outputs of `{layer.path}`. Received NaN or "
                "Inf: check the data."
            )
        if y.shape[0] % samples:
            raise ValueError(
                f"Expected outputs of `{layer.path}` for each of {samples} "
                f"samples. Received the shape {y.shape}: leave it out with "
                "`exclude`."
            )
    if len(maps) == 1 and len(maps[0]) == samples:
        return maps[0]
    maps = [y.reshape(samples, -1, y.shape[-1]) for y in maps]
    return np.concatenate(maps, axis=1)


def _channels_last(weight, y):
    """Moves the channels of a feature map to the end, as one axis."""
    families = kernel_families(weight.layer)
    family, outputs = families[weight.variable.name], weight.axes.outputs
    sizes = [weight.shape[axis] for axis in outputs]
    first = getattr(weight.layer, "data_format", None) == "channels_first"
    axes = [1 if first else -1]
    if family is Family.EINSUM:
        axes = _axes_of_einsum(weight.layer.equation, outputs)
    elif family is not Family.RECURRENT:
        sizes = [math.prod(sizes)]
    sizes_found = [y.shape[axis] for axis in axes] if y.ndim > len(axes) else []
    gates = 1
    if family is Family.RECURRENT and sizes_found:
        # All gates of a cell make one output.
        gates = sizes[0] // sizes_found[0]
    # What a separable convolution computes in between stays inside.
    stays = family is Family.DEPTHWISE and "pointwise_kernel" in families
    if stays or [gates * size for size in sizes_found] != sizes:
        raise ValueError(
            "Expected a feature map with one channel for each of the "
            f"{math.prod(sizes)} outputs of `{weight.path}`. Received the "
            f"shape {y.shape} from `{weight.layer.path}`, which gives out "
            "something else: leave it out with `exclude`."
        )
    y = np.moveaxis(y, axes, range(-len(axes), 0))
    y = y.reshape(*y.shape[: y.ndim - len(axes)], -1)
    return np.tile(y, gates) if gates > 1 else y


def _axes_of_einsum(equation, outputs):
    operands, result = equation.replace(" ", "").split("->")
    kernel = operands.split(",")[1]
    places = [result.index(kernel[axis]) for axis in outputs]
    dots = result.find("...")
    # Behind the dots, axes count from the end.
    return [
        place if dots < 0 or place < dots else place - len(result)
        for place in places
    ]
