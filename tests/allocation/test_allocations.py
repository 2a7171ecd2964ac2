import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

import keras_slr
from keras_slr.allocation import ALLOCATIONS
from keras_slr.allocation import Share
from keras_slr.allocation import allocate
from keras_slr.allocation.allocations import FLOOR
from tests.helpers import to_numpy
from tests.helpers import zeros

pytestmark = pytest.mark.once("counts in NumPy")

SHAPES = [(3, 3, 16, 32), (3, 3, 32, 64), (512, 100), (100, 10)]


def shares(seed=0, shapes=SHAPES, scales=(1.0, 0.1, 0.02, 3.0)):
    rng = np.random.default_rng(seed)
    return [
        Share(
            shape,
            abs(rng.normal(0, scale, np.prod(shape))).astype("float32"),
            f"layer_{i}",
        )
        for i, (shape, scale) in enumerate(zip(shapes, scales))
    ]


def density(shares, rates):
    sizes = np.array([share.size for share in shares])
    return 1.0 - np.dot(rates, sizes) / sizes.sum()


@pytest.mark.parametrize("name", ALLOCATIONS)
@given(rate=st.floats(0.0, 0.99), seed=st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_the_model_has_its_rate_and_no_layer_is_empty(name, rate, seed):
    layers = shares(seed)
    rates = allocate(name, layers, rate)
    size = sum(layer.size for layer in layers)
    assert abs(density(layers, rates) - (1.0 - rate)) < 1.5 / size
    for layer, own in zip(layers, rates):
        assert own >= -1e-12
        kept = keras_slr.projections.keep_count(layer.size, own)
        assert kept >= max(1, np.floor(FLOOR * (1 - rate) * layer.size))


def test_erk_densities_are_those_of_the_formula():
    layers = shares()
    rates = allocate("erk", layers, 0.8)
    odds = [sum(s) / np.prod(s) for s in SHAPES]
    # The last layer would be denser than dense; the others share the rest.
    assert rates[3] == 0.0
    ratios = [(1 - rate) / odd for rate, odd in zip(rates[:3], odds)]
    np.testing.assert_allclose(ratios, ratios[0])


def lamp_by_hand(w):
    """Scores by the definition, entry by entry (arXiv 2010.07611, eq. 4)."""
    squares = np.square(w.astype("float64"))
    return np.array([s / squares[squares >= s].sum() for s in squares])


@pytest.mark.parametrize(
    "name, score",
    [
        ("lamp", lamp_by_hand),
        ("balanced", lambda w: lamp_by_hand(w) * w.size**0.25),
        ("global", lambda w: w / np.sqrt(np.square(w).sum())),
        ("relative", lambda w: w / w.max()),
    ],
)
def test_one_threshold_for_all_layers(name, score):
    layers = shares(shapes=[(20, 10), (10, 8), (8, 4)], scales=(1, 5, 0.1))
    rates = allocate(name, layers, 0.8)
    scores = [score(layer.scores) for layer in layers]
    kept = round(0.2 * 312)
    threshold = np.sort(np.concatenate(scores))[-kept]
    expected = [1 - np.mean(s >= threshold) for s in scores]
    np.testing.assert_allclose(rates, expected)
    assert len(set(rates)) == 3


def test_a_million_scores_are_counted_as_if_they_were_sorted():
    """Levels are 2048 to a power of two, which moves few entries."""
    shapes = [(800, 1000), (500, 400)]
    layers = shares(shapes=shapes, scales=(1.0, 0.3))
    scores = [lamp_by_sorting(layer.scores) for layer in layers]
    kept = round(0.1 * 1_000_000)
    threshold = np.sort(np.concatenate(scores))[-kept]
    expected = [1 - np.mean(s >= threshold) for s in scores]
    rates = allocate("lamp", layers, 0.9)
    np.testing.assert_allclose(rates, expected, atol=1e-4)
    assert expected[1] < expected[0] - 0.01


def lamp_by_sorting(w):
    squares = np.square(w.astype("float64"))
    order = np.argsort(-squares)
    scores = np.empty_like(squares)
    scores[order] = squares[order] / np.cumsum(squares[order])
    return scores


@pytest.mark.parametrize("rate", [0.9, 0.95])
def test_balanced_is_near_erk_where_magnitudes_tell_nothing(rate):
    shapes = [(784, 300), (300, 100), (100, 10)]
    layers = shares(shapes=shapes, scales=(0.1, 2.0, 1.0))
    by_lamp, between, by_shape = (
        np.array(allocate(name, layers, rate))
        for name in ("lamp", "balanced", "erk")
    )
    np.testing.assert_allclose(between[:2], by_shape[:2], atol=0.03)
    assert abs(by_lamp - by_shape)[1] > 2 * abs(between - by_shape)[1]


@pytest.mark.parametrize("name", ["lamp", "balanced", "global", "relative"])
def test_a_pruned_model_keeps_its_zeros(make_model, name):
    model = make_model()
    keras_slr.hard_prune(model, 0.9, allocation=name)
    before = model.get_weights()
    assert sum(zeros(layer.kernel) for layer in model.layers[:2]) == 1037
    keras_slr.hard_prune(model, 0.9, allocation=name)
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["lamp", "balanced", "global"])
def test_layers_of_equal_magnitudes_share_the_rate(name):
    """A whole layer of equal scores neither stays nor leaves at once."""
    layers = shares(shapes=[(64, 64)] * 4)
    for layer in layers:
        layer.scores[:] = 0.3
    assert allocate(name, layers, 0.9) == pytest.approx([0.9] * 4, abs=1 / 64)


