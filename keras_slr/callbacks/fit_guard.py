"""Tells the calls on a model apart that come while a run is attached to it.

No callback hears of a `fit` that ends in an exception. What a run has hung on
the optimizer would then act in the next `fit`, even in one without the
callback. Every `fit` calls `make_train_function` after the callbacks'
`set_model`; the guard stands there and knows whether its callback is part of
this `fit`. Loops around `train_on_batch` call it in every step.
"""

import warnings

from keras_slr.callbacks.callback_lists import callback_lists
from keras_slr.keras_internals.instance_patch import InstancePatch


class FitGuard:
    """Calls `shed` when a `fit` begins that its callback is not part of.

    Args:
        model: Keras model.
        owner: The callback.
        shed: Function without arguments.

    Attributes:
        armed: Whether training with the callback is about to begin.
        begun: Whether it has begun.
        waiting: Callback whose `set_model` was called while the owner was
            training, or `None`: it is part of a new `fit` if
            `make_train_function` comes next, and of `evaluate` otherwise.
    """

    def __init__(self, model, owner, shed):
        self._model = model
        self._owner = owner
        self._shed_owner = shed
        self._by_hand = False
        self._history = None
        self._patch = InstancePatch(model, "make_train_function", self._guarded)
        self.armed = False
        self.begun = False
        self.waiting = None

    @staticmethod
    def of(model):
        """Returns the guard that stands on a model, or `None`."""
        guard = getattr(model.make_train_function, "guard", None)
        # A later patch may have copied the attribute and outlived the guard.
        stands = guard is not None and guard._patch.attached
        return guard if stands else None

    @staticmethod
    def clear(model, owner):
        """Sheds what a dead `fit` has left on `model`.

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
        guard._shed()
        if second:
            raise _second(model)

    def wait(self, callback):
        """Leaves open what a `set_model` in the middle of training begins.

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
                self._shed()
            return base(force)

        make_train_function.guard = self
        return make_train_function

    def arm(self):
        """Says that the callback is part of the `fit` that begins."""
        self.armed = True

    def begin(self, by_hand):
        """Says that the training has begun.

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
            # Every `fit` brings a history of its own.
            return getattr(self._model, "history", None) is self._history
        # Another callback of the `fit` may train on a batch of its own.
        return any(self._owner in each.callbacks for each in callback_lists())

    def _shed(self):
        if not self.armed:
            warnings.warn(
                f"A pruning run on `{self._model.name}` that did not come to "
                "its end is not part of this fit: what it had left is "
                "removed, the weights stay as they were trained.",
                stacklevel=4,
            )
        self.detach()
        self._shed_owner()

    def retrace(self):
        """Makes a `fit` that is under way take up the new train step."""
        self._model.make_train_function(force=True)


def _second(model):
    return ValueError(
        "Expected one pruning callback in a fit. Received a second one for "
        f"`{model.name}`: list a single SLRCallback."
    )
