"""Everything that a run inside `fit` hangs on a model, detached together."""

import contextlib

from keras_slr.backend import apply_mask
from keras_slr.callbacks.after_user_callbacks import AfterUserCallbacks
from keras_slr.callbacks.fit_guard import FitGuard
from keras_slr.callbacks.training_callback import sync
from keras_slr.callbacks.unread_logs import UnreadLogs
from keras_slr.checkpoints.atomic_checkpoints import AtomicCheckpoints
from keras_slr.checkpoints.snapshot import Snapshot
from keras_slr.models.weight_values import NonFiniteError
from keras_slr.training.masks import Masks


class Attachments:
    """Holds what one callback has attached to one model.

    Args:
        owner: The callback. Its `abandon` calls `detach`.

    Attributes:
        guard: `FitGuard`, or `None` while no run is attached.
        masks: `Masks`, or `None` while none are in force.
        masked_run: The run whose zeros the masks hold, or `None`.
        coverage: `training.coverage.Coverage` of the hooks in force, or
            `None` if there are none.
    """

    def __init__(self, owner):
        self._owner = owner
        self._stack = contextlib.ExitStack()
        self.guard = None
        self.masks = None
        self.masked_run = None
        self.coverage = None
        self._watched = None
        self._snapshot = None
        self._after_users = None
        self._teacher = self._run = None

    @property
    def in_force(self):
        """Whether a run or its masks are attached."""
        return self.guard is not None

    def attach(self, run, teacher=None):
        """Guards the model of a run and makes its checkpoints atomic.

        Args:
            run: `training.run.Run`.
            teacher: `Teacher` of the model. Defaults to `None`.
        """
        self.coverage = run.coverage
        self.guard = FitGuard(run.model, self._owner, self._owner.abandon)
        self._enter(self.guard)
        self._enter(AtomicCheckpoints(run.model))
        if teacher is not None:
            self._run, self._teacher = run, teacher
            self._enter(self._teacher)

    def detach(self):
        """Detaches everything; does nothing the second time."""
        self._stack.close()
        self.guard = self.masks = self.masked_run = self.coverage = None
        self._watched = self._snapshot = self._after_users = None
        self._teacher = self._run = None

    def _enter(self, part):
        part.attach()
        self._stack.callback(part.detach)

    def save(self, run):
        """Keeps the weights from before the run, see `leaving_no_trace`."""
        self._snapshot = Snapshot(
            run.model, run.optimizers.all_of_keras, run.split.variables
        )
        self._stack.callback(self._snapshot.discard)

    def follow(self, history, unread, **hooks):
        """Calls functions after the hooks of all callbacks.

        Args:
            history: `keras.callbacks.History` of the model, or `None`.
            unread: `CallbackList` that calls the owner with logs that are not
                read, see `UnreadLogs`, or `None`.
            **hooks: See `AfterUserCallbacks`.
        """
        if unread is not None:
            after = hooks.pop("on_train_batch_end")
            self._enter(UnreadLogs(unread, self._owner, after))
        if history is not None:
            self._after_users = AfterUserCallbacks(history, **hooks)
            self._enter(self._after_users)

    @property
    def follows(self):
        """Whether this `fit` calls the functions given to `follow`."""
        return self._after_users is not None and self._after_users.alive

    def mask(self, run):
        """Holds the zeros of a run that has ended, while training goes on."""
        self.masks = Masks(
            run.model,
            run.split.weights,
            run.optimizers,
            run.position,
            run.rates,
        )
        self._enter(self.masks)
        self.masked_run = run
        self.coverage = self.masks.coverage
        self.guard.retrace()

    def choose_again(self):
        """Prunes the weights that a callback has put back.

        `EarlyStopping` may restore weights from before they were pruned.
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

    def watch(self):
        """Begins to watch the weights, after they may have been restored."""
        if self.coverage is not None and self.coverage is not self._watched:
            self.coverage.begin()
        self._watched = self.coverage

    def check_coverage(self, at_end_of_epoch=False):
        """Raises if steps go past the hooks, see `Coverage`, or the teacher.

        Args:
            at_end_of_epoch: Boolean, whether to check in any case. Defaults
                to `False`: after 1, 2, 4, 8, ... steps.
        """
        if self._teacher is not None and self._run.acts:
            with self.leaving_no_trace():
                self._teacher.check_used()
        coverage = self.coverage
        if coverage is not None and (at_end_of_epoch or coverage.due()):
            sync(self._owner)
            with self.leaving_no_trace():
                coverage.check()

    @contextlib.contextmanager
    def leaving_no_trace(self):
        """Detaches everything if the block raises.

        Weights that are not finite are set back to those that `save` kept.
        """
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
