"""Hooks on the step of an optimizer, through which every weight update goes.

All training loops of all backends call `optimizer.apply`: `fit` with Keras's
or the user's own `train_step`, and hand-written loops; those of PyTorch may
call `step`. The hook changes the gradients before clipping and accumulation,
as if the penalty were part of the loss. The reported loss stays the task loss.
"""

from keras_slr import backend
from keras_slr.keras_internals.instance_patch import InstancePatch
from keras_slr.keras_internals.optimizers import trained_variables
from keras_slr.solvers import forms
from keras_slr.training import latent_weights
from keras_slr.training.by_form import form_of
from keras_slr.training.optimizer_parts import averages_of
from keras_slr.training.optimizer_parts import holds


class Hooks:
    """The hooks of one run on all optimizers that train its weights.

    Args:
        optimizers: `training.optimizers.Optimizers`.
        variables: List of the Keras variables that the hooks act on.
        make: Function of one optimizer that returns a pair: `before`, a
            function of gradients and of the indices of their variables that
            returns the new gradients, and `after`, a function of such indices
            that runs after the update.
        lend: Function that runs before an optimizer that borrows variables of
            the run uses them. Defaults to `None`.

    Attributes:
        passed: Set of the indices of the variables that were updated, or
            whose update was traced, with a hook.
    """

    def __init__(self, optimizers, variables, make, lend=None):
        self.passed = set()
        self._hooks = []
        for optimizer in optimizers.acting:
            keys = {
                id(v): i for i, v in enumerate(variables) if holds(optimizer, v)
            }
            on_torch = backend.is_torch_optimizer(optimizer)
            kind = StepHook if on_torch else ApplyHook
            hook = kind(optimizer, variables, keys, *make(optimizer))
            hook.passed = self.passed
            if optimizer in optimizers.borrowing:
                hook.lend = lend
            self._hooks.append(hook)

    def attach(self):
        for hook in self._hooks:
            hook.attach()

    def detach(self):
        for hook in self._hooks:
            hook.detach()


class ApplyHook:
    """Wraps `optimizer.apply`, on the instance.

    Args:
        optimizer: Keras optimizer that takes its steps itself, built.
        variables: See `Hooks`.
        keys: Dict of the indices of the variables by their `id`.
        before: See `Hooks`.
        after: See `Hooks`.
    """

    lend = None

    def __init__(self, optimizer, variables, keys, before, after):
        self._optimizer = optimizer
        self._keys = keys
        self._before = before
        self._after = after
        self._patch = InstancePatch(optimizer, "apply", self._hooked)

    def attach(self):
        self._patch.attach()

    def detach(self):
        self._patch.detach()

    def _hooked(self, base):
        def apply(grads, trainable_variables=None):
            if trainable_variables is None:
                variables = trained_variables(self._optimizer)
            else:
                trainable_variables = list(trainable_variables)
                variables = trainable_variables
            passing = [
                self._keys[id(v)] for v in variables if id(v) in self._keys
            ]
            if not passing:
                return base(grads, trainable_variables)
            self.passed.update(passing)
            if self.lend is not None:
                self.lend()
            amended = self._amend(list(grads), variables)
            result = base(amended, trainable_variables)
            self._after(passing)
            return result

        return apply

    def _amend(self, grads, variables):
        found = [
            (i, self._keys[id(v)])
            for i, (v, g) in enumerate(zip(variables, grads))
            if g is not None and id(v) in self._keys
        ]
        if not found:
            return grads
        amended = self._before(
            [grads[i] for i, _ in found], [key for _, key in found]
        )
        for (i, _), gradient in zip(found, amended):
            grads[i] = gradient
        return grads


