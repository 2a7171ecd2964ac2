import sys
import threading

import numpy as np
import pytest

import keras_slr.projections.sweep  # noqa: F401

module = sys.modules["keras_slr.projections.sweep"]


@pytest.fixture(params=[1, 2, 3, 50])
def cores(request, monkeypatch):
    monkeypatch.setattr(module, "_cores", lambda: request.param)
    monkeypatch.setattr(module, "BLOCK", 10)
    return request.param


@pytest.mark.parametrize("size", [1, 9, 10, 11, 57, 100])
def test_every_block_once_and_in_order(cores, size):
    x, y = np.arange(size), np.zeros(size, int)

    def double(block, out):
        out[:] = 2 * block
        return int(block[0]), block.size

    starts, sizes = zip(*module.sweep(double, x, y))
    assert list(starts) == list(range(0, size, 10))
    assert sum(sizes) == size
    np.testing.assert_array_equal(y, 2 * x)


def test_large_arrays_use_all_cores(cores):
    number = min(cores, 10)
    # Passed only by so many threads at the same time.
    together = threading.Barrier(number, timeout=30)
    own = threading.local()

    def meet(block):
        if not hasattr(own, "met"):
            own.met = together.wait()
        return own.met

    assert len(set(module.sweep(meet, np.arange(200)))) == number


def test_an_error_in_any_block_is_raised(cores):
    def fail(block):
        if block[0] == 90:
            raise ValueError("a block")

    with pytest.raises(ValueError, match="a block"):
        module.sweep(fail, np.arange(100))


def test_scratch_vectors_are_as_large_as_the_blocks(cores):
    x = np.arange(45.0)

    def squares(block, found, large):
        np.multiply(block, block, out=found)
        np.greater(found, 1000.0, out=large)
        return found.sum(), np.count_nonzero(large)

    found = module.sweep(squares, x, scratch=(np.float64, bool))
    expected = np.split(x**2, [10, 20, 30, 40])
    assert [each[0] for each in found] == [part.sum() for part in expected]
    assert [each[1] for each in found] == [
        np.count_nonzero(part > 1000.0) for part in expected
    ]
