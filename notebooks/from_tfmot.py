# %% [markdown]
# # Moving from TF-MOT
#
# TF-MOT, TensorFlow's Model Optimization Toolkit, wraps the layers of Keras 2
# models and refuses those of Keras 3. Here its calls stand beside those of
# `keras_slr`, and then models go to TF-MOT and come back. The last part needs
#
#     pip install "keras-slr[datasets,tfmot]"

# %%
import os

import keras
from keras import layers

import keras_slr
from keras_slr.data import load
from keras_slr.interop import tfmot

# A short run, for tests.
TINY = os.environ.get("KERAS_SLR_TINY") == "1"
EPOCHS = 3 if TINY else 20
keras.utils.set_random_seed(0)
data = load("digits")
model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(16, 3, padding="same", activation="relu", name="stem"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(64, activation="relu", name="hidden"),
        layers.Dense(10, activation="softmax", name="head"),
    ],
    name="digits",
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
_ = model.fit(data.x_train, data.y_train, epochs=EPOCHS, verbose=0)
dense = model.get_weights()


def accuracy():
    """Returns the model's accuracy on the test data."""
    return model.evaluate(data.x_test, data.y_test, verbose=0)[1]


print(f"dense {accuracy():.2%}")

# %% [markdown]
# ## Prune while training
#
# With TF-MOT:
#
# ```python
# schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, 0.9, 0, steps)
# wrapped = tfmot.sparsity.keras.prune_low_magnitude(model, schedule)
# wrapped.compile("adam", "sparse_categorical_crossentropy")
# callbacks = [tfmot.sparsity.keras.UpdatePruningStep()]
# wrapped.fit(x, y, epochs=20, callbacks=callbacks)
# model = tfmot.sparsity.keras.strip_pruning(wrapped)
# ```
#
# Here there is nothing to wrap and nothing to strip. The same method, gradual
# pruning by magnitude, and SLR in its place:

# %%
for name, method in (
    ("gradual magnitude", keras_slr.GradualMagnitudeCallback),
    ("SLR", keras_slr.SLRCallback),
):
    model.set_weights(dense)
    callback = method(0.9, include=["hidden", "head"])
    _ = model.fit(
        data.x_train,
        data.y_train,
        epochs=EPOCHS,
        verbose=0,
        callbacks=[callback],
    )
    zeros = callback.report().sparsity
    print(f"{name}: {accuracy():.2%} with {zeros:.1%} zeros")

# %% [markdown]
# ## Train on, zeros kept
#
# TF-MOT keeps them in its wrappers; here a context does.

# %%
with keras_slr.keep_masks(model):
    _ = model.fit(data.x_train, data.y_train, epochs=1, verbose=0)
print(f"{accuracy():.2%}")
keras_slr.sparsity(model)

# %% [markdown]
# ## Structures
#
# | TF-MOT | here |
# |---|---|
# | `sparsity_m_by_n=(2, 4)` | `structure=keras_slr.NM(2, 4)` |
# | `block_size=(4, 1)` | `structure=keras_slr.Block((4, 1))` |
# | `pruning_policy=` | `include=`, `exclude=`, rates by name |
# | none | `Filter()`, `Heads()`, `Kernel()`, `Pattern()` and others |

# %%
model.set_weights(dense)
print(keras_slr.hard_prune(model, 0.8, structure=keras_slr.Block((4, 1))))

# %% [markdown]
# ## Its own code, on a Keras 3 model of any backend
#
# `keras_slr.interop.tfmot` hands the model to TF-MOT in a process of its own,
# where it is built again in Keras 2. This is TF-MOT's pruning; its schedules
# and policies go the same way.

# %%
model.set_weights(dense)
tfmot.prune(model, 0.8)
print(f"{accuracy():.2%}")
keras_slr.sparsity(model)

# %% [markdown]
# And this is its training for int8 that keeps the zeros, out of which comes a
# TFLite file.

# %%
print(
    tfmot.quantize_aware(
        model, data.x_train, data.y_train, "int8.tflite", epochs=1
    )
)

# %% [markdown]
# All calls side by side, and what does not go, are in
# `docs/migrating_from_tfmot.md`.
