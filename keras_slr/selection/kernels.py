"""Finds the weights of a model and distinguishes kernels from the rest."""

import dataclasses
import enum
import math

import keras

from keras_slr.keras_internals.layers import children_of
from keras_slr.keras_internals.layers import variables_of
from keras_slr.models.layer_table import Family
from keras_slr.models.layer_table import kernel_families
from keras_slr.selection.axes import axes_of
from keras_slr.selection.first_convolution import stem_layers
from keras_slr.selection.scale_free import scale_free_layers

# Below this many entries, zeros cost more accuracy than they save memory.
SMALL = 256


class Reason(enum.Enum):
    """Why a weight is left alone.

    Reasons of the first group are defaults, which `include` overrides.
    Weights with a reason of the second group cannot be pruned.
    """

    DEPTHWISE = "depthwise kernel"
    EMBEDDING = "embedding"
    RECURRENT = "kernel of a recurrent layer"
    FIRST_CONVOLUTION = "first convolution on the raw input"
    SMALL = f"fewer than {SMALL} entries"
    UNKNOWN = "not known to be a kernel"
    NOT_ASKED = "not asked for"
    EXCLUDED = "excluded"

    VECTOR = "bias, scale or other vector"
    FROZEN = "frozen (not trainable)"
    NOT_FLOAT = "not a floating-point weight: prune before quantizing"
    SCALE = "scale of a quantized layer"

    @property
    def is_default(self):
        """Whether `include` overrides this reason."""
        return self not in (
            Reason.VECTOR,
            Reason.FROZEN,
            Reason.NOT_FLOAT,
            Reason.SCALE,
        )


@dataclasses.dataclass(frozen=True)
class Weight:
    """One weight of a model.

    Attributes:
        variable: Keras variable.
        layers: Tuple of Keras layers: the one that owns it, then those
            around that one, without the model itself.
        default: `None` if the weight is pruned by default, else a `Reason`.
        scale_free: Boolean, whether it is a kernel in front of a batch
            normalization, which cancels its scale. Defaults to `False`.
    """

    variable: keras.Variable
    layers: tuple
    default: Reason | None
    scale_free: bool = False

    @property
    def path(self):
        """The name of the weight, behind those of the layers around it."""
        return self.variable.path

    @property
    def layer(self):
        """The Keras layer that owns the weight."""
        return self.layers[0]

    @property
    def shape(self):
        return tuple(self.variable.shape)

    @property
    def size(self):
        return math.prod(self.shape)

    @property
    def axes(self):
        """The roles of the axes: `selection.axes.Axes`, `None` if unknown."""
        return axes_of(self.layer, self.variable.name, len(self.shape))

    @property
    def is_kernel(self):
        """Whether the layer is known to multiply its inputs by the weight."""
        return self.variable.name in kernel_families(self.layer)


# Why the kernels of a family are left alone by default.
_LEFT_ALONE = {
    Family.DEPTHWISE: Reason.DEPTHWISE,
    Family.EMBEDDING: Reason.EMBEDDING,
    Family.RECURRENT: Reason.RECURRENT,
}


def weights_of(model):
    """Lists the weights of a model once each, in the order of its variables.

    The states of random generators are not weights.

    Args:
        model: Built Keras model of any kind, also with nested or shared
            layers.

    Returns:
        List of `Weight`.
    """
    stems, scale_free = stem_layers(model), scale_free_layers(model)
    trainable = {id(v) for v in model.trainable_variables}
    owners = {}
    _find_owners((model,), owners)
    return [
        Weight(
            v,
            layers,
            _reason(layers[0], v, trainable, stems),
            scale_free=id(layers[0]) in scale_free and len(v.shape) > 1,
        )
        for v in model.variables
        if (layers := owners.get(id(v))) is not None
    ]


def _find_owners(chain, owners):
    """Records for every variable its layer and the layers around that one.

    Args:
        chain: Tuple of a layer and the layers around it, the model last.
        owners: Dict from the id of a variable, filled here.
    """
    layer = chain[0]
    for variable in variables_of(layer):
        # A shared layer is known by all layers that contain it. The model
        # contains all of them, so it distinguishes nothing.
        known = owners.get(id(variable), chain[:1])
        owners[id(variable)] = (
            *known,
            *(o for o in chain[1:-1] if all(o is not k for k in known)),
        )
    for child in children_of(layer):
        _find_owners((child, *chain), owners)


def kernels_of(model):
    """Lists the kernels of a model, by default pruned or not."""
    return [
        weight
        for weight in weights_of(model)
        if weight.default is None
        or (weight.default.is_default and weight.default != Reason.UNKNOWN)
    ]


def _reason(layer, variable, trainable, stems):
    if getattr(variable, "overwrite_with_gradient", False):
        return Reason.SCALE
    if not keras.backend.is_float_dtype(variable.dtype):
        return Reason.NOT_FLOAT
    # The biases of attention layers have more than one axis.
    if len(variable.shape) < 2 or variable.name in ("bias", "gamma", "beta"):
        return Reason.VECTOR
    if id(variable) not in trainable:
        return Reason.FROZEN
    kind = _kind(layer, variable.name)
    if kind is not None:
        return kind
    if id(layer) in stems:
        return Reason.FIRST_CONVOLUTION
    if math.prod(variable.shape) < SMALL:
        return Reason.SMALL
    return None


def _kind(layer, name):
    """Returns `None` for a kernel of a matrix product, else a `Reason`."""
    kernels = kernel_families(layer)
    if kernels:
        known = name in kernels
        return _LEFT_ALONE.get(kernels[name]) if known else Reason.UNKNOWN
    # In other layers a weight is recognized by the names that Keras uses.
    if type(layer).__name__.endswith("LSTMCell"):
        is_kernel = name in ("kernel", "recurrent_kernel")
        return Reason.RECURRENT if is_kernel else Reason.UNKNOWN
    return None if name == "kernel" else Reason.UNKNOWN
