"""What is encoded for which target, around the measured thresholds."""

import gzip

import numpy as np
import pytest

from keras_slr_base.failure import Failure
from tflite_export.sparse import choice
from tflite_export.sparse.encodable_weights import EncodableWeight
from tflite_export.xnnpack.sparse_start import SparseInference

pytestmark = pytest.mark.once("looks at files")


@pytest.fixture
def choose(monkeypatch):
    """Function that chooses among weights given as records."""

    def run(
        weights,
        sparsity="auto",
        quantize=None,
        target="arm",
        engages=False,
        safe=True,
    ):
        inference = SparseInference(engages, safe, ("of a reason",))
        monkeypatch.setattr(choice, "encodable_weights", lambda model: weights)
        monkeypatch.setattr(choice, "sparse_inference", lambda m: inference)
        found = choice.choose(None, sparsity, quantize, target)
        return {key[1]: form for key, form in found.items()}

    return run


def dense(index, zero_blocks, rows=1):
    """A Dense kernel of 25x16 with so many of its 100 blocks zero."""
    entries = np.arange(1.0, 401.0, dtype="float32")
    entries[: 4 * zero_blocks] = 0
    return EncodableWeight((0, index), "Dense", entries.reshape(25, 16), rows)


def convolution(index, zeros, size=1, dtype="float32"):
    """A convolution of 300 entries with so many of them zero."""
    entries = np.arange(1, 301).astype(dtype)
    entries[:zeros] = 0
    shape = (20, 1, 1, 15) if size == 1 else (5, 2, 2, 15)
    return EncodableWeight((0, index), "convolution", entries.reshape(shape), 9)


@pytest.mark.parametrize("target", ["arm", "x86"])
def test_blocks_where_they_pay(choose, target):
    found = choose([dense(0, 69), dense(1, 70)], target=target)
    assert found == {1: "blocks"}
    weights = [dense(i, 94, rows) for i, rows in enumerate((4, 16, 17, 65))]
    assert choose(weights, target=target) == {0: "blocks", 1: "blocks"}
    weights = [dense(i, 95, rows) for i, rows in enumerate((17, 64, 65))]
    assert choose(weights, target=target) == {0: "blocks", 1: "blocks"}
    for quantize in ("float16", "dynamic", "int8", "int16x8"):
        assert choose(weights, quantize=quantize, target=target) == {}
    assert choose(weights, sparsity="none", target=target) == {}


def test_convolutions_past_two_thirds_of_them_all(choose):
    below = [convolution(0, 300), convolution(1, 100)]
    above = [convolution(0, 300), convolution(1, 101), convolution(2, 299, 2)]
    assert choose(below, engages=True) == {}
    # The second is too dense to get smaller, and the third is not 1x1.
    assert choose(above, engages=True) == {0: "entries", 1: "entries"}
    assert choose(above, engages=True, quantize="float16")
    assert choose(above, engages=True, target="x86") == {}
    assert choose(above, engages=True, target="micro") == {}
    assert choose(above, engages=True, safe=False) == {}
    assert choose(above, engages=False) == {}
    assert choose(above, engages=True, quantize="int8") == {}
    # Blocks are not measured beside sparse convolutions.
    both = [*above, dense(5, 90)]
    assert set(choose(both, engages=True)) == {0, 1}
    assert choose(both, engages=True, target="x86") == {5: "blocks"}
    assert choose(both, "encode", engages=True)[5] == "entries"
    assert choose(both, "encode")[5] == "blocks"


def test_size_is_measured_with_gzip(choose):
    rng = np.random.default_rng(0)
    entries = rng.normal(size=(64, 64)).astype("float32")
    entries[rng.random((64, 64)) < 0.9] = 0
    weights = [
        EncodableWeight((0, 0), "Dense", entries, 1),
        # The same numbers over and over, which gzip knows how to store.
        EncodableWeight((0, 1), "Dense", np.tile([0, 1, 0, 0], (64, 16)), 1),
        convolution(2, 0),
    ]
    found = choose(weights, target="size")
    assert found == {0: "entries"}
    assert choose(weights, sparsity="encode") == {0: "entries", 1: "entries"}
    assert choose(weights, target="size", safe=False) == {}
    assert len(gzip.compress(entries.tobytes())) > 0.1 * entries.nbytes


def test_force(choose):
    weights = [convolution(0, 200), dense(1, 80), dense(2, 0)]
    assert choose(weights, "encode") == {0: "entries", 1: "blocks"}
    assert choose(weights, "encode", "float16") == {
        0: "entries",
        1: "entries",
    }
    whole = [convolution(0, 200, dtype="int8"), dense(1, 80)]
    assert choose(whole, "encode", "int8", safe=False) == {0: "entries"}
    with pytest.raises(Failure, match=r"wrong numbers on ARM .* \(of a reason"):
        choose(weights, "encode", safe=False)
    with pytest.raises(Failure, match="no weight that sparse") as info:
        choose([dense(1, 80)], "encode", "int8")
    assert info.value.user_error
