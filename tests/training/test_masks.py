import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import backend
from tests.helpers import needs_keras
from tests.helpers import to_numpy
from tests.helpers import zeros

o = keras.optimizers
OPTIMIZERS = {
    "momentum": lambda: o.SGD(0.02, momentum=0.9),
    "adamw": lambda: o.AdamW(0.01, weight_decay=0.1),
    "clipping": lambda: o.Adam(0.01, global_clipnorm=0.1),
    "ema": lambda: o.SGD(0.02, momentum=0.9, use_ema=True, ema_momentum=0.9),
    "ema overwriting": lambda: o.Adam(
        0.01, use_ema=True, ema_overwrite_frequency=3
    ),
    "accumulation": lambda: o.Adam(0.01, gradient_accumulation_steps=2),
    "loss scale": lambda: o.LossScaleOptimizer(o.Adam(0.01)),
    "muon": lambda: o.Muon(0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_zeros_stay_zero(make_model, data, name, backend):
    if name == "muon" and backend == "tensorflow":
        needs_keras("3.13", "Muon that trains on TensorFlow")
    model = make_model(OPTIMIZERS[name]())
    # Momentum would bring pruned weights back.
    model.fit(*data, epochs=2, verbose=0)
    keras_slr.hard_prune(model, 0.9)
    kernel = model.layers[0].kernel
    pruned = to_numpy(kernel) == 0
    before = to_numpy(kernel).copy()

    class EveryBatch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            assert np.all(to_numpy(self.model.layers[0].kernel)[pruned] == 0)

    with keras_slr.keep_masks(model):
        model.fit(*data, epochs=3, verbose=0, callbacks=[EveryBatch()])
    after = to_numpy(kernel)
    np.testing.assert_array_equal(after == 0, pruned)
    assert not np.signbit(after[pruned]).any()
    assert np.all(after[~pruned] != before[~pruned])
    # Outside the block nothing is held. (Keras on JAX cannot fit twice with
    # moving averages.)
    if not name.startswith("ema"):
        model.fit(*data, epochs=1, verbose=0)
        assert zeros(kernel) < pruned.sum()


def test_training_without_masks_loses_the_zeros(make_model, data):
    model = make_model("adam")
    keras_slr.hard_prune(model, 0.9)
    model.fit(*data, epochs=1, verbose=0)
    assert zeros(model.layers[0].kernel) < 288


def test_every_kernel_with_zeros_is_held_and_no_other(make_model, data):
    model = make_model("adam")
    keras_slr.hard_prune(model, {"middle": 0.5, "out": 0.25})
    hidden = to_numpy(model.layers[0].kernel).copy()
    with keras_slr.keep_masks(model):
        model.fit(*data, epochs=1, verbose=0)
    assert [zeros(layer.kernel) for layer in model.layers] == [0, 256, 16]
    assert np.all(to_numpy(model.layers[0].kernel) != hidden)


def test_files_have_no_masks(make_model, data, tmp_path):
    model = make_model("adam")
    keras_slr.hard_prune(model, 0.9)
    with keras_slr.keep_masks(model):
        model.fit(*data, epochs=1, verbose=0)
        model.save(tmp_path / "inside.keras")
    count = len(model.optimizer.variables)
    loaded = keras.models.load_model(tmp_path / "inside.keras")
    assert len(loaded.optimizer.variables) == count
    assert "apply" not in vars(model.optimizer)


def test_a_dense_model_is_an_error(make_model):
    with (
        pytest.raises(ValueError, match="pruned model"),
        keras_slr.keep_masks(make_model()),
    ):
        pass


def test_an_uncompiled_model_is_an_error():
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(32)])
    keras_slr.hard_prune(model, 0.9, allocation="uniform")
    with (
        pytest.raises(ValueError, match="compiled"),
        keras_slr.keep_masks(model),
    ):
        pass


def test_compiling_inside_is_an_error_that_restores_the_zeros(make_model, data):
    model = make_model()
    keras_slr.hard_prune(model, 0.9, allocation="uniform")
    with (
        pytest.raises(ValueError, match="compiled again"),
        keras_slr.keep_masks(model),
    ):
        model.compile("adam", "mse")
        model.fit(*data, verbose=0)
    assert zeros(model.layers[0].kernel) == 576


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("of_mask", ["as the weight", "float32"])
def test_masked_entries_become_plus_zero_whatever_their_value(dtype, of_mask):
    given = [-1.0, np.inf, -np.inf, np.nan, -0.0, 3.0, -2.0, np.inf, np.nan]
    kept = [0, 0, 0, 0, 0, 0, 1, 1, 1]
    wanted = [0.0] * 6 + given[6:]
    weight = keras.Variable(given, dtype=dtype)
    of_mask = dtype if of_mask == "as the weight" else of_mask
    mask = keras.Variable(kept, dtype=of_mask)
    gradient = keras.ops.convert_to_tensor(given, dtype=dtype)

    (masked,) = backend.mask_gradients([gradient], [mask])
    backend.mask_variables([weight], [mask])

    for found in (masked, weight):
        found = keras.ops.convert_to_numpy(keras.ops.cast(found, "float32"))
        np.testing.assert_array_equal(found, np.float32(wanted))
        assert not np.signbit(found[:6]).any()
