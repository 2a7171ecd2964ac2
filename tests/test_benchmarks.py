"""The benchmarks run, resume, and say what they measured."""

import dataclasses
import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_slr
from benchmarks import token_models
from benchmarks.quality import __main__ as quality
from benchmarks.quality import datasets
from benchmarks.quality import gpu
from benchmarks.quality import jobs
from benchmarks.quality import report
from benchmarks.quality import results
from benchmarks.quality import robustness
from benchmarks.quality import suites
from benchmarks.quality import tasks
from benchmarks.quality import trial
from benchmarks.quality import verdict
from benchmarks.quality.augment import Augmented
from benchmarks.quality.start import begin
from benchmarks.quality.task import Task
from benchmarks.quality.training import OPTIMIZERS
from benchmarks.quality.training import Training
from examples.models.resnet_for_cifar import resnet_for_cifar
from keras_slr import SLR
from keras_slr.data import Data
from tests.helpers import to_numpy

pytestmark = pytest.mark.once("drives the package, whose tests run everywhere")

SHARED = pathlib.Path(__file__).parents[2] / "shared"


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


def test_quality_runs_resumes_and_renders(digits, tmp_path, capsys):
    args = ["--task", "digits", "--methods", "slr", "gmp", "--rates", "0.9"]
    out = run_quality(tmp_path, *args)
    assert capsys.readouterr().out.count("digits ") == 2
    runs = {
        path.stem: json.loads(path.read_text())
        for path in (out / "digits").glob("*.json")
    }
    assert set(runs) == {"slr_0.9_3_0", "gmp_0.9_3_0"}
    slr, gmp = runs["slr_0.9_3_0"], runs["gmp_0.9_3_0"]
    assert slr["dense_weights"] == gmp["dense_weights"]
    for run in (slr, gmp):
        assert run["zeros"] == round(0.9 * 64 * 48) + round(0.9 * 480)
        assert run["pruned"] > 50 and run["dense"] > 75
        # Hard pruning with the last step is what the last epoch's
        # validation saw.
        assert run["pruned_by_epoch"][-1] == pytest.approx(run["pruned"])
    chosen = json.loads((out / "digits/chosen/gmp.json").read_text())
    assert len(chosen["validation"]) == len(chosen["settings"]) == 3
    text = (out / "README.md").read_text().replace("*", "")
    assert f"| SLR | {slr['pruned']:.2f} |" in text
    for name in ("accuracy", "epochs", "residual"):
        assert f"(digits/{name}.png)" in text
        assert 3000 < (out / f"digits/{name}.png").stat().st_size < 60000
    run_quality(tmp_path, *args)
    assert capsys.readouterr().out.count("digits ") == 0


@pytest.mark.skipif(
    keras.config.backend() == "torch", reason="Keras takes a step a call there"
)
def test_quality_takes_several_steps_in_one_call(digits, tmp_path):
    args = ["--task", "digits", "--methods", "slr", "--rates", "0.9"]
    out = run_quality(tmp_path, *args, "--steps-per-execution", "5")
    run = json.loads((out / "digits/slr_0.9_3_0.json").read_text())
    assert run["steps_per_execution"] == 5
    assert run["zeros"] == round(0.9 * 64 * 48) + round(0.9 * 480)
    start = begin(digits.with_steps_per_execution(5), digits.images(None), 0)
    assert start.model.steps_per_execution == 5


def test_a_claimed_job_is_left_to_who_claimed_it(tmp_path):
    path = tmp_path / "job.json"
    first = jobs.Job(path, lambda: {"by": 1})
    second = jobs.Job(tmp_path / "second.json", first.read, (first,))
    with jobs.claimed(path) as mine:
        assert mine
        assert not first.run()
    assert not second.ready
    jobs.work([second, first])
    assert second.read() == first.read() == {"by": 1}


