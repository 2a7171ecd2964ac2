"""The command line, run on real files."""

import json
import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr.commands import cli
from keras_slr.structures import from_text

pytestmark = pytest.mark.once(
    "reads arguments and files, and trains as the callbacks do"
)

# Kernels of the model below: 16 x 32 and 32 x 4; the second is left alone
# by default, for it is small.
HIDDEN = 16 * 32


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A folder with `model.keras` and `data.npz`: which of four blobs."""
    folder = tmp_path_factory.mktemp("originals")
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 16))
    y = rng.integers(0, 4, 240)
    x = (centres[y] + 0.3 * rng.normal(size=(240, 16))).astype("float32")
    np.savez(folder / "data.npz", x=x, y=y)
    save(folder / "model.keras", x, y)
    return folder


@pytest.fixture
def files(originals, tmp_path):
    for path in originals.iterdir():
        shutil.copy(path, tmp_path)
    return tmp_path


def make(activation="softmax", units=4):
    return keras.Sequential(
        [
            keras.Input((16,)),
            keras.layers.Dense(32, activation="relu", name="hidden"),
            keras.layers.Dense(units, activation=activation, name="out"),
        ]
    )


def save(path, x, y):
    model = make()
    model.compile(
        keras.optimizers.Adam(0.01),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x, y, epochs=3, verbose=0)
    model.save(path)


def prune(folder, *more, model="model.keras", data="data.npz", out="out.keras"):
    data = data if data == "digits" else str(folder / data)
    arguments = ["prune", str(folder / model), "--data", data]
    arguments += ["--out", str(folder / out), "--epochs", "1", *more]
    return cli.main(arguments)


def kernel(path, name="hidden"):
    return keras.saving.load_model(path).get_layer(name).get_weights()[0]


def assert_user_error(code, capsys, *words):
    """One line on standard error, exit code 2, no traceback."""
    error = capsys.readouterr().err
    assert code == 2, error
    lines = [line for line in error.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("keras-slr: error: ")
    assert "Traceback" not in error
    for word in words:
        assert word in error, error


def test_prune_writes_the_rate_that_was_asked_for(files, capsys):
    before = (files / "model.keras").read_bytes()
    assert prune(files, "--rate", "0.75", "--batch-size", "16") == 0
    assert np.count_nonzero(kernel(files / "out.keras")) == HIDDEN // 4
    assert np.count_nonzero(kernel(files / "out.keras", "out")) == 128
    assert (files / "model.keras").read_bytes() == before
    assert sorted(p.name for p in files.iterdir()) == [
        "data.npz",
        "model.keras",
        "out.keras",
    ]
    text = capsys.readouterr().out
    assert "before: accuracy" in text and "after: accuracy" in text
    assert "hidden/kernel" in text and "75.00%" in text


def test_printed_accuracy_is_that_of_the_saved_file(files, capsys):
    assert prune(files, "--batch-size", "16", "--epochs", "4") == 0
    with np.load(files / "data.npz") as data:
        x, y = data["x"][-24:], data["y"][-24:]
    predict = keras.saving.load_model(files / "out.keras").predict
    accuracy = np.mean(predict(x, verbose=0).argmax(axis=1) == y)
    assert f"after: accuracy {accuracy:.4f}" in capsys.readouterr().out
    assert accuracy > 0.9


def test_prune_in_place(files):
    assert prune(files, out="model.keras") == 0
    # 512 - round(0.9 * 512) entries are kept.
    assert np.count_nonzero(kernel(files / "model.keras")) == 51


def test_include_and_exclude(files):
    assert prune(files, "--include", "hidden", "out", "--rate", "0.5") == 0
    # Of 512 + 128 entries; the smaller kernel stays denser.
    out = np.count_nonzero(kernel(files / "out.keras", "out"))
    assert out + np.count_nonzero(kernel(files / "out.keras")) == 320
    assert out > 64
    more = ["--include", "class:Dense", "--exclude", "re:hid.*"]
    assert prune(files, *more, "--rate", "0.5") == 0
    assert np.count_nonzero(kernel(files / "out.keras", "out")) == 64
    assert np.count_nonzero(kernel(files / "out.keras")) == HIDDEN


def test_structure_and_shrink(files, capsys):
    choice = ["--structure", "filter", "--rate", "0.5", "--include", "hidden"]
    assert prune(files, *choice) == 0
    assert kernel(files / "out.keras").any(0).sum() == 16
    small = str(files / "small.keras")
    assert cli.main(["shrink", str(files / "out.keras"), "--out", small]) == 0
    assert kernel(small).shape == (16, 16)
    text = capsys.readouterr().out
    assert "total" in text and f"wrote {small}" in text
    x = np.random.default_rng(0).normal(size=(5, 16)).astype("float32")
    np.testing.assert_allclose(
        keras.saving.load_model(small).predict(x, verbose=0),
        keras.saving.load_model(files / "out.keras").predict(x, verbose=0),
        rtol=1e-4,
        atol=1e-6,
    )


@pytest.mark.parametrize(
    "text, structure",
    [
        ("2:4", keras_slr.NM(2, 4)),
        ("1:8", keras_slr.NM(1, 8)),
        ("4x1", keras_slr.Block((4, 1))),
        ("filter", keras_slr.Filter()),
        ("unstructured", keras_slr.Unstructured()),
    ],
)
def test_structures_by_name(text, structure):
    assert from_text(text) == structure


def test_target(files, capsys):
    assert prune(files, "--target", "xnnpack", "--rate", "0.75") == 0
    held = (kernel(files / "out.keras").reshape(4, 4, 32) != 0).sum(1)
    assert sorted(held.ravel()) == [0] * 96 + [4] * 32
    code = prune(files, "--target", "xnnpack", "--rate", "0.5", out="no.keras")
    assert_user_error(code, capsys, "0.7 at least")
    assert not (files / "no.keras").exists()


def test_structures_that_do_not_fit(files, capsys):
    code = prune(files, "--structure", "3-4")
    assert_user_error(code, capsys, "'2:4' or '4x1'", "3-4")
    code = prune(files, "--structure", "2:4", "--rate", "0.9")
    assert_user_error(code, capsys, "fixes it at 0.5")
    code = prune(files, "--structure", "kernel")
    assert_user_error(code, capsys, "of which none can")
    code = prune(files, "--rate", "0.5", "--allocation", "rek")
    assert_user_error(code, capsys, "rek", "erk")
    assert not (files / "out.keras").exists()


def test_learning_rate_is_that_of_the_file_unless_given(files):
    def saved():
        model = keras.saving.load_model(files / "out.keras")
        return float(model.optimizer.learning_rate)

    assert prune(files) == 0
    assert saved() == pytest.approx(0.01)
    assert prune(files, "--learning-rate", "0.002", "--rate", "0") == 0
    assert saved() == pytest.approx(0.002)


def test_learning_rate_beside_a_schedule(files, capsys):
    model = make()
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 100, 0.9)
    model.compile(keras.optimizers.Adam(schedule), "mse")
    model.optimizer.build(model.trainable_variables)
    model.save(files / "model.keras")
    code = prune(files, "--learning-rate", "0.1")
    assert_user_error(code, capsys, "schedule", "--learning-rate")


def test_monitor_follows_the_hard_pruned_model(files, capsys):
    assert prune(files, "--monitor", "--epochs", "3") == 0
    assert capsys.readouterr().out.count("val_hard_accuracy") == 3


@pytest.mark.parametrize("activation", ["softmax", "linear", "layer"])
def test_uncompiled_classifier_is_compiled(files, activation):
    model = make("linear" if activation == "layer" else activation)
    if activation == "layer":
        model.add(keras.layers.Softmax())
    model.save(files / "model.keras")
    assert prune(files) == 0
    loaded = keras.saving.load_model(files / "out.keras")
    assert loaded.loss.get_config()["from_logits"] is (activation == "linear")
    assert float(loaded.optimizer.learning_rate) == pytest.approx(1e-3)
    assert isinstance(loaded.optimizer, keras.optimizers.Adam)


@pytest.mark.parametrize(
    "activation, units", [("sigmoid", 1), ("linear", 1), ("relu", 4)]
)
def test_other_uncompiled_models_ask_to_compile(
    files, capsys, activation, units
):
    make(activation, units).save(files / "model.keras")
    assert_user_error(prune(files), capsys, "model.compile(...)")


@pytest.mark.parametrize("labels", [[0.5, 1.5], [0, 4], [-1, 0], [[1, 0]] * 2])
def test_labels_that_are_no_class_numbers(files, capsys, labels):
    make().save(files / "model.keras")
    x = np.zeros((20, 16), "float32")
    np.savez(files / "data.npz", x=x, y=np.array(labels * 10))
    code = prune(files)
    assert_user_error(code, capsys)


@pytest.mark.parametrize(
    "option, value",
    [
        ("--rate", "1"),
        ("--rate", "-0.1"),
        ("--rate", "nan"),
        ("--rate", "much"),
        ("--epochs", "0"),
        ("--batch-size", "0"),
        ("--learning-rate", "0"),
        ("--learning-rate", "nan"),
        ("--include", "hiden"),
        ("--exclude", "re:("),
        ("--colour", "red"),
    ],
)
def test_bad_options(files, capsys, option, value):
    code = prune(files, option, value)
    assert_user_error(code, capsys, value if option != "--colour" else option)
    assert not (files / "out.keras").exists()


def test_bad_files(files, capsys):
    assert_user_error(prune(files, model="no.keras"), capsys, "no.keras")
    assert_user_error(prune(files, data="no.npz"), capsys, "no.npz")
    assert_user_error(prune(files, data="data.csv"), capsys, "data.csv")
    (files / "model.h5").write_bytes(b"")
    assert_user_error(prune(files, model="model.h5"), capsys, "`.keras`")
    assert_user_error(prune(files, out="out.h5"), capsys, "`.keras`")


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "no config"])
def test_corrupt_model(files, capsys, kind):
    path = files / "model.keras"
    whole = path.read_bytes()
    contents = {
        "empty": b"",
        "text": b"hello",
        "cut": whole[: len(whole) // 2],
        "no config": whole.replace(b"config.json", b"konfig.json"),
    }
    path.write_bytes(contents[kind])
    assert_user_error(prune(files), capsys, "model.keras", "does not load")
    assert_user_error(cli.main(["inspect", str(path)]), capsys, "model.keras")


def _unregistered(x):
    return x


class Unregistered(keras.layers.Layer):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (
            lambda: keras.layers.Lambda(lambda x: x),
            "the model holds a `lambda`, which Keras does not load in safe",
        ),
        (
            lambda: keras.layers.Dense(3, activation=lambda x: x, name="own"),
            "`own` holds a `lambda`, which Keras does not load in safe mode",
        ),
        (
            lambda: keras.layers.Dense(3, activation=_unregistered, name="own"),
            "`own` uses the custom function `_unregistered`; first",
        ),
        (
            lambda: keras.layers.Dense(
                3, kernel_regularizer=_unregistered, name="own"
            ),
            "`own` uses the custom function `_unregistered`; first",
        ),
        (
            Unregistered,
            "the model uses the custom class `Unregistered`; first",
        ),
    ],
)
# Keras warns of a lambda when it is saved.
@pytest.mark.filterwarnings("ignore:The object being serialized")
def test_what_does_not_load_is_named(files, capsys, layer, reason):
    model = make()
    model.add(layer())
    model.save(files / "model.keras")
    assert_user_error(prune(files), capsys, f"does not load: {reason}")


def test_data_that_does_not_fit_the_model(files, capsys):
    assert_user_error(prune(files, data="digits"), capsys, "(360, 8, 8, 1)")


def test_output_that_cannot_be_written(files, capsys):
    code = prune(files, out="no/out.keras")
    assert_user_error(code, capsys, "no", "folder")
    code = prune(files, out="data.npz/out.keras")
    assert_user_error(code, capsys, "folder")
    (files / "folder.keras").mkdir()
    code = prune(files, out="folder.keras")
    assert_user_error(code, capsys, "folder.keras")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0,
    reason="the superuser may write everywhere",
)
def test_folder_without_write_access(files, capsys):
    (files / "locked").mkdir(mode=0o500)
    code = prune(files, out="locked/out.keras")
    assert_user_error(code, capsys, "locked")


@pytest.mark.parametrize("step", ["save", "replace"])
def test_failed_write_leaves_the_old_file_and_nothing_else(
    files, capsys, monkeypatch, step
):
    (files / "out.keras").write_bytes(b"the old one")

    def fail(*args, **kwargs):
        raise PermissionError("no access")

    if step == "replace":
        monkeypatch.setattr(os, "replace", fail)
    else:
        original = keras.Model.save

        def half(self, path, **kwargs):
            original(self, path, **kwargs)
            path.write_bytes(path.read_bytes()[:100])
            fail()

        monkeypatch.setattr(keras.Model, "save", half)
    assert_user_error(prune(files), capsys, "no access")
    assert (files / "out.keras").read_bytes() == b"the old one"
    assert len(list(files.iterdir())) == 3


def test_interrupt_writes_nothing(files, capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "fit", interrupt)
    assert prune(files) == 130
    assert not (files / "out.keras").exists()


def test_inspect_prints_the_report(files, capsys):
    assert cli.main(["inspect", str(files / "model.keras")]) == 0
    text = capsys.readouterr().out
    assert "hidden/kernel" in text and "16x32" in text
    assert "fewer than 256 entries" in text


def test_inspect_json(files, capsys):
    model = keras.saving.load_model(files / "model.keras")
    w, b = model.get_layer("hidden").get_weights()
    w[:, :8] = 0
    model.get_layer("hidden").set_weights([w, b])
    model.save(files / "model.keras")
    arguments = ["inspect", str(files / "model.keras"), "--json"]
    assert cli.main([*arguments, "--rate", "0.3"]) == 0
    figures = json.loads(capsys.readouterr().out)
    hidden = next(
        row for row in figures["weights"] if row["path"].endswith("den/kernel")
    )
    assert hidden["zeros"] == 16 * 8 and hidden["shape"] == [16, 32]
    assert hidden["rate"] == pytest.approx(0.3)
    assert figures["sparsity"] == 0.25


def test_inspect_errors(files, capsys):
    path = str(files / "model.keras")
    assert_user_error(cli.main(["inspect", path, "--rate", "2"]), capsys, "2")
    assert_user_error(cli.main(["inspect", path + "x"]), capsys, "kerasx")
    assert_user_error(cli.main(["inspect"]), capsys, "MODEL.keras")


def test_demo_errors(tmp_path, capsys):
    for arguments in (
        ["--rate", "1.5"],
        ["--dataset", "imagenet"],
        ["--epochs", "0"],
        ["--dataset", "mnist", "--data-dir", str(tmp_path / "nowhere")],
    ):
        code = cli.main(["demo", "--out", str(tmp_path / "o"), *arguments])
        assert_user_error(code, capsys)


@pytest.mark.parametrize("option", ["--data", "--dataset"])
def test_demo_takes_the_names_of_prune(tmp_path, capsys, option):
    where = ["--data-dir", str(tmp_path), "--out", str(tmp_path / "o")]
    code = cli.main(["demo", option, "fashion-mnist", *where])
    assert_user_error(code, capsys, "train-images-idx3-ubyte.gz")


def test_help_and_version(capsys):
    assert cli.main(["--help"]) == 0
    assert cli.main(["prune", "--help"]) == 0
    assert "--rate" in capsys.readouterr().out
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out[0].isdigit()
    assert_user_error(cli.main([]), capsys, "COMMAND")


def test_module_runs_and_starts_without_heavy_imports(files):
    code = (
        "import runpy, sys, keras\n"
        "before = set(sys.modules)\n"
        f"sys.argv = ['keras_slr', 'inspect', {str(files / 'no.keras')!r}]\n"
        "try:\n"
        "    runpy.run_module('keras_slr', run_name='__main__')\n"
        "finally:\n"
        "    roots = {m.split('.')[0] for m in set(sys.modules) - before}\n"
        "    print(sorted(roots & {'matplotlib', 'rich', 'sklearn'}))"
    )
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert child.returncode == 2
    assert child.stdout.strip() == "[]"
    assert "keras-slr: error: Expected a model file" in child.stderr
