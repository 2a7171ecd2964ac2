"""Helpers of the tests of callbacks."""

from keras_slr import SLR
from keras_slr.schedules import Constant
from tests.helpers import zeros

# The first two kernels of the test model are pruned, of 640 and 512 entries. At
# the default rate of 0.9, a tenth of them stays.
EXPECTED_ZEROS = 1037
# With a learning rate of 1e-3 each step takes a fifth of the way to Z.
STRONG = SLR.coupled(rho=Constant(200.0), stepsize=1e-5)


def pruned_zeros(model):
    return sum(zeros(layer.kernel) for layer in model.layers[:2])


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
