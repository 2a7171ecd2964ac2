"""Runs of the quality benchmark: made, resumed and rendered."""

import dataclasses

import keras
import numpy as np
import pytest

import keras_slr
from benchmarks.quality import __main__ as quality
from benchmarks.quality import records
from benchmarks.quality import trial
from benchmarks.quality.method_settings import Setting
from benchmarks.quality.method_settings import settings_of
from benchmarks.quality.start import Start
from benchmarks.quality.start import begin
from benchmarks.quality.task import Task
from benchmarks.quality.training import Training
from keras_slr import SLR

pytestmark = pytest.mark.once("drives the package, whose tests run everywhere")


def small():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(48, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(10),
        ],
        name="small",
    )


@pytest.fixture
def digits(monkeypatch):
    training = Training(learning_rate=3e-3, decay=True, batch=64)
    task = Task(
        build=lambda models_dir: small(),
        dataset="digits",
        epochs=(3,),
        rates=(0.5, 0.9),
        dense=training,
        dense_epochs=6,
        training=training,
    )
    monkeypatch.setitem(quality.TASKS, "digits", task)
    return task


def run_quality(folder, *args):
    folders = ["--out", str(folder / "out"), "--cache", str(folder / "cache")]
    quality.main([*folders, "--seeds", "0", *args])
    return folder / "out"


def key(method):
    return "digits", method, 0.9, 3, 0


def test_quality_runs_resumes_and_renders(digits, tmp_path, capsys):
    args = ["--task", "digits", "--methods", "slr", "gmp", "--rates", "0.9"]
    out = run_quality(tmp_path, *args)
    assert capsys.readouterr().out.count("digits ") == 2
    runs = records.read(out, "digits")
    assert list(runs) == [key("gmp"), key("slr")]
    gmp, slr = runs.values()
    assert slr["dense_weights"] == gmp["dense_weights"]
    for run in (slr, gmp):
        assert run["zeros"] == round(0.9 * 64 * 48) + round(0.9 * 480)
        assert run["pruned"] > 50 and run["dense"] > 75
        # Hard pruning with the last step is what the last epoch's
        # validation saw.
        assert run["pruned_by_epoch"][-1] == pytest.approx(run["pruned"])
    [chosen] = records.read(out, records.CHOSEN).values()
    assert (chosen["task"], chosen["method"]) == ("digits", "gmp")
    assert len(chosen["validation"]) == len(chosen["settings"]) == 3
    text = (out / "README.md").read_text().replace("*", "")
    assert f"| SLR | {slr['pruned']:.2f} |" in text
    for name in ("accuracy", "epochs", "residual"):
        assert f"(digits/{name}.png)" in text
        assert 3000 < (out / f"digits/{name}.png").stat().st_size < 60000
    before = {path.name: path.read_bytes() for path in out.glob("*.*")}
    run_quality(tmp_path, *args)
    assert capsys.readouterr().out.count("digits ") == 0
    assert before == {path.name: path.read_bytes() for path in out.glob("*.*")}


