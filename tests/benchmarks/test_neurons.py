import numpy as np
import pytest

from benchmarks import neurons

pytestmark = pytest.mark.once("NumPy alone")


@pytest.fixture
def net():
    rng = np.random.default_rng(0)
    sizes = [(12, 20), (20, 8), (8, 3)]
    return [(rng.normal(size=s), rng.normal(size=s[1])) for s in sizes]


@pytest.fixture
def x():
    return np.random.default_rng(1).normal(size=(200, 12))


def outputs(net, x):
    *before, (kernel, bias) = net
    for layer in before:
        x = neurons.hidden(x, *layer)
    return x @ kernel + bias


@pytest.mark.parametrize("choose", neurons.CHOICES.values())
def test_all_neurons_are_the_dense_net(net, x, choose):
    for small in (
        neurons.without_data(net, 0.0, choose, 0),
        neurons.with_data(net, 0.0, choose, 0, x),
    ):
        np.testing.assert_allclose(outputs(small, x), outputs(net, x))


@pytest.mark.parametrize("choose", [None, *neurons.CHOICES.values()])
def test_least_squares_bring_the_outputs_nearer(net, x, choose):
    small = neurons.with_data(net, 0.5, choose, 0, x)
    assert [len(bias) for _, bias in small] == [10, 4, 3]
    right = outputs(net, x)
    error = np.mean(np.square(outputs(small, x) - right))
    assert error < np.mean(np.square(right - right.mean(axis=0)))
    if choose is not None:
        rough = neurons.without_data(net, 0.5, choose, 0)
        assert error < np.mean(np.square(outputs(rough, x) - right))
