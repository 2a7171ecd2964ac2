"""Real TF-MOT, in real child processes.

What a child does cannot depend on the backend here, except for the models
that it is given and gives back: those calls are tested on every backend, the
others on one.
"""

import importlib.util
import os
import sys

import keras
import numpy as np
import pytest
from keras import layers

from keras_slr.interop import tfmot
from keras_slr.interop.tfmot.schedules_and_policies import specification_of
from tests.helpers import SLOW_WHERE_COMPILED
from tests.helpers import to_numpy
from tests.helpers import zeros
from tests.interop import models

needs_tfmot = pytest.mark.skipif(
    not importlib.util.find_spec("tensorflow_model_optimization"),
    reason="TF-MOT is not installed",
)
once = pytest.mark.once("runs in the child only, the same for every backend")


@pytest.fixture
def branched():
    return models.compiled(models.prune(models.branched()))


@pytest.fixture(autouse=True)
def process_is_as_before():
    def state():
        names = ("tf_keras", "tensorflow_model_optimization")
        # pytest writes down in the environment where it is.
        kept = {k: v for k, v in os.environ.items() if "PYTEST" not in k}
        return kept, [name in sys.modules for name in names]

    before = state()
    yield
    assert state() == before


def kernels(model):
    """Kernels by layer, the depthwise ones left out."""
    return {
        variable.path.split("/")[0]: variable
        for variable in model.weights
        if variable.path.split("/")[0] in models.KERNELS
        and variable.name in ("kernel", "pointwise_kernel")
    }


def outputs(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


@needs_tfmot
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(models.branched, marks=pytest.mark.slow),
        pytest.param(models.sequential, marks=SLOW_WHERE_COMPILED),
    ],
)
def test_there_and_back(make, tmp_path):
    model = models.prune(make())
    path = tmp_path / "wrapped.h5"
    tfmot.to_tfmot(model, path)
    assert list(tmp_path.iterdir()) == [path]
    masks = masks_in_file(path)
    given = {
        variable.path.split("/")[-2]: to_numpy(variable) != 0
        for variable in model.weights
        if len(variable.shape) > 1 and zeros(variable)
    }
    assert masks.keys() == given.keys()
    for name, mask in given.items():
        assert 0.78 < 1 - mask.mean() < 0.82
        np.testing.assert_array_equal(masks[name] != 0, mask)

    back = tfmot.from_tfmot(path)
    assert back.name == model.name
    assert len(back.weights) == len(model.weights)
    for variable, expected in zip(back.weights, model.weights):
        np.testing.assert_array_equal(to_numpy(variable), to_numpy(expected))
    x, _ = models.data()
    np.testing.assert_allclose(
        outputs(back, x), outputs(model, x), rtol=1e-5, atol=1e-6
    )


def masks_in_file(path):
    """The masks by layer, read without TF-MOT."""
    import h5py

    masks = {}

    def visit(name, item):
        if name.endswith("mask:0"):
            (layer,) = [
                part.removeprefix("prune_low_magnitude_")
                for part in name.split("/")[:1]
            ]
            masks[layer] = np.array(item)

    with h5py.File(path) as file:
        file["model_weights"].visititems(visit)
    return masks


@once
@needs_tfmot
def test_masks_survive_finetuning(branched):
    before = {name: to_numpy(v).copy() for name, v in kernels(branched).items()}
    counts = {name: (w.size, (w == 0).sum()) for name, w in before.items()}
    assert counts == models.KERNELS
    history = tfmot.finetune(branched, *models.data(), epochs=1)
    assert history.keys() == {"loss", "accuracy"}
    assert np.isfinite(history["loss"]).all() and len(history["loss"]) == 1
    for name, variable in kernels(branched).items():
        after = to_numpy(variable)
        np.testing.assert_array_equal(after == 0, before[name] == 0)
        assert (after != before[name])[before[name] != 0].mean() > 0.9
    deep = to_numpy(branched.get_layer("deep").kernel)
    assert np.count_nonzero(deep) == deep.size


@pytest.mark.slow
@needs_tfmot
@once
def test_masks_of_ones_own(branched):
    head = branched.get_layer("head").kernel
    mask = np.zeros(head.shape)
    mask[:4] = 1.0
    tfmot.finetune(branched, *models.data(), masks={"head/kernel": mask})
    weights = to_numpy(head)
    assert not weights[4:].any()
    # What has no mask is trained freely: zeros are gone, as without wrapper.
    assert np.count_nonzero(weights[:4]) == weights[:4].size
    assert zeros(branched.get_layer("stem").kernel) < 9


