"""All that a run inside `fit` hangs on a model, to be taken off together."""

import contextlib

from keras_slr.backend import apply_mask
from keras_slr.callbacks.after_user_callbacks import AfterUserCallbacks
from keras_slr.callbacks.fit_guard import FitGuard
from keras_slr.checkpoints.atomic_checkpoints import WholeCheckpoints
from keras_slr.checkpoints.snapshot import Snapshot
from keras_slr.models.weight_values import NonFiniteError
from keras_slr.training.masks import Masks


class Attachments:
    """Holds what stands on one model on behalf of one callback.

    Args:
        owner: The callback. Its `abandon` detaches them, too.

    Attributes:
        guard: `FitGuard`, or `None` while nothing is attached.
        masks: `Masks`, or `None` while none are in force.
        masked_run: The run whose zeros `mask` holds, or `None`.
    """

    def __init__(self, owner):
        self._owner = owner
        self._forget()

    def _forget(self):
        self.guard = None
        self.masks = self.masked_run = None
        self._checkpoints = self._snapshot = self._tail = None

    def attach(self, model):
        """Guards the model and makes its checkpoints whole."""
        self.guard = FitGuard(model, self._owner, self._owner.abandon)
        self.guard.attach()
        self._checkpoints = WholeCheckpoints(model)
        self._checkpoints.attach()

    def detach(self):
        """Takes everything off; does nothing the second time."""
        for part in (self.masks, self.guard, self._checkpoints, self._tail):
            if part is not None:
                part.detach()
        if self._snapshot is not None:
            self._snapshot.discard()
        self._forget()

    def save(self, run):
        """Keeps the weights from before the run, see `leaving_no_trace`."""
        self._snapshot = Snapshot(
            run.model, run.optimizers.all_of_keras, run.split.variables
        )

    def follow(self, history, **hooks):
        """Calls functions after the hooks of all callbacks."""
        self._tail = AfterUserCallbacks(history, **hooks)
        self._tail.attach()

    @property
    def follows(self):
        """Whether what `follow` was given is called in this `fit`."""
        return self._tail is not None and self._tail.alive

    def mask(self, run):
        """Holds the zeros of a run that is over, while training goes on."""
        self.masks = Masks(
            run.model,
            run.split.weights,
            run.optimizers,
            run.place,
        )
        self.masks.attach()
        self.masked_run = run
        self.guard.retrace()

    def choose_again(self):
        """Prunes the weights that a callback has set in the place of others.

        `EarlyStopping` may bring those back from before they were pruned.
        """
        run = self.masked_run
        if run is None or self.masks.hold:
            return
        for slot, keep in zip(run.split.slots, run.split.masks()):
            apply_mask(slot.w, keep)
        for constraint in run.split.constraints:
            constraint.finish()
        self.masks.renew()
        run.brought_back = True

    @contextlib.contextmanager
    def leaving_no_trace(self):
        """Gives the model back whole if a step of the solver fails."""
        try:
            yield
        except NonFiniteError as error:
            try:
                restored = self._snapshot and self._snapshot.restore()
            finally:
                self._owner.abandon()
            if not restored:
                raise
            raise ValueError(
                f"{error} The weights from before this fit are restored."
            ) from None
        except BaseException:
            self._owner.abandon()
            raise
