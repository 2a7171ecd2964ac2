"""Narrow layers of KerasHub: fewer heads or feed-forward units."""

import contextlib
import functools
import importlib
import inspect

import keras
from keras import ops

from keras_slr.keras_internals.attention import projection_names
from keras_slr.keras_internals.attention import set_head_counts
from keras_slr.keras_internals.layers import replace_child
from keras_slr.record import PACKAGE
from keras_slr.record import register
from keras_slr.shrinking.blocks import BLOCKS
from keras_slr.shrinking.blocks import block_of
from keras_slr.shrinking.heads import heads_axis
from keras_slr.shrinking.heads import projections

_CACHES = ("self_attention_cache", "cross_attention_cache", "cache")


@register
class Narrow(keras.layers.Layer):
    """A layer of KerasHub with fewer heads or feed-forward units.

    Most of these layers compute the size of a head from the width of the
    model and the number of heads, so that no argument means "fewer heads of
    this size". A narrow layer is first built from its arguments, then cut.
    Its class is a subclass of this one and of the layer's own class.

    Args:
        heads: Dict from the attribute of each attention layer to the numbers
            of its query heads and of its key and value heads.
        units: Integer, the number of feed-forward units, or `None` for a
            layer without.
        **kwargs: Arguments of the layer's own class.
    """

    # The class in KerasHub.
    narrowed = None

    def __init__(self, heads, units, **kwargs):
        super().__init__(**kwargs)
        self.narrow_heads = {name: list(pair) for name, pair in heads.items()}
        self.narrow_units = units

    def get_config(self):
        return _arguments(self, self.narrowed) | {
            "layer": [self.narrowed.__module__, self.narrowed.__name__],
            "heads": dict(self.narrow_heads),
            "units": self.narrow_units,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        return _narrow(_layer_class(*config.pop("layer")))(**config)

    @staticmethod
    def of(layer, name, heads, units):
        """Returns a narrow copy of a layer, without its weights.

        Args:
            layer: Layer of KerasHub, narrow or not.
            name: String, the name of the copy.
            heads: See `Narrow`.
            units: See `Narrow`.
        """
        kind = getattr(layer, "narrowed", type(layer))
        config = _arguments(layer, kind) | {"name": name}
        return _narrow(kind)(**config, heads=heads, units=units)


@functools.cache
def _narrow(kind):
    """Returns the class of narrow layers of one kind."""

    class Layer(Narrow, kind):
        narrowed = kind

        @functools.wraps(kind.build)
        def build(self, *args, **kwargs):
            kind.build(self, *args, **kwargs)
            _cut(self)

        @functools.wraps(kind.call)
        def call(self, *args, **kwargs):
            return _call(kind.call, self, *args, **kwargs)

    Layer.__name__ = Layer.__qualname__ = "Narrow"
    # Any class registered under the name makes the right one.
    return keras.saving.register_keras_serializable(PACKAGE, "Narrow")(Layer)


def _layer_class(module, name):
    """Returns a class of KerasHub, which is imported only now."""
    is_known = f"keras_hub/{name}" in BLOCKS
    if not is_known or module.partition(".")[0] != "keras_hub":
        raise ValueError(
            "Expected a layer of KerasHub whose heads can be cut. Received: "
            f"{module}.{name}."
        )
    return getattr(importlib.import_module(module), name)


def _arguments(layer, kind):
    """Returns the arguments that a layer was made with.

    The `get_config` of some layers of KerasHub reads attributes that they do
    not have.
    """
    names = inspect.signature(kind.__init__).parameters
    config = {
        "name": layer.name,
        "trainable": layer.trainable,
        "dtype": keras.saving.serialize_keras_object(layer.dtype_policy),
    }
    return config | {
        name: keras.saving.serialize_keras_object(getattr(layer, name))
        for name in names
        if name not in ("self", "kwargs")
    }


def _cut(layer):
    block = block_of(layer)
    for name, attention in block.attentions_of(layer).items():
        _cut_heads(attention, *layer.narrow_heads[name])
    if layer.narrow_units is not None:
        for name in block.makers:
            maker = getattr(layer, name)
            width = maker.kernel.shape[0]
            changes = {"units": layer.narrow_units}
            _replace(layer, name, (None, None, width), changes)
        _replace(layer, block.reader, (None, None, layer.narrow_units))


def _cut_heads(attention, queries, pairs):
    query, *_ = projections(attention)
    *written, read = projection_names(attention)
    of_output = (None, None, queries, query.kernel.shape[-1])
    _replace(attention, read, of_output)
    for name, count in zip(written, (queries, pairs, pairs)):
        dense = getattr(attention, name)
        shape = list(dense.partial_output_shape)
        shape[-2] = count
        (width,) = {0, 1} - {heads_axis(dense)}
        of_input = (None, None, dense.kernel.shape[width])
        _replace(attention, name, of_input, {"output_shape": shape})
    set_head_counts(attention, queries, pairs)


def _replace(parent, name, input_shape, changes=()):
    """Replaces a part of a layer with a layer of another size."""
    old = getattr(parent, name)
    new = type(old).from_config(old.get_config() | dict(changes))
    with contextlib.ExitStack() as scopes:
        for scope in old.path.split("/")[:-1]:
            scopes.enter_context(keras.name_scope(scope))
        new.build(input_shape)
    replace_child(parent, name, new)


def _call(call, layer, *args, **kwargs):
    """Calls a layer, with caches that may be those of all the heads."""
    caches = {
        name: kwargs[name] for name in _CACHES if kwargs.get(name) is not None
    }
    for (name, cache), (_, count) in zip(
        caches.items(), layer.narrow_heads.values()
    ):
        kwargs[name] = cache[..., :count, :]
    outputs = call(layer, *args, **kwargs)
    if not caches:
        return outputs
    output, *new = outputs
    return output, *(
        _as_wide(cache, wide) for cache, wide in zip(new, caches.values())
    )


def _as_wide(cache, wide):
    missing = wide.shape[-2] - cache.shape[-2]
    width = [(0, 0)] * (len(cache.shape) - 2) + [(0, missing), (0, 0)]
    return ops.pad(cache, width) if missing else cache
