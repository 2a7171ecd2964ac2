"""The callback that prunes in `model.fit`, by any method."""

import warnings
from typing import Any
from typing import ClassVar
from typing import Self

import keras

from keras_slr.allocation.allocations import Allocation
from keras_slr.allocation.user_rates import Rate
from keras_slr.callbacks import end_of_fit
from keras_slr.callbacks.arguments import check_attached_to
from keras_slr.callbacks.arguments import check_finetune_epochs
from keras_slr.callbacks.arguments import check_monitor_hard_pruned
from keras_slr.callbacks.arguments import config_of
from keras_slr.callbacks.arguments import records_in
from keras_slr.callbacks.arguments import solver_or_default
from keras_slr.callbacks.attachments import Attachments
from keras_slr.callbacks.callback_lists import callbacks_of_fit
from keras_slr.callbacks.epoch_logs import EpochLogs
from keras_slr.callbacks.fit_progress import FitProgress
from keras_slr.callbacks.hard_pruned_metrics import hard_pruned_metrics
from keras_slr.callbacks.monitors import check_monitors
from keras_slr.callbacks.training_callback import TrainingCallback
from keras_slr.callbacks.training_callback import sync
from keras_slr.callbacks.unread_logs import unread_or_in_order
from keras_slr.grids import Grid
from keras_slr.planning.budget import Budget
from keras_slr.pruner import SLRPruner
from keras_slr.python_numbers import python_number
from keras_slr.record import register
from keras_slr.reports import Report
from keras_slr.scores.score import Score
from keras_slr.selection.selectors import Selectors
from keras_slr.solvers.solver import Solver
from keras_slr.structures.constrain import Structures
from keras_slr.teaching.teacher import checked_teacher
from keras_slr.teaching.teacher import teacher_of
from keras_slr.training.clock import UpdateEvery
from keras_slr.training.figures import LayerValues


