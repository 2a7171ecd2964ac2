# %% [markdown]
# # Layers and rates
#
# How much of each layer should be pruned? You can let the shapes of the layers
# decide, give rates by name, measure how sensitive each layer is, or set a
# budget for the whole model. This notebook shows all four, in about a minute on
# a CPU.

# %% tags=["skip-execution"]
# %pip install --quiet "keras-slr[jax,plot]" scikit-learn

# %%
# %matplotlib inline
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
x, x_val, y, y_val = train_test_split(x, y, random_state=0)
model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(32, 3, activation="relu", name="stem"),
        layers.Conv2D(64, 3, activation="relu", name="conv"),
        layers.Flatten(),
        layers.Dense(128, activation="relu", name="hidden"),
        layers.Dense(10, activation="softmax", name="head"),
    ],
    name="digits",
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=EPOCHS, verbose=0)
dense = model.get_weights()
dense_accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
print(f"dense {dense_accuracy:.2%}")

# %% [markdown]
# ## By default
#
# By default, a single rate is distributed over the layers by their magnitudes
# and sizes: small layers stay denser. The report shows the rate of each weight,
# and why some weights are not pruned.

# %%
print(keras_slr.report(model, rate=0.9))

# %% [markdown]
# ## By name
#
# A dict gives rates by layer name, pattern (`"re:conv.*"`) or class.
# `"default"` covers what is pruned by default. `include` and `exclude` take the
# same names.

# %%
rates = {"stem": 0.3, "class:Dense": 0.95, "default": 0.8}
print(keras_slr.report(model, rate=rates, exclude="head"))

# %% [markdown]
# ## By sensitivity
#
# `sensitivity` prunes one layer at a time, without training, and evaluates the
# model on validation data.

# %%
scan = keras_slr.sensitivity(model, x_val, y_val)
print(scan)

# %%
ax = scan.plot()
ax.figure

# %% [markdown]
# Pass the scan as `allocation` to distribute a rate so that each layer loses
# about the same accuracy. Here we compare it with the default, with the same
# rate for all layers, and with one magnitude threshold for all layers. Pruning
# is one-shot, so the curves show the differences before any training.


# %%
def pruned_accuracy(**plan):
    """Returns the test accuracy after one-shot pruning."""
    keras_slr.hard_prune(model, **plan)
    accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
    model.set_weights(dense)
    return accuracy


allocations = {
    "default": None,
    "uniform": "uniform",
    "global": "global",
    "sensitivity": scan,
}
scores = {
    name: {
        rate: pruned_accuracy(rate=rate, allocation=allocation)
        for rate in (0.5, 0.7, 0.8, 0.9, 0.95)
    }
    for name, allocation in allocations.items()
}
ax = plots.accuracy_sparsity_front(scores, dense=dense_accuracy)
ax.figure

# %% [markdown]
# The uniform rate loses accuracy first, because it prunes the sensitive `head`
# as much as the large layers. At 90 and 95 %, the default is ahead of the
# others.

# %% [markdown]
# ## By budget
#
# Instead of a rate, set a limit on the parameters, the bytes or the
# multiply-accumulates (MACs) that remain, as a number or as a share of the
# dense model. The lowest rate that meets the limit is used.

# %%
budget = keras_slr.Budget(bytes=60_000)
print(keras_slr.report(model, budget=budget))

# %% [markdown]
# ## Prune
#
# The callback takes the same arguments. Here it gets the budget, and the
# sensitivity scan to distribute the rate.

# %%
callback = keras_slr.SLRCallback(budget=budget, allocation=scan)
model.fit(x, y, epochs=EPOCHS, callbacks=[callback], verbose=2)
accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
zeros = callback.report().sparsity
print(f"dense {dense_accuracy:.2%}, pruned {accuracy:.2%}", end=" ")
print(f"with {zeros:.2%} zeros")

# %%
ax = plots.sparsity_per_layer(model)
ax.figure
