"""Pruning without `fit`: the core that callbacks and custom loops drive."""

import warnings
from collections.abc import Sequence
from typing import Any
from typing import Unpack

import keras
import numpy as np

from keras_slr import backend
from keras_slr.allocation.user_rates import Rate
from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr.planning.plan import Plan
from keras_slr.planning.plan_arguments import PlanArguments
from keras_slr.planning.plan_arguments import check_names
from keras_slr.python_numbers import python_number
from keras_slr.reports import Report
from keras_slr.reports import WeightRow
from keras_slr.reports import rows_of
from keras_slr.scores.registry import score_of
from keras_slr.scores.score import Score
from keras_slr.solvers import SLR
from keras_slr.solvers.solver import Solver
from keras_slr.solvers.solver import check_projects
from keras_slr.solvers.solver import check_rate_is_free
from keras_slr.solvers.solver import check_scored
from keras_slr.solvers.solver import check_solver
from keras_slr.training import figures
from keras_slr.training.chosen import set_chosen
from keras_slr.training.clock import Clock
from keras_slr.training.clock import UpdateEvery
from keras_slr.training.clock import check_total_steps
from keras_slr.training.clock import check_update_every
from keras_slr.training.early_end import early_end
from keras_slr.training.loss_window import LossWindow
from keras_slr.training.optimizers import Optimizers
from keras_slr.training.run import Run

TOTAL_STEPS = "call `step` as often as `begin(total_steps=...)` says"


