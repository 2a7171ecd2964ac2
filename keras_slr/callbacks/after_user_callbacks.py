"""Runs functions after all callbacks of the user.

`fit` appends its History callback behind the user's callbacks and before the
progress bar. Functions attached to that History run after all of them, in
whatever order they were listed.
"""

from keras_slr.keras_internals.instance_patch import InstancePatch


class AfterUserCallbacks:
    """Attaches functions to the History callback of a running `fit`.

    Args:
        history: `keras.callbacks.History` of the model.
        **hooks: Functions by the name of a hook of callbacks, such as
            `on_epoch_end`, and with its arguments. Each is called after that
            hook of all callbacks of the user: after a `BackupAndRestore` has
            restored a checkpoint, or an `EarlyStopping` the best weights.

    Attributes:
        alive: Whether the History takes part in the `fit` that runs. With a
            `CallbackList` that has none, the model still has that of an
            earlier `fit`.
    """

    def __init__(self, history, **hooks):
        self._patches = [
            InstancePatch(history, name, self._followed_by(hook))
            for name, hook in hooks.items()
        ]
        self.alive = False

    def attach(self):
        for patch in self._patches:
            patch.attach()

    def detach(self):
        for patch in self._patches:
            patch.detach()

    def _followed_by(self, hook):
        def replace(record):
            def both(*args, **kwargs):
                self.alive = True
                record(*args, **kwargs)
                hook(*args, **kwargs)

            return both

        return replace
