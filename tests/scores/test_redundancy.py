"""Redundancy: filters that are near to others leave first."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr import scores
from keras_slr.scores.redundancy import distances
from keras_slr.scores.redundancy import from_centroids
from keras_slr.scores.redundancy import to_nearest
from keras_slr.scores.scorer import Scorer
from keras_slr.selection.kernels import kernels_of
from tests.helpers import to_numpy

RNG = np.random.default_rng(0)
FILTERS = RNG.normal(size=(9, 12))
FILTERS[7] = FILTERS[2]


def layer_of(filters):
    """A convolution with these filters, and its weight."""
    model = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            layers.Conv2D(len(filters), 2, use_bias=False),
        ]
    )
    kernel = np.moveaxis(filters.reshape(len(filters), 2, 2, 3), 0, -1)
    model.layers[0].kernel.assign(kernel)
    return model


def redundancy(to, filters, **arguments):
    model = layer_of(filters)
    score = scores.Redundancy(to, **arguments)
    (found,) = Scorer(score, model).of(kernels_of(model))
    squares = np.square(found, dtype="float64")
    return np.sqrt(np.sum(squares, axis=(0, 1, 2)))


def between(filters):
    return np.array([[np.linalg.norm(a - b) for b in filters] for a in filters])


def size_of(filters):
    return np.sqrt(np.mean([a @ a for a in filters]))


@pytest.mark.once("NumPy alone computes")
class TestRedundancy:
    def test_mean_distance_to_all_others(self):
        expected = between(FILTERS).sum(axis=1) / 8 / size_of(FILTERS)
        found = redundancy("median", FILTERS)
        np.testing.assert_allclose(found, expected, rtol=1e-5)

    @pytest.mark.parametrize("to", ["nearest", "median", "centroid"])
    def test_dead_filters_do_not_count(self, to):
        with_dead = np.insert(FILTERS, 4, 0.0, axis=0)
        found = redundancy(to, with_dead)
        assert found[4] == 0
        np.testing.assert_allclose(
            np.delete(found, 4), redundancy(to, FILTERS), rtol=1e-5
        )

    @pytest.mark.parametrize("to", ["nearest", "median", "centroid"])
    def test_the_scale_of_the_layer_does_not_count(self, to):
        np.testing.assert_allclose(
            redundancy(to, 100 * FILTERS), redundancy(to, FILTERS), rtol=1e-4
        )

    def test_nearest_filters_leave_one_after_another(self):
        """At each turn, the nearest pair of all that are left loses one."""
        found = redundancy("nearest", FILTERS)
        filters, d = list(range(9)), between(FILTERS) / size_of(FILTERS)
        for out in np.argsort(found, kind="stable")[:-1]:
            rest = d[np.ix_(filters, filters)] + np.diag([9.0] * len(filters))
            at = filters.index(out)
            assert rest[at].min() == rest.min()
            np.testing.assert_allclose(found[out], rest.min(), atol=1e-6)
            filters.remove(out)

    def test_of_equal_filters_one_stays(self):
        found = redundancy("nearest", FILTERS)
        assert found[7] < 1e-6 < found[2]
        assert found[2] > 0.5
        model = layer_of(FILTERS)
        keras_slr.hard_prune(
            model,
            1 / 9,
            structure=keras_slr.Filter(grouped=False),
            include=["class:Conv2D"],
            score="redundancy",
        )
        alive = np.any(to_numpy(model.layers[0].kernel), axis=(0, 1, 2))
        np.testing.assert_array_equal(np.flatnonzero(~alive), [7])

    @pytest.mark.parametrize("order", [[0, 1, 2, 3], [1, 0, 2, 3]])
    def test_the_one_in_the_middle_leaves(self, order):
        points = np.array([0.0, 1.0, 2.0, 7.0])[order]
        found = to_nearest(np.abs(np.subtract.outer(points, points)))
        expected = np.array([7.0, 1.0, 2.0, 7.0])[order]
        np.testing.assert_array_equal(found, expected)

    def test_all_are_equal(self):
        found = redundancy("nearest", np.ones((4, 12)))
        np.testing.assert_allclose(found, 0.0, atol=1e-12)

    @pytest.mark.parametrize("to", ["nearest", "median", "centroid"])
    def test_a_single_filter_stays(self, to):
        np.testing.assert_allclose(redundancy(to, FILTERS[:1]), [1.0])

    def test_clusters_keep_the_filter_in_the_middle(self):
        points = np.array([[0.0], [1.0], [2.5], [10.0], [11.0], [12.5]])
        points = points + np.array([[1.0, 0.0]])
        found = from_centroids(points, 2)
        off = np.sqrt(2) * np.abs([0 - 3.5 / 3, 0, 2.5 - 3.5 / 3] * 2)
        others = off[[0, 2, 3, 5]]
        np.testing.assert_allclose(found[[0, 2, 3, 5]], others)
        apart = np.sqrt(2) * 10
        np.testing.assert_allclose(found[[1, 4]], others.max() + apart)

    def test_as_many_clusters_as_filters(self):
        points = RNG.normal(size=(5, 3))
        nearest = between(points) + np.diag([np.inf] * 5)
        np.testing.assert_allclose(
            from_centroids(points, 8), nearest.min(axis=1)
        )

    def test_equal_filters_have_no_distance(self):
        d = distances(FILTERS.astype("float32").astype("float64"))
        assert d[2, 7] == 0 and not np.diag(d).any()
        np.testing.assert_allclose(d, between(FILTERS), atol=1e-6)


def test_a_live_filter_comes_before_a_dead_one():
    """Also if its score is zero."""
    filters = np.repeat(FILTERS[:1], 6, axis=0)
    filters[0] = 0.0
    model = layer_of(filters)
    (found,) = Scorer(scores.Redundancy(), model).of(kernels_of(model))
    assert not found[..., 0].any() and (found[..., 1:] > 0).all()
