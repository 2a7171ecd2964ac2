"""The products of layers with their kernels, as a backend computes them.

All layers of Keras, and others that use `keras.ops`, call these functions of
the backend in the end, whatever replaces their `call`.
"""

import contextlib
import importlib
import inspect

from keras_slr.completed import completed

backend = importlib.import_module("keras.src.backend")

# The functions that multiply inputs by a kernel, and the names of the two.
_FUNCTIONS = (
    (backend.numpy, "matmul", "x1", "x2"),
    (backend.numpy, "dot", "x1", "x2"),
    (backend.nn, "conv", "inputs", "kernel"),
    (backend.nn, "depthwise_conv", "inputs", "kernel"),
    (backend.nn, "conv_transpose", "inputs", "kernel"),
)


@contextlib.contextmanager
def products_seen_by(see):
    """Calls a function before each product that a layer computes eagerly.

    Args:
        see: Function of the name of the operation as a string, its inputs,
            its kernel as it was passed, and a dict of the other arguments.
            Both operands of an `einsum` may be the kernel; `see` is called
            once for each. It is also called as `see("split", pieces, x, {})`
            after a tensor was split along its last axis, as some recurrent
            cells split their kernels.
    """
    places = [(module, name) for module, name, *_ in _FUNCTIONS]
    places += [
        (backend.numpy, "einsum"),
        (backend.numpy, "split"),
        (backend.nn, "separable_conv"),
    ]
    found = [getattr(module, name) for module, name in places]
    try:
        for module, name, x, kernel in _FUNCTIONS:
            function = getattr(module, name)
            setattr(module, name, _watched(function, see, name, x, kernel))
        backend.numpy.einsum = _watched_einsum(backend.numpy.einsum, see)
        backend.numpy.split = _watched_split(backend.numpy.split, see)
        backend.nn.separable_conv = _separable_conv
        yield
    finally:
        completed(lambda: _put(places, found))


def _put(places, functions):
    for (module, name), function in zip(places, functions):
        setattr(module, name, function)


def _watched(function, see, name, x, kernel):
    signature = inspect.signature(function)

    def watched(*args, **kwargs):
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        options = dict(given.arguments)
        see(name, options.pop(x), options.pop(kernel), options)
        return function(*args, **kwargs)

    return watched


def _watched_einsum(function, see):
    def watched(subscripts, *operands, **kwargs):
        if len(operands) == 2 and "->" in subscripts:
            terms, result = subscripts.replace(" ", "").split("->")
            first, second = terms.split(",")
            x, kernel = operands
            see("einsum", x, kernel, {"terms": (first, second, result)})
            see("einsum", kernel, x, {"terms": (second, first, result)})
        return function(subscripts, *operands, **kwargs)

    return watched


def _watched_split(function, see):
    def watched(x, indices_or_sections, axis=0):
        pieces = function(x, indices_or_sections, axis)
        if axis in (-1, len(x.shape) - 1):
            see("split", pieces, x, {})
        return pieces

    return watched


def _separable_conv(
    inputs,
    depthwise_kernel,
    pointwise_kernel,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
):
    """Two convolutions in turn, so that both are seen."""
    between = backend.nn.depthwise_conv(
        inputs, depthwise_kernel, strides, padding, data_format, dilation_rate
    )
    return backend.nn.conv(between, pointwise_kernel, data_format=data_format)
