"""Pruning without training: its images, rows and tables, on a tiny net."""

import dataclasses
import json
import pathlib

import keras
import numpy as np
import pytest

import keras_slr
from benchmarks.post_training import __main__ as command
from benchmarks.post_training import chita
from benchmarks.post_training import data
from benchmarks.post_training import figure
from benchmarks.post_training import nets
from benchmarks.post_training import rows
from benchmarks.post_training import run
from benchmarks.post_training import table
from benchmarks.post_training.case import Case
from benchmarks.post_training.wake_words import mobilenet
from tests.helpers import to_numpy

pytestmark = pytest.mark.once("drives the package, whose tests run everywhere")

SHARED = pathlib.Path(__file__).parents[3] / "shared"
COUNT = data.VALIDATION + 40


def pixels(count, first=0):
    """Images whose pixels tell their number."""
    numbers = np.arange(first, first + count) % 256
    return np.broadcast_to(numbers[:, None, None, None], (count, 4, 4, 1))


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return data.Images(
        np.uint8(pixels(COUNT)),
        rng.integers(10, size=COUNT),
        rng.integers(256, size=(300, 4, 4, 1), dtype="uint8"),
        rng.integers(10, size=300),
    )


@pytest.fixture
def tiny(monkeypatch, images):
    """A net of the benchmark with random weights, and its test images."""

    def build(models_dir):
        del models_dir
        keras.utils.set_random_seed(0)
        return keras.Sequential(
            [
                keras.Input((4, 4, 1)),
                keras.layers.Flatten(),
                keras.layers.Dense(32, "relu"),
                keras.layers.Dense(10),
            ]
        )

    net = nets.Net(build, "made", lambda x: x - 0.5, 10.0, zeros=("0.5", "2:4"))
    monkeypatch.setitem(nets.NETS, "chita_mlpnet", net)
    monkeypatch.setattr(data, "load", lambda *args: images)
    return net


def test_images_calibrate_or_validate_or_test(images):
    first, second = (images.calibration(20, seed) for seed in (0, 1))
    np.testing.assert_array_equal(first, images.calibration(20, 0))
    assert first.dtype == "float32"
    assert np.any(first != second)
    # All of those before the last ones, each of them once.
    every = 255 * images.calibration(40, 2)[:, 0, 0, 0]
    np.testing.assert_allclose(every, np.arange(40), rtol=1e-6)
    x, y = images.part("validation")
    np.testing.assert_array_equal(x, images.x_train[40:])
    np.testing.assert_array_equal(y, images.y_train[40:])
    assert images.part("test") == (images.x_test, images.y_test)
    with pytest.raises(ValueError, match="at most 40.*Received: 41"):
        images.calibration(41, 0)


