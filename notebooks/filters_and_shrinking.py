# %% [markdown]
# # Structured pruning and shrinking
#
# Scattered zeros make a compressed model smaller, but they make it faster only
# where the runtime has sparse kernels. Whole filters can be removed instead.
# The result is a smaller dense model that is faster everywhere. This notebook
# prunes half of the filters of a small residual network and removes them, in
# about a minute on a CPU.

# %% tags=["skip-execution"]
# %pip install --quiet "keras-slr[jax,plot]" scikit-learn

# %%
# %matplotlib inline
import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import matplotlib.pyplot as plt
import numpy as np
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


def conv(x, name):
    """A convolution with batch normalization."""
    x = layers.Conv2D(24, 3, padding="same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(name=f"{name}_norm")(x)


inputs = keras.Input((8, 8, 1))
stem = layers.ReLU()(conv(inputs, "stem"))
h = layers.ReLU()(conv(stem, "first"))
h = layers.Add()([stem, conv(h, "second")])
h = layers.MaxPooling2D()(layers.ReLU()(h))
h = layers.ReLU()(conv(h, "third"))
h = layers.GlobalAveragePooling2D()(h)
outputs = layers.Dense(10, activation="softmax", name="head")(h)
model = keras.Model(inputs, outputs)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=3 * EPOCHS, verbose=0)
dense_accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
print(f"dense {dense_accuracy:.2%}")

# %% [markdown]
# ## Dependency groups
#
# A filter cannot be removed alone. The outputs of `stem` and `second` are
# added, so filter 5 of one can go only together with filter 5 of the other. The
# batch normalizations behind them lose the same channel, and so does every
# kernel that reads the sum. `dependency_groups` finds what belongs together.

# %%
for group in keras_slr.dependency_groups(model):
    print(group)

# %% [markdown]
# In the plot, rows are layers and columns are groups. All that is marked in a
# column is cut together. The outputs of the model (gray) are never cut.

# %%
ax = plots.dependency_groups(model)
ax.figure

# %% [markdown]
# ## Prune filters
#
# `Filter()` prunes units of these groups. A rate of 0.5 prunes half of the
# filters. That leaves about a quarter of the parameters, because most kernels
# lose half of their inputs as well as half of their outputs.

# %%
callback = keras_slr.SLRCallback(0.5, structure=keras_slr.Filter())
model.fit(x, y, epochs=EPOCHS, callbacks=[callback], verbose=2)
pruned_accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
print(f"dense {dense_accuracy:.2%}, pruned {pruned_accuracy:.2%}")

# %% [markdown]
# Each column is a filter, and white filters are pruned. The rows that read
# pruned filters are still there. They only ever see zeros, so `shrink` can
# remove them too.

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for ax, name in zip(axes, ("first", "second")):
    plots.kernel_mask(model.get_layer(name).kernel, ax)
    ax.set_title(name)

# %% [markdown]
# ## Shrink
#
# `shrink` returns a smaller model without the pruned filters.

# %%
small = keras_slr.shrink(model)
print(keras_slr.shrink_report(model))
print(keras_slr.summary_diff(model, small))

# %% [markdown]
# The small model is a plain Keras model and computes the same outputs.

# %%
before = model.predict(x_test, verbose=0)
after = small.predict(x_test, verbose=0)
small_accuracy = np.mean(after.argmax(axis=1) == y_test)
print(f"largest difference {np.abs(before - after).max():.0e}")
print(f"pruned {pruned_accuracy:.2%}, shrunk {small_accuracy:.2%}")

# %%
ax = plots.dependency_groups(small)
ax.figure

# %% [markdown]
# ## Fold batch normalization
#
# Each batch normalization can be folded into the convolution in front of it.
# This makes `predict` faster. Do it after all training.

# %%
fast = keras_slr.fold_batch_norm(small)
print(f"{len(small.layers)} layers before, {len(fast.layers)} after")
fast.save("small.keras")

# %% [markdown]
# ## Other structures
#
# Some hardware has kernels for other structures: `NM(2, 4)`, `Block`, `Kernel`,
# `Pattern`, `Column`, `Channel` and `Heads`. With 2:4 sparsity, two of every
# four inputs of an output remain. The plot shows the center of the 3x3 windows.

# %%
keras_slr.hard_prune(fast, structure=keras_slr.NM(2, 4))
kernel = fast.get_layer("third").get_weights()[0]
ax = plots.kernel_mask(kernel[1, 1])
ax.figure
