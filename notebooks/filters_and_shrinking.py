# %% [markdown]
# # Structured pruning and shrinking
#
# Single zeros make a model small once it is compressed; they make it fast only
# where a runtime has kernels for them. Whole filters can be cut out: what is
# left is a smaller, dense model, which is faster everywhere. But a filter does
# not go alone.

# %%
# %matplotlib inline
import os

import keras
import numpy as np
from keras import layers

import keras_slr
from keras_slr import plots
from keras_slr.data import load
from keras_slr.plots.axes import new_figure

# A short run, for tests.
TINY = os.environ.get("KERAS_SLR_TINY") == "1"
EPOCHS = 4 if TINY else 30
keras.utils.set_random_seed(0)
data = load("digits")


def conv(x, name):
    x = layers.Conv2D(24, 3, padding="same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(name=f"{name}_norm")(x)


inputs = keras.Input((8, 8, 1))
stem = layers.ReLU()(conv(inputs, "stem"))
x = layers.ReLU()(conv(stem, "first"))
x = layers.Add()([stem, conv(x, "second")])
x = layers.MaxPooling2D()(layers.ReLU()(x))
x = layers.ReLU()(conv(x, "third"))
x = layers.GlobalAveragePooling2D()(x)
outputs = layers.Dense(10, activation="softmax", name="head")(x)
model = keras.Model(inputs, outputs)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
_ = model.fit(data.x_train, data.y_train, epochs=EPOCHS, verbose=0)
dense_accuracy = model.evaluate(data.x_test, data.y_test, verbose=0)[1]

# %% [markdown]
# ## Groups
#
# The outputs of `stem` and `second` are added up: filter 5 of one can go only
# if filter 5 of the other goes, and with them the norms behind and the slices
# of every kernel that reads the sum. `dependency_groups` finds what hangs
# together.

# %%
groups = keras_slr.dependency_groups(model)
for group in groups:
    print(group)

# %% [markdown]
# A row is a layer, a column a group; everything marked in a column is cut
# together. The model's outputs are grey: nobody wants fewer classes.

# %%
ax = plots.dependency_groups(model)
ax.figure

# %% [markdown]
# ## Prune filters
#
# `Filter()` prunes whole units of these groups, by their joint norm. At a rate
# of one half about a quarter of the parameters is left, since kernels lose
# inputs and outputs.

# %%
callback = keras_slr.SLRCallback(0.5, structure=keras_slr.Filter())
_ = model.fit(
    data.x_train, data.y_train, epochs=EPOCHS, verbose=0, callbacks=[callback]
)
pruned_accuracy = model.evaluate(data.x_test, data.y_test, verbose=0)[1]
figure = new_figure((8, 4))
for ax, name in zip(figure.subplots(1, 2), ("first", "second")):
    plots.kernel_mask(model.get_layer(name).kernel, ax)
    ax.set_title(name)
figure

# %% [markdown]
# Columns are filters. What reads a filter that is gone is still there, in rows
# of the next kernel; it is multiplied by zero.

# %% [markdown]
# ## Shrink

# %%
small = keras_slr.shrink(model)
print(keras_slr.shrink_report(model))
print(keras_slr.summary_diff(model, small))

# %% [markdown]
# The small model computes the same, and is a plain Keras model.

# %%
outputs = [m.predict(data.x_test, verbose=0) for m in (model, small)]
error = np.abs(outputs[0] - outputs[1]).max()
small_accuracy = np.mean(outputs[1].argmax(axis=1) == data.y_test)
print(f"largest difference {error:.0e}")
print(f"dense {dense_accuracy:.2%}, pruned {pruned_accuracy:.2%}", end=", ")
print(f"shrunk {small_accuracy:.2%}")

# %%
ax = plots.dependency_groups(small)
ax.figure

# %% [markdown]
# ## When training is done
#
# A batch normalization is a scale and a shift, which the kernel in front of it
# can take. That makes `predict` faster; do it last.

# %%
fast = keras_slr.fold_batch_norm(small)
print(f"{len(small.layers)} layers, {len(fast.layers)} folded")
fast.save("small.keras")

# %% [markdown]
# Other structures, for hardware that uses them, are `NM(2, 4)`, `Block`,
# `Kernel`, `Pattern`, `Column`, `Channel` and `Heads`. This is what 2:4 looks
# like: of every four inputs of an output two are left.

# %%
keras_slr.hard_prune(fast, structure=keras_slr.NM(2, 4))
kernel = fast.get_layer("third").get_weights()[0]
ax = plots.kernel_mask(kernel[1, 1])
ax.figure
