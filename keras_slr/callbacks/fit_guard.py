"""Sheds what a `fit` that died has left on a model.

No callback is told when training ends in an exception. What it hung on the
optimizer would then act in the next `fit`, even in one without the callback.
Every `fit` calls `make_train_function` after the callbacks' `set_model`;
the guard stands there and knows whether its callback is part of this `fit`.
"""

import warnings


class FitGuard:
    """Calls `shed` when a `fit` begins in which `arm` was not called.

    Args:
        model: Keras model.
        owner: The callback.
        shed: Function without arguments.

    Attributes:
        armed: Whether a `fit` with the callback is about to begin.
    """

    def __init__(self, model, owner, shed):
        self._model = model
        self._owner = owner
        self._shed_owner = shed
        self.armed = False

    @staticmethod
    def clear(model, owner):
        """Sheds what a dead `fit` has left on `model`.

        Args:
            model: Keras model.
            owner: The callback that is about to take over.

        Raises:
            ValueError: If another callback is part of the `fit` that begins.
        """
        guard = getattr(model.make_train_function, "guard", None)
        if guard is None:
            return
        rival = guard.armed and guard._owner is not owner
        guard._shed()
        if rival:
            raise ValueError(
                "Expected one pruning callback in a fit. Received a second "
                f"one for `{model.name}`: list a single SLRCallback."
            )

    def attach(self):
        base = self._model.make_train_function

        def make_train_function(force=False):
            if self.armed:
                self.armed = False
            elif not force:
                self._shed()
            return base(force)

        make_train_function.guard = self
        # Past the attribute tracking of layers: this is not their state.
        object.__setattr__(
            self._model, "make_train_function", make_train_function
        )

    def arm(self):
        """Says that the callback is part of the `fit` that begins."""
        self.armed = True

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

    def detach(self):
        self._model.__dict__.pop("make_train_function", None)
