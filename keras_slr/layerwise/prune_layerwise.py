"""Pruning without training, layer by layer."""

import concurrent.futures
import time
from typing import Any
from typing import Literal
from typing import Unpack

import keras
import numpy as np

from keras_slr.allocation.user_rates import Rate
from keras_slr.backend import to_host
from keras_slr.keras_internals.layers import layers_of
from keras_slr.layerwise.batches import batches_of
from keras_slr.layerwise.matched_statistics import matched
from keras_slr.layerwise.program import owners_of
from keras_slr.layerwise.program import program_of
from keras_slr.layerwise.report import LayerRow
from keras_slr.layerwise.report import LayerwiseReport
from keras_slr.layerwise.sites import KernelInputs
from keras_slr.layerwise.sites import collect
from keras_slr.layerwise.sites import collect_norm
from keras_slr.layerwise.solve import DAMPINGS
from keras_slr.layerwise.solve import Nearest
from keras_slr.layerwise.solve import Task
from keras_slr.layerwise.solve import solve
from keras_slr.layerwise.solvers import LAYER_SOLVERS
from keras_slr.layerwise.solvers import LayerSolver
from keras_slr.layerwise.walk import Walk
from keras_slr.layerwise.walk import Weights
from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr.models.weight_values import check_finite
from keras_slr.planning.plan import Plan
from keras_slr.planning.plan_arguments import PlanArguments
from keras_slr.reports.report import report_of


def prune_layerwise(
    model: keras.Model,
    data: Any,
    rate: Rate | None = None,
    method: str | LayerSolver = "slr",
    *,
    order: Literal["sequential", "parallel"] = "sequential",
    targets: Literal["dense", "own"] = "dense",
    damping: float | None = None,
    match_batch_norm: bool = True,
    batch_size: int | None = None,
    samples: int | None = None,
    executor: concurrent.futures.Executor | None = None,
    keep_finished: bool = False,
    verbose: int = 1,
    **plan: Unpack[PlanArguments],
) -> LayerwiseReport:
    """Prunes a trained model in place, without training.

    For each kernel it finds a sparse one with which the layer gives nearly
    the outputs that it gave before, on a few hundred samples. Labels and
    gradients are not needed.

    Args:
        model: Built Keras model, trained.
        data: Inputs to calibrate on, whatever `model.predict` takes. A few
            hundred samples of the training data are enough.
        rate: See `Plan`. Defaults to `None`: `0.9`, or the rate that a
            structure fixes.
        method: `LayerSolver`, or its name: `"slr"`, `"admm"`,
            `"sparsegpt"`, `"obs"`, `"wanda"`, `"magnitude"`, `"net-trim"`,
            `"l0"`. Defaults to `"slr"`.
        order: `"sequential"` to give each layer the inputs that it gets in
            the pruned model, or `"parallel"` to give all of them those of
            the dense model, in one pass. Defaults to `"sequential"`.
        targets: What the outputs of a layer are to be like: `"dense"`, those
            in the dense model, so that each layer makes up for the errors of
            those before it; or `"own"`, those of the dense kernel on the
            layer's own inputs. Defaults to `"dense"`.
        damping: Float, weight of the distance from the dense kernel, as a
            share of the mean squared input. Defaults to `None`: chosen for
            each kernel on every fifth sample, which is held out.
        match_batch_norm: Boolean, whether the moving statistics of batch
            normalizations follow what pruning changed in their inputs.
            Defaults to `True`.
        batch_size: Integer, for arrays. Defaults to `None`, which is 32.
        samples: Integer, how many samples to use. Defaults to `None`: all.
        executor: `concurrent.futures.Executor` that solves the layers of
            `order="parallel"`, such as a `ProcessPoolExecutor`. Defaults to
            `None`: this process does, one after another.
        keep_finished: Boolean, whether an interruption leaves the layers
            that are finished pruned. Defaults to `False`: the model is as it
            was.
        verbose: Integer, `1` for a progress bar, `0` for none. Defaults to
            `1`.
        **plan: Further arguments of `Plan`: `include`, `exclude`,
            `structure`, `allocation`, `budget` and `target`.

    Returns:
        `LayerwiseReport`.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built, the plan does not fit it, an
            argument is invalid, there are too few samples, weights or inputs
            are not finite, or a kernel to prune sees no inputs. The model is
            then unchanged.
    """
    start = time.perf_counter()
    check_model(model)
    check_built(model)
    solver = _solver(method)
    _check_choice("order", order, ("sequential", "parallel"))
    _check_choice("targets", targets, ("dense", "own"))
    constraints, left = Plan(rate, **plan).constraints(model)
    acting = [c for c in constraints if not c.idle and c.rate > 0]
    for constraint in acting:
        _check_constraint(solver, constraint)
    batches = batches_of(data, batch_size, samples)
    run = _Run(
        model,
        acting,
        batches,
        solver,
        DAMPINGS if damping is None else (float(damping),),
        targets == "own",
        match_batch_norm,
        verbose,
    )
    try:
        if order == "sequential":
            run.sequential()
        else:
            run.parallel(executor)
    except BaseException:
        if not keep_finished:
            run.weights.restore()
        raise
    for constraint in constraints:
        constraint.finish()
    return LayerwiseReport(
        run.rows,
        report_of(model, constraints, left),
        run.walk.samples,
        run.matched,
        time.perf_counter() - start,
    )


