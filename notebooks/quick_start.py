# %% [markdown]
# # Quick start
#
# A classifier for handwritten digits is trained, pruned to a tenth of its
# weights while it trains on, compared with one-shot pruning, and saved.
# Everything here runs on a CPU in about a minute, on TensorFlow, JAX or
# PyTorch: set `KERAS_BACKEND` before you start.
#
#     pip install "keras-slr[datasets,plot]" jax

# %%
# %matplotlib inline
import os

import keras
from keras import layers

import keras_slr
from keras_slr import plots
from keras_slr.data import load
from keras_slr.files.file_size import gzipped_size

# A short run, for tests.
TINY = os.environ.get("KERAS_SLR_TINY") == "1"
EPOCHS = 4 if TINY else 30
keras.utils.set_random_seed(0)
data = load("digits")
data.x_train.shape, data.x_test.shape

# %% [markdown]
# ## Train
#
# Any Keras model will do. This one is trained in the usual way; the last tenth
# of the training data is held out for the curves below, and the test data waits
# until the end.

# %%
model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ],
    name="digits",
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
training = dict(
    x=data.x_train,
    y=data.y_train,
    validation_split=0.1,
    epochs=EPOCHS,
    verbose=0,
)
_ = model.fit(**training)

# %% [markdown]
# What is there to prune? The first convolution reads the raw input and is
# small, so it is left alone unless asked for. One rate for the model is shared
# out over the layers, so that small ones stay denser.

# %%
print(keras_slr.report(model, rate=0.9))

# %% [markdown]
# ## Prune
#
# One line: a callback in `fit`. The weights are pulled towards zero while the
# model trains, and with the last step exactly 90 % of the entries of the
# kernels are set to zero. `monitor_hard_pruned` evaluates after every epoch
# what would be left if the model were pruned there and then.

# %%
one_shot = keras.models.clone_model(model)
one_shot.set_weights(model.get_weights())
one_shot.compile(loss=model.loss, metrics=["accuracy"])
dense_accuracy = model.evaluate(data.x_test, data.y_test, verbose=0)[1]
dense_size = gzipped_size(model)

callback = keras_slr.SLRCallback(rate=0.9, monitor_hard_pruned=True)
history = model.fit(**training, callbacks=[callback])
print(callback.report())

# %% [markdown]
# ## Compare
#
# The same rates, by magnitude alone and in one step, without training: that is
# what `hard_prune` does.

# %%
keras_slr.hard_prune(one_shot, 0.9)
one_shot_accuracy = one_shot.evaluate(data.x_test, data.y_test, verbose=0)[1]
pruned_accuracy = model.evaluate(data.x_test, data.y_test, verbose=0)[1]
print(f"dense    {dense_accuracy:.2%}, {dense_size} bytes with gzip")
print(f"one-shot {one_shot_accuracy:.2%}, {gzipped_size(one_shot)} bytes")
print(f"SLR      {pruned_accuracy:.2%}, {gzipped_size(model)} bytes")

# %% [markdown]
# ## Look
#
# At first the model that would be left is far behind the one in training; when
# the weights have come to their sparse copies, pruning costs nothing any more.

# %%
ax = plots.training_curves(
    history.history, ["val_accuracy", "val_hard_accuracy"]
)
ax.figure

# %%
ax = plots.sparsity_per_layer(model)
ax.figure

# %% [markdown]
# Those of the 16 x 32 windows of the second convolution that are white have
# no entry left.

# %%
ax = plots.kernel_mask(model.layers[1].kernel)
ax.figure

# %% [markdown]
# ## Export
#
# The result is a plain Keras model. It loads without `keras_slr`, and its zeros
# make the file small once it is compressed.

# %%
model.save("pruned.keras")
loaded = keras.saving.load_model("pruned.keras")
loaded_accuracy = loaded.evaluate(data.x_test, data.y_test, verbose=0)[1]
print(f"loaded {loaded_accuracy:.2%}")
keras_slr.sparsity(loaded)

# %% [markdown]
# To a phone it goes by `tflite_export.convert(model, "pruned.tflite")`, as the
# notebook `to_the_phone` shows. Before you train a pruned model on, hold its
# zeros with `with keras_slr.keep_masks(model): ...`. All of this from the
# command line:
#
#     keras-slr prune model.keras --data digits --rate 0.9 --out pruned.keras
