"""Models with random weights, and what is asked of each small one."""

import keras
import numpy as np

from keras_slr import Filter
from keras_slr import dependency_groups
from keras_slr import hard_prune
from keras_slr import shrink
from keras_slr.keras_internals.layers import layers_of
from keras_slr.shrinking import zero_units


def randomize(model, seed=0):
    """Sets all weights, so that norms and biases do something."""
    rng = np.random.default_rng(seed)
    kept = ("seed_generator_state", "mean", "variance", "count")
    for v in model.variables:
        if v.name in kept:
            continue
        if v.name in ("gamma", "moving_variance"):
            v.assign(rng.uniform(0.5, 1.5, v.shape))
        else:
            v.assign(rng.normal(0, 0.5, v.shape))
    return model


def prune_filters(model, rate):
    """Sets filters of every group to zero, small kernels' too."""
    hard_prune(model, rate, structure=Filter(), include="re:.*")


def zero_kernels(group, indices, roles=("output",)):
    """Sets slices of kernels to zero; units then hold what biases make."""
    for member in group.members:
        if member.role in roles:
            w = np.array(keras.ops.convert_to_numpy(member.variable))
            w[member.positions(indices)] = 0.0
            member.variable.assign(w)


def outputs(model, seed=1):
    """Returns the flat outputs of a model for random inputs."""
    rng = np.random.default_rng(seed)
    inputs = [
        rng.integers(0, 5, (3, *x.shape[1:]))
        if "int" in x.dtype
        else rng.normal(size=(3, *x.shape[1:])).astype("float32")
        for x in model.inputs
    ]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    if keras.config.backend() == "jax":
        # One compilation instead of one for each operation.
        return keras.tree.flatten(model.predict_on_batch(inputs))
    y = model(inputs, training=False)
    return [keras.ops.convert_to_numpy(t) for t in keras.tree.flatten(y)]


def assert_same(model, small):
    """Asserts that two models have the same outputs, and not constant ones."""
    for a, b in zip(outputs(model), outputs(small), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * np.abs(a).max())
        assert a.std(axis=0).max() > 0


def widths(model):
    """Returns the shapes of the kernels, by the names of the layers."""
    return {
        layer.name: tuple(kernel.shape)
        for layer in layers_of(model)
        if (kernel := getattr(layer, "kernel", None)) is not None
    }


def group_of(model, name):
    """Returns the group of the filters of a layer."""
    for group in dependency_groups(model):
        for member in group.members:
            owner = member.variable.path.split("/")[-2]
            if member.role == "output" and owner == name:
                return group
    raise KeyError(name)


def shrunk(model, zeros):
    """Sets units to zero, shrinks, and asserts that the outputs are the same.

    Args:
        model: Keras model.
        zeros: Dict from the name of a layer to the indices of its filters.
    """
    randomize(model)
    dense = outputs(model)
    for name, indices in zeros.items():
        zero_units(group_of(model, name), indices)
    if zeros:
        pairs = zip(dense, outputs(model))
        assert any(np.abs(a - b).max() > 1e-3 for a, b in pairs)
    small = shrink(model)
    assert_same(model, small)
    return small
