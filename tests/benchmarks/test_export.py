"""The benchmarks of exported files run, and say what they measured."""

import dataclasses
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


def measured(core_share, *further):
    row = Row(
        *("small", "/somewhere/small.tflite", 1, 1000, 500),
        *(Spread(1.0, 2.0, 3.0), Spread(3.0, 4.0, 5.0), core_share),
        *(None, None, None),
    )
    return Benchmark((row, *further), "accuracy", 9)


def test_results_hold_what_was_met_and_what_was_missed(tmp_path, capsys):
    found = measured(1.0)
    bars = [
        export_results.speed_bar("times faster", 4.5, found, "small"),
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
        export_results.speed_bar("times faster", 3, broken, None, None)


@pytest.mark.parametrize("core_share, quiet", [(0.95, True), (0.94, False)])
def test_busy_cores_leave_speed_without_a_verdict(
    tmp_path, capsys, core_share, quiet
):
    # The file itself ran alone: another one of the table did not.
    other = dataclasses.replace(
        measured(1.0).rows[0], name="dense", core_share=core_share
    )
    found = measured(1.0, other)
    bars = [
        export_results.speed_bar("times faster", 3, found, "small"),
        export_results.speed_bar("times faster", 5, found, "small"),
        export_results.Bar("share of the size", 0.5, 0.4, at_most=True),
    ]
    export_results.save("made", tmp_path, bars, found)
    text = capsys.readouterr().out
    assert ("took the cores meanwhile" in text) is not quiet
    assert ("(at least 3: met)" in text) is quiet
    assert ("(at least 5: missed)" in text) is quiet
    alone = "times faster: 4 (at least 3: no verdict, other work took the cores"
    assert (alone in text) is not quiet
    # Other work does not change the size of a file.
    assert "share of the size: 0.4 (at most 0.5: met)" in text
    written = json.loads((tmp_path / "made.json").read_text())
    met = [True, False, True] if quiet else [None, None, True]
    assert [bar["met"] for bar in written["bars"]] == met
    reasons = {bool(bar["unusable"]) for bar in written["bars"][:2]}
    assert reasons == {not quiet}