class StepHook:
    """Registers hooks on the `step` of an optimizer of PyTorch.

    Args:
        optimizer: Optimizer of `torch.optim`.
        variables: See `Hooks`.
        keys: See `ApplyHook`.
        before: See `Hooks`.
        after: See `Hooks`.
    """

    def __init__(self, optimizer, variables, keys, before, after):
        self._optimizer = optimizer
        self._weights = {key: variables[key].value for key in keys.values()}
        self._before = before
        self._after = after

    def attach(self):
        self._handles = [
            self._optimizer.register_step_pre_hook(self._enter),
            self._optimizer.register_step_post_hook(self._leave),
        ]

    def detach(self):
        for handle in self._handles:
            handle.remove()

    def _enter(self, optimizer, args, kwargs):
        if any(callable(each) for each in (*args, *kwargs.values())):
            raise ValueError(
                "Expected `step()` without a closure. Received one for "
                f"{type(optimizer).__name__}: call the closure yourself "
                "before `step()`, so that the gradients exist by then."
            )
        self.passed.update(self._weights)
        keys = [k for k, w in self._weights.items() if w.grad is not None]
        gradients = [self._weights[key].grad for key in keys]
        if keys:
            gradients = self._before(gradients, keys)
        for key, gradient in zip(keys, gradients):
            self._weights[key].grad = gradient

    def _leave(self, optimizer, args, kwargs):
        self._after(list(self._weights))


def hooks_for(optimizers, split, acts_on, lend):
    """Returns the hooks of a method.

    Args:
        optimizers: `training.optimizers.Optimizers`.
        split: `training.split.Split`.
        acts_on: See `solvers.Solver`.
        lend: See `Hooks`.
    """
    variables = [slot.w for slot in split.slots]
    if split.form is forms.Masked:
        masks = [slot.a for slot in split.slots]
        return zeros_hooks(optimizers, variables, masks, lend)
    if split.form is forms.Latent:
        return Hooks(optimizers, variables, lambda _: _latent(split), lend)
    make = _pull if acts_on == "weights" else _penalty
    return Hooks(optimizers, variables, lambda each: make(each, split), lend)


def zeros_hooks(optimizers, variables, masks, lend):
    """Returns the hooks that keep masked entries at zero.

    Gradients are masked before the update, so that masked entries count
    neither in clipping nor in the optimizer's moments; weights and their
    moving averages are masked after it, because momentum, weight decay and
    the averages would bring them back.

    Args:
        optimizers: `training.optimizers.Optimizers`.
        variables: List of Keras variables.
        masks: List of Keras variables, one per variable: one to keep an
            entry, zero to hold it at zero.
        lend: See `Hooks`.
    """

    def make(optimizer):
        held = [i for i, v in enumerate(variables) if holds(optimizer, v)]
        held_variables = [variables[i] for i in held]
        averages = averages_of(optimizer, held_variables)
        held_masks = [masks[i] for i in held]

        def before(gradients, keys):
            return backend.mask_gradients(
                gradients, [masks[key] for key in keys]
            )

        def after(keys):
            backend.mask_variables(
                held_variables + averages,
                held_masks + held_masks[: len(averages)],
            )

        return before, after

    return Hooks(optimizers, variables, make, lend)


def _latent(split):
    """Lets the optimizer train other weights than the model computes with."""
    entered = []

    def before(gradients, keys):
        entered[:] = [split.slots[key] for key in keys]
        return latent_weights.enter(gradients, entered)

    def after(keys):
        del keys
        # A weight without a gradient holds what the model computes with.
        latent_weights.leave(entered)

    return before, after


def _pull(optimizer, split):
    """Takes a proximal step after each update."""

    def after(keys):
        slots = [split.slots[key] for key in keys]
        backend.pull(
            [slot.w for slot in slots],
            [slot.c for slot in slots],
            [form_of(split, s).strength(s, split.rho) for s in slots],
            split.rho,
        )

    return (lambda gradients, keys: gradients), after


def _penalty(optimizer, split):
    """Adds the gradient of SLR's penalty."""

    def before(gradients, keys):
        slots = [split.slots[key] for key in keys]
        # Replicas sum their gradients. A loss scale set by hand is divided
        # out of the gradients later.
        loss_scale = getattr(optimizer, "loss_scale_factor", None) or 1.0
        return backend.add_penalty(
            gradients,
            [slot.w for slot in slots],
            [slot.c for slot in slots],
            [form_of(split, s).strength(s, split.rho) for s in slots],
            split.rho,
            loss_scale / backend.replicas(),
        )

    return before, lambda keys: None
