"""A pruning run inside `model.fit`, whatever the method."""

import numbers
import warnings
from typing import ClassVar

import keras

from keras_slr.callbacks import end_of_fit
from keras_slr.callbacks.attachments import Attachments
from keras_slr.callbacks.callback_lists import callbacks_of_fit
from keras_slr.callbacks.callback_lists import run_in_order
from keras_slr.callbacks.epoch_logs import EpochLogs
from keras_slr.callbacks.hard_pruned_metrics import hard_pruned_metrics
from keras_slr.callbacks.monitors import check_monitors
from keras_slr.callbacks.training_callback import TrainingCallback
from keras_slr.checkpoints.random_states import RandomStates
from keras_slr.checkpoints.running_metrics import RunningMetrics
from keras_slr.checkpoints.skipped_batches import SkippedBatches
from keras_slr.pruner import SLRPruner
from keras_slr.python_numbers import python_number
from keras_slr.record import register
from keras_slr.solvers.solver import Solver


def check_epochs(epochs):
    """Raises a `ValueError` unless `epochs` counts epochs of fine-tuning."""
    whole = isinstance(epochs, numbers.Integral)
    if not whole or isinstance(epochs, bool) or epochs < 0:
        raise ValueError(
            "Expected `finetune_epochs` to be an integer, 0 or more. "
            f"Received: finetune_epochs={epochs!r}."
        )


