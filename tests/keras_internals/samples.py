"""An object of each kind whose private names the package reads."""

import importlib
import tempfile
import types

import keras
import numpy as np

from keras_slr.keras_internals.models import evaluate_validation_data
from keras_slr.keras_internals.used import USED


def layer():
    made = keras.layers.Dense(2)
    made.build((None, 3))
    return made


def attention():
    gate = {"use_gate": True} if version() >= (3, 14) else {}
    made = keras.layers.MultiHeadAttention(2, 2, **gate)
    made.build((None, 3, 4), (None, 3, 4))
    return made


def functional():
    x = keras.Input((3,))
    return keras.Model(x, keras.layers.Dense(2)(x))


def model_in_fit():
    """Has the attributes of a model whose `fit` has just validated it."""
    return _fit()[0]


def evaluate_in_fit():
    """Has the private arguments that `evaluate` takes there."""
    return _fit()[1]


def _fit():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    found = types.SimpleNamespace(), types.SimpleNamespace()

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            vars(found[0]).update(dict.fromkeys(dir(self.model)))
            try:
                evaluate_validation_data(self.model)
            except (TypeError, ValueError):
                return
            found[1]._use_cached_eval_dataset = True

    x, y = np.zeros((4, 3), "float32"), np.zeros((4, 1), "float32")
    model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[Look()])
    return found


def optimizer(kind):
    def make():
        made = kind(use_ema=True)
        made.build([keras.Variable(np.zeros(3, "float32"))])
        return made

    return make


def backup():
    return keras.callbacks.BackupAndRestore(tempfile.gettempdir())


def modules(objects):
    """Has the names of the modules that define some objects.

    Args:
        objects: Dict of objects by the beginning of their modules' names.
    """

    def make():
        found = types.SimpleNamespace()
        for name, obj in objects.items():
            setattr(found, obj.__module__[: len(name)], True)
        return found

    return make


def keras_hub_decoder():
    import keras_hub

    made = keras_hub.layers.TransformerDecoder(8, 2)
    made.build((None, 3, 4), (None, 3, 4))
    return made


def keras_hub_llama():
    import keras_hub

    backbone = keras_hub.models.LlamaBackbone(
        vocabulary_size=8,
        num_layers=1,
        num_query_heads=2,
        num_key_value_heads=1,
        hidden_dim=4,
        intermediate_dim=8,
    )
    return backbone.transformer_layers[0]


def keras_hub_modules():
    import keras_hub

    return modules({"keras_hub.src.": keras_hub.layers.TransformerDecoder})()


def tensorflow():
    import tensorflow as tf

    return tf


def strategy():
    return tensorflow().distribute.get_strategy().extended


def keras_2_modules():
    from tensorflow.python.keras import Model

    return modules({"tensorflow.python.keras.": Model})()


def keras_2_model():
    import tf_keras

    x = tf_keras.Input((3,))
    return tf_keras.Model(x, tf_keras.layers.Dense(2)(x))


def quantize_wrapper():
    import tensorflow_model_optimization as tfmot

    quantized = tfmot.quantization.keras.quantize_model(keras_2_model())
    return quantized.layers[-1]


def tfmot_modules():
    found = types.SimpleNamespace()
    for each in USED:
        if each.owner == "tfmot":
            # A name that is no module raises, and the canary says so.
            setattr(found, importlib.import_module(each.name).__name__, True)
    return found


def version():
    return tuple(int(part) for part in keras.__version__.split(".")[:2])


# By the names of owners in the table. A class, if there is one, is looked at
# before an object is made.
SAMPLES = {
    "keras.Layer": (keras.Layer, layer),
    "keras.layers.Lambda": (None, lambda: keras.layers.Lambda(abs)),
    "keras.layers.MultiHeadAttention": (None, attention),
    "keras.Sequential": (None, lambda: keras.Sequential([layer()])),
    "keras.Function": (None, functional),
    "keras.Operation": (keras.Operation, layer),
    "keras.KerasTensor": (None, lambda: keras.Input((3,))),
    "keras.src": (
        None,
        modules(
            {
                "keras.src.": keras.Layer,
                "keras.src.backend": keras.KerasTensor,
            }
        ),
    ),
    "keras.Model": (keras.Model, model_in_fit),
    "keras.Model.evaluate": (None, evaluate_in_fit),
    "keras.metrics.Metric": (None, keras.metrics.MeanSquaredError),
    "keras.Variable": (None, lambda: keras.Variable(0.0)),
    "keras.callbacks.Callback": (None, keras.callbacks.Callback),
    "keras.callbacks.CallbackList": (None, keras.callbacks.CallbackList),
    "keras.callbacks.SwapEMAWeights": (None, keras.callbacks.SwapEMAWeights),
    "keras.callbacks.ModelCheckpoint": (keras.callbacks.ModelCheckpoint, None),
    "keras.callbacks.BackupAndRestore": (
        keras.callbacks.BackupAndRestore,
        backup,
    ),
    "keras.losses.Loss": (None, keras.losses.SparseCategoricalCrossentropy),
    "keras.optimizers.Optimizer": (
        keras.optimizers.Optimizer,
        optimizer(keras.optimizers.SGD),
    ),
    "keras.optimizers.Adam": (None, optimizer(keras.optimizers.Adam)),
    "keras.optimizers.Adagrad": (None, optimizer(keras.optimizers.Adagrad)),
    "tf": (None, tensorflow),
    "tf.distribute.StrategyExtended": (None, strategy),
    "keras_hub.layers.TransformerDecoder": (None, keras_hub_decoder),
    "keras_hub.models.LlamaBackbone": (None, keras_hub_llama),
    "keras_hub.src": (None, keras_hub_modules),
    "tf.python.keras": (None, keras_2_modules),
    "tf_keras.Model": (None, keras_2_model),
    "tfmot.quantization.keras.QuantizeWrapper": (None, quantize_wrapper),
    "tfmot": (None, tfmot_modules),
}
