"""Removes the leftovers of a `fit` that raised.

No callback learns of a `fit` that raised. The hooks that a run attached to the
optimizer would then act in the next `fit`, even in one without the callback.
Every `fit` calls `make_train_function` after the callbacks' `set_model`. The
guard wraps that method and knows whether its callback is part of this `fit`.
Loops around `train_on_batch` call it in every step.
"""

import warnings

from keras_slr.callbacks.callback_lists import callback_lists
from keras_slr.keras_internals.instance_patch import InstancePatch


class FitGuard:
    """Calls `abandon` when a `fit` without its callback begins.

    Args:
        model: Keras model.
        owner: The callback.
        abandon: Function without arguments that removes the callback's run.

    Attributes:
        armed: Whether training with the callback is about to begin.
        begun: Whether it has begun.
        waiting: Callback whose `set_model` was called while the owner was
            training, or `None`. It is part of a new `fit` if
            `make_train_function` is called next, and of `evaluate`
            otherwise.
    """

    def __init__(self, model, owner, abandon):
        self._model = model
        self._owner = owner
        self._abandon_owner = abandon
        self._by_hand = False
        self._history = None
        self._patch = InstancePatch(model, "make_train_function", self._guarded)
        self.armed = False
        self.begun = False
        self.waiting = None

    @staticmethod
    def of(model):
        """Returns the guard attached to a model, or `None`."""
        guard = getattr(model.make_train_function, "guard", None)
        # A later patch may have copied the attribute and outlived the guard.
        stands = guard is not None and guard._patch.attached
        return guard if stands else None

    @staticmethod
    def clear(model, owner):
        """Removes the leftovers of a `fit` that raised from `model`.

        Args:
            model: Keras model.
            owner: The callback that is about to take over.

        Raises:
            ValueError: If another callback is part of the `fit` that begins.
        """
        guard = FitGuard.of(model)
        if guard is None:
            return
        second = guard.armed and guard._owner is not owner
        guard._abandon()
        if second:
            raise _second(model)

    def wait(self, callback):
        """Defers a callback whose `set_model` came in the middle of training.

        Args:
            callback: A pruning callback, maybe the owner.

        Raises:
            ValueError: If another callback is waiting.
        """
        if self.waiting not in (None, callback):
            self.waiting = None
            raise _second(self._model)
        self.waiting = callback

    def attach(self):
        self._patch.attach()

    def detach(self):
        self._patch.detach()

    def _guarded(self, base):
        def make_train_function(force=False):
            if self.waiting is not None:
                callback, self.waiting = self.waiting, None
                callback.take_over(self._model)
                return self._model.make_train_function(force)
            if self.armed:
                self.begin(by_hand=False)
            elif not force and not self._training():
                self._abandon()
            return base(force)

        make_train_function.guard = self
        return make_train_function

    def arm(self):
        """Notes that the callback is part of the `fit` about to begin."""
        self.armed = True

    def begin(self, by_hand):
        """Notes that training has begun.

        Args:
            by_hand: Boolean, whether a loop calls the callback, not `fit`.
        """
        self.armed = False
        self.begun = True
        self._by_hand = by_hand
        self._history = getattr(self._model, "history", None)

    def _training(self):
        """Whether this is a step of the training that has begun."""
        if self._by_hand:
            # Every `fit` has a new history.
            return getattr(self._model, "history", None) is self._history
        # Another callback of the `fit` may train on a batch of its own.
        return any(self._owner in each.callbacks for each in callback_lists())

    def _abandon(self):
        if not self.armed:
            warnings.warn(
                f"A pruning run on `{self._model.name}` did not come to its "
                "end and is not part of this fit: its hooks are removed, the "
                "weights stay as trained.",
                stacklevel=4,
            )
        self.detach()
        self._abandon_owner()

    def retrace(self):
        """Makes a running `fit` use the new train step."""
        self._model.make_train_function(force=True)


def _second(model):
    return ValueError(
        "Expected one pruning callback in a fit. Received a second one for "
        f"`{model.name}`: list a single SLRCallback."
    )