@register
class PruningCallback(TrainingCallback):
    """Prunes a model while `fit` trains it, by any of the methods.

    Subclasses name the method, see `SLRCallback`.

    The epoch's logs get `slr_sparsity` (share of entries settled at zero),
    `slr_residual` (`||W - Z|| / ||W||`), `slr_penalty` and
    `slr_multiplier_norm`, and what the method adds, as of the end of the
    epoch; other methods than SLR put their own prefix in the place of `slr`.
    List this callback before those that read the logs. The reported `loss` is
    the task loss alone.

    The optimizer holds the method's variables for each weight and saves them,
    with the rest of the method's state, in its checkpoints. While `fit` runs,
    whichever callback writes a checkpoint, it is written whole or not at all:
    a kill or a full disk leaves the last good one. A run that resumes from a
    checkpoint in the middle of an epoch skips the batches already seen. If
    `fit` ends in an exception, the weights stay as they were trained:
    `finalize` prunes them, and a new `fit` starts over.

    Args:
        rate: Float in `[0, 1)`, the share of all entries to set to zero, or
            a dict of rates, see `Plan`. Defaults to `None`:
            `0.9`, or what a structure fixes.
        include: Which weights to prune, see `Plan`. Defaults to `None`.
        exclude: Which weights to leave alone. Defaults to `None`.
        structure: Which entries are zero together, such as `NM(2, 4)` or
            `Filter()`, see `Plan`. Defaults to `None`, single entries.
        allocation: How the rate is shared out over layers, see `Plan`.
            Defaults to `None`: small layers stay denser (`"erk"`).
        budget: What the pruned model may cost, in the place of `rate`, such
            as `Budget(flops=0.5)`, see `Budget`. Defaults to `None`.
        target: What the model is to run on, in the place of `structure`:
            `"arm"`, `"x86"`, `"gpu"`, `"int8"`, `"micro"` or `"size"`, see
            `Plan`. Defaults to `None`.
        solver: `solvers.Solver`, the method and its constants. Defaults to
            the class's own method with its default arguments.
        update_every: When `Z` and the multipliers move, see `SLRPruner`.
            Defaults to `None`, about 150 times in the run.
        finetune_epochs: Integer, the last epochs of `fit`, in which the
            pruned model trains on with its zeros held. Defaults to `0`.
        monitor_hard_pruned: Boolean, whether to evaluate the weights as
            hard-pruned after every epoch on the validation data of `fit`
            (`val_hard_...` in the logs). Defaults to `False`.
        optimizer: The optimizer that trains the model, or a list, where
            `train_step` uses others than that of `model.compile`, see
            `SLRPruner`. `get_config` omits it. Defaults to `None`.

    Raises:
        TypeError: If a structure, a budget or a solver has the wrong type.
        ValueError: If an argument is outside its range.
    """

    default_solver: ClassVar[type[Solver] | None] = None

    def __init__(
        self,
        rate=None,
        *,
        include=None,
        exclude=None,
        structure=None,
        allocation=None,
        budget=None,
        target=None,
        solver=None,
        update_every=None,
        finetune_epochs=0,
        monitor_hard_pruned=False,
        optimizer=None,
    ):
        super().__init__()
        if solver is None and self.default_solver is None:
            raise TypeError(
                "Expected a `solver`, or a subclass that has one, such as "
                "SLRCallback. Received a PruningCallback without it."
            )
        check_epochs(finetune_epochs)
        monitor_hard_pruned = python_number(monitor_hard_pruned)
        if not isinstance(monitor_hard_pruned, bool):
            raise ValueError(
                "Expected `monitor_hard_pruned` to be a boolean. Received: "
                f"monitor_hard_pruned={monitor_hard_pruned!r}."
            )
        self.pruner = SLRPruner(
            rate,
            include=include,
            exclude=exclude,
            structure=structure,
            allocation=allocation,
            budget=budget,
            target=target,
            solver=self.default_solver() if solver is None else solver,
            update_every=update_every,
            optimizer=optimizer,
        )
        self.pruner.inside_step = True
        self.finetune_epochs = python_number(finetune_epochs)
        self.monitor_hard_pruned = monitor_hard_pruned
        self._attached = Attachments(self)
        self._attached_by_user = False
        self._reset()

    def get_config(self):
        return self.pruner.plan.get_config() | {
            "solver": keras.saving.serialize_keras_object(self.pruner.solver),
            "update_every": self.pruner.update_every,
            "finetune_epochs": self.finetune_epochs,
            "monitor_hard_pruned": self.monitor_hard_pruned,
        }

    @classmethod
    def from_config(cls, config):
        objects = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("structure", "allocation", "budget", "solver")
            if name in config
        }
        return cls(**config | objects)

    def auxiliary(self, layer):
        """Returns `Z` of a layer while `fit` runs, see `SLRPruner`."""
        return self.pruner.auxiliary(layer)

    def multipliers(self, layer):
        """Returns `Lam` of a layer while `fit` runs, see `SLRPruner`."""
        return self.pruner.multipliers(layer)

    def report(self):
        """Returns the `Report` of the last run, `None` before its end."""
        return self._report

    def attach(self, model):
        """Attaches to a compiled, built model before `fit`.

        To go on from a checkpoint of a run: attach, `model.load_weights`,
        then `fit` with this callback and the checkpoint's `initial_epoch`.

        Args:
            model: Keras model.
        """
        self._reset()
        self._begin(model)
        self._attached_by_user = True

    def finalize(self):
        """Prunes exactly and removes every trace; harmless if done before.

        `fit` ends with it. Call it after a `fit` that ended in an exception
        to prune the weights as they are.

        Returns:
            `Report`.
        """
        in_force, run = self._in_force, self._attached.masked_run
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
            self.pruner.abandon()
            self._let_go()
        if in_force and self._report.warning:
            warnings.warn(self._report.warning, stacklevel=2)
        return self._report

    def abandon(self):
        """Removes every trace without pruning: weights stay as trained."""
        self.pruner.abandon()
        self._let_go()

    # Hooks of Keras, in the order in which `fit` calls them.

    def set_model(self, model):
        if not (self._attached_by_user and self.pruner.attached):
            super().set_model(model)
            return
        keras.callbacks.Callback.set_model(self, model)
        self._check_is_for(model)
        self._attached.guard.arm()
        self._trained_before = self.pruner.clock.trained

    def take_over(self, model):
        super().take_over(model)
        self._reset()
        self._attached_by_user = False
        # A model of TensorFlow that is not built yet has no weights
        # before its first step; it is attached to then.
        if model.built and model.optimizer is not None:
            self._begin(model)
            self._attached.guard.arm()
        self._trained_before = self.pruner.clock.trained

    def on_train_begin(self, logs=None):
        run_in_order()
        super().on_train_begin(logs)
        with self._attached.leaving_no_trace():
            check_monitors(self)
        self._attached_by_user = False
        if self._pruned and not self.pruner.attached:
            # A CallbackList that is used again does not call `set_model`.
            self._reset()
            self._begin(self.model)
            if not self._by_hand:
                self._attached.guard.retrace()
        if self.pruner.attached:
            self._attached.guard.begin(self._by_hand)
            self._attached.save(self.pruner.run)
        if getattr(self._model, "history", None) is not None:
            self._attached.follow(
                self._model.history,
                on_train_begin=self._choose_epoch,
                on_train_batch_end=self._see_batch,
                on_epoch_end=self._logs.shorten_bar,
                on_train_end=self._end,
            )

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._validated = False
        self._logs.begin_epoch()
        clock = self.pruner.clock
        if not self._in_force:
            return
        if clock.epochs.count is None:
            with self._attached.leaving_no_trace():
                self._enter(epoch)
        else:
            clock.epochs.begin(epoch, clock.step)
            self._begin_epoch()

    def on_train_batch_begin(self, batch, logs=None):
        self._watch()
        if not self._in_force:
            return
        # Another callback may save a checkpoint of the steps that come
        # before they are counted here.
        self.pruner.clock.expect(batch, self._model.steps_per_execution)
        if self._pruned and self.pruner.attached:
            # The epoch has more steps than those before.
            self._sync()
            with self._attached.leaving_no_trace():
                self._finetune()

    def on_train_batch_end(self, batch, logs=None):
        if not self.pruner.attached and not self._pruned:
            self._begin_late()
        clock = self.pruner.clock
        done = clock.epochs.done(batch)
        step = clock.epochs.begun + done
        if step < clock.step:
            return  # A checkpoint has this one behind it.
        if step > clock.step and logs and "loss" in logs:
            self._see_loss(float(logs["loss"]), done)
        self._check_coverage()
        due = clock.advance_to(step)
        if self._pruned:
            return
        if due:
            self._update()
        if clock.finished and clock.epochs.is_last:
            self._prune()

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        self._check_coverage(at_end_of_epoch=True)
        self._end_epoch()
        if self.pruner.attached and not self._pruned:
            self._logs.see(self.pruner.run)
        self._logs.write(logs)
        if self.monitor_hard_pruned and self._validated and self._in_force:
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
        elif self.pruner.attached and not self._pruned:
            self._prune()
        if not self._attached.follows:
            self.finalize()

    def on_test_begin(self, logs=None):
        validates = self._fitting and not self._waits
        if not self._attached_by_user:
            super().on_test_begin(logs)
        self._validated = self._validated or validates
        if validates and self._ends_run:
            self._prune()

    # What the hooks do.

    def _reset(self):
        self._report = None
        self._logs = EpochLogs(self.pruner.solver)
        self._validated = False
        self._pruned = False
        self._watched = None

    def _begin(self, model):
        # What a dead fit may have left, on another model.
        self.pruner.abandon()
        self._attached.detach()
        self.pruner.begin(model)
        self.pruner.advice = end_of_fit.RUN_ON
        self._metrics = RunningMetrics(model)
        self._random = RandomStates(model)
        self.pruner.place |= {"metric": self._metrics, "random": self._random}
        self._attached.attach(model)

    def _check_is_for(self, model):
        run = self.pruner.run
        if run.model is model and run.optimizers.compiled is model.optimizer:
            return
        self.abandon()
        raise ValueError(
            "Expected the model that the callback was attached to, compiled "
            f"as it was then. Received `{model.name}`, another model or "
            "compiled again: attach the callback to it first."
        )

    def _begin_late(self):
        """Begins after the first step of a model that was not built."""
        self._begin(self.model)
        self._attached.guard.begin(self._by_hand)
        self._attached.guard.retrace()
        self._attached.save(self.pruner.run)
        with self._attached.leaving_no_trace():
            self._enter(self._epoch)

    def _choose_epoch(self, logs=None):
        """Makes `fit` go on with the epoch that a checkpoint was saved in."""
        clock = self.pruner.clock
        # A kill may have come before the epoch was first written.
        restored = clock.trained != self._trained_before
        epoch = self._model._initial_epoch
        if self.pruner.attached and (restored or epoch is not None):
            self._model._initial_epoch = clock.epoch_to_begin(epoch)

    def _enter(self, epoch):
        """Finds out where in the run this is, and how long the run is."""
        clock = self.pruner.clock
        until = self.params["epochs"] - self.finetune_epochs
        behind = clock.enter(epoch, self.params.get("steps"), until)
        if self.pruner.attached and self.pruner.run.pruned:
            self._finetune()
        elif clock.epochs.count < 1:
            raise ValueError(
                "Expected at least one epoch of pruning. Received "
                f"finetune_epochs={self.finetune_epochs} in a fit from epoch "
                f"{clock.epochs.first} to {self.params['epochs']}."
            )
        else:
            clock.set_length(clock.epochs.total)
        if behind:
            SkippedBatches(
                self._model, behind, self._metrics, self._random
            ).attach()
        else:
            self._begin_epoch()

    def _begin_epoch(self):
        self.pruner.window.begin_epoch()
        self._random.begin_epoch()

    def _see_loss(self, loss, done):
        if self._by_hand:
            # `train_on_batch` resets the metrics.
            self.pruner.window.add(loss)
        else:
            self.pruner.window.observe(loss, done)

    def _see_batch(self, batch, logs=None):
        self.pruner.clock.see(batch)

    @property
    def _in_force(self):
        return self._attached.guard is not None

    @property
    def _ends_run(self):
        """Whether the run is to end with the epoch that has ended."""
        return (
            self.pruner.attached
            and not self._pruned
            and not self._model.stop_training
            and self.pruner.clock.epochs.is_last
        )

    def _end_epoch(self):
        """Takes notice of the steps that the epoch has had."""
        if not self._in_force:
            return
        ends_run, whole = self._ends_run, not self._model.stop_training
        with self._attached.leaving_no_trace():
            due = self.pruner.clock.end_epoch(whole)
        if due and not self._pruned:
            self._update()
        if ends_run:
            self._prune()

    @property
    def _coverage(self):
        """The `Coverage` of the hooks in force, `None` if there are none."""
        if self._attached.masks is not None:
            return self._attached.masks.coverage
        # Hard pruning changes weights, too.
        trains = self.pruner.attached and not self._pruned
        return self.pruner.run.coverage if trains else None

    def _watch(self):
        """Begins to watch the weights, after they may have been restored."""
        coverage = self._coverage
        if coverage is not None and coverage is not self._watched:
            coverage.begin()
        self._watched = coverage

    def _check_coverage(self, at_end_of_epoch=False):
        coverage = self._coverage
        if coverage is not None and (at_end_of_epoch or coverage.due()):
            self._sync()
            with self._attached.leaving_no_trace():
                coverage.check()

    def _sync(self):
        """Brings the model's variables up to date, inside an epoch."""
        # On JAX they are, whenever a callback reads `model`.
        return self.model

    def _update(self):
        self._sync()
        with self._attached.leaving_no_trace():
            self.pruner.update()
        self._logs.see_update(self.pruner.run.state)

    def _prune(self):
        """Hard-prunes with the last step, so that validation sees it."""
        self._sync()
        self.pruner.advice = end_of_fit.advice_for(self._model)
        with self._attached.leaving_no_trace():
            self._logs.see(self.pruner.run)
            self._logs.see_pruned(self.pruner.prune().sparsity)
        self._pruned = True
        if self.finetune_epochs:
            self._finetune()

    def _finetune(self):
        """Goes over from the run to training with the zeros held."""
        run = self.pruner.run
        self._pruned = True
        self._report = self.pruner.prune()
        self.pruner.abandon()
        self._attached.mask(run)

    def _let_go(self):
        self._attached.detach()
        self._fitting = self._attached_by_user = False

    def _end(self, logs=None):
        self.finalize()
