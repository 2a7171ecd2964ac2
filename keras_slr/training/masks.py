"""Masks that hold pruned weights at zero while training goes on."""

import contextlib

from keras import ops

from keras_slr.selection import kernels_of
from keras_slr.training import backend
from keras_slr.training.arrays import zeros_of
from keras_slr.training.carrier import PRUNED
from keras_slr.training.carrier import CarriedSlots
from keras_slr.training.carrier import check_free
from keras_slr.training.hook import base_optimizer
from keras_slr.training.hook import zeros_hook
from keras_slr.training.model_state import built_optimizer


class Masks:
    """Keeps the zeros of some weights through every step of an optimizer.

    Args:
        model: Keras model, compiled and built.
        variables: List of Keras variables; entries that are zero now stay so.
        place: See `training.carrier.Carrier`. Defaults to `None`.
    """

    def __init__(self, model, variables, place=None):
        self._model = model
        self._variables = variables
        outer = built_optimizer(model)
        base = base_optimizer(outer)
        check_free(base, model)
        with backend.variable_scope(base):
            self._masks = [
                base.add_variable(
                    v.shape,
                    dtype=v.dtype,
                    name=f"{v.path.replace('/', '_')}_mask",
                    layout=getattr(v, "_layout", None),
                )
                for v in variables
            ]
        for v, mask in zip(variables, self._masks):
            mask.assign(ops.cast(ops.not_equal(v.value, 0), mask.dtype))
        self._averages = averages_of(base, variables)
        self._hook = zeros_hook(base, variables, self._masks, self._averages)
        self._carried = CarriedSlots(
            outer,
            base,
            self._masks,
            get_scalars=lambda: {PRUNED: 1.0},
            set_scalars=lambda scalars: None,
            owner=self,
            place=place,
        )

    @property
    def optimizer(self):
        """The model's optimizer that enforces the masks."""
        return self._carried.optimizer

    def attach(self):
        self.enforce()
        self._hook.attach()
        self._carried.attach()
        # A step compiled before does not know the hook.
        self._model.train_function = None

    def detach(self):
        self.enforce()
        self._hook.detach()
        # For a step of the user's own that was traced with the masks.
        for mask in self._masks:
            backend.fill(mask, 1.0)
        self._carried.detach()
        self._model.train_function = None

    def enforce(self):
        """Sets every masked entry to `0.0` once, outside a train step."""
        for variables in (self._variables, self._averages):
            for variable, mask in zip(variables, self._masks):
                apply_mask(variable, ops.not_equal(mask.value, 0))


def averages_of(optimizer, variables):
    """Returns the moving averages that an optimizer keeps of `variables`.

    Empty unless the optimizer was made with `use_ema=True`.
    """
    if not getattr(optimizer, "use_ema", False):
        return []
    return [
        optimizer._model_variables_moving_average[
            optimizer._get_variable_index(v)
        ]
        for v in variables
    ]


def apply_mask(variable, keep):
    """Sets the entries of a variable to `0.0` where `keep` is false.

    Args:
        variable: Keras variable.
        keep: Boolean array, NumPy or of the backend, of as many entries.
    """
    keep = ops.reshape(keep, variable.shape)
    zero = ops.zeros((), variable.dtype)
    variable.assign(ops.where(keep, variable.value, zero))


@contextlib.contextmanager
def keep_masks(model):
    """Keeps the zeros of a pruned model while it is trained on.

    Every kernel that has zeros on entry has them afterwards, exactly,
    whatever the optimizer, also with momentum, weight decay and moving
    averages. Compile the model before.

    ```python
    model.compile("adam", "mse")
    with keras_slr.keep_masks(model):
        model.fit(x, y, epochs=3)
    ```

    Args:
        model: Keras model, compiled and built.

    Raises:
        ValueError: If the model is not compiled or not built, has no kernel
            with zeros, or was compiled again inside the block.
    """
    variables = [
        kernel.variable
        for kernel in kernels_of(model)
        if kernel.variable.trainable
        and 0 < zeros_of(kernel.variable) < kernel.size
    ]
    if not variables:
        raise ValueError(
            "Expected a pruned model. Received one whose kernels have no "
            "zeros: prune it first, with `SLRCallback` or `hard_prune`."
        )
    masks = Masks(model, variables)
    masks.attach()
    try:
        yield masks
    finally:
        masks.detach()
    if model.optimizer is not masks.optimizer:
        raise ValueError(
            "Expected the optimizer that the model had on entry. Received a "
            "model compiled again inside `keep_masks`: its zeros were "
            "restored at the end but not kept in training; compile it before."
        )
