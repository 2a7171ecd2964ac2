"""Masks that hold pruned weights at zero in further training."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from keras_slr import backend
from keras_slr.backend import apply_mask
from keras_slr.checkpoints.state_in_optimizer import PRUNED
from keras_slr.checkpoints.state_in_optimizer import CarriedSlots
from keras_slr.checkpoints.state_in_optimizer import check_free
from keras_slr.keras_internals.variables import layout_of
from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr.models.weight_values import zeros_of
from keras_slr.selection import kernels_of
from keras_slr.training.coverage import Coverage
from keras_slr.training.hook import zeros_hooks
from keras_slr.training.lent_variables import Lender
from keras_slr.training.new_trace import NewTrace
from keras_slr.training.optimizers import Optimizers
from keras_slr.training.watched_steps import WatchedSteps


class Masks:
    """Holds the zeros of some weights in every step of the optimizers.

    Args:
        model: Keras model, built.
        variables: List of Keras variables; entries that are zero stay zero.
        optimizers: `training.optimizers.Optimizers`.
        position: See `checkpoints.state_in_optimizer.Carrier`. Defaults to
            `None`.
        rates: Dict of floats, `training.run.Run.rates` of a run that has
            ended. Defaults to `None`.

    Attributes:
        optimizers: As given.
        coverage: `training.coverage.Coverage`.
    """

    def __init__(self, model, variables, optimizers, position=None, rates=None):
        self._variables = variables
        self.optimizers = optimizers
        base = optimizers.base
        check_free(optimizers, model)
        with backend.variable_scope(base):
            self._masks = [
                base.add_variable(
                    v.shape,
                    dtype=v.dtype,
                    name=f"{v.path.replace('/', '_')}_mask",
                    layout=layout_of(v),
                )
                for v in variables
            ]
        self.renew()
        self._averages = optimizers.averages(variables)
        self._lender = Lender(model, optimizers, self._masks)
        self._trace = NewTrace(model)
        self._hooks = zeros_hooks(
            optimizers, variables, self._masks, self._lender.lend
        )
        self.coverage = Coverage(self._hooks, variables, optimizers)
        self._carried = CarriedSlots(
            optimizers.outer,
            base,
            self._masks,
            get_scalars=lambda: {PRUNED: 1.0, **(rates or {})},
            set_scalars=lambda scalars: None,
            owner=self,
            position=position,
        )

    @property
    def hold(self):
        """Whether every masked entry is zero."""
        return not any(
            bool(ops.any(ops.where(ops.not_equal(mask.value, 0), 0, v.value)))
            for v, mask in zip(self._variables, self._masks)
        )

    def renew(self):
        """Masks the entries that are zero now."""
        for v, mask in zip(self._variables, self._masks):
            mask.assign(ops.cast(ops.not_equal(v.value, 0), mask.dtype))

    def attach(self):
        self.enforce()
        self._hooks.attach()
        self._lender.attach()
        self._carried.attach()
        self._trace.attach()

    def detach(self):
        self.enforce()
        self._hooks.detach()
        self._lender.detach()
        # The user's own step may have been traced with the masks.
        for mask in self._masks:
            backend.fill(mask, 1.0)
        self._carried.detach()
        self._trace.detach()

    def enforce(self):
        """Sets every masked entry to `0.0` once, outside a train step."""
        for variables in (self._variables, self._averages):
            for variable, mask in zip(variables, self._masks):
                apply_mask(variable, ops.not_equal(mask.value, 0))


@contextlib.contextmanager
def keep_masks(model: keras.Model, optimizer: Any = None) -> Iterator[Masks]:
    """Holds the zeros of a pruned model while it trains further.

    Every zero of a kernel on entry is a zero afterwards, with any optimizer,
    also with momentum, weight decay and moving averages. Compile the model
    before.

    ```python
    model.compile("adam", "mse")
    with keras_slr.keep_masks(model):
        model.fit(x, y, epochs=3)
    ```

    Args:
        model: Keras model, compiled and built.
        optimizer: The optimizer that trains the model, or a list of them, if
            it is not that of `compile`, see `SLRPruner`. Defaults to `None`.

    Raises:
        TypeError: If the model is not a Keras 3 model, or `optimizer` is
            not an optimizer.
        ValueError: If the model is not compiled or not built, has no kernel
            with zeros, was compiled again inside the block, or is trained
            with another optimizer.
    """
    check_model(model)
    check_built(model)
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
    optimizers = Optimizers(model, optimizer)
    optimizers.check_training(variables)
    masks = Masks(model, variables, optimizers)
    masks.attach()
    masks.coverage.begin()

    def check(values=None):
        if model.optimizer is not optimizers.compiled:
            raise ValueError(
                "Expected the optimizer that the model had on entry. Received "
                "a model compiled again inside `keep_masks`: compile it "
                "before."
            )
        if values is None or masks.coverage.due():
            masks.coverage.check(values)

    steps = WatchedSteps(model, check)
    steps.attach()
    try:
        yield masks
        check()
    finally:
        steps.detach()
        masks.detach()
