import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

from keras_slr import shrink
from keras_slr import shrink_report
from keras_slr.keras_internals.graphs import calls_of
from tests.helpers import slow_where_compiled
from tests.shrinking.helpers import assert_same
from tests.shrinking.helpers import outputs
from tests.shrinking.helpers import prune_filters
from tests.shrinking.helpers import randomize
from tests.shrinking.helpers import shrunk
from tests.shrinking.helpers import widths


def convnet():
    x = keras.Input((8, 8, 3), name="image")
    y = layers.Rescaling(1 / 255)(x)
    y = layers.Normalization(name="scale")(y)
    y = layers.Conv2D(8, 3, padding="same", use_bias=False, name="stem")(y)
    y = layers.BatchNormalization(name="norm", trainable=False)(y)
    z = layers.Conv2D(8, 3, padding="same", name="conv")(layers.ReLU()(y))
    y = layers.Dropout(0.2, seed=3)(layers.Add(name="add")([y, z]))
    y = layers.GlobalAveragePooling2D()(y)
    return keras.Model(
        {"image": x}, {"a": layers.Dense(4, name="a")(y), "b": y * 2.0}
    )


@pytest.fixture
def pruned():
    x = keras.Input((6, 6, 3))
    y = layers.Conv2D(12, 3, activation="relu", name="a")(x)
    y = layers.Conv2D(8, 3, activation="relu", name="b")(y)
    y = layers.Dropout(0.2)(layers.Flatten()(y))
    model = keras.Model(x, layers.Dense(3, name="head")(y), name="net")
    randomize(model)
    prune_filters(model, 0.5)
    return model


def test_the_model_is_not_changed(pruned):
    weights = [np.array(w) for w in pruned.get_weights()]
    config = json.dumps(pruned.get_config(), default=str)
    nodes = [len(calls_of(op)) for op in pruned.operations]
    shrink(pruned)
    assert json.dumps(pruned.get_config(), default=str) == config
    assert [len(calls_of(op)) for op in pruned.operations] == nodes
    for old, new in zip(weights, pruned.get_weights()):
        np.testing.assert_array_equal(old, new)


def test_names_types_and_structures_stay():
    model = randomize(convnet())
    model.get_layer("conv").trainable = False
    small = shrink(model)
    assert type(small) is type(model)
    assert [op.name for op in small.operations] == [
        op.name for op in model.operations
    ]
    assert [(v.path, v.trainable) for v in small.weights] == [
        (v.path, v.trainable) for v in model.weights
    ]
    image = np.random.default_rng(0).normal(size=(2, 8, 8, 3))
    a, b = model({"image": image}), small({"image": image})
    assert set(a) == set(b) == {"a", "b"}
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(a["b"]),
        keras.ops.convert_to_numpy(b["b"]),
        rtol=1e-5,
    )


def test_adapted_statistics_are_copied():
    model = convnet()
    rng = np.random.default_rng(0)
    model.get_layer("scale").adapt(rng.normal(3, 2, size=(20, 8, 8, 3)))
    small = shrink(model)
    image = {"image": rng.normal(size=(2, 8, 8, 3)).astype("float32")}
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(model(image)["a"]),
        keras.ops.convert_to_numpy(small(image)["a"]),
        rtol=1e-5,
    )


def test_sequential_stays_sequential():
    model = keras.Sequential(
        [layers.Dense(8, "relu", name="a"), layers.Dense(2, name="b")],
        name="stack",
    )
    model.build((None, 5))
    small = shrunk(model, {"a": [0, 7]})
    assert type(small) is keras.Sequential
    assert small.name == "stack"
    assert [layer.name for layer in small.layers] == ["a", "b"]
    assert widths(small) == {"a": (5, 6), "b": (6, 2)}


def test_shrinking_twice_changes_nothing(pruned):
    small = shrink(pruned)
    again = shrink(small)
    assert_same(pruned, again)
    assert widths(again) == widths(small)


def test_half_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        x = keras.Input((6,))
        y = layers.Dense(8, "sigmoid", name="a")(x)
        model = keras.Model(x, layers.Dense(2, dtype="float32")(y))
    finally:
        keras.config.set_dtype_policy("float32")
    randomize(model)
    prune_filters(model, 0.5)
    small = shrink(model)
    assert small.get_layer("a").dtype_policy.name == "mixed_bfloat16"
    for a, b in zip(outputs(model), outputs(small)):
        np.testing.assert_allclose(a, b, atol=0.05)


def test_trains_on(pruned):
    small = shrink(pruned)
    small.compile("adam", "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 6, 6, 3)), rng.normal(size=(16, 3))
    before = small.evaluate(x, y, verbose=0)
    small.fit(x, y, epochs=5, verbose=0)
    assert small.evaluate(x, y, verbose=0) < before


LOAD = """
import sys
import keras
import numpy as np
model = keras.saving.load_model(sys.argv[1])
x = np.random.default_rng(1).normal(size=(3, 6, 6, 3)).astype("float32")
y = keras.ops.convert_to_numpy(model(x, training=False))
assert "keras_slr" not in sys.modules
np.save(sys.argv[2], y)
"""


@slow_where_compiled
def test_loads_without_keras_slr(pruned, tmp_path):
    path, out = tmp_path / "small.keras", tmp_path / "y.npy"
    small = shrink(pruned)
    small.save(path)
    subprocess.run(
        [sys.executable, "-c", LOAD, str(path), str(out)],
        check=True,
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    (expected,) = outputs(pruned)
    np.testing.assert_allclose(np.load(out), expected, rtol=1e-4, atol=1e-5)


def test_report_prints_itself(pruned):
    report = shrink_report(pruned)
    assert [row.kept for row in report.rows] == [6, 4, 3]
    assert report.removed == 10
    assert [row.group.reason for row in report.whole] == [
        "is the model's output"
    ]
    text = str(report)
    assert "10 units are cut; 1 of 3 groups cannot be cut" in text
    assert "b inputs" in text
    assert json.loads(json.dumps(report.to_dicts()))[0] == {
        "group": "group 0",
        "members": ["a filters", "b inputs"],
        "size": 12,
        "kept": 6,
        "reason": None,
    }