@register
class PruningCallback(TrainingCallback):
    """Prunes a model while `fit` trains it, by any method.

    Its subclasses each have a method, see `SLRCallback`. The epoch's logs get
    `slr_sparsity` (share of entries settled at zero), `slr_residual`
    (`||W - Z|| / ||W||`), `slr_penalty`, `slr_multiplier_norm` and the
    method's own values, as of the end of the epoch. Other methods than SLR
    have their own prefix instead of `slr`. List this callback before those
    that read the logs. The reported `loss` has no penalty.

    The optimizer holds the method's variables for each weight, and saves them
    and the rest of the method's state in its checkpoints. While `fit` runs,
    checkpoints are atomic: a kill or a full disk leaves the last good one. A
    run that resumes in the middle of an epoch skips the batches that it has
    behind it. If `fit` raises, the weights stay as trained: `finalize` prunes
    them, and a new `fit` starts over.

    Args:
        rate: Float in `[0, 1)`, the share of all entries to set to zero, or
            a dict of rates. Defaults to `None`, see `Plan`.
        include: Weights to prune, see `Plan`. Defaults to `None`.
        exclude: Weights to leave alone. Defaults to `None`.
        structure: The entries that are zero together, such as `Filter()`.
            Defaults to `None`, single entries.
        allocation: How the rate is distributed over layers, see `Plan`.
            Defaults to `None`: `"balanced"` for single entries.
        budget: `Budget`, the cost limit, such as `Budget(flops=0.5)`, instead
            of `rate`. Defaults to `None`.
        target: String, the target platform, instead of `structure`:
            `"arm"`, `"x86"`, `"gpu"`, `"int8"`, `"micro"` or `"size"`.
            Defaults to `None`.
        solver: `solvers.Solver`, the method and its constants. Defaults to
            the class's own method.
        update_every: When `Z` and the multipliers move, see `SLRPruner`.
            Defaults to `None`, about 150 times a run.
        finetune_epochs: Integer, the epochs at the end of `fit` in which the
            pruned model trains with its zeros held. Defaults to `0`.
        monitor_hard_pruned: Boolean, whether to evaluate the hard-pruned
            weights after every epoch on the validation data of `fit`, as
            `val_hard_...`. Defaults to `False`.
        optimizer: The optimizer or optimizers, if not that of `compile`, see
            `SLRPruner`. `get_config` omits it. Defaults to `None`.
        score: `keras_slr.Score` or its name, for methods that choose by
            magnitude otherwise. Defaults to `None`.
        data: What the score reads, see `SLRPruner`. Defaults to `None`.
        constraint: `Grid` of the kept entries, see `Plan`. Defaults to `None`.
        teacher: Keras model whose outputs replace the labels in training, or
            `"dense"` for a copy of the model as the run begins. `get_config`
            omits a model. Defaults to `None`, the labels.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is outside its range.
    """

    default_solver: ClassVar[type[Solver] | None] = None

    def __init__(
        self,
        rate: Rate | None = None,
        *,
        include: Selectors | None = None,
        exclude: Selectors | None = None,
        structure: Structures | None = None,
        allocation: Allocation | None = None,
        budget: Budget | None = None,
        target: str | None = None,
        solver: Solver | None = None,
        update_every: UpdateEvery = None,
        finetune_epochs: int = 0,
        monitor_hard_pruned: bool = False,
        optimizer: Any = None,
        score: Score | str | None = None,
        data: Any = None,
        constraint: Grid | None = None,
        teacher: keras.Model | str | None = None,
    ):
        super().__init__()
        solver = solver_or_default(solver, self.default_solver)
        check_finetune_epochs(finetune_epochs, constraint)
        self.pruner = SLRPruner(
            rate,
            include=include,
            exclude=exclude,
            structure=structure,
            allocation=allocation,
            budget=budget,
            target=target,
            solver=solver,
            update_every=update_every,
            optimizer=optimizer,
            score=score,
            data=data,
            constraint=constraint,
        )
        self.pruner.inside_step = True
        self.teacher = checked_teacher(teacher)
        self.finetune_epochs = python_number(finetune_epochs)
        self.monitor_hard_pruned = python_number(monitor_hard_pruned)
        check_monitor_hard_pruned(self.monitor_hard_pruned)
        self._attached = Attachments(self)
        self._attached_by_user = False
        self._progress = FitProgress(self.pruner)
        self._logs = EpochLogs(self.pruner.solver)
        self._report: Report | None = None

    def get_config(self) -> dict[str, Any]:
        return config_of(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config | records_in(config))

    def auxiliary(self, layer: keras.Layer | str) -> LayerValues:
        """Returns `Z` of a layer while `fit` runs, see `SLRPruner`."""
        return self.pruner.auxiliary(layer)

    def multipliers(self, layer: keras.Layer | str) -> LayerValues:
        """Returns `Lam` of a layer while `fit` runs, see `SLRPruner`."""
        return self.pruner.multipliers(layer)

    def report(self) -> Report | None:
        """Returns the `Report` of the last run, or `None` before its end."""
        return self._report

    def attach(self, model: keras.Model) -> None:
        """Attaches to a compiled, built model before `fit`.

        To resume from a checkpoint of a run: attach, call
        `model.load_weights`, then `fit` with this callback and the
        checkpoint's `initial_epoch`.

        Args:
            model: Keras model.
        """
        self._reset()
        self._begin(model)
        self._attached_by_user = True

    def finalize(self) -> Report | None:
        """Prunes exactly and removes every trace of the run.

        `fit` ends with it. Call it after a `fit` that raised, to prune the
        weights as they are. A second call changes nothing.

        Returns:
            `Report`, or `None` if there was no run.
        """
        in_force = self._attached.in_force
        run = self._attached.masked_run
        try:
            self._attached.choose_again()
            if self.pruner.attached:
                run = self.pruner.run
                self._report = self.pruner.prune()
            if run is not None:
                self._report = end_of_fit.with_warning(
                    self._report, run, callbacks_of_fit(self)
                )
        finally:
            self.abandon()
        report = self._report
        if in_force and report is not None and report.warning:
            warnings.warn(report.warning, stacklevel=2)
        return report

    def abandon(self) -> None:
        """Removes every trace without pruning: weights stay as trained."""
        self.pruner.abandon()
        self._attached.detach()
        self._fitting = self._attached_by_user = False

    # Hooks of Keras, in the order in which `fit` calls them:
    def set_model(self, model):
        if not (self._attached_by_user and self.pruner.attached):
            super().set_model(model)
            return
        keras.callbacks.Callback.set_model(self, model)
        with self._attached.leaving_no_trace():
            check_attached_to(self.pruner.run, model)
        self._attached.guard.arm()
        self._progress.begin_fit()

    def take_over(self, model):
        super().take_over(model)
        self._reset()
        self._attached_by_user = False
        # A model of TensorFlow that is not built yet has no weights
        # before its first step. The callback attaches to it then.
        if model.built and model.optimizer is not None:
            self._begin(model)
            self._attached.guard.arm()
        self._progress.begin_fit()

    def on_train_begin(self, logs=None):
        unread = unread_or_in_order(self)
        self.unread = unread is not None
        super().on_train_begin(logs)
        with self._attached.leaving_no_trace():
            check_monitors(self)
        self._attached_by_user = False
        if self._progress.pruned and not self.pruner.attached:
            # A CallbackList that is used again does not call `set_model`.
            self._reset()
            self._begin(self.model)
            if not self._by_hand:
                self._attached.guard.retrace()
        if self.pruner.attached:
            self._attached.guard.begin(self._by_hand)
            self._attached.save(self.pruner.run)
        self._attached.follow(
            getattr(self._unsynced_model, "history", None),
            unread,
            on_train_begin=self._progress.choose_epoch,
            on_train_batch_end=self._progress.see_batch,
            on_epoch_end=self._logs.shorten_bar,
            on_train_end=lambda logs=None: self.finalize(),
        )

    def on_epoch_begin(self, epoch, logs=None):
        self._progress.epoch = epoch
        self._logs.begin_epoch()
        if not self._attached.in_force:
            return
        if self._progress.entered:
            self._progress.begin_epoch()
        else:
            self._enter()

    def on_train_batch_begin(self, batch, logs=None):
        self._attached.watch()
        if not self._attached.in_force:
            return
        self._progress.expect(batch)
        if self._progress.pruned and self.pruner.attached:
            # The epoch has more steps than those before.
            sync(self)
            with self._attached.leaving_no_trace():
                self._finetune()

    def end_batch(self, batch, logs=None):
        if not self.pruner.attached and not self._progress.pruned:
            self._begin_late()
        if self._progress.is_behind(batch):
            return
        self._attached.check_coverage()
        due = self._progress.advance(batch, logs, self._by_hand)
        if self._progress.pruned:
            return
        if due:
            self._update()
        if self._progress.is_at_end:
            self._prune()

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        self._attached.check_coverage(at_end_of_epoch=True)
        ends_run = self._progress.ends_with_epoch
        if self._attached.in_force:
            with self._attached.leaving_no_trace():
                due = self._progress.end_epoch()
            if due and not self._progress.pruned:
                self._update()
        if ends_run:
            self._prune()
        if self.pruner.attached and not self._progress.pruned:
            self._logs.see(self.pruner.run)
        self._logs.write(logs)
        validated = self._logs.validated and self._attached.in_force
        if self.monitor_hard_pruned and validated:
            run = self.pruner.run if self.pruner.attached else None
            callbacks = callbacks_of_fit(self)
            logs.update(hard_pruned_metrics(run, callbacks, logs))

    def on_train_end(self, logs=None):
        if self.pruner.clock.step == 0:
            self.abandon()
            warnings.warn(
                f"`{self.model.name}` was not pruned: `fit` ran no steps.",
                stacklevel=2,
            )
        elif self.pruner.attached and not self._progress.pruned:
            self._prune()
        if not self._attached.follows:
            self.finalize()

    def on_test_begin(self, logs=None):
        validates = self._fitting and not self._waits
        if not self._attached_by_user:
            super().on_test_begin(logs)
        if validates:
            self._logs.validated = True
            if self._progress.ends_with_epoch:
                self._prune()

    def _reset(self):
        # A `fit` that raised may have left a run, also on another model.
        self.pruner.abandon()
        self._attached.detach()
        self._progress = FitProgress(self.pruner)
        self._logs = EpochLogs(self.pruner.solver)
        self._report = None

    def _begin(self, model):
        # Before the run, because that may prune at once.
        teacher = teacher_of(model, self.teacher)
        self.pruner.begin(model)
        self.pruner.advice = end_of_fit.RUN_ON
        self._progress.begin_run(model)
        self._attached.attach(self.pruner.run, teacher)

    def _begin_late(self):
        """Begins after the first step of a model that was not built."""
        self._begin(self.model)
        self._attached.guard.begin(self._by_hand)
        self._attached.guard.retrace()
        self._attached.save(self.pruner.run)
        self._enter()

    def _enter(self):
        """Begins the first epoch, maybe in the middle of a restored run."""
        with self._attached.leaving_no_trace():
            behind = self._progress.enter(self.params, self.finetune_epochs)
            if self.pruner.attached and self.pruner.run.pruned:
                self._finetune()
            else:
                self._progress.set_length(self.params, self.finetune_epochs)
            self._progress.skip(behind)

    def _update(self):
        sync(self)
        with self._attached.leaving_no_trace():
            self.pruner.update()
            self.pruner.run.correct_statistics(self.pruner.clock)
        self._logs.see_update(self.pruner.run.state)

    def _prune(self):
        """Hard-prunes with the last step, so that validation sees it."""
        sync(self)
        self.pruner.advice = end_of_fit.advice_for(self._unsynced_model)
        with self._attached.leaving_no_trace():
            self._logs.see(self.pruner.run)
            self._logs.see_pruned(self.pruner.prune().sparsity)
        # Hard pruning changes weights, too.
        self._attached.coverage = None
        self._progress.pruned = True
        if self.finetune_epochs:
            self._finetune()

    def _finetune(self):
        """Ends the run and holds the zeros while training goes on."""
        run = self.pruner.run
        self._progress.pruned = True
        self._report = self.pruner.prune()
        self.pruner.abandon()
        self._attached.mask(run)
