"""Work that has to come after all callbacks of the user.

`fit` appends its History callback behind the user's callbacks and before the
progress bar. Work hung on that History runs where no callback of the user's
could put it, whatever order they were listed in.
"""

_HOOKS = ("on_train_begin", "on_epoch_end", "on_train_end")


class Tail:
    """Hangs functions on the History callback of a running `fit`.

    Args:
        history: `keras.callbacks.History` of the model.
        on_train_begin: Function without arguments, called when the callbacks
            of the user have begun, such as a `BackupAndRestore`.
        on_epoch_end: Function of the epoch's logs, called before the
            progress bar prints them.
        on_train_end: Function without arguments, called when the callbacks
            of the user have ended, such as an `EarlyStopping` that brings
            the best weights back.

    Attributes:
        alive: Whether the History takes part in the `fit` that runs; a list
            of callbacks made without one leaves that of an earlier `fit`.
    """

    def __init__(self, history, on_train_begin, on_epoch_end, on_train_end):
        self._history = history
        self._on_train_begin = on_train_begin
        self._on_epoch_end = on_epoch_end
        self._on_train_end = on_train_end
        self.alive = False

    def attach(self):
        begin, record, end = (getattr(self._history, name) for name in _HOOKS)

        def on_train_begin(logs=None):
            begin(logs)
            self._on_train_begin()

        def on_epoch_end(epoch, logs=None):
            self.alive = True
            record(epoch, logs)
            self._on_epoch_end(logs)

        def on_train_end(logs=None):
            end(logs)
            self.detach()
            self._on_train_end()

        self._history.on_train_begin = on_train_begin
        self._history.on_epoch_end = on_epoch_end
        self._history.on_train_end = on_train_end

    def detach(self):
        for name in _HOOKS:
            self._history.__dict__.pop(name, None)
