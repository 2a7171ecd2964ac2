import keras
import numpy as np
import pytest
from keras import layers

from keras_slr import dependency_groups
from keras_slr.shrinking import unit_norms
from keras_slr.shrinking import zero_units

pytestmark = pytest.mark.once("looks at graphs and shapes")


def described(group):
    """Returns the members as tuples of path, axis, role and units."""
    return [
        (m.variable.path, m.axis, m.role, m.units.tolist())
        for m in group.members
    ]


def test_convolution_norm_and_flatten():
    x = keras.Input((2, 1, 3))
    y = layers.Conv2D(2, 1, name="conv")(x)
    y = layers.BatchNormalization(name="norm")(y)
    y = layers.Dense(1, use_bias=False, name="dense")(layers.Flatten()(y))
    groups = dependency_groups(keras.Model(x, y))
    assert described(groups[0]) == [
        ("conv/kernel", 3, "output", [0, 1]),
        ("conv/bias", 0, "vector", [0, 1]),
        ("norm/gamma", 0, "vector", [0, 1]),
        ("norm/beta", 0, "vector", [0, 1]),
        ("norm/moving_mean", 0, "vector", [0, 1]),
        ("norm/moving_variance", 0, "passive", [0, 1]),
        ("dense/kernel", 0, "input", [0, 1, 0, 1]),
    ]
    assert (groups[0].size, groups[0].reason) == (2, None)
    assert described(groups[1]) == [("dense/kernel", 1, "output", [0])]
    assert groups[1].reason == "is the model's output"
    assert str(groups[0]) == (
        "group 0: 2 units: conv filters, norm, dense inputs"
    )
    assert str(groups[1]) == (
        "group 1: 1 units: dense filters (left whole: is the model's output)"
    )


def test_concatenation_has_offsets_and_a_residual_ties():
    x = keras.Input((4,))
    a, b = layers.Dense(2, name="a")(x), layers.Dense(3, name="b")(x)
    both = layers.Concatenate()([b, x, a])
    c = layers.Dense(9, name="c")(x)
    y = layers.Dense(1, name="head")(layers.ReLU()(both) + 0.0)
    split = keras.Model(x, y)
    groups = dependency_groups(split)
    head = [described(g)[-1] for g in groups[:2]]
    assert head == [
        ("head/kernel", 0, "input", [0, 1, 2] + [-1] * 6),
        ("head/kernel", 0, "input", [-1] * 7 + [0, 1]),
    ]
    # An input among the units of `c` holds all of `c`, and what is added.
    tied = keras.Model(x, layers.Dense(1)(layers.Add()([both, c])))
    groups = dependency_groups(tied)
    assert [g.size for g in groups] == [9, 1]
    assert "joined by" in groups[0].reason


def test_residual_is_one_group():
    x = keras.Input((4,))
    a = layers.Dense(3, name="a")(x)
    b = layers.Dense(3, name="b")(a)
    y = layers.Dense(1, name="head")(a + b)
    groups = dependency_groups(keras.Model(x, y))
    assert described(groups[0]) == [
        ("a/kernel", 1, "output", [0, 1, 2]),
        ("a/bias", 0, "vector", [0, 1, 2]),
        ("b/kernel", 0, "input", [0, 1, 2]),
        ("b/kernel", 1, "output", [0, 1, 2]),
        ("b/bias", 0, "vector", [0, 1, 2]),
        ("head/kernel", 0, "input", [0, 1, 2]),
    ]