def test_a_stopped_sweep_resumes_with_the_runs_that_are_missing(
    digits, tmp_path, capsys, monkeypatch
):
    args = [
        "--task",
        "digits",
        "--methods",
        "slr",
        "one_shot",
        "--rates",
        "0.9",
    ]
    first = trial.run

    def stop(start, method, *rest):
        if method == "one_shot":
            raise KeyboardInterrupt
        return first(start, method, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(trial, "run", stop)
        with pytest.raises(KeyboardInterrupt):
            run_quality(tmp_path, *args)
    out = tmp_path / "out"
    assert records.read(out, "digits") == {}
    assert len(list((out / records.UNMERGED).rglob("*.json"))) == 1
    capsys.readouterr()
    run_quality(tmp_path, *args)
    assert capsys.readouterr().out.count("digits ") == 1
    assert list(records.read(out, "digits")) == [key("one_shot"), key("slr")]
    assert not (out / records.UNMERGED).exists()


@pytest.mark.skipif(
    keras.config.backend() == "torch", reason="Keras takes a step a call there"
)
def test_quality_takes_several_steps_in_one_call(digits, tmp_path):
    args = ["--task", "digits", "--methods", "slr", "--rates", "0.9"]
    out = run_quality(tmp_path, *args, "--steps-per-execution", "5")
    run = records.read(out, "digits")[key("slr")]
    assert run["steps_per_execution"] == 5
    assert run["zeros"] == round(0.9 * 64 * 48) + round(0.9 * 480)
    start = begin(digits.with_steps_per_execution(5), digits.images(None), 0)
    assert start.model.steps_per_execution == 5


def test_dense_weights_are_trained_once(digits, tmp_path):
    digits = dataclasses.replace(digits, dense_epochs=1)
    images = digits.images(None)
    first = begin(digits, images, 0, cache=tmp_path)
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    again = begin(digits, images, 0, cache=tmp_path)
    assert again.digest == first.digest
    assert path.stat().st_mtime_ns == written
    # Another part of the data, another seed: weights of their own.
    begin(digits, digits.images(None, validation=True), 0, cache=tmp_path)
    assert begin(digits, images, 1, cache=tmp_path).digest != first.digest
    assert len(list(tmp_path.iterdir())) == 3


def test_a_task_says_how_single_entries_share_a_rate(digits):
    start = Start(digits.with_allocation("erk"), None, None, [], 0)

    def allocation(method):
        setting = settings_of(method, digits)[0]
        callback = trial._callback(start, method, setting.solver, 0.9)
        return callback.pruner.plan.allocation

    assert allocation("slr") == "erk"
    # A method with rates of its own keeps them, and so do filters.
    assert allocation("thresholds") == "pooled"
    filters = dataclasses.replace(digits, structure=keras_slr.Filter())
    assert filters.with_allocation("erk").allocation is None


def test_a_run_that_diverges_scores_nothing(digits):
    images = digits.images(None)
    x = images.x_train.copy()
    x[0] = np.nan
    images = dataclasses.replace(images, x_train=x)
    start = begin(digits, images, 0)
    result = trial.run(start, "slr", Setting(SLR()), 0.9, 1)
    assert result["pruned"] == 0.0 and "NaN" in result["diverged"]
    assert trial.score(start, "slr", Setting(SLR()), 0.9, 1) == 0.0


def test_epochs_to_a_target():
    assert trial.epochs_to([90.0, 95.0, 94.0], 94.5) == 2
    assert trial.epochs_to([90.0], 94.5) is None


def test_a_layerwise_start_and_a_learning_rate_for_each_method(
    digits, tmp_path, monkeypatch
):
    rates = (1e-4, 1e-3)
    task = dataclasses.replace(
        digits, learning_rates=rates, epochs=(1,), rates=(0.9,)
    )
    monkeypatch.setitem(quality.TASKS, "digits", task)
    starts = []
    first = trial.keras_slr.prune_layerwise

    def prune(model, *args, **kwargs):
        report = first(model, *args, **kwargs)
        starts.append(report.sparsity)
        return report

    monkeypatch.setattr(trial.keras_slr, "prune_layerwise", prune)
    methods = ["slr", "masked_layerwise"]
    suite = ["--suite", "few_epochs", "--task", "digits"]
    out = run_quality(tmp_path, *suite, "--methods", *methods)
    chosen = records.read(out, records.CHOSEN)
    for method in methods:
        settings = chosen["digits", method]["settings"]
        assert [text.split()[-1] for text in settings] == ["0.0001", "0.001"]
    # Two settings and the run itself.
    np.testing.assert_allclose(starts, [0.9] * 3, atol=1e-3)
    runs = records.read(out, "digits")
    for method in methods:
        run = runs["digits", method, 0.9, 1, 0]
        best = chosen["digits", method]["chosen"]
        assert run["setting"] == chosen["digits", method]["settings"][best]
        np.testing.assert_allclose(run["sparsity"], 0.9, atol=1e-3)


def test_the_teacher_of_a_pruned_model_is_the_dense_one(digits, monkeypatch):
    start = begin(digits, digits.images(None), 0)
    teachers = []

    def make(**settings):
        teachers.append(settings["teacher"])
        return keras_slr.SLRCallback(**settings)

    method = "slr_layerwise_taught"
    monkeypatch.setitem(trial.METHODS, method, (make, [SLR()]))
    trial.score(start, method, Setting(SLR()), 0.9, 1)
    for weights, dense in zip(
        teachers[0].get_weights(), start.weights, strict=True
    ):
        np.testing.assert_array_equal(weights, dense)
