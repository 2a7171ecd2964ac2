"""The selection without sorting, against a stable sort of all entries."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_slr.projections import keep_mask
from keras_slr.projections import largest

SIZE = 100_003
# Bit patterns of zeros, halves and denormal numbers, of both signs.
SPECIAL = [0, 1 << 31, 0x3F000000, 0xBF000000, 1, 0x80000002]


@pytest.fixture(autouse=True)
def brackets(monkeypatch):
    """Brackets are used for small arrays, too."""
    monkeypatch.setattr(largest, "_SMALL", 1 << 15)
    for module in (largest, sys.modules["keras_slr.projections.sweep"]):
        monkeypatch.setattr(module, "BLOCK", 1 << 14)


def by_sorting(w, count):
    """The `count` largest magnitudes, by a stable sort of all bit patterns.

    Not of the numbers: some processors are set to read denormal ones as zero.
    """
    order = np.argsort(-(w.view(np.int32) & 0x7FFFFFFF), kind="stable")
    mask = np.zeros(w.size, bool)
    mask[order[:count]] = True
    return mask


def kinds():
    rng = np.random.default_rng(0)
    distinct = rng.normal(size=SIZE).astype("float32")
    zeros = np.where(rng.random(SIZE) < 0.8, 0.0, distinct)
    yield "distinct", distinct
    yield "mostly zero", zeros
    yield "signed zeros", np.where(rng.random(SIZE) < 0.5, -zeros, zeros)
    yield "constant", np.full(SIZE, -0.25)
    yield "two values", np.where(rng.random(SIZE) < 0.3, 2.0, -1.0)
    yield "few values", rng.integers(-9, 9, SIZE)
    yield "denormal", rng.integers(-500, 500, SIZE) * np.float32(1e-45)
    yield "sorted", np.sort(distinct)
    yield (
        "a large entry in each column",
        np.tile(np.r_[9.0, distinct[:255]], SIZE // 256),
    )
    yield "largest", np.where(zeros == 0, np.float32(3.4e38), distinct)


@pytest.mark.parametrize("name,w", kinds(), ids=[name for name, _ in kinds()])
def test_large_arrays(name, w):
    w = w.astype("float32")
    fifth = np.count_nonzero(w)
    for count in {0, 1, w.size // 10, w.size // 2, fifth, w.size - 1, w.size}:
        np.testing.assert_array_equal(keep_mask(w, count), by_sorting(w, count))


@given(
    hnp.arrays(
        np.uint32,
        st.integers(200, 600),
        elements=st.one_of(
            st.sampled_from(
                [0, 1 << 31, 0x3F000000, 0xBF000000, 1, 0x80000002]
            ),
            st.integers(0, 0x7F7FFFFF),
            st.integers(0x80000000, 0xFF7FFFFF),
        ),
    ),
    st.floats(0, 1),
)
@settings(deadline=None, max_examples=150)
def test_brackets_in_small_arrays(bits, share):
    w = bits.view(np.float32)
    count = round(share * w.size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(largest, "_TINY", 64)
        patch.setattr(largest, "_SMALL", 64)
        for module in (largest, sys.modules["keras_slr.projections.sweep"]):
            patch.setattr(module, "BLOCK", 50)
        np.testing.assert_array_equal(keep_mask(w, count), by_sorting(w, count))


@pytest.mark.parametrize("sampled", [0.0, 5.0])
@pytest.mark.parametrize("rest", ["distinct", "equal"])
def test_a_sample_that_misleads(sampled, rest):
    # The sample sees one value, whatever the other entries are.
    size = SIZE
    w = np.full(size, 1.0, "float32")
    if rest == "distinct":
        w = 1.0 + np.random.default_rng(0).random(size, "float32")
    places = largest._places(size)
    number = places.size
    w[places] = sampled
    for count in (number // 2, size // 10, size // 2, size - number // 2):
        np.testing.assert_array_equal(keep_mask(w, count), by_sorting(w, count))


@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("count", [0, 1, SIZE])
def test_a_single_bad_number_is_found(bad, count):
    w = np.zeros(SIZE, "float32")
    w[SIZE // 3] = bad
    with pytest.raises(ValueError, match="finite"):
        keep_mask(w, count)


def test_the_array_stays_as_it_was():
    w = np.random.default_rng(0).normal(size=SIZE).astype("float32")
    before = w.copy()
    keep_mask(w, 1000)
    np.testing.assert_array_equal(w, before)
