# %% [markdown]
# # To the phone
#
# Convert a Keras model to TFLite in float32 and int8, check that the files
# agree with the model, and measure size, accuracy and latency. Before the
# conversion we prune whole filters, which makes the model faster on every
# runtime. This takes about two minutes on a CPU.
#
# The conversion needs TensorFlow and LiteRT. The model itself can use any
# backend.

# %% tags=["skip-execution"]
# %pip install --quiet "keras-slr[export,plot]" scikit-learn

# %%
# %matplotlib inline
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import keras_slr
import tflite_export

EPOCHS = 10
ROUNDS = 20

keras.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x = x.reshape(-1, 8, 8, 1).astype("float32") / 16
x, x_test, y, y_test = train_test_split(x, y, random_state=0)
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
model.fit(x, y, epochs=3 * EPOCHS, verbose=0)
print(tflite_export.convert(model, "dense.tflite"))

# %% [markdown]
# ## Where do zeros make a model faster?
#
# Most runtimes multiply by a zero as by any other number. `explain` checks each
# layer, here for the x86 CPU of a desktop and for int8 kernels. The model has
# 90 % scattered zeros.

# %%
scattered = keras.models.clone_model(model)
scattered.set_weights(model.get_weights())
keras_slr.hard_prune(scattered, 0.9)
for target in ("x86", "int8"):
    print(tflite_export.explain(scattered, target))

# %% [markdown]
# ## Prune filters
#
# No layer runs faster because of its zeros, and the advice is to prune filters.
# `target="int8"` does that, with widths that suit int8 kernels. `shrink` then
# removes the filters.

# %%
callback = keras_slr.SLRCallback(target="int8")
model.fit(x, y, epochs=EPOCHS, callbacks=[callback], verbose=2)
small = keras_slr.shrink(model)
print(keras_slr.summary_diff(model, small))

# %% [markdown]
# ## Convert
#
# For int8, `calibration` takes sample inputs to determine the range of each
# activation. Before it writes a file, `convert` runs it and compares the
# outputs with those of Keras. If they disagree, it raises an error.

# %%
print(tflite_export.convert(small, "pruned.tflite"))
print(
    tflite_export.convert(small, "int8.tflite", quantize="int8", calibration=x)
)

# %% [markdown]
# ## Measure
#
# `benchmark` runs each file in its own process, in turns. Sizes and accuracies
# hold for the phone as well. Measure latency on the phone itself, as
# `docs/export.md` shows. The pruned model has trained for ten more epochs. This
# may explain why its accuracy is higher than that of the dense model.

# %%
files = {
    "dense": "dense.tflite",
    "pruned": "pruned.tflite",
    "int8": "int8.tflite",
}
measured = tflite_export.benchmark(
    files, (x_test, y_test), threads=[1], rounds=ROUNDS
)
print(measured)

# %%
measured.plot()
