"""`keras-slr prune` and `shrink` on real files."""

import json

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr.commands import cli
from keras_slr.commands import recipe as recipes
from keras_slr.grids.from_text import from_text as grid_from_text
from keras_slr.structures import from_text
from tests.commands.invocations import HIDDEN
from tests.commands.invocations import assert_user_error
from tests.commands.invocations import kernel
from tests.commands.invocations import make
from tests.commands.invocations import prune

pytestmark = pytest.mark.once(
    "reads arguments and files, and trains as the callbacks do"
)


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


def test_a_grid(files, capsys):
    hidden = ["--include", "hidden", "--constraint"]
    assert prune(files, *hidden, "ternary") == 0
    for column in kernel(files / "out.keras").T:
        assert len(np.unique(abs(column[column != 0]))) == 1
    code = prune(files, *hidden, "ternery")
    assert_user_error(code, capsys, "--constraint", "did you mean 'ternary'")
    code = prune(files, *hidden, "4bits", "--method", "greg")
    assert_user_error(code, capsys, "GReg, which does not project", "ADMM")
    code = prune(files, *hidden, "4bits", "--finetune-epochs", "1")
    assert_user_error(code, capsys, "off the grid")
    assert "before:" not in capsys.readouterr().out


def test_grids_by_name():
    assert grid_from_text("4bits") == keras_slr.Quantize(bits=4)
    assert grid_from_text("powers_of_two") == keras_slr.PowersOfTwo()


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


def mislabel(files):
    """Gives the data the labels of the next class; returns inputs, labels."""
    with np.load(files / "data.npz") as data:
        x, y = data["x"], data["y"]
    np.savez(files / "data.npz", x=x, y=(y + 1) % 4)
    return x, y


def classes(path, x):
    model = keras.saving.load_model(path)
    return model.predict(x, verbose=0).argmax(axis=1)


LONG = ["--epochs", "20", "--batch-size", "16", "--rate", "0.5"]


def test_a_teacher_replaces_wrong_labels(files):
    x, y = mislabel(files)
    assert prune(files, *LONG, "--teacher", "dense") == 0
    assert np.mean(classes(files / "out.keras", x) == y) > 0.9
    assert np.count_nonzero(kernel(files / "out.keras")) == HIDDEN // 2
    assert prune(files, *LONG) == 0
    assert np.mean(classes(files / "out.keras", x) == y) < 0.1


def test_a_teacher_in_a_file_of_a_recipe(files, monkeypatch):
    x, y = mislabel(files)
    monkeypatch.chdir(files)
    assert prune(files, *LONG, out="teacher.keras") == 0
    with np.load("data.npz") as data:
        np.savez("data.npz", x=x, y=np.roll(data["y"], 1))
    fields = {"model": "model.keras", "data": "data.npz", "out": "out.keras"}
    fields |= {"teacher": "teacher.keras", "epochs": 20, "batch_size": 16}
    recipe = files / "recipe.json"
    recipe.write_text(json.dumps(fields | {"rate": 0.5}))
    assert cli.main(["prune", "--recipe", "recipe.json"]) == 0
    assert np.mean(classes("out.keras", x) == (y + 1) % 4) > 0.9


@pytest.mark.parametrize(
    ("teacher", "words"),
    [
        ("", ["`--teacher`", "'dense' or the path"]),
        ("nothing.keras", ["`nothing.keras`", "check the path"]),
        ("five.keras", ["(None, 4)", "(None, 5)"]),
    ],
)
def test_a_teacher_that_does_not_fit(
    files, monkeypatch, capsys, teacher, words
):
    monkeypatch.chdir(files)
    make(units=5).save("five.keras")
    code = prune(files, "--teacher", teacher)
    assert_user_error(code, capsys, *words)


def test_a_score_chooses_by_the_training_data(files, capsys):
    method = ["--method", "gradual_magnitude", "--rate", "0.75"]
    assert prune(files, *method, "--score", "taylor") == 0
    assert np.count_nonzero(kernel(files / "out.keras")) == HIDDEN // 4
    assert prune(files, *method) == 0
    by_magnitude = kernel(files / "out.keras")
    assert prune(files, *method, "--score", "random", "--epochs", "1") == 0
    by_chance = kernel(files / "out.keras")
    assert np.count_nonzero(by_chance) == HIDDEN // 4
    assert np.any((by_chance != 0) != (by_magnitude != 0))


def test_a_score_reads_rows_from_all_over_the_data():
    x, y = np.arange(1500), np.arange(1500) % 7
    data = keras_slr.data.Data(x, y, x, y)
    recipe = recipes.Recipe(method="one_shot_magnitude", score="taylor")
    rows, labels = recipe.callback(data).pruner.data
    np.testing.assert_array_equal(rows, np.arange(0, 1500, 3))
    np.testing.assert_array_equal(labels, rows % 7)


@pytest.mark.parametrize(
    "options, words",
    [
        (["--score", "taylor"], ["no `score` beside SLR"]),
        (["--score", "tailor"], ["--score", "did you mean 'taylor'"]),
    ],
)
def test_scores_that_do_not_fit(files, capsys, options, words):
    assert_user_error(prune(files, *options), capsys, *words)
