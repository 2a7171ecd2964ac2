import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops

from keras_slr.projections import bisection
from keras_slr.projections import keep_count
from keras_slr.projections import keep_mask
from keras_slr.projections import project
from tests.helpers import slow_keep_mask

TENSORS = {
    "random": np.random.default_rng(0).normal(size=(7, 11)),
    "constant": np.full((4, 5), 0.25),
    "zero": np.zeros((3, 5)),
    "one entry": np.array([3.0]),
    "two values": np.tile([1.0, -1.0, 2.0], 9).reshape(3, 3, 3),
    "mostly zero": np.r_[np.zeros(95), np.arange(5.0)],
    "denormal": np.array([1e-45, -3e-45, 0.0, 2e-44, 1e-40, -1e-45]),
    "signed zeros": np.array([-0.0, 0.0, -0.0, 1.0]),
    "largest": np.array([3.4e38, -3.4e38, 1.0, 3.4e38]),
}
DTYPES = ("float32", "float16", ml_dtypes.bfloat16)


@pytest.mark.parametrize(
    "size,rate,expected",
    [
        (1000, 0.9, 100),
        (36864, 0.9, 3686),
        (10, 0.0, 10),
        (10, 0.999, 1),
        (1, 0.5, 1),
        (3, 0.5, 1),
        (5, 0.5, 3),
    ],
)
def test_keep_count(size, rate, expected):
    # 0.9 * 36864 = 33177.6, of which round makes 33178 zeros; halves go to
    # the even number of zeros: 1.5 -> 2 zeros, 2.5 -> 2 zeros.
    assert keep_count(size, rate) == expected


def test_keep_count_may_be_zero_if_no_entry_has_to_stay():
    assert [keep_count(10, rate, 0) for rate in (0.9, 0.96, 1.0)] == [1, 0, 0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TENSORS)
def test_the_mask_equals_that_of_a_full_stable_sort(name, dtype):
    with np.errstate(over="ignore"):
        w = TENSORS[name].astype("float32").astype(dtype)
    if not np.isfinite(w.astype("float32")).all():
        pytest.skip("the values do not fit the type")
    for count in {0, 1, w.size // 2 or 1, w.size}:
        mask = keep_mask(w, count)
        assert mask.sum() == count
        np.testing.assert_array_equal(mask, slow_keep_mask(w, count))


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(max_dims=4, max_side=6),
        elements=st.floats(-4, 4, width=32),
    ),
    st.floats(0, 0.999),
)
@settings(deadline=None, max_examples=150)
def test_projection_is_the_nearest_sparse_tensor(w, rate):
    count = keep_count(w.size, rate)
    z = project(w, count)
    assert np.count_nonzero(z) <= count
    # Nearest: the error is the energy of the smallest magnitudes.
    smallest = np.sort(np.abs(w.ravel().astype("float64")))[: w.size - count]
    error = np.sum((w.astype("float64") - z) ** 2)
    np.testing.assert_allclose(error, np.sum(smallest**2), atol=1e-12)
    np.testing.assert_array_equal(project(z, count), z)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("count", [1, 3, 6])
def test_numbers_that_are_not_finite_are_refused(bad, count):
    w = np.array([0.0, 1.0, bad, -2.0, 3.0, 0.5], "float32")
    with pytest.raises(ValueError, match="finite"):
        keep_mask(w, count)


@pytest.mark.parametrize("name", [n for n in TENSORS if n != "denormal"])
def test_compiled_mask_equals_the_host_mask(name):
    w = TENSORS[name].astype("float32")
    for count in {0, 1, w.size // 2 or 1, w.size}:
        mask = bisection.keep_mask(ops.convert_to_tensor(w), count)
        np.testing.assert_array_equal(
            ops.convert_to_numpy(mask), keep_mask(w, count)
        )


def test_compiled_mask_on_many_ties():
    w = np.random.default_rng(1).integers(-3, 4, size=5003).astype("float32")
    mask = bisection.keep_mask(ops.convert_to_tensor(w), 1234)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(mask), slow_keep_mask(w, 1234)
    )