def test_cifar_10_is_unpacked_once(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.integers(256, size=(6, 32, 32, 3), dtype="uint8")
    y = rng.integers(10, size=6, dtype="uint8")
    (tmp_path / "cifar10").mkdir()
    path = tmp_path / "cifar10" / "cifar10.npz"
    np.savez(path, x_train=x, y_train=y, x_test=x[:2], y_test=y[:2])
    data.load("cifar10", tmp_path, tmp_path / "cache")
    monkeypatch.delattr(np.lib.npyio.NpzFile, "__getitem__")
    found = data.load("cifar10", tmp_path, tmp_path / "cache")
    np.testing.assert_array_equal(found.x_train, x)
    np.testing.assert_array_equal(found.y_test, y[:2])


def test_the_command_goes_on_where_it_was(tiny, tmp_path, capsys, monkeypatch):
    seen = []

    def prune_layerwise(model, x, method, rate=None, **arguments):
        seen.append((x, method, rate, arguments))
        keras_slr.hard_prune(model, rate, structure=arguments.get("structure"))

    monkeypatch.setattr(keras_slr, "prune_layerwise", prune_layerwise)
    arguments = (
        "--data-dir . --models-dir . --net chita_mlpnet --images 7 --seeds 3 4 "
        f"--argument damping=0.1 --allocations erk --out {tmp_path}"
    ).split()
    command.main(arguments)
    path = tmp_path / table.FILE
    stored = rows.read(path)
    # Dense, two without images, two with each of the seeds.
    assert [row["method"] for row in stored] == (
        ["dense"] + 2 * ["hard_prune"] + 4 * ["slr"]
    )
    assert stored[1]["sparsity"] == 0.5
    assert len(seen) == 4
    x, method, rate, others = seen[0]
    assert (method, rate) == ("slr", 0.5)
    assert others == {"allocation": "erk", "damping": 0.1, "verbose": 0}
    assert (x.shape, x.max() <= 40 / 255 - 0.5) == ((7, 4, 4, 1), True)
    command.main(arguments)
    assert rows.read(path) == stored
    assert len(seen) == 4
    command.main([*arguments, "--again", "--zeros", "2:4"])
    assert len(rows.read(path)) == len(stored)
    assert len(seen) == 6
    table.main(tmp_path)
    printed = capsys.readouterr().out
    assert "slr, erk, 7 images, damping=0.1" in printed


def test_every_row_begins_with_the_trained_weights(tiny):
    runner = run.Run("chita_mlpnet", ".", ".")
    dense = runner.row(Case("chita_mlpnet", "dense"))
    runner.row(Case("chita_mlpnet", "hard_prune", "0.9", "uniform"))
    again = runner.row(Case("chita_mlpnet", "dense"))
    assert (again["accuracy"], again["sparsity"]) == (dense["accuracy"], 0.0)


def test_without_labels_the_dense_predictions_are_right(
    tiny, monkeypatch, tmp_path
):
    net = dataclasses.replace(tiny, dense=None)
    monkeypatch.setitem(nets.NETS, "chita_mlpnet", net)
    arguments = "--data-dir . --models-dir . --method hard_prune"
    command.main(
        [*arguments.split(), "--net", "chita_mlpnet", "--out", str(tmp_path)]
    )
    stored = rows.read(tmp_path / table.FILE)
    assert {row["method"] for row in stored} == {"hard_prune"}
    runner = run.Run("chita_mlpnet", ".", ".")
    assert runner.row(Case("chita_mlpnet", "dense"))["accuracy"] == 100
    pruned = runner.row(Case("chita_mlpnet", "hard_prune", "0.5", "uniform"))
    model, x = runner.model, tiny.prepare(data.scaled(runner.images.x_test))
    found = model.predict(x, verbose=0).argmax(-1)
    dense = tiny.build(".").predict(x, verbose=0).argmax(-1)
    shares = [(found == dense)[dense == c].mean() for c in np.unique(dense)]
    assert pruned["accuracy"] == pytest.approx(100 * np.mean(shares))
    assert pruned["accuracy"] < 100


def test_tables_have_published_figures_beside_the_measured():
    about = Case("chita_resnet_20", "dense").key
    found = [about | {"accuracy": 91.43, "seconds": 0.0}]
    for seed, accuracy in enumerate((89.0, 90.0)):
        case = Case("chita_resnet_20", "slr", "0.7", "erk", 512, seed)
        found.append(case.key | {"accuracy": accuracy, "seconds": 30.0})
    case = Case("chita_resnet_20", "hard_prune", "2:4")
    found.append(case.key | {"accuracy": 80.0, "seconds": 1.0})
    lines = table.markdown(found).splitlines()
    assert lines[0] == (
        "## chita_resnet_20, test images, dense 91.43 (published 91.36)"
    )
    assert lines[2] == "|  | 70 % | 2:4 | seconds |"
    assert lines[4:6] == [
        "| slr, erk, 512 images | 89.50 (89.00 to 90.00) |  | 30 |",
        "| hard_prune |  | 80.00 | 1 |",
    ]
    assert "| CHITA, published (arXiv 2302.14623) | 84.1 |  |  |" in lines


def test_the_figure_has_the_methods_with_all_shares(tmp_path):
    case = Case("chita_resnet_20", "dense")
    stored = [case.key | {"accuracy": 91.0}]
    for method, shares in (
        ("hard_prune", ("0.7", "0.8", "0.9")),
        ("slr", ("0.5", "0.7", "0.8", "0.9")),
        ("wanda", ("0.7", "0.8")),
    ):
        images = 0 if method == "hard_prune" else 1024
        for zeros in shares:
            for seed in (0, 1):
                case = Case(
                    "chita_resnet_20", method, zeros, "erk", images, seed
                )
                score = 80.0 + seed - 100 * float(zeros) * (images == 0)
                stored.append(case.key | {"accuracy": score})
    # Rows of other settings do not count.
    for other in (
        {"arguments": {"damping": 0.1}},
        {"images": 512},
        {"on": "validation"},
        {"net": "resnet_20"},
        {"allocation": "uniform"},
    ):
        stored.append(stored[-5] | {"method": "slr", "accuracy": 0.0} | other)
    (tmp_path / table.FILE).write_text(json.dumps(stored))
    lines = {
        line.get_label(): line.get_ydata() for line in figure.draw(stored).lines
    }
    assert list(lines) == [
        "SLR",
        "hard_prune, no data",
        "CHITA++, published",
        "CHITA, published",
        "dense",
    ]
    np.testing.assert_allclose(lines["SLR"], [80.5, 80.5, 80.5])
    np.testing.assert_allclose(lines["hard_prune, no data"], [10.5, 0.5, -9.5])
    np.testing.assert_allclose(lines["CHITA++, published"], [90.4, 88.7, 79.3])
    figure.main(tmp_path, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_pictures_are_enlarged():
    x = nets.NETS["mobilenet"].prepare(np.full((2, 32, 32, 3), 0.25, "float32"))
    assert x.shape == (2, 96, 96, 3)
    np.testing.assert_allclose(x, 0.25)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared")
def test_the_pretrained_nets_are_the_published_ones():
    mlpnet = chita.mlpnet(SHARED / "models")
    assert mlpnet.count_params() == 784 * 40 + 40 * 20 + 20 * 10
    resnet = chita.resnet_20(SHARED / "models")
    with np.load(SHARED / "models/chita/resnet20.npz") as arrays:
        assert resnet.count_params() == sum(a.size for a in arrays.values())
        np.testing.assert_array_equal(
            to_numpy(resnet.get_layer("layer3_0_downsample_0").kernel),
            arrays["layer3.0.downsample.0.weight"],
        )
    net = nets.NETS["chita_resnet_20"]
    report = keras_slr.report(resnet, **net.selection)
    left = [row.path for row in report.rows if row.reason is not None]
    assert sum("downsample_0" in path for path in left) == 2
    assert len(report.pruned) == 20
    assert mobilenet(SHARED / "models").count_params() == 221_794


def test_a_row_is_a_line_of_the_file(tmp_path):
    path = tmp_path / table.FILE
    for accuracy in (1.0, 2.0):
        rows.store(path, Case("resnet_8", "dense").key | {"accuracy": accuracy})
    rows.store(path, Case("resnet_20", "dense").key | {"accuracy": 3.0})
    assert [row["accuracy"] for row in rows.read(path)] == [2.0, 3.0]
    lines = path.read_text().splitlines()
    assert [json.loads(x.rstrip(","))["accuracy"] for x in lines[1:-1]] == [
        2,
        3,
    ]
    assert rows.has(path, Case("resnet_8", "dense"))
    assert not rows.has(path, Case("resnet_8", "dense", on="validation"))
