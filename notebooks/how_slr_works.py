# %% [markdown]
# # How SLR works
#
# Training minimises a loss `f(W)`, pruning asks for weights with few entries
# that are not zero. Surrogate Lagrangian Relaxation
# ([2012.10079](https://arxiv.org/abs/2012.10079)) splits the two: the weights
# `W` train, sparse copies `Z` of them keep to the set `S` of what is sparse
# enough, and multipliers `Lam` tie them together:
#
#     L(W, Z, Lam) = f(W) + <Lam, W - Z> + rho / 2 ||W - Z||^2,   Z in S
#
# Here all of these are watched in a run.

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
EPOCHS = 4 if TINY else 40
keras.utils.set_random_seed(0)
data = load("digits")
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
training = dict(
    x=data.x_train,
    y=data.y_train,
    validation_split=0.1,
    epochs=EPOCHS,
    verbose=0,
)
_ = model.fit(**training)
dense = model.get_weights()

# %% [markdown]
# ## Watch a layer
#
# While `fit` runs, the callback of SLR gives `Z` and `Lam` of a layer. A
# callback of our own writes them down after every epoch.


# %%
class Watch(keras.callbacks.Callback):
    """Keeps `W`, `Z` and `Lam` of one layer, as of every epoch's end."""

    def __init__(self, slr, layer):
        super().__init__()
        self.slr, self.layer = slr, layer
        self.w, self.z, self.lam = [], [], []

    def on_epoch_end(self, epoch, logs=None):
        kernel = self.model.get_layer(self.layer).get_weights()[0]
        self.w.append(kernel)
        self.z.append(self.slr.auxiliary(self.layer))
        self.lam.append(self.slr.multipliers(self.layer))


slr = keras_slr.SLRCallback(rate=0.9, monitor_hard_pruned=True)
watch = Watch(slr, "second")
before = model.get_layer("second").get_weights()[0]
history = model.fit(**training, callbacks=[slr, watch]).history
w, z, lam = (np.array(values) for values in (watch.w, watch.z, watch.lam))
z.shape

# %% [markdown]
# ## Z: the set shrinks
#
# `Z` is the nearest point of `S` to `W + Lam / rho`. Asked for at once, 90 %
# of zeros would be chosen by weights that have not learnt to do without each
# other. So `S` shrinks from the whole space to its size. Dark are the entries
# of `Z` that are not zero. (Kernels in front of a batch normalization are tried
# out before: for a twentieth of a long run `Z` is zero for them, all of their
# weights are pulled, and those that the loss needs are held up by training.)

# %%
figure = new_figure((9, 3))
moments = [0, len(z) // 3, len(z) - 1]
for ax, at in zip(figure.subplots(1, len(moments)), moments):
    plots.kernel_mask(z[at], ax)
    ax.set_title(f"Z after epoch {at + 1}: {np.mean(z[at] == 0):.0%} zeros")
figure

# %% [markdown]
# ## W: some entries leave
#
# Fifty entries of the layer's `W`. On the support of `Z` nothing pulls, and
# they train freely; the others are drawn to zero, at first weakly. Some that
# began small grow, and stay.

# %%
rng = np.random.default_rng(0)
places = rng.choice(w[0].size, 50, replace=False)
curves = w.reshape(len(w), -1)[:, places]
stays = z[-1].ravel()[places] != 0
epochs = np.arange(1, len(w) + 1)
ax = new_figure((6, 3.5)).subplots()
ax.plot(epochs, curves[:, ~stays], color="0.6", lw=0.8)
ax.plot(epochs, curves[:, stays], color="C0", lw=1.2)
ax.set_xlabel("epoch")
ax.set_ylabel("entries of W, blue: those that stay")
ax.figure

# %%
ax = plots.weight_histograms(before, w[-1])
ax.figure

# %% [markdown]
# ## Lam: the multipliers
#
# They add up what is left between `W` and `Z`: where the loss holds an entry
# against the pull, its multiplier grows until the entry yields. On the support
# they are zero. Once `W = Z` is held exactly nothing is left to tie, and all
# of them are zero.

# %%
ax = new_figure((6, 3.5)).subplots()
ax.plot(epochs, lam.reshape(len(lam), -1)[:, places], color="C1", lw=0.8)
ax.set_xlabel("epoch")
ax.set_ylabel("entries of Lam")
ax.figure

# %% [markdown]
# ## The surrogate optimality conditions
#
# A dual update need not wait for `W` to be optimal. It is enough that what
# training did since the last one has lowered the Lagrangian (condition 1), and
# then that the new `Z` has (condition 2); only where they hold do the
# multipliers step. Drawn is the share of each epoch's updates in which they
# held. Training by batches is noisy: the first one fails now and then, and the
# multipliers wait. While `S` shrinks the second one compares `L` on two
# different sets, and fails; once `W = Z` is held there is nothing to compare.

# %%
ax = plots.training_curves(history, ["slr_condition_1", "slr_condition_2"])
ax.figure

# %% [markdown]
# With a set of one size, as in the papers, the second one has its say too. This
# is the same start under the papers' constants, with an update an epoch:

# %%
twin = keras.models.clone_model(model)
twin.set_weights(dense)
twin.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
papers = keras_slr.SLRCallback.paper(rate=0.9)
held = twin.fit(**training, callbacks=[papers]).history
for condition in ("slr_condition_1", "slr_condition_2"):
    print(f"{condition} held in {np.mean(held[condition]):.0%} of the updates")

# %% [markdown]
# The step of the multipliers follows the rule of the paper, from one half-step
# to the next `s <- alpha s r_before / r`, with `r = ||W - Z||`, and never goes
# beyond rho. rho is the share of the way to `Z - Lam / rho` that `W` goes in
# one training step, from weak to strong; at the end it is one.

# %%
ax = plots.training_curves(history, ["slr_rho", "slr_stepsize"])
ax.set_yscale("log")
ax.figure

# %% [markdown]
# ## The residual
#
# `||W - Z|| / ||W||`. When it is gone the model is sparse, and hard pruning
# with the last step changes nothing: from there on the validation accuracy as
# trained and as hard-pruned is the same.

# %%
figure = new_figure((6, 5))
above, below = figure.subplots(2, sharex=True)
plots.training_curves(history, ["slr_residual"], above).set_xlabel("")
plots.training_curves(history, ["val_accuracy", "val_hard_accuracy"], below)
figure

# %%
accuracy = model.evaluate(data.x_test, data.y_test, verbose=0)[1]
print(f"zeros {slr.report().sparsity:.2%}, test accuracy {accuracy:.2%}")
print(f"residual before hard pruning: {history['slr_residual'][-1]:.1e}")

# %% [markdown]
# The formulas in full, and what the defaults do differently from the papers,
# are in `docs/solver.md`. `SLRCallback.paper(rate=0.9)` has the papers'
# constants.
