"""The nets of the suites are those they are named after, and prune."""

import dataclasses
import pathlib

import numpy as np
import pytest

import keras_slr
from benchmarks import token_models
from benchmarks.quality import datasets
from benchmarks.quality import defaults
from benchmarks.quality import gpu
from benchmarks.quality import robustness
from benchmarks.quality import suites
from benchmarks.quality import tasks
from benchmarks.quality import trial
from benchmarks.quality.method_settings import Setting
from benchmarks.quality.start import begin
from examples.models.resnet_for_cifar import resnet_for_cifar
from keras_slr import SLR
from keras_slr.data import Data
from tests.helpers import to_numpy

pytestmark = pytest.mark.once("drives the package, whose tests run everywhere")

SHARED = pathlib.Path(__file__).parents[3] / "shared"


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
    assert 0 <= trial.score(start, "slr", Setting(SLR()), 0.9, epochs=1) <= 100
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
        defaults.TASKS["mixer_fashion_mnist"],
        tasks.TASKS["vit_cifar10"],
        robustness.TASKS["digits_convolutions_sgd_0.01_10"],
        robustness.TASKS["autoencoder_adam_0.001_3"],
        robustness.TASKS["friedman_sgd_0.001_10"],
        robustness.TASKS["sentence_convolutions_adam_0.001_10"],
        robustness.TASKS["missing_words_adam_0.001_3"],
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


def test_a_missing_text_is_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match="(?s)input.txt.*--data-dir"):
        datasets.load("missing_words", tmp_path)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared")
def test_text_fits_its_net():
    found = datasets.load("missing_words", SHARED / "data")
    model = robustness.TASKS["missing_words_adam_0.001_3"].build(None)
    assert model.input_shape[1:] == found.x_train.shape[1:]
    assert found.x_train.max() < model.layers[1].input_dim
    assert len(np.unique(found.y_test)) == model.output_shape[1]


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
