"""Optimizers of PyTorch."""

import keras
import numpy as np
import pytest

from keras_slr import SLRCallback
from keras_slr import SLRPruner
from tests.callbacks.helpers import EXPECTED_ZEROS
from tests.training.given_optimizers import ALL
from tests.training.given_optimizers import fit
from tests.training.given_optimizers import make
from tests.training.given_optimizers import own
from tests.training.given_optimizers import pruned_zeros
from tests.training.own_optimizers import BACKEND
from tests.training.own_optimizers import OwnOptimizers
from tests.training.own_optimizers import net

if BACKEND == "torch":
    import torch

    TORCH = {
        "sgd": lambda p: torch.optim.SGD(p, 0.02, momentum=0.9, nesterov=True),
        "adam": lambda p: torch.optim.Adam(p, 0.01),
        "adamw": lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1),
    }
    KERAS = {
        "sgd": lambda: keras.optimizers.SGD(0.02, momentum=0.9, nesterov=True),
        "adam": lambda: keras.optimizers.Adam(0.01, epsilon=1e-8),
        "adamw": lambda: keras.optimizers.AdamW(
            0.01, epsilon=1e-8, weight_decay=0.1
        ),
    }

    @pytest.mark.parametrize("name", TORCH)
    def test_optimizers_of_pytorch(data, name):
        usual = make({ALL: KERAS[name]()})
        fit(
            usual,
            data,
            [SLRCallback(0.9, finetune_epochs=1, optimizer=own(usual)[0])],
        )
        keras.utils.set_random_seed(0)
        parameters = net()
        keras.utils.set_random_seed(0)
        model = make({})
        optimizer = TORCH[name](
            [v.value for v in model.net.trainable_variables]
        )
        model.parts[0] = (optimizer, model.parts[0][1])
        with pytest.raises(ValueError, match="changed"):
            fit(model, data, [SLRCallback(0.9)])
        model.net.set_weights(parameters.get_weights())
        optimizer.state.clear()
        slr = SLRCallback(0.9, finetune_epochs=1, optimizer=optimizer)
        fit(model, data, [slr])
        assert pruned_zeros(model) == EXPECTED_ZEROS
        for a, b in zip(usual.net.get_weights(), model.net.get_weights()):
            np.testing.assert_allclose(a, b, rtol=2e-2, atol=1e-3)

    def test_gradients_accumulated_by_hand_are_no_error(data):
        """The first steps change nothing, and so pass no optimizer."""

        class Accumulates(OwnOptimizers):
            steps = 0

            def train_step(self, data):
                self.steps += 1
                x, y = data
                loss = self.compute_loss(x, y, self(x, training=True))
                loss.backward()
                if self.steps % 3 == 0:
                    variables = self.trainable_variables
                    with torch.no_grad():
                        self.optimizer.apply(
                            [v.value.grad for v in variables], variables
                        )
                    self.zero_grad()
                return {"loss": loss}

        model = Accumulates(net(), {})
        model.compile("adam")
        fit(model, data, [SLRCallback(0.9)])
        assert pruned_zeros(model) == EXPECTED_ZEROS

    def test_a_closure_is_an_error(data):
        model = net()
        parameters = [v.value for v in model.trainable_variables]
        optimizer = torch.optim.LBFGS(parameters)
        pruner = SLRPruner(0.9, optimizer=optimizer)
        pruner.begin(model, total_steps=24)
        with pytest.raises(ValueError, match="closure"):
            optimizer.step(lambda: torch.zeros(()))
