"""Models of Keras 3 rebuilt in tf_keras, and back."""

import dataclasses

import keras
import tf_keras

from keras_slr.interop.tfmot.child import graph as keras_2
from keras_slr.interop.tfmot.child.agreement import check_equal
from keras_slr.interop.tfmot.child.rebuild import to_keras_2
from keras_slr.interop.tfmot.child.rebuild import to_keras_3
from keras_slr.keras_internals.graphs import has_graph_in_keras_2
from keras_slr.keras_internals.graphs import structures_in_keras_2
from keras_slr.models import graph as keras_3
from keras_slr_base.failure import Failure
from keras_slr_base.failure import first_sentence


@dataclasses.dataclass(frozen=True)
class Translation:
    """A Keras 3 model and the same in tf_keras.

    Attributes:
        source: Keras 3 model.
        model: tf_keras model.
        layers: List of triples: a layer of `source`, the name of its
            counterpart without wrappers, and its counterpart in `model`.
    """

    source: keras.Model
    model: tf_keras.Model
    layers: list

    def take_back(self, model):
        """Copies the weights of a tf_keras model into `source`.

        Args:
            model: tf_keras model like `self.model`, with wrappers stripped.
        """
        for layer, name, _ in self.layers:
            # The product with a mask leaves -0.0, which adding 0.0 makes 0.0.
            layer.set_weights(
                [w + 0 for w in model.get_layer(name).get_weights()]
            )


def translate(source, wrap=lambda layer, source: layer):
    """Builds a Keras 3 model in tf_keras, as a functional model.

    The layers of nested models become layers of the model itself: TF-MOT
    does not go into nested models everywhere.

    Args:
        source: Keras 3 model with a known graph.
        wrap: Function of a tf_keras layer and the Keras 3 layer it comes
            from; returns the layer to use. Defaults to the layer itself.

    Returns:
        `Translation`.

    Raises:
        Failure: If tf_keras cannot express a layer, or computes other values.
    """
    graph = keras_3.graph_of(source)
    layers = _Layers(to_keras_2, keras.saving.serialize_keras_object, wrap)

    def call(node, args, kwargs):
        layer = node.operation
        inner = keras_3.graph_of(layer)
        if inner is not None:
            tensors = keras.tree.flatten((args, kwargs))
            return keras_3.run(inner, tensors[: len(inner.inputs)], call)
        return layers.call(layer, args, kwargs)

    inputs = [
        tf_keras.Input(batch_shape=t.shape, dtype=t.dtype, name=t.name)
        for t in graph.inputs
    ]
    outputs = keras_3.run(graph, inputs, call)
    pack = keras.tree.pack_sequence_as
    model = tf_keras.Model(
        pack(graph.input, inputs),
        pack(graph.output, outputs),
        name=source.name,
    )
    layers.set_weights()
    check_equal(source, model)
    return Translation(source, model, layers.all)


def translate_back(model):
    """Builds a tf_keras model in Keras 3, as a functional model.

    Args:
        model: tf_keras model with a known graph, with wrappers stripped.

    Returns:
        Keras 3 model.

    Raises:
        Failure: If Keras 3 cannot express a layer, or computes other values.
    """
    layers = _Layers(to_keras_3, tf_keras.saving.serialize_keras_object)

    def call(node, args, kwargs):
        if has_graph_in_keras_2(node.layer):
            tensors = keras.tree.flatten((args, kwargs))
            count = len(node.layer.inputs)
            return keras_2.run(node.layer, tensors[:count], call)
        return layers.call(node.layer, args, kwargs)

    inputs = [
        keras.Input(batch_shape=t.shape, dtype=t.dtype.name, name=t.name)
        for t in model.inputs
    ]
    outputs = keras_2.run(model, inputs, call)
    taken, given = structures_in_keras_2(model)
    source = keras.Model(
        keras.tree.pack_sequence_as(taken, inputs),
        keras.tree.pack_sequence_as(given, outputs),
        name=model.name,
    )
    layers.set_weights()
    check_equal(source, model)
    return source


class _Layers:
    """The layers of a model, each built once in the other library.

    Args:
        rebuild: `to_keras_2` or `to_keras_3`.
        serialize: The function of the library that the layers are of.
        wrap: See `translate`. Defaults to the layer itself.
    """

    def __init__(self, rebuild, serialize, wrap=lambda layer, source: layer):
        self.all = []
        self._rebuild = rebuild
        self._serialize = serialize
        self._wrap = wrap
        self._made = {}

    def call(self, layer, args, kwargs):
        try:
            return self._counterpart(layer)(*args, **kwargs)
        except Failure:
            raise
        except Exception as error:
            raise Failure(
                f"holds {named(layer)}, which cannot be called once "
                f"translated: {first_sentence(error)}",
                True,
            ) from error

    def set_weights(self):
        for layer, _, counterpart in self.all:
            counterpart.set_weights(layer.get_weights())

    def _counterpart(self, layer):
        if id(layer) not in self._made:
            serialized = self._serialize(layer)
            name = _free(layer.name, {name for _, name, _ in self.all})
            serialized["config"]["name"] = name
            plain = self._rebuild(serialized, named(layer))
            made = self._wrap(plain, layer)
            self._made[id(layer)] = made
            self.all.append((layer, name, made))
        return self._made[id(layer)]


def named(layer):
    """Returns how errors name a layer."""
    return f"`{layer.name}` ({type(layer).__name__})"


def _free(name, taken):
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
