# %% [markdown]
# # To the phone
#
# From a model of any backend to a TFLite file that was run and compared with
# the model before it was written; in float32 and in int8; and how long it
# takes. Needs TensorFlow and LiteRT for the conversion:
#
#     pip install "keras-slr[datasets,plot,export]"

# %%
# %matplotlib inline
import os

import keras
from keras import layers

import keras_slr
import tflite_export
from keras_slr.data import load

# A short run, for tests.
TINY = os.environ.get("KERAS_SLR_TINY") == "1"
EPOCHS = 3 if TINY else 30
keras.utils.set_random_seed(0)
data = load("digits")
model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(32, 3, padding="same", activation="relu", name="stem"),
        layers.Conv2D(64, 3, padding="same", activation="relu", name="conv"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, padding="same", activation="relu", name="last"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10, activation="softmax", name="head"),
    ],
    name="digits",
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
_ = model.fit(data.x_train, data.y_train, epochs=EPOCHS, verbose=0)
print(tflite_export.convert(model, "dense.tflite"))

# %% [markdown]
# ## Where do zeros pay?
#
# On most runtimes single zeros are multiplied like other entries.
# `explain` says it layer by layer, here for the x86 CPU of a desktop and for
# int8 kernels.

# %%
single = keras.models.clone_model(model)
single.set_weights(model.get_weights())
keras_slr.hard_prune(single, 0.9)
for target in ("x86", "int8"):
    print(tflite_export.explain(single, target))

# %% [markdown]
# ## Prune for it
#
# `target="int8"` chooses filters, in widths that kernels like, and `shrink`
# cuts them out.

# %%
callback = keras_slr.SLRCallback(target="int8")
_ = model.fit(
    data.x_train, data.y_train, epochs=EPOCHS, verbose=0, callbacks=[callback]
)
small = keras_slr.shrink(model)
print(keras_slr.summary_diff(model, small))

# %% [markdown]
# ## Convert
#
# int8 takes samples of the inputs to learn the ranges of activations. The file
# is run in the interpreter first; one that does not agree is never written.

# %%
print(tflite_export.convert(small, "pruned.tflite"))
print(
    tflite_export.convert(
        small, "int8.tflite", quantize="int8", calibration=data.x_train
    )
)

# %% [markdown]
# ## Measure
#
# The files take turns in processes of their own. What a desktop says of size
# and accuracy holds on a phone; for its latency measure there, as
# `docs/export.md` shows.

# %%
files = ["dense.tflite", "pruned.tflite", "int8.tflite"]
measured = tflite_export.benchmark(
    {path.removesuffix(".tflite"): path for path in files},
    (data.x_test, data.y_test),
    threads=[1],
    rounds=3 if TINY else 20,
)
print(measured)

# %%
measured.plot()
