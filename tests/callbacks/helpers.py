"""Helpers of the tests of callbacks."""

from keras_slr import SLR
from keras_slr.schedules import Constant
from tests.helpers import zeros

# The first two kernels of the test model are pruned. They have 640 and 512
# entries. The ratio of their ERK densities is (20 + 32) / 640 to (32 + 16) /
# 512, so they keep 59.9 and 55.3 of the 115.2 entries that stay.
EXPECTED_ZEROS = [580, 457]
# With a learning rate of 1e-3 each step takes a fifth of the way to Z.
STRONG = SLR.coupled(rho=Constant(200.0), stepsize=1e-5)


def pruned_zeros(model):
    return [zeros(layer.kernel) for layer in model.layers[:2]]


def assert_untouched(model):
    """Asserts that a run has left no trace on a model."""
    for optimizer in {
        model.optimizer,
        getattr(model.optimizer, "inner_optimizer", model.optimizer),
    }:
        for name in ("apply", "slr_state", "save_own_variables"):
            assert name not in vars(optimizer)
        assert not [v for v in optimizer.variables if "slr" in v.path]
    for name in ("make_train_function", "save", "save_weights"):
        assert name not in vars(model)
