"""Random small graphs: pruned at random, shrunk, and the same."""

import keras
import numpy as np
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import layers

from keras_slr import dependency_groups
from keras_slr import shrink
from keras_slr.shrink import zero_units
from tests.shrink.helpers import outputs
from tests.shrink.helpers import randomize

STEPS = (
    "conv",
    "strided",
    "norm",
    "activation",
    "depthwise",
    "separable",
    "residual",
    "concat",
    "gate",
    "groups",
    "group_norm",
)


def extended(tensors, step, draw):
    """Returns one more tensor, made of the last and an earlier one."""
    y = tensors[-1]
    channels = y.shape[-1]
    earlier = draw(st.sampled_from(tensors))
    padding = draw(st.sampled_from(["same", "valid"]))
    padding = padding if y.shape[1] > 3 else "same"
    if step == "conv":
        return layers.Conv2D(
            draw(st.sampled_from([4, 6])),
            draw(st.sampled_from([1, 3])),
            padding=padding,
            use_bias=draw(st.booleans()),
            activation=draw(st.sampled_from([None, "relu", "sigmoid"])),
        )(y)
    if step == "strided":
        return layers.MaxPooling2D(2, padding="same")(y)
    if step == "norm":
        return layers.BatchNormalization(scale=draw(st.booleans()))(y)
    if step == "activation":
        name = draw(st.sampled_from(["relu", "softplus", "tanh", "gelu"]))
        return layers.Activation(name)(y)
    if step == "depthwise":
        multiplier = draw(st.sampled_from([1, 2])) if channels < 7 else 1
        return layers.DepthwiseConv2D(
            2, padding=padding, depth_multiplier=multiplier
        )(y)
    if step == "separable":
        return layers.SeparableConv2D(6, 2, padding=padding)(y)
    if step == "groups" and channels % 2 == 0:
        return layers.Conv2D(4, 3, padding="same", groups=2)(y)
    if step == "group_norm" and channels % 2 == 0:
        return layers.GroupNormalization(channels // 2)(y)
    if step == "gate":
        gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
        return y * layers.Conv2D(channels, 1, activation="sigmoid")(gate)
    if earlier.shape[1] != y.shape[1]:
        return y
    if step == "concat" and channels + earlier.shape[-1] < 16:
        return layers.Concatenate()([earlier, y])
    if step == "residual":
        if earlier.shape[-1] != channels:
            earlier = layers.Conv2D(channels, 1)(earlier)
        return layers.Add()([earlier, y])
    return y


# JAX compiles every graph anew.
EXAMPLES = 3 if keras.config.backend() == "jax" else 12


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(st.data())
def test_random_graph(data):
    keras.backend.clear_session()
    x = keras.Input((6, 6, 2))
    tensors = [layers.Conv2D(6, 3, padding="same")(x)]
    steps = data.draw(st.lists(st.sampled_from(STEPS), min_size=2, max_size=6))
    for step in steps:
        tensors.append(extended(tensors, step, data.draw))
    y = data.draw(st.sampled_from([layers.Flatten, layers.GlobalMaxPooling2D]))
    model = keras.Model(x, layers.Dense(2)(y()(tensors[-1])))
    randomize(model)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    for group in dependency_groups(model):
        if group.reason is None:
            zero_units(group, np.flatnonzero(rng.random(group.size) < 0.4))
    small = shrink(model)
    for a, b in zip(outputs(model), outputs(small)):
        np.testing.assert_allclose(
            a, b, rtol=1e-4, atol=1e-4 * max(np.abs(a).max(), 1e-3)
        )
