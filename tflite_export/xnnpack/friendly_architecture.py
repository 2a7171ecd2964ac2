"""The variant of an architecture that XNNPACK's sparse kernels can run.

They take strides only behind a padding that is the same on all sides, and a
convolution after the global pooling makes them give wrong numbers.
"""

import collections

import keras
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from keras import layers

from keras_slr.keras_internals.graphs import calls_of
from keras_slr.keras_internals.graphs import producer_of
from keras_slr.keras_internals.layers import is_of_keras
from keras_slr.keras_internals.layers import layers_of
from keras_slr.models.graph import graph_of
from keras_slr.shrinking.rebuild_layer import forget_build
from keras_slr.shrinking.rebuild_layer import remake
from keras_slr.shrinking.rebuild_model import copy_of
from keras_slr.shrinking.state import copy_state
from keras_slr_base.work_folder import work_folder
from tflite_export.conversion.convert import convert
from tflite_export.xnnpack.sparse_start import sparse_inference

_STRIDED = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)


def friendly(model: keras.Model) -> keras.Model:
    """Rebuilds an architecture so that zeros can make it faster on ARM.

    Convolutions with stride 2 that pad as `"same"`, or behind a lopsided
    `ZeroPadding2D` as in `keras.applications`, look at an image padded by
    half their kernel on all sides. A 1x1 convolution of an image that was
    pooled to one pixel becomes a `Dense` of the same name, unless larger
    images come after it.

    This is another architecture, which does not compute what `model` does:
    what is strided looks at a grid that is one pixel off. Train it, from the
    weights that are copied here. They keep their shapes, but for a kernel
    that becomes one of `Dense`, from `(1, 1, a, b)` to `(a, b)`.

    Take a size of the input that stays even up to the last stride: TFLite's
    converter turns the padding of odd sizes back. `obstacles` says what still
    stands in the way.

    Args:
        model: Built Keras model, Sequential or Functional, with channels last
            and no model among its layers.

    Returns:
        Functional Keras model, not compiled.

    Raises:
        ValueError: If the model is not such a model, or one of its layers
            cannot be rebuilt or does not take the rewritten images.
    """
    _check(model)
    graph = graph_of(model)
    graph = keras.Model(graph.input, graph.output, name=model.name)
    edges = _edges(graph)
    same, lopsided = _pads(edges)
    images = _before_images(graph, edges)
    heads, poolings = _heads(edges, images), _poolings(edges, images)

    def clone(layer):
        if not isinstance(layer, keras.Layer):
            return layer
        changes = {}
        if layer.name in heads:
            return _dense(layer)
        if layer.name in poolings:
            changes["keepdims"] = False
        if layer.name in same:
            changes["padding"] = "valid"
        if layer.name in lopsided:
            changes["padding"] = lopsided[layer.name]
        return _remade(layer, changes)

    added: dict[str, keras.Layer] = {}

    def add(layer):
        # A layer that is called twice has one padding, also called twice.
        return added.setdefault(layer.name, layer)

    def call(layer, *args, **kwargs):
        if layer.name not in {*same, *heads, *poolings}:
            return _called(layer, *args, **kwargs)
        name = layer.name
        x = args[0] if args else kwargs.pop("inputs")
        if name in same:
            pad = add(layers.ZeroPadding2D(same[name], name=f"{name}_pad"))
            return _called(layer, pad(x), **kwargs)
        if name in heads:
            x = add(layers.Flatten(name=f"{name}_flat"))(x)
        x = _called(layer, x)
        shape = (1, 1, x.shape[-1])
        return add(layers.Reshape(shape, name=f"{name}_image"))(x)

    inputs = keras.tree.map_structure(_input_like, graph.input)
    made = keras.models.clone_model(graph, inputs, clone, call)
    for layer in graph.layers:
        copy = made.get_layer(layer.name)
        if layer.name in heads:
            kernel, *bias = layer.get_weights()
            copy.set_weights([kernel[0, 0], *bias])
        else:
            copy_state(layer, copy)
            forget_build(copy)
    return made


def obstacles(model: keras.Model) -> tuple[str, ...]:
    """Says why zeros in 1x1 convolutions do not make a model faster on ARM.

    Converts the model with most entries of its 1x1 convolutions set to zero.

    Args:
        model: Built Keras model.

    Returns:
        Tuple of strings, empty if nothing stands in the way.

    Raises:
        ValueError: As for `convert`.
        RuntimeError: As for `convert`.
    """
    pruned = copy_of(model)
    for layer in layers_of(pruned):
        if isinstance(layer, layers.Conv2D) and layer.kernel_size == (1, 1):
            kernel = keras.ops.convert_to_numpy(layer.kernel).copy()
            kernel[np.arange(kernel.size).reshape(kernel.shape) % 10 > 0] = 0
            layer.kernel.assign(kernel)
    with work_folder() as folder:
        path = folder / "model.tflite"
        convert(pruned, path)
        content = path.read_bytes()
    found = schema.Model.GetRootAs(content, 0)
    return sparse_inference(schema.ModelT.InitFromObj(found)).reasons


