# %% [markdown]
# # Which layers, which rate
#
# One number is asked for, the share of zeros; which layers bear how much of it
# is another question. Here are the four answers of `keras_slr`: leave it to
# the shapes, name the layers, measure what each of them bears, or say what the
# model may cost.

# %%
# %matplotlib inline
import os

import keras
from keras import layers

import keras_slr
from keras_slr import plots
from keras_slr.data import load

# A short run, for tests.
TINY = os.environ.get("KERAS_SLR_TINY") == "1"
EPOCHS = 4 if TINY else 20
keras.utils.set_random_seed(0)
data = load("digits")
model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(16, 3, padding="same", activation="relu", name="stem"),
        layers.Conv2D(32, 3, padding="same", activation="relu", name="conv"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(64, activation="relu", name="hidden"),
        layers.Dense(10, activation="softmax", name="head"),
    ],
    name="digits",
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
count = len(data.x_train) * 9 // 10
x, y = data.x_train[:count], data.y_train[:count]
x_val, y_val = data.x_train[count:], data.y_train[count:]
_ = model.fit(x, y, epochs=EPOCHS, verbose=0)
dense = model.get_weights()


def pruned_at_once(**plan):
    """Returns the validation accuracy after one-shot pruning."""
    model.set_weights(dense)
    keras_slr.hard_prune(model, **plan)
    accuracy = model.evaluate(x_val, y_val, verbose=0)[1]
    model.set_weights(dense)
    return accuracy


# %% [markdown]
# ## By the shapes
#
# By default single entries are pruned by ERK: small layers stay denser. The
# report says what each weight gets, and why some are left alone.

# %%
print(keras_slr.report(model, rate=0.9))

# %% [markdown]
# `include`, `exclude` and rates by name say it differently. Names are those of
# layers, patterns, classes, or `"default"` for what is pruned by default.

# %%
rates = {"stem": 0.3, "class:Dense": 0.95, "default": 0.8}
print(keras_slr.report(model, rate=rates, exclude="head"))

# %% [markdown]
# ## By what each layer bears
#
# `sensitivity` prunes one layer at a time, without training, and evaluates.

# %%
scan = keras_slr.sensitivity(model, x_val, y_val)
print(scan)

# %%
ax = scan.plot()
ax.figure

# %% [markdown]
# The scan is an allocation itself: a rate is shared out so that all layers
# lose the same. Beside it are ERK, one rate for all layers, and one threshold
# for all layers; all by one-shot pruning, which shows the differences that
# training makes up for.

# %%
allocations = {
    "erk": "erk",
    "uniform": "uniform",
    "global": "global",
    "scan": scan,
}
scores = {
    name: {
        rate: pruned_at_once(rate=rate, allocation=allocation)
        for rate in (0.5, 0.7, 0.8, 0.9, 0.95)
    }
    for name, allocation in allocations.items()
}
ax = plots.accuracy_sparsity_front(scores, dense=scan.dense)
ax.figure

# %% [markdown]
# ## By what the model may cost
#
# In the place of a rate, a budget: parameters, bytes or operations, as numbers
# or as shares of the dense model. The rate is the smallest that keeps it.

# %%
budget = keras_slr.Budget(bytes=30_000)
print(keras_slr.report(model, budget=budget))

# %% [markdown]
# ## Pruned by SLR
#
# Every one of these goes into the callback.

# %%
callback = keras_slr.SLRCallback(budget=budget, allocation=scan)
_ = model.fit(x, y, epochs=EPOCHS, verbose=0, callbacks=[callback])
accuracy = model.evaluate(x_val, y_val, verbose=0)[1]
zeros = callback.report().sparsity
print(f"dense {scan.dense:.2%}, pruned {accuracy:.2%} with {zeros:.2%} zeros")

# %%
ax = plots.sparsity_per_layer(model)
ax.figure