@pytest.mark.slow
@needs_tfmot
@once
def test_sparsity_is_kept_to_the_int8_file(branched, tmp_path):
    path = tmp_path / "int8.tflite"
    path.write_text("before")
    given = [to_numpy(v).copy() for v in branched.weights]
    quantized = tfmot.quantize_aware(branched, *models.data(), path)
    assert list(tmp_path.iterdir()) == [path]
    for variable, before in zip(branched.weights, given):
        np.testing.assert_array_equal(to_numpy(variable), before)

    names = [station.name for station in quantized.stations]
    assert names == ["given", "trained", "file"]
    for station in quantized.stations:
        counted = {count.size: count.zeros for count in station.weights}
        for size, expected in models.KERNELS.values():
            # A small weight may be rounded to zero on the way.
            assert expected <= counted[size] < 1.03 * expected
    stored = int8_weights(path)
    told = {c.size: c.zeros for c in quantized.stations[-1].weights}
    for size, _ in models.KERNELS.values():
        assert stored[size].size - np.count_nonzero(stored[size]) == told[size]
    assert quantized.bytes == path.stat().st_size
    assert quantized.gzip_bytes < quantized.bytes
    assert quantized.max_difference < 0.2
    assert "stem" in str(quantized)


def int8_weights(path):
    """Constant int8 tensors by their size, read from the file's schema."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes()))
    stored = {}
    for tensor in model.subgraphs[0].tensors:
        data = model.buffers[tensor.buffer].data
        if tensor.type == schema.TensorType.INT8 and data is not None:
            assert not np.any(tensor.quantization.zeroPoint)
            stored[int(np.prod(tensor.shape))] = np.asarray(data)
    return stored


@pytest.mark.slow
@needs_tfmot
@once
@pytest.mark.parametrize("preserve", ["both", "clusters"])
def test_clusters_are_kept_to_the_int8_file(preserve, branched, tmp_path):
    quantized = tfmot.quantize_aware(
        branched,
        *models.data(),
        tmp_path / "int8.tflite",
        preserve=preserve,
        clusters=8,
    )
    stations = {station.name: station for station in quantized.stations}
    assert list(stations) == ["given", "clustered", "trained", "file"]
    assert max(c.values for c in stations["given"].weights) > 20
    sizes = dict(models.KERNELS.values())
    for name in ("clustered", "trained", "file"):
        for count in stations[name].weights:
            if count.size in sizes:
                # Those of 8 bits are scaled by output channel.
                assert count.values <= 9
                if preserve == "both":
                    assert count.zeros >= sizes[count.size]
    if preserve == "clusters":
        assert stations["file"].zeros < 0.2 * stations["given"].zeros


@needs_tfmot
@once
def test_pruning_at_once_by_a_rate():
    model = models.sequential()
    before = {v.path: to_numpy(v).copy() for v in model.weights}
    assert tfmot.prune(model, 0.5) == {}
    for variable in model.weights:
        weight = to_numpy(variable)
        if len(weight.shape) == 1:
            np.testing.assert_array_equal(weight, before[variable.path])
            continue
        kept = weight != 0
        assert kept.sum() == weight.size // 2
        magnitude = np.abs(before[variable.path])
        assert magnitude[kept].min() >= magnitude[~kept].max()


@pytest.mark.slow
@needs_tfmot
@once
def test_schedule_of_tfmot():
    keras.utils.set_random_seed(0)
    model = models.compiled(models.branched())
    history = tfmot.prune(
        model,
        "tests.interop.models:factory",
        *models.data(),
        epochs=2,
        block_pooling_type="MAX",
    )
    assert len(history["loss"]) == 2
    # 0.75 at the end of its schedule, on everything that TF-MOT prunes.
    for name, variable in kernels(model).items():
        assert zeros(variable) == round(0.75 * models.KERNELS[name][0])


@pytest.mark.slow
@needs_tfmot
@once
def test_policy_of_tfmot(branched):
    schedule = {
        "class_name": "ConstantSparsity",
        "config": {"target_sparsity": 0.5, "begin_step": 1, "frequency": 1},
    }
    policy = {"class_name": "PruneForLatencyOnXNNPack", "config": {}}
    x, y = models.data()
    with pytest.raises(
        ValueError, match="which TF-MOT does not prune: .*`Conv2D 3x3`"
    ):
        tfmot.prune(branched, schedule, x, y, policy=policy)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.ZeroPadding2D(1),
            layers.Conv2D(8, 3, strides=2, name="stem"),
            layers.ReLU(),
            layers.Conv2D(16, 1, name="narrow"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax", name="head"),
        ]
    )
    tfmot.prune(models.compiled(model), schedule, x, y, policy=policy)
    found = {v.path: zeros(v) for v in model.weights if v.name == "kernel"}
    found = {path.split("/")[-2]: count for path, count in found.items()}
    assert found == {"stem": 0, "narrow": 64, "head": 0}


@once
def test_what_stands_for_a_schedule():
    theirs = type(
        "PruneForLatencyOnXNNPack",
        (),
        {"__module__": "tensorflow_model_optimization.python.core.x"},
    )
    assert specification_of(theirs()) == {
        "class_name": "PruneForLatencyOnXNNPack",
        "config": {},
    }
    config = {"class_name": "PolynomialDecay", "config": {"power": 3}}
    theirs.get_config = lambda self: config
    assert specification_of(theirs()) == specification_of(config) == config
    assert specification_of("a.b:c") == "a.b:c"
    assert specification_of(None) is None
    with pytest.raises(TypeError, match="of TF-MOT's, received <object"):
        specification_of(object())


class Twice(layers.Layer):
    def call(self, x):
        return 2 * x


def with_layer(layer):
    x = keras.Input((8,))
    h = layers.Dense(32, name="first")(x)
    h = layer(h)
    return models.prune(keras.Model(x, layers.Dense(16, name="last")(h)))


@once
@pytest.mark.parametrize(
    "layer, named",
    [
        (Twice(name="double"), r"`double` \(Twice\)"),
        (layers.Lambda(lambda x: x, name="same"), r"`same` \(Lambda\)"),
        (keras.ops.sin, r"`sin.*` \(Sin\)"),
    ],
)
def test_refusal_names_the_layer(layer, named, tmp_path):
    with pytest.raises(ValueError, match=f"received `.*` with {named}"):
        tfmot.to_tfmot(with_layer(layer), tmp_path / "wrapped.h5")
    assert not list(tmp_path.iterdir())


@needs_tfmot
@once
@pytest.mark.parametrize(
    "layer, said",
    [
        pytest.param(
            layers.RMSNormalization(name="rms"),
            r"`rms` \(RMSNormalization\), and tf_keras has no",
            marks=pytest.mark.slow,
        ),
        (
            layers.EinsumDense("ab,bc->ac", 16, name="einsum"),
            r"`einsum` \(EinsumDense\) .*wrappers do not hold",
        ),
    ],
)
def test_child_names_the_layer(layer, said, tmp_path):
    with pytest.raises(ValueError, match=said) as info:
        tfmot.to_tfmot(with_layer(layer), tmp_path / "wrapped.h5")
    assert "\n" not in str(info.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@needs_tfmot
@once
def test_quantization_refused_names_the_layer(tmp_path):
    model = with_layer(layers.LayerNormalization(name="norm"))
    model.compile("sgd", "mse")
    path = tmp_path / "int8.tflite"
    path.write_text("before")
    with pytest.raises(ValueError, match="does not quantize: .*norm") as info:
        tfmot.quantize_aware(model, np.ones((4, 8)), np.ones((4, 16)), path)
    assert "\n" not in str(info.value)
    assert path.read_text() == "before"


@once
def test_arguments(branched, tmp_path):
    x, y = models.data()
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="ends in .h5 or .keras"):
        tfmot.to_tfmot(branched, out)
    with pytest.raises(ValueError, match="make the folder"):
        tfmot.to_tfmot(branched, out / "wrapped.h5")
    with pytest.raises(TypeError, match="Keras 3 model"):
        tfmot.to_tfmot(3, tmp_path / "wrapped.h5")
    with pytest.raises(ValueError, match="have no zeros: prune it"):
        tfmot.to_tfmot(models.sequential(), tmp_path / "wrapped.h5")
    with pytest.raises(ValueError, match="'deeper', the|for 'deeper': the"):
        tfmot.finetune(branched, x, y, masks={"deeper": np.ones(3)})
    with pytest.raises(ValueError, match=r"mask of shape \(32, 10\)"):
        tfmot.finetune(branched, x, y, masks={"head/kernel": np.ones(3)})
    with pytest.raises(FileNotFoundError, match="check the path"):
        tfmot.from_tfmot(tmp_path / "wrapped.h5")
    with pytest.raises(ValueError, match="`plain`, .*call `compile` first"):
        tfmot.finetune(models.sequential(), x, y)
    with pytest.raises(ValueError, match="give `x` and `y`, or a rate"):
        tfmot.prune(branched, "a:b")
    with pytest.raises(TypeError, match="received block: they are block_size"):
        tfmot.prune(branched, 0.5, block=(4, 1))
    with pytest.raises(ValueError, match="received 'zeros': choose"):
        tfmot.quantize_aware(branched, x, y, out, preserve="zeros")
    with pytest.raises(ValueError, match="ends in .tflite"):
        tfmot.quantize_aware(branched, x, y, out)
    assert not list(tmp_path.iterdir())


@once
def test_tfmot_that_is_missing(branched, tmp_path, monkeypatch):
    (tmp_path / "tensorflow_model_optimization.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'x'\")"
    )
    monkeypatch.syspath_prepend(tmp_path)
    before = [to_numpy(v).copy() for v in branched.weights]
    with pytest.raises(RuntimeError, match=r"keras-slr\[tfmot\]"):
        tfmot.finetune(branched, *models.data())
    for variable, expected in zip(branched.weights, before):
        np.testing.assert_array_equal(to_numpy(variable), expected)