def test_grouped_and_depthwise_convolutions():
    x = keras.Input((4, 4, 3))
    y = layers.Conv2D(4, 1, name="a")(x)
    y = layers.Conv2D(6, 1, groups=2, name="grouped")(y)
    y = layers.DepthwiseConv2D(1, depth_multiplier=2, name="depth")(y)
    y = layers.Conv2D(1, 1, name="head")(y)
    groups = dependency_groups(keras.Model(x, y))
    three = [0, 0, 0, 1, 1, 1]
    assert described(groups[0]) == [
        ("a/kernel", 3, "output", [0, 0, 1, 1]),
        ("a/bias", 0, "vector", [0, 0, 1, 1]),
        ("grouped/kernel", 3, "output", three),
        ("grouped/bias", 0, "vector", three),
        ("depth/kernel", 2, "output", three),
        ("depth/bias", 0, "vector", [0] * 6 + [1] * 6),
        ("head/kernel", 2, "input", [0] * 6 + [1] * 6),
    ]


def test_separable_convolution_reads_with_both_kernels():
    x = keras.Input((4, 4, 3))
    y = layers.Conv2D(2, 1, name="a")(x)
    y = layers.SeparableConv2D(3, 1, depth_multiplier=2, name="sep")(y)
    groups = dependency_groups(keras.Model(x, y))
    assert described(groups[0])[2:] == [
        ("sep/depthwise_kernel", 2, "input", [0, 1]),
        ("sep/pointwise_kernel", 2, "input", [0, 0, 1, 1]),
    ]


def test_heads_of_attention():
    x = keras.Input((5, 4))
    y = layers.MultiHeadAttention(2, 3, name="attention")(x, x)
    groups = dependency_groups(keras.Model(x, y))
    assert {
        (m[0].split("/", 1)[1], *m[1:])
        for m in ((p, a, r, tuple(u)) for p, a, r, u in described(groups[0]))
    } == {
        ("query/kernel", 1, "output", (0, 1)),
        ("query/bias", 0, "vector", (0, 1)),
        ("key/kernel", 1, "output", (0, 1)),
        ("key/bias", 0, "vector", (0, 1)),
        ("value/kernel", 1, "output", (0, 1)),
        ("value/bias", 0, "vector", (0, 1)),
        ("attention_output/kernel", 0, "input", (0, 1)),
    }


def test_shared_weights_appear_once():
    x = keras.Input((4,))
    shared = layers.Dense(4, name="shared")
    y = layers.Dense(1)(shared(shared(layers.Dense(4, name="a")(x))))
    groups = dependency_groups(keras.Model(x, y))
    found = [m[:3] for m in described(groups[0])]
    assert len(found) == len(set(found)) == 6
    assert ("shared/kernel", 0, "input") in found
    assert ("shared/kernel", 1, "output") in found


def test_unit_norms_are_over_all_that_writes():
    x = keras.Input((2,))
    a = layers.Dense(2, name="a")(x)
    b = layers.Dense(2, name="b")(a)
    model = keras.Model(x, layers.Dense(1)(a + b))
    model.get_layer("a").kernel.assign([[3.0, 0.0], [0.0, 1.0]])
    model.get_layer("b").kernel.assign([[4.0, 0.0], [0.0, 2.0]])
    group = dependency_groups(model)[0]
    np.testing.assert_allclose(unit_norms(group), [5.0, 5.0**0.5])


def test_zeroed_units_are_dead_and_the_others_untouched():
    x = keras.Input((4, 4, 3))
    y = layers.Conv2D(3, 1, name="conv", bias_initializer="ones")(x)
    y = layers.BatchNormalization(
        beta_initializer="ones", moving_mean_initializer="ones", name="norm"
    )(y)
    model = keras.Model(x, layers.Conv2D(1, 1, name="head")(y))
    before = [np.array(v) for v in model.variables]
    zero_units(dependency_groups(model)[0], [1])
    for old, v in zip(before, model.variables):
        new = np.array(v)
        if v.path.split("/")[0] == "head" or v.name == "moving_variance":
            np.testing.assert_array_equal(new, old)
            continue
        assert not new[..., 1].any()
        np.testing.assert_array_equal(new[..., ::2], old[..., ::2])
    seen = keras.Model(x, y)(np.ones((1, 4, 4, 3)), training=False)
    assert not np.array(keras.ops.convert_to_numpy(seen))[..., 1].any()
