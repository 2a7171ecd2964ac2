"""The benchmarks of exported files run, and say what they measured."""

import json

import keras
import numpy as np
import pytest

import keras_slr
from benchmarks import export_dense_blocks
from benchmarks import export_resnet_20
from benchmarks import export_results
from examples.models.resnet_for_cifar import resnet_for_cifar
from tflite_export.benchmark import Benchmark
from tflite_export.benchmark import Row
from tflite_export.benchmark import Spread


@pytest.mark.usefixtures("numpy_kernels")
def test_half_the_operations_go_from_resnet_20_in_tiles():
    dense = resnet_for_cifar(3)
    small = export_resnet_20.shrunk(dense)
    widths = [
        layer.filters
        for layer in small.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    assert len(widths) == 19 and {width % 16 for width in widths} == {0}
    # Each convolution has 9 multiplications for each pair of channels and
    # pixel, the head one for each pair.
    sizes = [32 * 32] * 7 + [16 * 16] * 6 + [8 * 8] * 6

    def count(kernels):
        products = [9 * np.prod(k[2:]) * s for k, s in zip(kernels, sizes)]
        return int(sum(products)) + 10 * kernels[-1][-1]

    before, after = (
        count([tuple(w.shape) for w in model.weights if len(w.shape) == 4])
        for model in (dense, small)
    )
    assert before == sum(keras_slr.macs(dense).values())
    assert 2.0 <= before / after < 2.1
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    assert np.isfinite(keras.ops.convert_to_numpy(small(x))).all()


@pytest.mark.slow
@pytest.mark.once("the files are the same from every backend")
def test_dense_blocks_are_measured(monkeypatch, tmp_path, capsys):
    whole = export_dense_blocks.mlp
    monkeypatch.setattr(
        export_dense_blocks, "mlp", lambda: whole((256, 256, 256, 64))
    )
    export_dense_blocks.main(["--rounds", "2", "--out", str(tmp_path)])
    found = json.loads((tmp_path / "export_dense_blocks.json").read_text())
    rows = found["benchmark"]["rows"]
    names = ["dense", "Block((4, 1)), 90%", "Block((4, 1)), 95%"]
    assert [(row["name"], row["threads"]) for row in rows] == [
        (name, threads) for threads in (1, 2) for name in names
    ]
    # A tenth of the values, an index for each four of them, and the rest of
    # the file, against four bytes an entry.
    entries = 256 * 256 * 2 + 256 * 64
    assert rows[0]["bytes"] > 4 * entries
    assert 0.4 * entries < rows[1]["bytes"] < 0.75 * entries
    assert not any(row["failure"] or "path" in row for row in rows)
    assert [bar["goal"] for bar in found["bars"]] == [3.0, 6.0]
    measured = rows[1]["times_faster"]["median"]
    assert found["bars"][0]["measured"] == measured
    assert "export_dense_blocks.json" in capsys.readouterr().out


def test_results_hold_what_was_met_and_what_was_missed(tmp_path, capsys):
    row = Row(
        *("small", "/somewhere/small.tflite", 1, 1000, 500),
        *(Spread(1.0, 2.0, 3.0), Spread(3.0, 4.0, 5.0), 1.0),
        *(None, None, None),
    )
    found = Benchmark((row,), "accuracy", 9)
    assert export_results.times_faster(found, "small") == 4.0
    bars = [
        export_results.Bar("times faster", 4.5, 4.0),
        export_results.Bar("share", 4.5, 4.0, at_most=True),
    ]
    export_results.save("made", tmp_path / "new", bars, found, widths=[16])
    text = capsys.readouterr().out
    assert "times faster: 4 (at least 4.5: missed)" in text
    assert "share: 4 (at most 4.5: met)" in text
    written = json.loads((tmp_path / "new/made.json").read_text())
    assert [bar["met"] for bar in written["bars"]] == [False, True]
    assert written["widths"] == [16]
    assert written["benchmark"]["rows"][0]["seconds"]["median"] == 2.0
    assert "somewhere" not in json.dumps(written)

    broken = Benchmark((Row(*([None] * 10), "broke"),), "accuracy", 9)
    with pytest.raises(RuntimeError, match="failed: broke"):
        export_results.times_faster(broken, None, None)
