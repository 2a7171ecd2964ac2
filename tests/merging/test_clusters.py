import numpy as np
import pytest

from keras_slr.merging.clusters import METHODS
from keras_slr.merging.clusters import representatives

pytestmark = pytest.mark.once("NumPy alone")


def harms_of(points):
    return np.sum(np.square(points[:, None] - points[None]), axis=-1)


@pytest.mark.parametrize("method", METHODS.values())
def test_clusters_that_are_far_apart(method):
    rng = np.random.default_rng(0)
    right = np.repeat([0, 1, 2], 5)
    points = 10 * np.eye(3)[right] + 0.1 * rng.normal(size=(15, 3))
    labels = method(points @ points.T, harms_of(points), np.ones(15), 3, 0)
    for a in range(15):
        for b in range(15):
            assert (labels[a] == labels[b]) == (right[a] == right[b])


def test_heavy_units_have_clusters_of_their_own():
    points = np.array([[0.0], [1.0], [5.0], [7.0]])
    weights = np.array([100.0, 100.0, 1.0, 1.0])
    labels = METHODS["kmeans"](points @ points.T, None, weights, 3, 0)
    assert labels[0] != labels[1] and labels[2] == labels[3]


@pytest.mark.parametrize("method", METHODS.values())
def test_more_clusters_than_different_units(method):
    points = np.array([[1.0], [1.0], [1.0], [2.0]])
    harms = harms_of(points)
    labels = method(points @ points.T, harms, np.zeros(4), 3, 0)
    chosen = representatives(harms, labels, 3)
    assert len(np.unique(chosen)) == 3
    np.testing.assert_array_equal(chosen[chosen], chosen)
    np.testing.assert_array_equal(points[chosen], points)


def test_the_unit_stays_that_does_the_least_harm():
    harms = np.array([[0, 1, 9], [4, 0, 4], [9, 1, 0.0]])
    chosen = representatives(harms, np.zeros(3, int), 1)
    np.testing.assert_array_equal(chosen, [1, 1, 1])


def test_a_unit_may_go_to_another_cluster():
    points = np.array([[0.0], [4.0], [4.1], [6.0]])
    # Unit 1 was put to unit 0, and is nearer to unit 2.
    labels = np.array([0, 0, 1, 1])
    harms = harms_of(points)
    harms[1, 0] = harms[0, 1] = 3.0
    harms[3, 2] = 0.5
    chosen = representatives(harms, labels, 2)
    np.testing.assert_array_equal(chosen, [0, 2, 2, 2])
