"""Every structure against brute force on small kernels of every layer.

Units are built here from the meaning of each kernel's indices, one entry at a
time, without the library's transpositions.
"""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import layers

import keras_slr
from keras_slr.projections import bisection
from keras_slr.selection.kernels import weights_of
from keras_slr.structures import Constraint
from tests.helpers import slow_keep_mask


def dense():
    return layers.Dense(4), (4,), lambda i, o: (o, i, 0)


def conv1d():
    return layers.Conv1D(4, 2), (6, 4), lambda k, i, o: (o, i, k)


def conv1d_of_six():
    return layers.Conv1D(4, 2), (6, 6), lambda k, i, o: (o, i, k)


def conv2d():
    return layers.Conv2D(4, (2, 1)), (4, 4, 4), lambda k, _, i, o: (o, i, k)


def conv3d():
    layer = layers.Conv3D(2, (1, 1, 2))
    return layer, (2, 2, 4, 4), lambda a, b, k, i, o: (o, i, k)


def transposed():
    layer = layers.Conv2DTranspose(4, (1, 2))
    return layer, (4, 4, 2), lambda _, k, o, i: (o, i, k)


def depthwise():
    layer = layers.DepthwiseConv2D((1, 3), depth_multiplier=2)
    return layer, (4, 4, 3), lambda _, k, c, m: (2 * c + m, 0, k)


def einsum():
    layer = layers.EinsumDense("abc,cde->abde", output_shape=(None, 2, 2))
    return layer, (3, 4), lambda i, d, e: (2 * d + e, i, 0)


def einsum_of_two():
    layer = layers.EinsumDense("abcd,cde->abe", output_shape=(None, 3))
    return layer, (3, 2, 2), lambda c, d, o: (o, 2 * c + d, 0)


