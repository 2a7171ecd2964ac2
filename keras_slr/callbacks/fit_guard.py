"""Sheds what a `fit` that died has left on a model.

No callback is told when training ends in an exception. What it hung on the
optimizer would then act in the next `fit`, even in one without the callback.
Every `fit` calls `make_train_function` after the callbacks' `set_model`;
the guard stands there and knows whether its callback is part of this `fit`.
"""


class FitGuard:
    """Calls `shed` when a `fit` begins in which `arm` was not called.

    Args:
        model: Keras model.
        shed: Function without arguments.
    """

    def __init__(self, model, shed):
        self._model = model
        self._shed = shed
        self.armed = False

    @staticmethod
    def clear(model):
        """Sheds what a dead `fit` has left on `model`.

        Raises:
            ValueError: If the guard there belongs to the present `fit`.
        """
        guard = getattr(model.make_train_function, "guard", None)
        if guard is None:
            return
        if guard.armed:
            raise ValueError(
                "Expected one pruning callback in a fit. Received a second "
                f"one for `{model.name}`: list a single SLRCallback."
            )
        guard.detach()
        guard._shed()

    def attach(self):
        base = self._model.make_train_function

        def make_train_function(force=False):
            if self.armed:
                self.armed = False
            elif not force:
                self.detach()
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

    def retrace(self):
        """Makes a `fit` that is under way take up the new train step."""
        self._model.make_train_function(force=True)

    def detach(self):
        self._model.__dict__.pop("make_train_function", None)
