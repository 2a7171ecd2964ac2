"""The demonstration, with few epochs."""

import gzip

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from keras_slr.commands import demo
from keras_slr.data import load
from keras_slr.files.file_size import gzipped_size

pytestmark = pytest.mark.once("drives the package, whose tests run everywhere")

# Kernels of the network for digits: 32 filters of 3 x 3 that are left alone,
# 64 of 3 x 3 x 32, 4 x 4 x 64 inputs to 128, and 128 to 10 classes.
FIRST = 9 * 32
PRUNED = [9 * 32 * 64, 16 * 64 * 128, 128 * 10]
BIASES = 32 + 64 + 128 + 10


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "new" / "folder"
    lines = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.print", lambda *a, **k: lines.append(a[0]))
        results = demo.run("digits", rate=0.8, out=out, epochs=4)
    return results, out, lines


def test_rows_count_the_zeros_that_were_asked_for(finished):
    results, _, _ = finished
    assert list(results) == ["dense", "one_shot", "slr"]
    kept = FIRST + round(0.2 * sum(PRUNED))
    # A bias may happen to be zero, here and there; each of the kernels is
    # rounded for itself.
    for name in ("one_shot", "slr"):
        assert kept + 2 < results[name].nonzero <= kept + BIASES + 1
    assert results["dense"].nonzero > 0.99 * (FIRST + sum(PRUNED))
    assert results["slr"].kilobytes < 0.4 * results["dense"].kilobytes


def test_slr_beats_one_shot_and_is_near_dense(finished):
    results, _, _ = finished
    assert results["dense"].accuracy > 0.93
    assert results["slr"].accuracy > results["dense"].accuracy - 0.03


def test_saved_model_is_the_one_of_the_table(finished):
    results, out, _ = finished
    model = keras.saving.load_model(out / "pruned.keras")
    data = load("digits")
    classes = model.predict(data.x_test, verbose=0).argmax(axis=1)
    accuracy = np.mean(classes == data.y_test)
    assert accuracy == pytest.approx(results["slr"].accuracy, abs=1e-6)
    weights = model.get_weights()
    assert results["slr"].nonzero == sum(np.count_nonzero(w) for w in weights)


def test_plot_is_an_image(finished):
    _, out, _ = finished
    assert (out / "history.png").read_bytes().startswith(b"\x89PNG")


def test_files_are_told(finished):
    _, out, lines = finished
    for name in ("pruned.keras", "history.png", "dense.tflite"):
        assert str(out / name) in lines[-1]


def test_exported_files_run_and_are_small(finished):
    results, out, _ = finished
    data = load("digits")
    names = {"dense": "dense", "slr": "pruned"}
    for key, name in names.items():
        path, file = out / f"{name}.tflite", results[key].file
        compressed = len(gzip.compress(path.read_bytes()))
        assert file.kilobytes == pytest.approx(compressed / 1000)
        classes = [np.argmax(y) for y in interpreted(path, data.x_test)]
        assert file.accuracy == pytest.approx(np.mean(classes == data.y_test))
        assert file.accuracy == pytest.approx(results[key].accuracy, abs=0.01)
        assert 0 < file.milliseconds < 100
    assert results["one_shot"].file is None
    dense, slr = results["dense"].file, results["slr"].file
    assert (dense.weights, slr.weights) == ("float32", "int8")
    assert slr.kilobytes < 0.2 * dense.kilobytes


def interpreted(path, x):
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    for example in x:
        (taken,) = interpreter.get_input_details()
        interpreter.set_tensor(taken["index"], example[None])
        interpreter.invoke()
        (given,) = interpreter.get_output_details()
        yield interpreter.get_tensor(given["index"])


def test_without_tensorflow_the_demo_goes_on(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "shadow"
    folder.mkdir()
    (folder / "ai_edge_litert.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'ai_edge_litert'\")"
    )
    monkeypatch.syspath_prepend(folder)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    assert demo._export(model, model, None, tmp_path) == {}
    said = capsys.readouterr().out
    assert said.startswith("There are no TFLite files. Expected TensorFlow")
    assert said.count("\n") == 1 and "keras-slr[export]" in said
    assert list(tmp_path.iterdir()) == [folder]


def test_table_is_printed(capsys):
    results = {
        "dense": demo.Result(
            0.9876, 12345, 56.78, demo.File("int8", 0.9543, 21.09, 0.1234)
        ),
        "one_shot": demo.Result(0.5, 1234, 9.0),
        "slr": demo.Result(0.98, 1234, 9.1),
    }
    demo._print_table(results, 0.9, "digits")
    text = capsys.readouterr().out
    assert "98.76%" in text and "12,345" in text and "56.8" in text
    assert "SLR, 90%" in text
    assert max(map(len, text.splitlines())) <= 80 and "…" not in text
    for cell in ("int8", "95.43%", "21.1", "0.123"):
        assert cell in text


@pytest.mark.parametrize(
    "wrong", [{"rate": 1.0}, {"dataset": "letters"}, {"epochs": 0}]
)
def test_wrong_arguments_write_nothing(tmp_path, wrong):
    with pytest.raises(ValueError, match="Expected"):
        demo.run(out=tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
def test_networks_for_larger_images(shape):
    model = demo._convnet(shape)
    assert model.output_shape == (None, 10)
    assert 10_000 < model.count_params() < 300_000


def test_gzipped_size_is_without_optimizer(tmp_path):
    model = keras.Sequential([keras.Input((40,)), keras.layers.Dense(50)])
    bare = gzipped_size(model)
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(64, 40)), rng.normal(size=(64, 50)), verbose=0)
    entries = 40 * 50
    assert bare < 4 * entries + 5000
    assert gzipped_size(model) < 4 * entries + 5000
    model.save_weights(tmp_path / "w.weights.h5")
    whole = gzip.compress((tmp_path / "w.weights.h5").read_bytes())
    assert len(whole) > 4 * 2 * entries


def test_plot_shows_what_it_is_given():
    curves = {
        "slr_residual": [1.0, 0.1],
        "slr_sparsity": [0.0, 0.9],
        "val_accuracy": [0.7, 0.8],
        "val_hard_accuracy": [0.3, 0.75],
    }
    figure = demo._plot(curves)
    lines = [line for axes in figure.axes for line in axes.lines]
    assert [list(line.get_ydata()) for line in lines] == list(curves.values())
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "slr_residual",
        "slr_sparsity",
        "validation accuracy",
    ]
    assert [axes.get_yscale() for axes in figure.axes] == [
        "log",
        "linear",
        "linear",
    ]