class _Run:
    """The pruning of one model."""

    def __init__(
        self,
        model,
        constraints,
        batches,
        solver,
        dampings,
        own_targets,
        match_batch_norm,
        verbose,
    ):
        self._constraints = {id(c.weights[0].variable): c for c in constraints}
        self._solver = solver
        self._dampings = dampings
        self._own_targets = own_targets
        variables = [c.weights[0].variable for c in constraints]
        norms = _norms(model) if match_batch_norm else []
        layers = owners_of(model, variables) + norms
        program = program_of(model, layers)
        self.weights = Weights()
        self.rows = []
        self.matched = 0
        self.walk = Walk(program, batches, variables, norms, self.weights)
        self._bar = keras.utils.Progbar(
            len(constraints), verbose=verbose, unit_name="kernel"
        )

    def sequential(self):
        """Prunes each kernel with the inputs that it has once it is reached."""
        left = dict(self._constraints)
        for sites in self.walk.stages():
            for site in sites:
                layer = self.walk.norm(site)
                if layer is not None:
                    self._match(site, layer)
                    continue
                inputs = {s: self._inputs() for s in site.sources}
                collect(self.walk, [site], inputs, self._own_targets)
                for source in site.sources:
                    task = self._task(source, inputs[source])
                    self._apply(left.pop(source), task, solve(task))
        self._check_all_seen(left)

    def parallel(self, executor):
        """Prunes all kernels with the inputs that the dense model has."""
        inputs = {source: self._inputs() for source in self._constraints}
        for sites in self.walk.stages():
            kernels = [s for s in sites if self.walk.norm(s) is None]
            if kernels:
                collect(self.walk, kernels, inputs)
        self._check_all_seen(
            {
                source: self._constraints[source]
                for source, found in inputs.items()
                if found.layout is None
            }
        )
        tasks = {s: self._task(s, found) for s, found in inputs.items()}
        run = map if executor is None else executor.map
        for source, solution in zip(tasks, run(solve, tasks.values())):
            self._apply(self._constraints[source], tasks[source], solution)

    def _inputs(self):
        return KernelInputs(self._solver.needs_samples)

    def _task(self, source, inputs):
        constraint = self._constraints[source]
        (weight,) = constraint.weights
        kernel = to_host(weight.variable)
        layout = inputs.layout
        dense = layout.to_matrices(kernel).astype(np.float64)
        nearest = Nearest(constraint, layout, weight.shape)
        return Task(
            self._solver,
            nearest,
            dense,
            inputs.moments,
            self._dampings if self._solver.needs_data else (0.0,),
            None,
        )

    def _apply(self, constraint, task, solution):
        (weight,) = constraint.weights
        variable = weight.variable
        kernel = task.nearest.layout.from_matrices(solution.w, weight.shape)
        self.weights.set(variable, kernel.astype(variable.dtype))
        moments = task.moments.fitted
        self.rows.append(
            LayerRow(
                weight.path,
                constraint.rate,
                1.0 - np.count_nonzero(kernel) / kernel.size,
                solution.before,
                solution.after,
                solution.damping,
                moments.rows,
                moments.gram.shape[1],
                solution.seconds,
            )
        )
        self._bar.update(len(self.rows))

    def _match(self, site, layer):
        if not self.weights:
            return
        dense, pruned = collect_norm(self.walk, site)
        for variable, value in zip(
            (layer.moving_mean, layer.moving_variance),
            matched(
                self.weights.dense_value(layer.moving_mean),
                self.weights.dense_value(layer.moving_variance),
                dense,
                pruned,
            ),
        ):
            self.weights.set(variable, value.astype(variable.dtype))
        self.matched += 1

    def _check_all_seen(self, left):
        if not left:
            return
        path = next(iter(left.values())).weights[0].path
        raise ValueError(
            f"Expected calibration data to reach `{path}`. No inputs of it "
            "were seen: its layer is not called for prediction, or multiplies "
            "by something made of the kernel. Leave it out with `exclude`."
        )


def _norms(model):
    return [
        layer
        for layer in layers_of(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]


def _solver(method):
    if isinstance(method, LayerSolver):
        return method
    _check_choice("method", method, tuple(LAYER_SOLVERS))
    return LAYER_SOLVERS[method]()


def _check_choice(name, value, known):
    if value not in known:
        names = ", ".join(f"'{each}'" for each in known)
        raise ValueError(
            f"Expected `{name}` to be one of {names}. Received: "
            f"{name}={value!r}."
        )


def _check_constraint(solver, constraint):
    for weight in constraint.weights:
        check_finite(weight.variable, weight.path)
    refusal = solver.refusal(constraint.structure)
    if refusal is not None:
        raise ValueError(
            f"Expected a structure that {type(solver).__name__} can prune in. "
            f"Received {constraint.structure}: {refusal}."
        )
