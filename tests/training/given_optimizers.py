"""Models with other optimizers than that of `compile`, for several tests."""

import keras
import numpy as np

from tests.helpers import zeros
from tests.training.own_optimizers import OwnOptimizers
from tests.training.own_optimizers import net

ALL = "hidden middle out"
# A method for each kind of hook: a pull after the update, a penalty before it,
# and masks.
FORMS = ["SLR", "SLR coupled", "GradualMagnitude"]


def adam():
    return keras.optimizers.Adam(0.01)


def make(optimizers, compiled=adam):
    keras.utils.set_random_seed(0)
    model = OwnOptimizers(net(), optimizers)
    model.compile(compiled())
    return model


def fit(model, data, callbacks, **arguments):
    model.fit(
        *data,
        batch_size=16,
        epochs=4,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
        **arguments,
    )


def pruned_zeros(model):
    return sum(zeros(layer.kernel) for layer in model.net.layers[:2])


def assert_same(a, b):
    for one, other in zip(a.net.get_weights(), b.net.get_weights()):
        np.testing.assert_array_equal(one == 0, other == 0)
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def own(model):
    """The optimizers of a model other than that of `compile`."""
    return [optimizer for optimizer, _ in model.parts if optimizer is not None]


# The layers of each optimizer, beside that of `compile`.
DIVISIONS = {
    "one": [ALL],
    "two": ["hidden", "middle out"],
    "one beside that of compile": ["middle out"],
}


def divided(division):
    return make({names: adam() for names in DIVISIONS[division]})


def given(model):
    """The value of `optimizer`."""
    optimizers = [each or model.optimizer for each, _ in model.parts]
    return optimizers if len(optimizers) > 1 else optimizers[0]


class Steps(keras.callbacks.Callback):
    count = 0

    def on_train_batch_begin(self, batch, logs=None):
        self.count += 1
