"""What importing and being imported costs, seen from clean processes."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_slr
import tflite_export


def child(code, *args, **env):
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )


def test_public_names():
    assert sorted(keras_slr.__all__) == [
        "ADMM",
        "ADMMCallback",
        "BackupAndRestore",
        "Binary",
        "Block",
        "Budget",
        "Channel",
        "Column",
        "Filter",
        "GReg",
        "GRegCallback",
        "GradualMagnitude",
        "GradualMagnitudeCallback",
        "Grid",
        "HardPrunedCheckpoint",
        "Heads",
        "IterativePruning",
        "IterativePruningCallback",
        "Kernel",
        "LayerSolver",
        "LayerwiseReport",
        "LearnedThresholds",
        "LearnedThresholdsCallback",
        "NM",
        "OneShotMagnitude",
        "OneShotMagnitudeCallback",
        "Pattern",
        "Plan",
        "PowersOfTwo",
        "PruningCallback",
        "Quantize",
        "ReorderReport",
        "Report",
        "SLR",
        "SLRCallback",
        "SLRModel",
        "SLRPruner",
        "SLRTrainStep",
        "Score",
        "Sensitivity",
        "ShrinkReport",
        "Solver",
        "Structure",
        "SummaryDiff",
        "Ternary",
        "Unstructured",
        "__version__",
        "dependency_groups",
        "fold_batch_norm",
        "hard_prune",
        "keep_masks",
        "macs",
        "merge_units",
        "prune_layerwise",
        "register_grid",
        "register_layer_solver",
        "register_score",
        "register_solver",
        "register_structure",
        "renew_batch_norm",
        "reorder_units",
        "report",
        "schedules",
        "scores",
        "sensitivity",
        "shrink",
        "shrink_report",
        "sparsity",
        "summary_diff",
    ]
    assert all(hasattr(keras_slr, name) for name in keras_slr.__all__)


def test_packages_are_found_under_their_names_of_0_1():
    from keras_slr.file_size import gzipped_size
    from keras_slr.report import sparsity
    from keras_slr.shrink import Narrow
    from keras_slr.shrink import round_width

    assert callable(gzipped_size)
    assert sparsity is keras_slr.sparsity
    assert Narrow is keras_slr.shrinking.Narrow
    assert round_width(33, full=64) == 32
    assert callable(keras_slr.shrink) and callable(keras_slr.report)


def third_party(module):
    """Returns the modules outside the standard library that it imports.

    Keras imports some packages only where it finds them. They are hidden:
    if Keras had imported them, nothing would show that we do too.
    """
    code = f"""
import sys
for name in sys.argv[1:]:
    sys.modules[name] = None
import {module}
print(*sorted(sys.modules))
"""
    optional = {"matplotlib", "orbax", "pandas", "sklearn"}
    backends = {"jax", "tensorflow", "torch"} - {keras.backend.backend()}
    result = child(code, *optional, *backends)
    assert result.returncode == 0, result.stderr
    names = result.stdout.strip().splitlines()[-1].split()
    return {n for n in names if package(n) not in sys.stdlib_module_names}


def package(module):
    return module.partition(".")[0]


def test_import_brings_no_package_that_keras_does_not():
    """Not matplotlib, SciPy, pandas, nor a second backend, for example."""
    brought = third_party("keras_slr") - third_party("keras")
    needed = {"keras_slr", "keras_slr_base", "keras", "numpy"}
    needed.add(keras.backend.backend())
    assert "keras_slr" in brought
    assert sorted(m for m in brought if package(m) not in needed) == []


def test_a_pruned_model_loads_without_keras_slr(make_model, data, tmp_path):
    path = tmp_path / "pruned.keras"
    model = make_model("adam")
    model.fit(
        *data,
        epochs=2,
        verbose=0,
        callbacks=[keras_slr.SLRCallback(0.9)],
    )
    model.save(path)
    np.save(tmp_path / "x.npy", data[0])
    code = """
import sys
sys.modules["keras_slr"] = None
import keras
import numpy as np
model = keras.models.load_model(sys.argv[1])
np.save(sys.argv[3], model.predict(np.load(sys.argv[2]), verbose=0))
print(sum(int((np.asarray(w) == 0).sum()) for w in model.get_weights()))
"""
    out = tmp_path / "y.npy"
    result = child(code, str(path), str(tmp_path / "x.npy"), str(out))
    assert result.returncode == 0, result.stderr
    zeros = sum(int((w == 0).sum()) for w in model.get_weights())
    assert zeros >= 1037
    assert result.stdout.split()[-1] == str(zeros)
    np.testing.assert_allclose(
        np.load(out), model.predict(data[0], verbose=0), rtol=1e-6
    )


@pytest.mark.once("tf_keras is TensorFlow's")
def test_a_keras_2_model_is_named_as_such():
    pytest.importorskip("importlib").util.find_spec("tf_keras") or (
        pytest.skip("tf_keras is not installed")
    )
    code = """
import numpy as np
import tf_keras
import keras_slr
model = tf_keras.Sequential([tf_keras.layers.Dense(32, input_shape=(20,))])
model.compile("adam", "mse")
for action in (
    lambda: keras_slr.hard_prune(model, 0.9),
    lambda: model.fit(np.zeros((8, 20)), np.zeros((8, 32)), verbose=0,
                      callbacks=[keras_slr.SLRCallback(0.9)]),
):
    try:
        action()
    except TypeError as error:
        print(error)
"""
    result = child(code)
    assert result.stdout.count("Received a Keras 2 (tf_keras) model") == 2, (
        result.stderr
    )


@pytest.mark.parametrize(
    "action",
    [
        lambda layer: keras_slr.hard_prune(layer, 0.9),
        lambda layer: keras_slr.shrink(layer),
        lambda layer: keras_slr.report(layer),
        lambda layer: keras_slr.SLRCallback(0.9).attach(layer),
        lambda layer: tflite_export.convert(layer, "never_written.tflite"),
        lambda layer: tflite_export.explain(layer),
    ],
)
def test_a_layer_is_not_called_a_keras_2_model(action):
    """On TensorFlow layers of Keras 3 inherit from TensorFlow's classes."""
    with pytest.raises(TypeError, match="Received the layer `alone` of type D"):
        action(keras.layers.Dense(3, name="alone"))


@pytest.mark.once("child processes choose the backend")
def test_a_missing_backend_is_one_sentence(tmp_path):
    """Also where Keras takes TensorFlow because no backend is named."""
    code = """
import sys
sys.modules[sys.argv[1]] = None
import keras_slr
"""
    for named, missing, received in (
        ("", "tensorflow", "KERAS_BACKEND is not set"),
        ("tensorflow", "tensorflow", "KERAS_BACKEND='tensorflow'"),
        ("torch", "torch", "KERAS_BACKEND='torch'"),
    ):
        failed = child(
            code, missing, KERAS_BACKEND=named, KERAS_HOME=str(tmp_path)
        )
        assert failed.returncode == 1
        *_, last = failed.stderr.strip().splitlines()
        assert last.startswith("ImportError: Expected the backend of Keras")
        assert received in last
        assert f'pip install "keras-slr[{missing}]"' in last
        assert failed.stderr.count("Traceback") == 1
        assert "keras/src" not in failed.stderr


def test_a_model_without_weights_is_not_called_unbuilt():
    model = keras.Sequential([keras.Input((6,)), keras.layers.ReLU()])
    with pytest.raises(ValueError, match="whose layers have none"):
        keras_slr.shrink(model)
    with pytest.raises(ValueError, match="do not exist yet"):
        keras_slr.shrink(keras.Sequential([keras.layers.Dense(3)]))