class SLRPruner:
    """Prunes a model inside any training loop, by SLR or another method.

    ```python
    pruner = keras_slr.SLRPruner(rate=0.9)
    pruner.begin(model, total_steps=1000)
    for x, y in batches:
        loss = train_step(x, y)     # ends in model.optimizer.apply(...)
        pruner.step(loss)
    pruner.finalize()
    ```

    Between `begin` and `finalize`, every update by the model's optimizer
    includes the step of the pruning method. `finalize` sets exactly the
    requested share of the chosen weights to zero and leaves a plain Keras
    model. With JAX, where a loop holds the state itself, see `step`.

    Args:
        rate: See `Plan`. Defaults to `None`: `0.9`, or the rate that a
            structure fixes.
        solver: `solvers.Solver`, the method and its constants. Defaults to
            `SLR()`.
        update_every: When `Z` and the multipliers move: an integer of steps,
            a float in `(0, 1)` as a fraction of the run, `"epoch"`, or
            `None` for about 150 times a run. Defaults to `None`.
        optimizer: The optimizer that trains the model, or a list of them, if
            it is not that of `model.compile`: of Keras, on PyTorch also of
            `torch.optim`. They are built, or can be built with the model's
            trainable variables. Defaults to `None`.
        score: `keras_slr.Score` or its name, such as `"taylor"`, for methods
            that choose by magnitude otherwise. Defaults to `None`.
        data: What the score reads at every update: a tuple `(x, y)` of
            arrays, or any data set that `fit` takes. Defaults to `None`.
        **plan: Further arguments of `Plan`: `include`, `exclude`,
            `structure`, `allocation`, `budget`, `target` and `constraint`.

    Attributes:
        inside_step: Whether the model's own `train_step` trains, as in
            `fit`, see `training.optimizers.Optimizers`.

    Raises:
        TypeError: If a structure or a solver has the wrong type.
        ValueError: If an argument is outside its range.
    """

    def __init__(
        self,
        rate: Rate | None = None,
        *,
        solver: Solver | None = None,
        update_every: UpdateEvery = None,
        optimizer: Any = None,
        score: Score | str | None = None,
        data: Any = None,
        **plan: Unpack[PlanArguments],
    ):
        check_names("SLRPruner", plan)
        check_update_every(update_every)
        self.solver = SLR() if solver is None else solver
        check_solver(self.solver)
        given = ("structure", "target", "allocation")
        if not isinstance(rate, dict) and not any(map(plan.get, given)):
            plan["allocation"] = self.solver.default_allocation
        self.plan = Plan(rate, **plan)
        check_rate_is_free(self.solver, rate=rate, budget=self.plan.budget)
        check_projects(self.solver, self.plan.constraint)
        self.score = score_of(score)
        check_scored(self.solver, self.score)
        self.data = data
        self.update_every = python_number(update_every)
        self.optimizer = optimizer
        self.inside_step = optimizer is None
        self.window = LossWindow()
        self.clock = Clock(self.update_every)
        # The parts of a checkpoint that say where in the run it was saved:
        # objects with a `state`, a dict.
        self.position: dict[str, Any] = {}
        self._run: Run | None = None
        # How to run longer, for the warning about a run that ended too early.
        self.advice = TOTAL_STEPS
        self._rows: list[WeightRow] | None = None
        self._warning: str | None = None
        self._report: Report | None = None

    @property
    def run(self) -> Run:
        """The `training.run.Run` in progress.

        Raises:
            ValueError: If there is none.
        """
        if self._run is None or not self._run.attached:
            raise ValueError(
                "Expected a pruning run in progress. Received none: call "
                "`begin(model)` first, and not after `finalize()`."
            )
        return self._run

    @property
    def attached(self) -> bool:
        """Whether a run is in progress."""
        return self._run is not None and self._run.attached

    def begin(self, model: keras.Model, total_steps: int | None = None) -> None:
        """Starts a run: `Z = Pi(W)`, `Lam = 0`, penalty in the gradients.

        Args:
            model: Keras model, compiled and built.
            total_steps: Integer, training steps of the run, by which `step`
                follows the schedules. Required for `step`. Defaults to
                `None`.

        Raises:
            TypeError: If the model is not a Keras 3 model, or `optimizer` is
                not an optimizer.
            ValueError: If the model is not compiled or not built, has
                nothing to prune or weights that are not finite, or if
                `total_steps` are too few for one dual update.
        """
        check_model(model)
        check_built(model)
        check_total_steps(total_steps)
        self.abandon()
        self.clock = Clock(self.update_every)
        self.clock.set_length(total_steps)
        self.window = LossWindow()
        self.position = {"clock": self.clock, "window": self.window}
        self._run = Run(
            model,
            self.plan,
            self.solver,
            self.clock,
            (self._get_position, self._set_position),
            Optimizers(model, self.optimizer, self.inside_step),
            self.score,
            self.data,
        )
        self.position["statistics"] = self._run.statistics
        self._rows = None
        self._warning = None
        self._report = None
        self._run.attach()
        self._run.coverage.begin()

    def step(
        self,
        loss: Any,
        trainable_variables: Sequence[Any] | None = None,
        optimizer_variables: Sequence[Any] | None = None,
    ) -> Sequence[Any] | None:
        """Counts one training step and does the dual update when it is due.

        With JAX a loop holds the values of the variables itself. Pass them,
        and continue with the optimizer variables that `step` returns:

        ```python
        optimizer_variables = pruner.step(
            loss, trainable_variables, optimizer_variables
        )
        ```

        Assign the trainable variables to the model before `finalize`.

        Args:
            loss: Scalar, the task loss of the step.
            trainable_variables: List of tensors, the values of
                `model.trainable_variables`. Defaults to `None`.
            optimizer_variables: List of tensors, the values of
                `model.optimizer.variables`, or those of the `optimizer` of
                the pruner. Defaults to `None`.

        Returns:
            `optimizer_variables`, with new values after a dual update.

        Raises:
            ValueError: If `begin` was called without `total_steps`, a step
                has changed a weight without the optimizer, or a weight is
                not finite.
        """
        run = self.run
        if self.clock.total is None:
            raise ValueError(
                "Expected `begin(model, total_steps=...)` before `step`. "
                "Received a run without `total_steps`."
            )
        due = run.coverage.due()
        if due or not run.acts:
            run.coverage.check(_by_id(run.model, trainable_variables))
        self.window.add(loss)
        if not self.clock.advance_to(self.clock.step + 1):
            return optimizer_variables
        if trainable_variables is None and optimizer_variables is None:
            self.update()
            return optimizer_variables
        _assign_all(run.model.trainable_variables, trainable_variables)
        _assign_all(run.optimizer.variables, optimizer_variables)
        self.update()
        return [v.value for v in run.optimizer.variables]

    def update(self) -> None:
        """Does one dual update now, at the progress of the clock."""
        run = self.run
        run.coverage.check()
        loss = backend.mean_over_processes(self.window.take(), run.optimizer)
        run.state = self.solver.update(run.state, run.split, loss, self.clock)
        run.coverage.begin()

    def prune(self) -> Report:
        """Prunes the weights to exactly their rates; the run continues.

        All masks are computed before the first weight changes, so that an
        error leaves no model half-pruned. Moving averages get the masks too.

        Returns:
            `Report`, with a warning if the weights had not settled.
        """
        run = self.run
        if self._rows is None:
            run.coverage.check(at_end=True)
            # After pruning the residuals are zero.
            self._rows = rows_of(run)
            self._warning = early_end(run, self.clock, self.advice)
        chosen = run.chosen()
        for variables in (run.split.weights, run.averages):
            for variable, each in zip(variables, chosen):
                set_chosen(variable, each)
        for constraint in run.split.constraints:
            constraint.finish()
        return Report.after_pruning(run.model, self._rows, self._warning)

    def finalize(self) -> Report | None:
        """Ends the run: prunes exactly and removes every trace of it.

        Warns if the weights had not settled. Does nothing if there is no run
        in progress.

        Returns:
            `Report` of the last run, or `None` if there was none.
        """
        if self.attached:
            try:
                self._report = self.prune()
            finally:
                self.abandon()
            if self._warning:
                warnings.warn(self._warning, stacklevel=2)
        return self._report

    def abandon(self) -> None:
        """Ends the run without pruning: the weights stay as trained."""
        if self._run is not None:
            self._run.detach()
            self._run = None

    def auxiliary(self, layer: keras.Layer | str) -> figures.LayerValues:
        """Returns `Z` of a layer's pruned weights.

        Args:
            layer: Keras layer, or the name or path of a layer or weight.

        Returns:
            NumPy array, or a dict of arrays by path if there are several.
        """
        return figures.of_layer(self.run.split, layer, figures.auxiliary)

    def multipliers(self, layer: keras.Layer | str) -> figures.LayerValues:
        """Returns `Lam` of a layer's pruned weights, like `auxiliary`."""
        return figures.of_layer(self.run.split, layer, figures.multipliers)

    def _get_position(self):
        return {
            f"{part}_{name}": value
            for part, holder in self.position.items()
            for name, value in holder.state.items()
        }

    def _set_position(self, position):
        for part, holder in self.position.items():
            state = {
                name.removeprefix(f"{part}_"): value
                for name, value in position.items()
                if name.startswith(f"{part}_")
            }
            if state:
                holder.state = state


def _by_id(model, values):
    """Returns the values of the trainable variables by their `id`."""
    return {
        id(variable): value
        for variable, value in zip(model.trainable_variables, values or [])
    }


def _assign_all(variables, values):
    if values is None or len(values) != len(variables):
        raise ValueError(
            f"Expected the values of {len(variables)} variables. Received "
            f"{'none' if values is None else len(values)}: pass both the "
            "trainable and the optimizer variables of the loop."
        )
    for variable, value in zip(variables, values):
        # By way of NumPy: a variable that shared a buffer with the loop's
        # own state would be freed when a compiled step is given that state.
        variable.assign(np.array(value))
