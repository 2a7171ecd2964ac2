# %% [markdown]
# # How SLR works
#
# Training minimizes a loss `f(W)`. Pruning also requires that the weights `W`
# lie in a set `S` of sparse tensors. Surrogate Lagrangian Relaxation
# ([2012.10079](https://arxiv.org/abs/2012.10079)) separates the two: it trains
# `W`, keeps a sparse copy `Z` in `S`, and pulls them together with Lagrange
# multipliers `Lam`:
#
#     L(W, Z, Lam) = f(W) + <Lam, W - Z> + rho / 2 ||W - Z||^2,   Z in S
#
# This notebook prunes a small network and plots each of these variables. It
# takes about two minutes on a CPU.

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

EPOCHS = 40

keras.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x = x.reshape(-1, 8, 8, 1).astype("float32") / 16
x, x_test, y, y_test = train_test_split(x, y, random_state=0)
model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Flatten(),
        layers.Dense(48, activation="relu", name="first"),
        layers.Dense(32, activation="relu", name="second"),
        layers.Dense(10, activation="softmax", name="head"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
training = dict(x=x, y=y, validation_split=0.1, epochs=EPOCHS, verbose=0)
model.fit(**training)
dense = model.get_weights()
model.evaluate(x_test, y_test, verbose=0, return_dict=True)

# %% [markdown]
# ## Watch one layer
#
# During `fit`, the SLR callback gives access to `Z` and `Lam` of each layer.
# This second callback records them after every epoch and prints progress.


# %%
class Watch(keras.callbacks.Callback):
    """Records `W`, `Z` and `Lam` of one layer after every epoch."""

    def __init__(self, slr, layer):
        super().__init__()
        self.slr, self.layer = slr, layer
        self.w, self.z, self.lam = [], [], []

    def on_epoch_end(self, epoch, logs=None):
        self.w.append(self.model.get_layer(self.layer).get_weights()[0])
        self.z.append(self.slr.auxiliary(self.layer))
        self.lam.append(self.slr.multipliers(self.layer))
        if (epoch + 1) % 4 == 0:
            print(
                f"epoch {epoch + 1:2}: {np.mean(self.z[-1] == 0):3.0%} of Z "
                f"is zero, residual {logs['slr_residual']:.4f}, "
                f"accuracy {logs['val_accuracy']:.3f}, "
                f"if pruned now {logs['val_hard_accuracy']:.3f}"
            )


slr = keras_slr.SLRCallback(rate=0.9, monitor_hard_pruned=True)
watch = Watch(slr, "second")
history = model.fit(**training, callbacks=[slr, watch]).history
w, z, lam = (np.array(values) for values in (watch.w, watch.z, watch.lam))

# %% [markdown]
# ## Z: the set shrinks
#
# Each dual update computes `Z` as the projection of `W + Lam / rho` onto `S`.
# If 90 % of `Z` were zero from the start, the choice of zeros would depend on
# weights that have not adapted to sparsity yet. Therefore `S` shrinks from the
# whole space to its final size. Dark entries of `Z` are not zero.

# %%
figure, axes = plt.subplots(1, 3, figsize=(9, 4), layout="constrained")
for ax, epoch in zip(axes, (1, EPOCHS // 3, EPOCHS)):
    plots.kernel_mask(z[epoch - 1], ax)
    zeros = np.mean(z[epoch - 1] == 0)
    ax.set_title(f"Z after epoch {epoch}: {zeros:.0%} zeros")

# %% [markdown]
# ## W: some entries go to zero
#
# The plot shows fifty entries of `W`. Where `Z` is not zero, nothing pulls on
# `W` and it trains freely (blue). The other entries are pulled to zero (gray),
# each from the moment that its `Z` becomes zero.

# %%
entries = np.random.default_rng(0).choice(w[0].size, 50, replace=False)
paths = w.reshape(EPOCHS, -1)[:, entries]
kept = z[-1].ravel()[entries] != 0
epochs = np.arange(1, EPOCHS + 1)
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(epochs, paths[:, ~kept], color="0.6", lw=0.8)
ax.plot(epochs, paths[:, kept], color="C0", lw=1.2)
ax.set_xlabel("epoch")
_ = ax.set_ylabel("entries of W (blue: kept)")

# %% [markdown]
# The histogram shows all entries of the layer, except those that are exactly
# zero. The kept entries have grown.

# %%
before = dense[2]  # the kernel of the layer "second"
ax = plots.weight_histograms(before, w[-1])
ax.figure

# %% [markdown]
# ## Lam: the multipliers
#
# The multipliers add up the differences between `W` and `Z`. Where the loss
# holds an entry of `W` away from zero, its multiplier grows until the entry
# gives way. Where `Z` is not zero, the multipliers are zero. Towards the end
# `W = Z` holds exactly, and all multipliers are zero.

# %%
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(epochs, lam.reshape(EPOCHS, -1)[:, entries], color="C1", lw=0.8)
ax.set_xlabel("epoch")
_ = ax.set_ylabel("entries of Lam")

# %% [markdown]
# ## The surrogate optimality conditions
#
# A dual update does not wait until `W` is optimal. It only checks that the
# Lagrangian has decreased: first through training since the last update
# (condition 1), then through the new `Z` (condition 2). The multipliers step
# only if the condition holds. The plot shows the share of each epoch's updates
# in which it held.
#
# Condition 1 holds in most updates; mini-batch noise makes it fail now and
# then. Condition 2 fails while `S` shrinks, because it compares `L` on two
# different sets. Once `W = Z` holds, no more updates follow, and the logs
# repeat the last values.

# %%
ax = plots.training_curves(history, ["slr_condition_1", "slr_condition_2"])
ax.figure

# %% [markdown]
# In the papers, `S` has its final size from the start, and condition 2 can
# hold. Here is the same dense model with the papers' settings:

# %%
twin = keras.models.clone_model(model)
twin.set_weights(dense)
twin.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
paper = keras_slr.SLRCallback.paper(rate=0.9)
held = twin.fit(**training, callbacks=[paper]).history
for condition in ("slr_condition_1", "slr_condition_2"):
    print(f"{condition} held in {np.mean(held[condition]):.0%} of the updates")

# %% [markdown]
# ## Stepsize and rho
#
# The stepsize of the multipliers follows the papers' rule
# `s <- alpha s r_before / r` with `r = ||W - Z||`, and never exceeds `rho`.
# `rho` is the fraction of the distance to `Z - Lam / rho` that a pulled entry
# covers in one training step. It grows during the run and ends at one.

# %%
ax = plots.training_curves(history, ["slr_rho", "slr_stepsize"])
ax.set_yscale("log")
ax.figure

# %% [markdown]
# ## The residual
#
# The residual is `||W - Z|| / ||W||`. Once it is zero, the model is sparse and
# hard pruning after the last step changes nothing. From there on, the
# validation accuracy of the model in training and that of the hard-pruned model
# are equal.

# %%
figure, (above, below) = plt.subplots(
    2, figsize=(6, 5), sharex=True, layout="constrained"
)
plots.training_curves(history, ["slr_residual"], above).set_xlabel("")
_ = plots.training_curves(history, ["val_accuracy", "val_hard_accuracy"], below)

# %%
accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
print(f"zeros {slr.report().sparsity:.2%}, test accuracy {accuracy:.2%}")
print(f"residual before hard pruning: {history['slr_residual'][-1]:.1e}")

# %% [markdown]
# `docs/solver.md` has all formulas and explains how the default settings differ
# from those of the papers.