def _check(model):
    is_built = isinstance(model, keras.Model) and model.built
    if not is_built or graph_of(model) is None:
        raise ValueError(
            "Expected a built Sequential or Functional model, received "
            f"{type(model).__name__}: rebuild it as one of these."
        )
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            raise ValueError(
                "Expected a model without models among its layers, received "
                f"`{layer.name}`: rebuild the inner one, and put the outer "
                "one together again."
            )
        if getattr(layer, "data_format", None) == "channels_first":
            raise ValueError(
                "Expected channels last, received `channels_first` in "
                f"`{layer.name}`: rebuild the model."
            )


def _remade(layer, changes):
    """Rebuilds a layer, and names a custom one that cannot be rebuilt."""
    if all(is_of_keras(type(part)) for part in layers_of(layer)):
        return remake(layer, changes)
    try:
        return remake(layer, changes)
    # A custom layer may raise anything.
    except Exception as error:
        raise ValueError(
            "Expected layers that can be rebuilt from their `get_config()`, "
            f"received `{layer.name}` of type {type(layer).__name__}, which "
            f"cannot: {error}"
        ) from error


def _called(layer, *args, **kwargs):
    """Calls a layer, and names it if it does not take its new input."""
    try:
        return layer(*args, **kwargs)
    # A custom layer or activation may raise anything.
    except Exception as error:
        raise ValueError(
            "Expected layers that take the rewritten images, received "
            f"`{layer.name}` of type {type(layer).__name__}, which does not: "
            f"{error}"
        ) from error


def _input_like(tensor):
    name = producer_of(tensor).operation.name
    return keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)


def _edges(graph):
    """Lists `(source, tensor, consumer)` of a graph, outputs first."""
    edges, seen = [], set()
    todo = list(graph.outputs)
    while todo:
        operation, node, _ = producer_of(todo.pop())
        if (operation.name, node) in seen:
            continue
        seen.add((operation.name, node))
        for tensor in calls_of(operation)[node].input_tensors:
            edges.append((producer_of(tensor).operation, tensor, operation))
            todo.append(tensor)
    return edges


def _pads(edges):
    """Finds the paddings to make symmetric.

    Returns:
        Two dicts from names of layers to pixels: convolutions that need a
        padding in front, and paddings to change.
    """
    consumers = collections.defaultdict(list)
    for source, _, consumer in edges:
        consumers[source.name].append(consumer)
    same, lopsided = {}, {}
    for source, _, consumer in edges:
        half = _half(consumer)
        if half is None:
            continue
        if consumer.padding == "same":
            same[consumer.name] = half
        elif isinstance(source, layers.ZeroPadding2D):
            sums = {sum(sides) for sides in source.padding}
            if sums == {2 * half - 1} and len(consumers[source.name]) == 1:
                lopsided[source.name] = half
    return same, lopsided


def _half(layer):
    """Returns half the kernel of a convolution with stride 2, or `None`."""
    if not isinstance(layer, _STRIDED) or layer.strides != (2, 2):
        return None
    height, width = layer.kernel_size
    if height != width or height % 2 == 0 or height == 1:
        return None
    return height // 2


def _before_images(graph, edges):
    """Returns the names of operations before images of several pixels."""
    sources = collections.defaultdict(set)
    for source, _, consumer in edges:
        sources[consumer.name].add(source.name)
    tensors = [tensor for _, tensor, _ in edges] + list(graph.outputs)
    todo = [producer_of(t).operation.name for t in tensors if _is_image(t)]
    found = set()
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += sources[name]
    return found


def _heads(edges, images):
    """Returns the names of 1x1 convolutions of pooled images."""
    return {
        consumer.name
        for _, tensor, consumer in edges
        if isinstance(consumer, layers.Conv2D)
        and (consumer.kernel_size, consumer.groups) == ((1, 1), 1)
        and consumer.name not in images
        and not _is_image(tensor)
    }


def _poolings(edges, images):
    """Returns the names of poolings to one pixel that end the images."""
    return {
        consumer.name
        for _, _, consumer in edges
        if isinstance(consumer, layers.GlobalAveragePooling2D)
        and consumer.keepdims
        and consumer.name not in images
    }


def _is_image(tensor):
    return len(tensor.shape) == 4 and tuple(tensor.shape[1:3]) != (1, 1)


def _dense(layer):
    kept = ("name", "trainable", "activation", "use_bias")
    kept += tuple(
        f"{weight}_{part}"
        for weight in ("kernel", "bias")
        for part in ("regularizer", "constraint")
    )
    return layers.Dense(
        layer.filters,
        dtype=layer.dtype_policy,
        **{name: getattr(layer, name) for name in kept},
    )
