# %% [markdown]
# # Moving from TF-MOT
#
# TF-MOT, TensorFlow's Model Optimization Toolkit, prunes Keras 2 models and
# refuses Keras 3 models. This notebook shows the `keras_slr` equivalents of its
# calls, and then runs TF-MOT itself on a Keras 3 model. It takes about two
# minutes on a CPU.

# %% tags=["skip-execution"]
# %pip install --quiet "keras-slr[tensorflow,tfmot]" scikit-learn

# %%
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import keras_slr
from keras_slr.interop import tfmot

EPOCHS = 10

keras.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x = x.reshape(-1, 8, 8, 1).astype("float32") / 16
x, x_test, y, y_test = train_test_split(x, y, random_state=0)
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
model.fit(x, y, epochs=EPOCHS, verbose=0)
dense = model.get_weights()


def accuracy():
    """Returns the accuracy of the model on the test data."""
    return model.evaluate(x_test, y_test, verbose=0)[1]


print(f"dense {accuracy():.2%}")

# %% [markdown]
# ## Prune during training
#
# With TF-MOT:
#
# ```python
# schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, 0.9, 0, steps)
# wrapped = tfmot.sparsity.keras.prune_low_magnitude(model, schedule)
# wrapped.compile("adam", "sparse_categorical_crossentropy")
# callbacks = [tfmot.sparsity.keras.UpdatePruningStep()]
# wrapped.fit(x, y, epochs=10, callbacks=callbacks)
# model = tfmot.sparsity.keras.strip_pruning(wrapped)
# ```
#
# `keras_slr` needs no wrappers. `GradualMagnitudeCallback` is the same method:

# %%
pruned = ["hidden", "head"]
callback = keras_slr.GradualMagnitudeCallback(0.9, include=pruned)
model.fit(x, y, epochs=EPOCHS, callbacks=[callback], verbose=0)
zeros = callback.report().sparsity
print(f"gradual magnitude: {accuracy():.2%} with {zeros:.1%} zeros")

# %% [markdown]
# For SLR, change the callback:

# %%
model.set_weights(dense)
callback = keras_slr.SLRCallback(0.9, include=pruned)
model.fit(x, y, epochs=EPOCHS, callbacks=[callback], verbose=2)
zeros = callback.report().sparsity
print(f"SLR: {accuracy():.2%} with {zeros:.1%} zeros")

# %% [markdown]
# ## Continue training with the zeros kept
#
# TF-MOT keeps the zeros in its wrappers. `keras_slr` has a context manager.

# %%
with keras_slr.keep_masks(model):
    model.fit(x, y, epochs=1, verbose=2)
print(f"{accuracy():.2%}")
keras_slr.sparsity(model)

# %% [markdown]
# ## Structures
#
# | TF-MOT | `keras_slr` |
# |---|---|
# | `sparsity_m_by_n=(2, 4)` | `structure=keras_slr.NM(2, 4)` |
# | `block_size=(4, 1)` | `structure=keras_slr.Block((4, 1))` |
# | `pruning_policy=` | `include=`, `exclude=`, rates by name |
# | none | `Filter()`, `Heads()`, `Kernel()`, `Pattern()` and others |

# %%
model.set_weights(dense)
print(keras_slr.hard_prune(model, 0.8, structure=keras_slr.Block((4, 1))))

# %% [markdown]
# ## Run TF-MOT on a Keras 3 model
#
# `keras_slr.interop.tfmot` sends a model of any backend to TF-MOT in a separate
# process, which rebuilds it in Keras 2. This is TF-MOT's one-shot pruning. It
# prunes every layer at the same rate, even the first convolution, and without
# training the accuracy drops. `tfmot.prune` also takes TF-MOT's schedules and
# policies.

# %%
model.set_weights(dense)
tfmot.prune(model, 0.8)
print(f"{accuracy():.2%}")
keras_slr.sparsity(model)

# %% [markdown]
# TF-MOT's quantization-aware training keeps the zeros too, and ends in a TFLite
# file. The table counts the zeros and the distinct values of each kernel before
# training, after training and in the file.

# %%
print(tfmot.quantize_aware(model, x, y, "int8.tflite", epochs=1))

# %% [markdown]
# `docs/migrating_from_tfmot.md` lists all calls side by side, and what is not
# supported.
