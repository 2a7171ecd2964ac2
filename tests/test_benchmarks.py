"""The benchmarks run, resume, and say what they measured."""

import json
import pathlib

import keras
import pytest

from benchmarks import models
from benchmarks.quality import __main__ as quality
from benchmarks.quality import tasks
from benchmarks.quality import trial
from tests.helpers import to_numpy

SHARED = pathlib.Path(__file__).parents[2] / "shared"


def small():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(48, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(10),
        ]
    )


@pytest.fixture
def digits(monkeypatch):
    task = tasks.Task(
        build=lambda models_dir: small(),
        dataset="digits",
        prepare=lambda x: x,
        dense_epochs=6,
        optimizer="adam",
        learning_rate=3e-3,
        decay=True,
        batch=64,
        epochs=(3,),
        rates=(0.5, 0.9),
    )
    monkeypatch.setattr(tasks, "VALIDATION", 300)
    monkeypatch.setitem(quality.TASKS, "digits", task)
    return task


def test_quality_runs_resumes_and_renders(digits, tmp_path, capsys):
    args = ["--task", "digits", "--seeds", "0", "--out", str(tmp_path)]
    args += ["--methods", "slr", "gmp", "--rates", "0.9"]
    quality.main(args)
    assert capsys.readouterr().out.count("digits ") == 2
    runs = {
        path.stem: json.loads(path.read_text())
        for path in (tmp_path / "digits").glob("*.json")
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
    chosen = json.loads((tmp_path / "digits/chosen/gmp.json").read_text())
    assert len(chosen["validation"]) == len(chosen["settings"]) == 3
    text = (tmp_path / "README.md").read_text()
    assert f"| SLR | {slr['pruned']:.2f} |" in text
    quality.main(args)
    assert capsys.readouterr().out.count("digits ") == 0


def test_epochs_to_a_target():
    assert trial.epochs_to([90.0, 95.0, 94.0], 94.5) == 2
    assert trial.epochs_to([90.0], 94.5) is None


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared")
def test_the_pretrained_resnet_is_the_published_one():
    """On the first 500 test images; 91.73 % on all of them."""
    task = tasks.TASKS["resnet_20_cifar10"]
    model = task.build(SHARED / "models")
    task.compile(model)
    images = task.images(SHARED / "data")
    x, y = images.x_test[:500], images.y_test[:500]
    _, share = model.evaluate(x, y, batch_size=100, verbose=0)
    assert 0.89 < share < 0.95
    assert model.count_params() == 271098
    kernel = to_numpy(model.get_layer("conv1").kernel)
    assert kernel.shape == (3, 3, 3, 16)


def test_the_cifar_resnet_has_its_layers():
    model = models.resnet_for_cifar(1)
    assert model.output_shape == (None, 10)
    # Stem, three blocks of two convolutions, their batch norms, the head.
    assert sum(len(layer.weights) > 0 for layer in model.layers) == 15