def test_several_processes_share_the_jobs(tmp_path):
    script = f"""
import os, pathlib, time
from benchmarks.quality.jobs import Job, work
def make():
    time.sleep(0.1)
    return {{"by": os.getpid()}}
folder = pathlib.Path({str(tmp_path)!r})
work([Job(folder / f"{{i}}.json", make) for i in range(12)])
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    made = [json.loads(p.read_text())["by"] for p in tmp_path.glob("*.json")]
    # Each once, and none by a process that had to wait for all the others.
    assert len(made) == 12
    assert set(made) == {process.pid for process in processes}


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


def test_a_run_that_diverges_scores_nothing(digits):
    start = begin(digits, digits.images(None), 0)
    start.images.x_train[0] = np.nan
    result = trial.run(start, "slr", SLR(), 0.9, 1)
    assert result["pruned"] == 0.0 and "NaN" in result["diverged"]
    assert trial.score(start, "slr", SLR(), 0.9, 1) == 0.0


def run_of(method, rate, seed, pruned, **kwargs):
    return {
        "task": "made",
        "method": method,
        "rate": rate,
        "epochs": 3,
        "seed": seed,
        "dense": 90.0,
        "pruned": pruned,
        "batch_norm": pruned,
        "finetuned": pruned,
        "seconds": 2.0,
        "pruned_by_epoch": [10.0, 89.6, pruned],
        "residual": [0.5, 0.1, 0.0] if method == "slr" else [0.0] * 3,
        "entries": 1000,
        "zeros": round(1000 * rate),
        "parameters": 1100,
        **kwargs,
    }


def write_runs(folder, runs):
    (folder / "made").mkdir(parents=True)
    for i, run in enumerate(runs):
        (folder / f"made/{i}.json").write_text(json.dumps(run))


def test_tables_say_who_is_first_and_by_how_much(tmp_path):
    runs = [
        run_of("slr", 0.9, 0, 88.0),
        run_of("slr", 0.9, 1, 88.4),
        run_of("gmp", 0.9, 0, 88.5),
        run_of("gmp", 0.9, 1, 88.7),
        run_of("slr", 0.95, 0, 87.0),
        run_of("slr", 0.95, 1, 85.0),
        run_of("gmp", 0.95, 0, 85.5, pruned_by_epoch=[9.0, 9.0, 85.5]),
        run_of("slr", 0.98, 0, 80.0),
        run_of("slr", 0.98, 1, 82.0),
        run_of("gmp", 0.98, 0, 80.5),
        run_of("gmp", 0.98, 1, 81.0),
    ]
    write_runs(tmp_path, runs)
    report.render(tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "SLR is first in 2 of 3 cells" in text
    assert "not at 90 % (-0.40 to gradual magnitude, beyond the spread)" in text
    assert (
        "narrowly at 98 % (+0.25 to gradual magnitude, within the spread)"
        in text
    )
    assert (
        "| gradual magnitude | **88.60 (88.50 to 88.70)** "
        "| 85.50, 1 of 2 seeds | 80.75 (80.50 to 81.00) |" in text
    )
    # Dense, pruned, fine-tuned, pruned layers, whole model, epochs.
    assert (
        "| 95 % | SLR | 90.00 | **86.00** | **86.00** | 20.0 | 7.3 | **2** |"
        in text
    )
    assert (
        "| 95 % | gradual magnitude | 90.00 | 85.50 | 85.50 | 20.0 | 7.3 | - |"
        in text
    )
    assert "batch norm anew |" not in text


def test_methods_are_compared_on_the_seeds_that_both_have():
    def cell(*pruned):
        return [run_of("", 0.9, i, p) for i, p in enumerate(pruned) if p]

    cells = {
        (0.9, "slr"): cell(87.0, 85.0, None),
        # No rival, but SLR itself.
        (0.9, "slr_tuned"): cell(99.0, 99.0, None),
        (0.9, "gmp"): cell(86.5, None, 99.0),
        (0.9, "admm"): cell(None, 84.0, None),
        (0.9, "greg_1"): cell(None, None, 99.0),
    }
    [found] = verdict.verdicts(results.Group("made", 3, cells))
    assert found == verdict.Verdict(0.9, "gmp", 87.0, 86.5, "one seed each")


def test_cases_end_with_the_worst(tmp_path):
    runs = [
        run_of("slr", 0.9, 0, 88.0),
        run_of("gmp", 0.9, 0, 88.5),
        run_of("admm", 0.9, 0, 0.0, diverged="NaN or Inf"),
        run_of("slr", 0.95, 0, 86.0),
        run_of("gmp", 0.95, 0, 85.0),
    ]
    del runs[2]["pruned_by_epoch"], runs[2]["zeros"]
    write_runs(tmp_path, runs)
    report.render_cases(tmp_path)
    lines = (tmp_path / "README.md").read_text().splitlines()
    assert (
        "| `made` | 3 | 90 % | 90.00 | 88.00 | **88.50** | 0.00 "
        "| -0.50, one seed each |" in lines
    )
    assert lines[-1] == (
        "SLR is first in 1 of 2 cases. Worst case: `made`, 90 % (-0.50 to "
        "gradual magnitude, one seed each)."
    )


def test_lengths_say_how_long_a_run_has_to_be(tmp_path):
    runs = [
        run_of(method, 0.9, seed, pruned + seed, epochs=epochs)
        for method, epochs, pruned in (
            ("slr", 2, 80.0),
            ("slr", 5, 86.0),
            ("slr", 10, 87.0),
            ("admm", 2, 70.0),
            ("admm", 10, 85.9),
        )
        for seed in (0, 1)
    ]
    write_runs(tmp_path, runs)
    report.render_lengths(tmp_path)
    lines = (tmp_path / "README.md").read_text().splitlines()
    assert "| epochs, 90 % | 2 | 5 | 10 |" in lines
    assert (
        "| ADMM | 70.50 (70.00 to 71.00) |  | 86.40 (85.90 to 86.90) |" in lines
    )
    assert lines[-2:] == [
        "ADMM gives 86.40 after 10 epochs; SLR as much after 5.",
        "The dense model gives 90.00; SLR is within 0.5 points of it after "
        "none of these.",
    ]


def test_epochs_to_a_target():
    assert trial.epochs_to([90.0, 95.0, 94.0], 94.5) == 2
    assert trial.epochs_to([90.0], 94.5) is None


def test_variance_explained_in_percent():
    task = Task(None, "friedman", regression=True)
    y = np.array([[1.0], [3.0]])
    images = Data(y, y, y, y)
    assert task.percent(0.25, images) == 75.0
    assert task.percent(2.0, images) == task.percent(np.nan, images) == 0.0


def test_augmented_batches_are_a_function_of_the_seed():
    x = np.arange(1, 5 * 6 * 6 * 3 + 1, dtype="float32").reshape(5, 6, 6, 3)
    y = np.arange(5)

    def epochs():
        np.random.seed(3)
        batches = Augmented(x, y, batch=2)
        for _ in range(2):
            # Looked at twice, as backends do to learn the shapes.
            _ = batches[0]
            yield [batches[i] for i in range(batches.num_batches)]
            batches.on_epoch_end()

    first, second = epochs()
    for batches in (first, second):
        assert sorted(np.concatenate([b[1] for b in batches])) == list(range(5))
        for images, labels in batches:
            assert images.shape == (len(labels), 6, 6, 3)
            for image, label in zip(images, labels):
                # Nothing but pixels of that image, and zeros moved in.
                assert np.isin(image, [0, *x[label].ravel()]).all()
    assert any((a[0] != b[0]).any() for a, b in zip(first, second))
    for batches, again in zip((first, second), epochs()):
        for batch, other in zip(batches, again):
            np.testing.assert_array_equal(batch[0], other[0])


def test_an_image_that_is_not_moved_is_whole_or_mirrored():
    x = np.random.default_rng(0).uniform(size=(1, 6, 6, 3))
    batches = Augmented(np.repeat(x, 500, axis=0), np.arange(500), 500)
    images, _ = batches[0]
    same = [np.array_equal(image, x[0]) for image in images]
    mirrored = [np.array_equal(image, x[0, :, ::-1]) for image in images]
    assert any(same) and any(mirrored)


@pytest.fixture
def numpy_kernels(monkeypatch):
    """Kernels drawn by NumPy: JAX compiles a program for every shape."""

    def draw(self, shape, dtype=None):
        return np.random.uniform(-0.1, 0.1, shape).astype("float32")

    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", draw)


def random_data(model, regression):
    rng = np.random.default_rng(0)
    shape = (8, *model.input_shape[1:])
    if model.inputs[0].dtype == "int32":
        x = rng.integers(datasets.WORDS, size=shape).astype("int32")
    else:
        x = rng.uniform(size=shape).astype("float32")
    if regression:
        y = rng.uniform(size=(8, model.output_shape[1])).astype("float32")
    else:
        y = rng.integers(10, size=8).astype("int32")
    return Data(x, y, x, y)


def prunes(task):
    """Returns the share of zeros in the kernels after one step."""
    model = task.build(None)
    task = dataclasses.replace(
        task, build=lambda models_dir: model, dense_epochs=0
    )
    start = begin(task, random_data(model, task.regression), 0)
    assert 0 <= trial.score(start, "slr", SLR(), 0.9, epochs=1) <= 100
    return keras_slr.report(model).sparsity


@pytest.mark.usefixtures("numpy_kernels")
@pytest.mark.parametrize("name", gpu.TASKS)
def test_a_net_of_the_gpu_suite_trains_and_prunes(name, monkeypatch):
    monkeypatch.setattr(gpu, "SCALE", 8)
    assert prunes(gpu.TASKS[name]) == pytest.approx(0.9, abs=1e-2)


@pytest.mark.usefixtures("numpy_kernels")
@pytest.mark.parametrize(
    "task",
    [
        tasks.TASKS["mixer_cifar10"],
        tasks.TASKS["vit_cifar10"],
        robustness.TASKS["digits_convolutions_sgd_0.01_10"],
        robustness.TASKS["autoencoder_adam_0.001_3"],
        robustness.TASKS["friedman_sgd_0.001_10"],
        robustness.TASKS["sentence_convolutions_adam_0.001_10"],
    ],
    ids=lambda task: task.dataset,
)
def test_a_net_trains_and_prunes(task):
    assert prunes(task) == pytest.approx(0.9, abs=1e-2)


@pytest.mark.parametrize("name", ["friedman", "sentences"])
def test_made_data_fits_its_net(name):
    made = datasets.load(name, None)
    task = next(t for t in robustness.TASKS.values() if t.dataset == name)
    assert task.build(None).input_shape[1:] == made.x_train.shape[1:]
    assert len(made.x_test) == len(made.y_test) == datasets.TEST
    assert made.x_train.min() >= 0
    if name == "sentences":
        assert len(np.unique(made.x_train[:, 1:])) == datasets.WORDS
        assert set(made.y_test) == set(range(10))


def test_every_optimizer_takes_the_learning_rate():
    for name in OPTIMIZERS:
        optimizer = Training(name, 0.25).make_optimizer(1)
        assert float(optimizer.learning_rate) == 0.25
    optimizer = Training("sgd", 0.25, weight_decay=0.5).make_optimizer(1)
    assert optimizer.weight_decay == 0.5


def test_suites_name_their_tasks():
    for suite in suites.SUITES.values():
        assert set(suite.tasks) <= set(suites.TASKS)
    assert len(suites.SUITES["robustness"].tasks) >= 12


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared")
def test_the_pretrained_resnet_is_the_published_one():
    """On the first 500 test images; 91.73 % on all of them."""
    task = tasks.TASKS["resnet_20_cifar10"]
    images = task.images(SHARED / "data")
    images = dataclasses.replace(
        images, x_test=images.x_test[:500], y_test=images.y_test[:500]
    )
    start = begin(task, images, 0, SHARED / "models")
    assert 89 < start.score() < 95
    assert start.model.count_params() == 271098
    kernel = to_numpy(start.model.get_layer("conv1").kernel)
    assert kernel.shape == (3, 3, 3, 16)


@pytest.mark.usefixtures("numpy_kernels")
def test_the_cifar_resnet_has_its_layers():
    model = resnet_for_cifar(1)
    assert model.output_shape == (None, 10)
    # Stem, three blocks of two convolutions, their batch norms, the head.
    assert sum(len(layer.weights) > 0 for layer in model.layers) == 15


@pytest.mark.usefixtures("numpy_kernels")
@pytest.mark.parametrize(
    "build, parameters",
    [
        (token_models.mixer, 109_000),
        (token_models.vit, 142_000),
    ],
)
def test_the_nets_on_patches_are_small(build, parameters):
    assert build().count_params() == pytest.approx(parameters, rel=0.01)
