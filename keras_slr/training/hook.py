"""A hook on the optimizer's `apply`, the one way into every weight update.

All training loops of all backends end in `optimizer.apply`: `fit` with
Keras's or the user's own `train_step`, and hand-written loops. Gradients are
amended there, before clipping and accumulation, exactly as if a penalty had
been part of the loss, while the reported loss stays the task loss.
"""

from keras_slr.solvers import forms
from keras_slr.training import backend


def base_optimizer(optimizer):
    """Returns the optimizer that updates the weights.

    Inside a `LossScaleOptimizer` that is the inner one, which receives
    unscaled gradients.
    """
    return getattr(optimizer, "inner_optimizer", optimizer)


class ApplyHook:
    """Calls `before` and `after` around `optimizer.apply`, on the instance.

    Args:
        optimizer: Keras optimizer as returned by `base_optimizer`, built.
        variables: List of Keras variables that the hook is about.
        before: Function of the list of their gradients that returns the
            amended list.
        after: Function without arguments, called after the update, or
            `None`. Defaults to `None`.

    Attributes:
        entered: Whether a step has come, or was traced, through the hook.
    """

    def __init__(self, optimizer, variables, before, after=None):
        self._optimizer = optimizer
        self._keys = {id(v): i for i, v in enumerate(variables)}
        self._before = before
        self._after = after
        self.entered = False

    def attach(self):
        base = self._optimizer.apply

        def apply(grads, trainable_variables=None):
            if trainable_variables is None:
                variables = self._optimizer._trainable_variables
            else:
                trainable_variables = list(trainable_variables)
                variables = trainable_variables
            self.entered = True
            amended = self._amend(list(grads), variables)
            result = base(amended, trainable_variables)
            if self._after is not None:
                self._after()
            return result

        self._optimizer.apply = apply

    def detach(self):
        self._optimizer.__dict__.pop("apply", None)

    def _amend(self, grads, variables):
        places = [
            (i, self._keys[id(v)])
            for i, (v, g) in enumerate(zip(variables, grads))
            if g is not None and id(v) in self._keys
        ]
        if not places:
            return grads
        amended = self._before(
            [grads[i] for i, _ in places], [key for _, key in places]
        )
        for (i, _), gradient in zip(places, amended):
            grads[i] = gradient
        return grads


def hook_for(optimizer, split, acts_on, averages):
    """Returns the hook of a method.

    Args:
        optimizer: Keras optimizer as returned by `base_optimizer`, built.
        split: `training.split.Split`.
        acts_on: See `solvers.Solver`.
        averages: List of the optimizer's moving averages of the pruned
            weights, empty if it keeps none.
    """
    if split.form is forms.Masked:
        return zeros_hook(
            optimizer,
            [slot.w for slot in split.slots],
            [slot.a for slot in split.slots],
            averages,
        )
    if acts_on == "weights":
        return pull_hook(optimizer, split)
    return penalty_hook(optimizer, split)


def zeros_hook(optimizer, variables, masks, averages):
    """Returns the hook that keeps masked entries at zero.

    Gradients are masked before the update, so that masked entries count
    neither in clipping nor in the optimizer's moments; weights and their
    moving averages are masked after it, because momentum, weight decay and
    the averages would bring them back.

    Args:
        optimizer: Keras optimizer as returned by `base_optimizer`, built.
        variables: List of Keras variables.
        masks: List of Keras variables, one per variable: one to keep an
            entry, zero to hold it at zero.
        averages: See `hook_for`.
    """

    def before(gradients, keys):
        return backend.mask_gradients(gradients, [masks[key] for key in keys])

    def after():
        backend.mask_variables(
            variables + averages, masks + masks[: len(averages)]
        )

    return ApplyHook(optimizer, variables, before, after)


def pull_hook(optimizer, split):
    """Returns the hook that takes a proximal step after each update."""

    def pull():
        backend.pull(
            [slot.w for slot in split.slots],
            [slot.c for slot in split.slots],
            [split.strength(slot) for slot in split.slots],
            split.rho,
        )

    variables = [slot.w for slot in split.slots]
    return ApplyHook(optimizer, variables, lambda grads, keys: grads, pull)


def penalty_hook(optimizer, split):
    """Returns the hook that adds the gradient of SLR's penalty."""

    def add(gradients, keys):
        slots = [split.slots[key] for key in keys]
        # Replicas sum their gradients; a loss scale set by hand is divided
        # out of the gradients later.
        scale = (optimizer.loss_scale_factor or 1.0) / backend.replicas()
        return backend.add_penalty(
            gradients,
            [slot.w for slot in slots],
            [slot.c for slot in slots],
            [split.strength(slot) for slot in slots],
            split.rho,
            scale,
        )

    return ApplyHook(optimizer, [slot.w for slot in split.slots], add)
