# %% [markdown]
# # Quick start
#
# Train a small classifier of handwritten digits, set 90 % of its weights to
# zero with one callback, compare the result with one-shot pruning, and save it.
# This takes about a minute on a CPU.

# %% tags=["skip-execution"]
# %pip install --quiet "keras-slr[jax,plot]" scikit-learn

# %% [markdown]
# Choose the backend before you import Keras. `"tensorflow"` and `"torch"` work
# too if they are installed.

# %%
# %matplotlib inline
import gzip
import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import keras_slr
from keras_slr import plots

EPOCHS = 10

keras.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x = x.reshape(-1, 8, 8, 1).astype("float32") / 16
x, x_test, y, y_test = train_test_split(x, y, random_state=0)
x.shape, x_test.shape

# %% [markdown]
# ## Train
#
# Pruning starts from a trained, compiled model. Use your own, or this one.

# %%
model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(32, 3, activation="relu", name="conv_1"),
        layers.Conv2D(64, 3, activation="relu", name="conv_2"),
        layers.Flatten(),
        layers.Dense(128, activation="relu", name="hidden"),
        layers.Dense(10, activation="softmax", name="head"),
    ],
    name="digits",
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=EPOCHS, verbose=0)
model.evaluate(x_test, y_test, verbose=0, return_dict=True)

# %% [markdown]
# ## Plan
#
# `report` shows what a rate of 0.9 will prune. The rate is distributed over the
# layers so that small layers keep a larger share of their weights: the small
# `head` keeps most of them. Biases are never pruned, and the first convolution
# only if you ask for it.

# %%
print(keras_slr.report(model, rate=0.9))

# %% [markdown]
# ## Prune
#
# Add the callback to `fit`. We keep a copy of the dense model to compare with.

# %%
dense = keras.models.clone_model(model)
dense.set_weights(model.get_weights())

callback = keras_slr.SLRCallback(rate=0.9)
history = model.fit(x, y, epochs=EPOCHS, callbacks=[callback], verbose=2)

# %% [markdown]
# During training, every pruned kernel has a sparse copy, and the weights are
# pulled towards it. Two values in the logs show how far this has come:
#
# - `slr_residual` is the distance between the weights and their sparse copies.
#   It goes to zero.
# - `slr_sparsity` is the share of the weights that have settled near zero. It
#   ends at the rate.

# %%
ax = plots.training_curves(history.history, ["slr_sparsity", "slr_residual"])
ax.figure

# %% [markdown]
# The last step sets the pruned weights to exactly zero. The column `residual`
# is from before that step. It is zero, so the last step changed nothing.

# %%
print(callback.report())

# %% [markdown]
# ## Compare
#
# `hard_prune` sets the smallest weights of the dense model to zero at once,
# without training.


# %%
def describe(name, model):
    """Prints the test accuracy and the size of the gzipped weights."""
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
    weights = b"".join(w.tobytes() for w in model.get_weights())
    size = len(gzip.compress(weights)) / 1000
    print(f"{name:9} accuracy {accuracy:.2%}, {size:3.0f} KB gzipped")


describe("dense", dense)
keras_slr.hard_prune(dense, 0.9)
describe("one-shot", dense)
describe("SLR", model)

# %% [markdown]
# SLR trains the model for ten more epochs, so it can even exceed the accuracy
# of the dense model.
#
# `hard_prune` and SLR set the same number of weights to zero in each layer:

# %%
ax = plots.sparsity_per_layer(model)
ax.figure

# %% [markdown]
# ## Save
#
# The result is a plain Keras model. It loads without `keras_slr`.

# %%
model.save("pruned.keras")
loaded = keras.models.load_model("pruned.keras")
describe("loaded", loaded)
keras_slr.sparsity(loaded)

# %% [markdown]
# ## Next steps
#
# - Continue training without losing the zeros:
#   `with keras_slr.keep_masks(model): model.fit(...)`.
# - Zeros like these make the compressed file smaller. For a faster model, prune
#   whole filters: see the notebook `filters_and_shrinking`.
# - Write a TFLite file: see `to_the_phone`.
# - Choose layers and rates: see `layers_and_rates`.