def test_weights_on_a_grid_get_about_the_rates_of_others():
    shapes = [(256, 128), (128, 64), (64, 32)]
    others = allocate("balanced", shares(shapes=shapes), 0.9)
    layers = shares(shapes=shapes)
    for layer in layers:
        layer.scores[:] = layer.scores.max() / 2
    found = allocate("balanced", layers, 0.9)
    np.testing.assert_allclose(found, others, atol=0.2)
    assert density(layers, found) == pytest.approx(0.1, abs=1e-4)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", ["lamp", "balanced", "global", "relative"])
def test_what_is_not_finite_is_named(make_model, name):
    model = make_model()
    w = to_numpy(model.layers[1].kernel).copy()
    w[0, 0] = np.inf
    model.layers[1].kernel.assign(w)
    with pytest.raises(ValueError, match="NaN or Inf in .*kernel"):
        keras_slr.hard_prune(model, 0.9, allocation=name)


def test_triangular_rates_rise_from_a_dense_first_layer():
    layers = shares()
    rates = allocate("triangular", layers, 0.4)
    assert rates[0] == 0.0
    np.testing.assert_allclose(np.diff(rates), rates[-1] / 3)
    assert density(layers, rates) == pytest.approx(0.6)


def test_the_first_layer_of_a_triangle_is_pruned_if_it_has_to_be():
    layers = shares()
    rates = allocate("triangular", layers, 0.9)
    assert rates[-1] == pytest.approx(1 - FLOOR * 0.1)
    assert 0 < rates[0] < 0.9
    np.testing.assert_allclose(np.diff(rates), (rates[-1] - rates[0]) / 3)
    assert density(layers, rates) == pytest.approx(0.1)


@pytest.mark.parametrize("name", ALLOCATIONS)
def test_a_single_layer_has_the_rate_of_the_model(name):
    layers = shares(shapes=SHAPES[:1], scales=(1.0,))
    assert allocate(name, layers, 0.7) == pytest.approx([0.7], abs=2e-4)


@pytest.mark.parametrize("name", ALLOCATIONS)
def test_nothing_is_left_to_distribute(make_model, name):
    structure = keras_slr.NM(2, 4)
    model = make_model()
    keras_slr.hard_prune(model, structure=structure, allocation=name)
    assert zeros(model.layers[0].kernel) == 320


def test_the_floor_protects_layers_from_becoming_empty():
    layers = shares(shapes=[(50, 40), (50, 40)], scales=(1.0, 1.0))
    # In the first layer one entry outweighs all others.
    layers[0].scores[:] = 1e-4
    layers[0].scores[7] = 100.0
    rates = allocate("global", layers, 0.9)
    assert rates[0] == pytest.approx(1 - FLOOR * 0.1)
    assert density(layers, rates) == pytest.approx(0.1)


def test_units_of_different_sizes_count_by_their_entries():
    layers = [
        Share((4, 10), np.arange(1, 11, dtype="float32"), "of four"),
        Share((40, 10), np.arange(1, 11, dtype="float32"), "of forty"),
    ]
    rates = allocate("global", layers, 0.5)
    kept = [round(10 * (1 - rate)) for rate in rates]
    assert 220 - 40 < 4 * kept[0] + 40 * kept[1] <= 220


def test_a_function_allocates(make_model):
    asked = []

    def by_position(shares, rate):
        asked.extend(share.path for share in shares)
        return [rate, rate / 2]

    model = make_model()
    keras_slr.hard_prune(model, 0.8, allocation=by_position)
    assert [path.split("/")[-2] for path in asked] == ["hidden", "middle"]
    assert zeros(model.layers[0].kernel) == round(0.8 * 640)
    assert zeros(model.layers[1].kernel) == round(0.4 * 512)


@pytest.mark.parametrize(
    "choice, text",
    [
        ({"allocation": "erdos"}, "'relative', or a function"),
        ({"rate": {"hidden": 0.5}, "allocation": "erk"}, "a rate per name"),
        ({"allocation": lambda shares, rate: [rate]}, "2 rates"),
        ({"allocation": lambda shares, rate: [0.5, 1.0]}, "2 rates"),
    ],
)
def test_wrong_allocations_are_refused(make_model, choice, text):
    with pytest.raises(ValueError, match=text):
        keras_slr.hard_prune(make_model(), **choice)


@pytest.mark.parametrize("name", ALLOCATIONS)
def test_every_method_takes_every_allocation(make_model, data, name):
    rates = []
    for make in (
        keras_slr.SLRCallback,
        keras_slr.GradualMagnitudeCallback,
        keras_slr.ADMMCallback,
        keras_slr.GRegCallback,
        keras_slr.IterativePruningCallback,
        keras_slr.OneShotMagnitudeCallback,
    ):
        model = make_model("adam")
        callback = make(0.75, allocation=name)
        model.fit(*data, epochs=2, verbose=0, callbacks=[callback])
        pruned = callback.report().pruned
        assert sum(row.zeros for row in pruned) == round(0.75 * 1152)
        rates += [{row.rate for row in pruned}]
    # Layers may happen to have one threshold at the same rate.
    same = all(len(each) == 1 for each in rates)
    assert same == (name in ("uniform", "flat"))
