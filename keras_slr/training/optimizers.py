"""The optimizers that train a model's pruned weights.

Most models have one, that of `compile`. The user's own `train_step` or loop
may train with others: the two of a GAN, or one of PyTorch.
"""

import keras

from keras_slr import backend
from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr.training.optimizer_parts import averages_of
from keras_slr.training.optimizer_parts import base_optimizer
from keras_slr.training.optimizer_parts import holds
from keras_slr.training.optimizer_parts import steppers


class Optimizers:
    """The optimizers whose steps a run hooks.

    It builds them before the run adds its variables, so that the optimizers'
    own variables keep their order in saved files.

    Args:
        model: Keras model, built.
        given: Optimizer of Keras or of PyTorch, or a list of them. Defaults
            to `None`, the one that the model is compiled with.
        inside_step: Boolean, whether the model's own `train_step` trains, as
            in `fit`, and not the user's own loop. On JAX such a step gets the
            variables of `model.optimizer` and of no other optimizer; a loop
            passes every optimizer its own. Defaults to `True`.

    Attributes:
        compiled: The optimizer that the model is compiled with, or `None`.
        outer: Keras optimizer that holds the variables of the run.
        base: `outer` without a wrapper for loss scaling.
        acting: List of the optimizers that take the steps.
        borrowing: List of those that need the variables of `outer` and
            cannot reach them: on JAX all others.

    Raises:
        TypeError: If `given` has something that is not an optimizer.
        ValueError: If the model is not built, there is no optimizer, the list
            of them is empty, or there are several in a loop on JAX.
    """

    def __init__(self, model, given=None, inside_step=True):
        check_model(model)
        check_built(model)
        self.compiled = getattr(model, "optimizer", None)
        if given is None:
            given = [_compiled(model)]
        elif not isinstance(given, (list, tuple)):
            given = [given]
        elif not given:
            raise ValueError(
                "Expected one or several optimizers. Received an empty list: "
                "pass those that train the model, or omit `optimizer`."
            )
        of_keras = [each for each in given if _is_of_keras(each)]
        # Before those that are not built yet get all weights.
        self._for_a_part = [
            each
            for each in given
            if getattr(each, "built", True)
            and not all(map(_holder(each), model.trainable_variables))
        ]
        holders = list(of_keras)
        if self.compiled is not None and (inside_step or not holders):
            holders.insert(0, self.compiled)
        self.outer = holders[0] if holders else keras.optimizers.SGD()
        for each in [self.outer, *of_keras]:
            _build(each, model)
        self.base = base_optimizer(self.outer)
        self.acting = _distinct(s for each in given for s in steppers(each))
        own = steppers(self.outer)
        self.borrowing = []
        if backend.STEPS_ARE_STATELESS:
            self.borrowing = [each for each in self.acting if each not in own]
        if self.borrowing and not inside_step:
            raise ValueError(
                "Expected one optimizer in a loop on JAX, where every "
                f"optimizer gets its own variables. Received {len(given)}: "
                "use an SLRPruner for each, with the weights it prunes as "
                "`include`."
            )

    @property
    def all_of_keras(self):
        """List of the Keras optimizers that hold or train something."""
        return _distinct(
            each
            for each in [self.base, *self.acting]
            if not backend.is_torch_optimizer(each)
        )

    def training(self, variable):
        """Returns the first optimizer that trains a variable, or `None`."""
        return next((o for o in self.acting if holds(o, variable)), None)

    def await_turn(self, variable):
        """Returns whether a weight may wait for an optimizer of its part.

        An optimizer that holds all weights need not train all of them.
        """
        return any(_holder(each)(variable) for each in self._for_a_part)

    def check_training(self, weights):
        """Raises a `ValueError` if none of them trains some weight.

        Args:
            weights: List of `selection.Weight`, or of Keras variables.
        """
        left = [
            weight.path
            for weight in weights
            if self.training(getattr(weight, "variable", weight)) is None
        ]
        if left:
            raise ValueError(
                "Expected optimizers that train all pruned weights. Received "
                f"{_names(self.acting)} without {and_more(left)}: pass "
                "the optimizers that train them as `optimizer`, or leave "
                "them out with `exclude`."
            )

    def averages(self, variables):
        """Returns the moving averages of variables.

        Returns:
            List as long as `variables`, with the variable itself where an
            optimizer keeps no average of it; empty if none keeps any.
        """
        found = []
        for variable in variables:
            average = averages_of(self.training(variable), [variable])
            found.append(average[0] if average else variable)
        if all(a is v for a, v in zip(found, variables)):
            return []
        return found

    def __str__(self):
        return _names(self.acting)


def and_more(paths):
    """Returns the first path, and the number of the others."""
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"`{paths[0]}`{more}"


def _holder(optimizer):
    """Returns a function of a variable: whether the optimizer holds it."""
    return lambda v: any(holds(step, v) for step in steppers(optimizer))


def _compiled(model):
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        raise ValueError(
            f"Expected a compiled model. Received `{model.name}` without an "
            "optimizer: call `model.compile(...)` first, or pass `optimizer`."
        )
    return optimizer


def _is_of_keras(optimizer):
    if isinstance(optimizer, keras.optimizers.Optimizer):
        return True
    if backend.is_torch_optimizer(optimizer):
        return False
    raise TypeError(
        "Expected `optimizer` to be a Keras optimizer, on PyTorch also one of "
        f"`torch.optim`, or a list of them. Received: {optimizer!r}."
    )


def _build(optimizer, model):
    if not optimizer.built:
        backend.build(optimizer, model.trainable_variables)
    for each in steppers(optimizer):
        if getattr(each, "use_ema", False):
            backend.unshare(model.trainable_variables)


def _distinct(optimizers):
    return list({id(each): each for each in optimizers}.values())


def _names(optimizers):
    return ", ".join(type(each).__name__ for each in optimizers)
