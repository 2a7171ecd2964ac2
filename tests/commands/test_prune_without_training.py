"""`keras-slr prune --calibration`: pruning without training."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr.commands import cli
from keras_slr.commands.calibration import load_inputs
from keras_slr.layerwise.solvers import LAYER_SOLVERS
from keras_slr.structures import Filter
from tests.commands.invocations import HIDDEN
from tests.commands.invocations import assert_user_error
from tests.commands.invocations import kernel

pytestmark = pytest.mark.once(
    "reads arguments and files, and prunes as `prune_layerwise` does"
)


@pytest.fixture
def x(files):
    """Inputs of the model, also in `x.npy`."""
    with np.load(files / "data.npz") as data:
        x = data["x"]
    np.save(files / "x.npy", x)
    return x


def prune(folder, *more, model="model.keras", calibration="x.npy"):
    arguments = ["prune", str(folder / model), "--calibration"]
    arguments += [str(folder / calibration), "--out"]
    return cli.main([*arguments, str(folder / "out.keras"), *more])


def expected(folder, x, **arguments):
    """Returns the kernel that `prune_layerwise` leaves."""
    model = keras.saving.load_model(folder / "model.keras")
    keras_slr.prune_layerwise(model, x, batch_size=128, verbose=0, **arguments)
    return model.get_layer("hidden").get_weights()[0]


def test_a_child_process_prunes_prints_the_report_and_saves(files, x):
    before = (files / "model.keras").read_bytes()
    words = "prune model.keras --calibration x.npy --out out.keras"
    child = subprocess.run(
        [sys.executable, "-m", "keras_slr", *words.split(), "--rate", "0.75"],
        cwd=files,
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    for word in ("hidden/kernel", "75.00%", "held out", "240 samples"):
        assert word in child.stdout
    assert "wrote out.keras" in child.stdout
    assert "accuracy" not in child.stdout
    assert (files / "model.keras").read_bytes() == before
    found = kernel(files / "out.keras")
    assert np.count_nonzero(found) == HIDDEN // 4
    np.testing.assert_allclose(found, expected(files, x, rate=0.75), atol=1e-5)


def test_data_beside_it_only_evaluates(files, x, capsys):
    data = ["--data", str(files / "data.npz")]
    assert prune(files, "--rate", "0.5", *data) == 0
    assert capsys.readouterr().out.count(": accuracy ") == 2
    np.testing.assert_array_equal(
        kernel(files / "out.keras"), expected(files, x, rate=0.5)
    )


@pytest.mark.parametrize("method", sorted(LAYER_SOLVERS))
def test_methods_by_name(files, x, method):
    assert prune(files, "--rate", "0.5", "--method", method) == 0
    np.testing.assert_array_equal(
        kernel(files / "out.keras"), expected(files, x, rate=0.5, method=method)
    )


@pytest.mark.parametrize("method", ["slr", "greedy", "uniform", "coreset"])
def test_whole_units(files, x, method):
    choice = ["--structure", "filter", "--rate", "0.5", "--include", "hidden"]
    assert prune(files, *choice, "--method", method) == 0
    found = kernel(files / "out.keras")
    assert found.any(0).sum() == 16
    plan = {"structure": Filter(), "rate": 0.5, "include": "hidden"}
    np.testing.assert_array_equal(
        found, expected(files, x, method=method, **plan)
    )


def test_samples_are_evenly_spaced(files, x, capsys):
    assert prune(files, "--rate", "0.5", "--samples", "60") == 0
    assert "60 samples" in capsys.readouterr().out
    rows = np.linspace(0, 239, 60).astype(int)
    np.testing.assert_array_equal(
        kernel(files / "out.keras"), expected(files, x[rows], rate=0.5)
    )


def test_a_recipe(files, x, monkeypatch, capsys):
    monkeypatch.chdir(files)
    fields = {
        "model": "model.keras",
        "calibration": "x.npy",
        "out": "out.keras",
        "method": "wanda",
        "rate": {"hidden": 0.25, "out": 0.5},
    }
    (files / "r.json").write_text(json.dumps(fields))
    assert cli.main(["prune", "--recipe", "r.json"]) == 0
    assert np.count_nonzero(kernel("out.keras")) == 0.75 * HIDDEN
    assert np.count_nonzero(kernel("out.keras", "out")) == 64
    (files / "r.json").write_text(json.dumps(fields | {"epochs": 3}))
    code = cli.main(["prune", "--recipe", "r.json"])
    assert_user_error(code, capsys, "`epochs`", "epochs=3")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--method", "greg"], ["with `calibration`", "sparsegpt", "'greg'"]),
        (["--method", "slrr"], ["--method", "did you mean 'slr'"]),
        (["--score", "taylor"], ["no `score` beside `calibration`"]),
        (["--teacher", "dense"], ["no `teacher` beside `calibration`"]),
        (["--constraint", "4bits"], ["no `constraint` beside `calibration`"]),
        (["--epochs", "2"], ["`epochs`", "without training"]),
        (["--finetune-epochs", "0"], ["`finetune_epochs`"]),
        (["--learning-rate", "0.1"], ["`learning_rate`"]),
        (["--monitor"], ["`monitor`"]),
        (["--seed", "1"], ["`seed`"]),
        (["--samples", "0"], ["`--samples`", "1 or more"]),
        (["--rate", "1"], ["`--rate`"]),
        (["--include", "hiden"], ["hiden"]),
        (["--structure", "filter", "--method", "wanda"], ["'greedy'"]),
        (["--method", "coreset"], ["'sparsegpt'", "'coreset'"]),
    ],
    ids=" ".join,
)
def test_what_it_refuses(files, x, capsys, more, words):
    assert_user_error(prune(files, *more), capsys, *words)
    assert not (files / "out.keras").exists()


def test_what_training_refuses(files, capsys):
    base = ["prune", str(files / "model.keras")]
    base += ["--out", str(files / "out.keras")]
    assert_user_error(cli.main(base), capsys, "--data", "--calibration")
    base += ["--data", str(files / "data.npz")]
    code = cli.main([*base, "--method", "wanda"])
    assert_user_error(code, capsys, "'wanda'", "give `calibration`")
    code = cli.main([*base, "--samples", "9"])
    assert_user_error(code, capsys, "`samples`", "`calibration`")


def test_bad_calibration_data(files, x, capsys):
    def refused(name, *words):
        code = prune(files, calibration=name)
        assert_user_error(code, capsys, *words)

    refused("no.npy", "no.npy", "not a file")
    refused("data.csv", "data.csv", "`.npz`")
    (files / "data.py").write_text("raise SystemExit")
    refused("data.py", "data.py", "`.npz`")
    (files / "cut.npz").write_bytes((files / "data.npz").read_bytes()[:90])
    refused("cut.npz", "cut.npz", "plain arrays")
    np.save(files / "narrow.npy", x[:, :9])
    refused("narrow.npy", "sequential", "(240, 9)")
    np.save(files / "nan.npy", np.full_like(x, np.nan))
    refused("nan.npy", "NaN")
    np.save(files / "none.npy", x[:0])
    refused("none.npy", "(0, 16)")
    np.savez(files / "two.npz", a=x, b=x)
    refused("two.npz", "['a', 'b']")
    assert not (files / "out.keras").exists()


def test_a_data_set_by_name(files, capsys):
    arguments = ["prune", str(files / "model.keras"), "--out"]
    arguments += [str(files / "out.keras"), "--calibration", "digits"]
    code = cli.main(arguments)
    assert_user_error(code, capsys, "sequential", "(512, 8, 8, 1)")
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    found = load_inputs(model, "digits", samples=70)
    assert found.shape == (70, 8, 8, 1)


def test_inputs_by_name_and_by_position(tmp_path):
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    y = keras.layers.Concatenate()([a, b])
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    z = x[:, :2]
    np.savez(tmp_path / "named.npz", b=z, a=x)
    np.savez(tmp_path / "unnamed.npz", x, z)
    for path in (tmp_path / "named.npz", tmp_path / "unnamed.npz"):
        found = load_inputs(keras.Model([a, b], y), str(path))
        for array, wanted in zip(found, (x, z), strict=True):
            np.testing.assert_array_equal(array, wanted)
        found = load_inputs(keras.Model({"a": a, "b": b}, y), str(path))
        np.testing.assert_array_equal(found["a"], x)
        np.testing.assert_array_equal(found["b"], z)


def test_interrupt_writes_nothing(files, x, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "prune_layerwise", interrupt)
    assert prune(files) == 130
    assert not (files / "out.keras").exists()


def test_help_lists_the_methods(capsys):
    assert cli.main(["prune", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for word in ("--calibration", "--samples", "sparsegpt", "coreset"):
        assert word in text