LAYERS = (
    dense,
    conv1d,
    conv2d,
    conv3d,
    transposed,
    depthwise,
    einsum,
    einsum_of_two,
)
# What entries of one unit have in common.
UNITS = {
    keras_slr.Filter(grouped=False): lambda o, i, k: o,
    keras_slr.Channel(): lambda o, i, k: i,
    keras_slr.Column(): lambda o, i, k: (i, k),
    keras_slr.Kernel(): lambda o, i, k: (o, i),
    keras_slr.Block((2, 1)): lambda o, i, k: (i // 2, o, k),
    keras_slr.Block((1, 2)): lambda o, i, k: (i, o // 2, k),
    keras_slr.Block((2, 2)): lambda o, i, k: (i // 2, o // 2, k),
    keras_slr.Unstructured(): lambda o, i, k: (o, i, k),
}


def kernel_of(layer, shape):
    model = keras.Sequential([keras.Input(shape), layer])
    return model, next(
        w for w in weights_of(model) if w.variable.name == "kernel"
    )


def constraint_of(structure, weight, rate):
    [(bound, weights)], refused = structure.couple(None, [weight], [])
    assert not refused
    return Constraint(bound, tuple(weights), rate)


def members(weight, role, common):
    """Returns the flat indices of the entries of each unit."""
    units = {}
    for flat, index in enumerate(np.ndindex(weight.shape)):
        units.setdefault(common(*role(*index)), []).append(flat)
    return list(units.values())


def integers(seed, shape):
    """Few different values, so that ties are frequent and sums exact."""
    rng = np.random.default_rng(seed)
    return rng.integers(-3, 4, size=shape).astype("float32")


@pytest.mark.parametrize("structure", UNITS, ids=str)
@pytest.mark.parametrize("make", LAYERS)
def test_units_are_kept_by_norm(make, structure):
    layer, shape, role = make()
    _, weight = kernel_of(layer, shape)
    if structure.refusal(weight) is not None:
        return
    units = members(weight, role, UNITS[structure])
    for seed, rate in itertools.product(range(3), (0.0, 0.3, 0.6)):
        constraint = constraint_of(structure, weight, rate)
        assert constraint.units == len(units)
        w = integers(seed, weight.shape)
        [mask] = constraint.nearest([w])
        kept = [mask.ravel()[unit] for unit in units]
        assert all(k.all() or not k.any() for k in kept)
        count = sum(k.all() for k in kept)
        assert count == max(len(units) - round(rate * len(units)), 1)
        # Nearest: no other choice of as many units has a larger norm.
        squares = np.square(w.ravel())
        norms = sorted(squares[unit].sum() for unit in units)
        assert squares[mask.ravel()].sum() == sum(norms[len(norms) - count :])
        [again] = constraint.nearest([np.where(mask, w, 0)])
        assert squares[(mask & ~again).ravel()].sum() == 0


def test_refusals_say_what_does_not_fit():
    structures = {
        keras_slr.NM(2, 4): (einsum, depthwise),
        keras_slr.Kernel(): (conv2d, dense),
        keras_slr.Channel(): (dense, depthwise),
        keras_slr.Block((4, 1)): (dense, conv1d_of_six),
        keras_slr.Block((1, 3)): (einsum_of_two, dense),
    }
    for structure, (fits, does_not) in structures.items():
        for make, refused in ((fits, False), (does_not, True)):
            layer, shape, _ = make()
            _, weight = kernel_of(layer, shape)
            assert (structure.refusal(weight) is not None) == refused
    _, weight = kernel_of(layers.Conv2D(4, 1), (4, 4, 4))
    assert "3x3" in keras_slr.Pattern().refusal(weight)


@pytest.mark.parametrize("n, m", [(2, 4), (1, 4), (1, 2), (4, 8)])
@pytest.mark.parametrize("make", [dense, conv2d, einsum_of_two])
def test_n_of_m_against_brute_force(make, n, m):
    layer, shape, role = make()
    _, weight = kernel_of(layer, shape)
    structure = keras_slr.NM(n, m)
    if structure.refusal(weight) is not None:
        return
    groups = members(weight, role, lambda o, i, k: (i // m, o, k))
    constraint = constraint_of(structure, weight, structure.rate)
    for seed in range(5):
        w = integers(seed, weight.shape)
        [mask] = constraint.nearest([w])
        for group in groups:
            kept, values = mask.ravel()[group], w.ravel()[group]
            assert kept.sum() == n
            best = max(
                np.square(values[list(choice)]).sum()
                for choice in itertools.combinations(range(m), n)
            )
            assert np.square(values[kept]).sum() == best
            # Ties stay at the lowest index.
            np.testing.assert_array_equal(kept, slow_keep_mask(values, n))


def test_n_of_m_at_a_lower_rate():
    """At a lower rate the largest entries beyond n stay, too."""
    layer, shape, role = dense()
    _, weight = kernel_of(layer, shape)
    constraint = constraint_of(keras_slr.NM(2, 4), weight, 0.25)
    w = np.random.default_rng(0).normal(size=(4, 4)).astype("float32")
    [mask] = constraint.nearest([w])
    expected = np.zeros((4, 4), bool)
    beyond = []
    for column in range(4):
        order = np.argsort(-abs(w[:, column]))
        expected[order[:2], column] = True
        beyond += [(abs(w[row, column]), row, column) for row in order[2:]]
    for _, row, column in sorted(beyond)[-4:]:
        expected[row, column] = True
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize(
    "structure",
    [
        keras_slr.Pattern(),
        keras_slr.Pattern(((0, 4), (3, 4), (4, 8))),
    ],
    ids=["all", "three"],
)
def test_patterns_against_brute_force(structure):
    _, weight = kernel_of(layers.Conv2D(3, 3), (5, 5, 2))
    constraint = constraint_of(structure, weight, structure.rate)
    w = np.random.default_rng(1).normal(size=weight.shape).astype("float32")
    [mask] = constraint.nearest([w])
    for i, o in np.ndindex(2, 3):
        window, kept = w[:, :, i, o].ravel(), mask[:, :, i, o].ravel()
        places = tuple(np.flatnonzero(kept).tolist())
        assert places in structure.patterns
        best = max(np.square(window[list(p)]).sum() for p in structure.patterns)
        assert np.square(window[kept]).sum() == pytest.approx(best)
    [again] = constraint.nearest([np.where(mask, w, 0)])
    np.testing.assert_array_equal(again, mask)


def test_patterns_are_learned_from_a_model():
    model = keras.Sequential(
        [
            keras.Input((6, 6, 4)),
            layers.Conv2D(8, 3, name="stem"),
            layers.Conv2D(8, 3, name="conv"),
        ]
    )
    kernel = np.zeros((3, 3, 8, 8), "float32")
    # Most windows have their upper row, some the left column.
    kernel[0] = 1.0
    kernel[:, :, 5:] = 0.0
    kernel[:, 0, 5:] = 1.0
    model.get_layer("conv").kernel.assign(kernel)
    learned = keras_slr.Pattern.learned(model, size=2)
    assert learned.patterns == ((0, 1, 2, 4), (0, 3, 4, 6))
    assert keras_slr.Pattern.learned(model, size=1).patterns == ((0, 1, 2, 4),)
    with pytest.raises(ValueError, match="3x3 convolutions"):
        keras_slr.Pattern.learned(
            keras.Sequential([keras.Input((30,)), layers.Dense(20)])
        )


# Other backends compile every example.
@settings(
    max_examples=25 if keras.config.backend() == "torch" else 8, deadline=None
)
@given(
    structure=st.sampled_from(
        [*UNITS, keras_slr.NM(2, 4), keras_slr.NM(1, 2), keras_slr.Pattern()]
    ),
    make=st.sampled_from(LAYERS),
    seed=st.integers(0, 1000),
    rate=st.floats(0, 0.95),
)
def test_devices_and_host_keep_the_same_entries(structure, make, seed, rate):
    layer, shape, _ = make()
    _, weight = kernel_of(layer, shape)
    if structure.refusal(weight) is not None:
        return
    constraint = constraint_of(structure, weight, structure.rate or rate)
    w = integers(seed, weight.shape)
    [expected] = constraint.nearest([w])
    [mask] = constraint.masks(
        keras.ops,
        bisection.keep_mask,
        [keras.ops.convert_to_tensor(w)],
        constraint.count(constraint.rate),
    )
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(mask), expected)


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: keras_slr.NM(4, 4), "0 < n < m"),
        (lambda: keras_slr.Block((4,)), "inputs, outputs"),
        (lambda: keras_slr.Block((0, 1)), "inputs, outputs"),
        (lambda: keras_slr.Pattern(((0, 9),)), "positions from 0 to 8"),
        (lambda: keras_slr.Pattern(((0, 1), (2,))), "of one length"),
    ],
)
def test_invalid_structures_are_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize(
    "structure",
    [*UNITS, keras_slr.NM(1, 4), keras_slr.Pattern(((0, 4),))],
    ids=str,
)
def test_structures_are_saved_and_compared(structure):
    config = keras.saving.serialize_keras_object(structure)
    assert keras.saving.deserialize_keras_object(config) == structure
