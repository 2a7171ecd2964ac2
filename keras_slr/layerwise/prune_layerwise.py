"""Pruning without training, layer by layer."""

import concurrent.futures
import dataclasses
import numbers
import time
from typing import Any
from typing import Literal
from typing import Unpack

import keras

from keras_slr.allocation.user_rates import Rate
from keras_slr.backend import on_one_cpu
from keras_slr.completed import completed
from keras_slr.grids.check import check_no_grid
from keras_slr.layerwise import outliers
from keras_slr.layerwise.batches import batches_of
from keras_slr.layerwise.batches import samples_of
from keras_slr.layerwise.input_check import check_inputs
from keras_slr.layerwise.job import Job
from keras_slr.layerwise.memory import check_kept
from keras_slr.layerwise.memory import check_memory
from keras_slr.layerwise.program import batch_norms_of
from keras_slr.layerwise.program import owners_of
from keras_slr.layerwise.program import program_of
from keras_slr.layerwise.report import LayerwiseReport
from keras_slr.layerwise.run import Run
from keras_slr.layerwise.solvers import LAYER_SOLVERS
from keras_slr.layerwise.solvers import LayerSolver
from keras_slr.layerwise.unit_choice import CHOICES
from keras_slr.layerwise.unit_choice import UnitChoice
from keras_slr.layerwise.walk import Weights
from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr.models.weight_values import check_finite
from keras_slr.planning.plan import Plan
from keras_slr.planning.plan_arguments import PlanArguments
from keras_slr.planning.plan_arguments import check_names
from keras_slr.reports.report import report_of
from keras_slr.structures.constraint import numbered
from keras_slr.structures.coupled_units import CoupledUnits


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

    Each kernel becomes a sparse one that keeps the outputs of its layer
    nearly the same on a few hundred samples. This needs no labels and no
    gradients.

    Args:
        model: Built Keras model, trained.
        data: Inputs to calibrate on, in any form that `model.predict` takes.
            A few hundred samples of the training data are enough. Pass `None`
            for `method="coreset"`, which needs no data.
        rate: See `Plan`. Defaults to `None`: `0.9`, unless the structure or
            the method fixes the rate, such as `NetTrim(epsilon=0.1)`.
        method: `LayerSolver`, or its name: `"slr"`, `"admm"`,
            `"sparsegpt"`, `"obs"`, `"wanda"`, `"magnitude"`, `"swaps"`,
            `"net-trim"`, `"l0"`. For whole units such as `Filter()` it says
            how they are chosen: `"greedy"` or `"slr"`, by what the kernels
            that read them lose; `"magnitude"`; `"uniform"`, at random; or
            `"coreset"`, for neurons of Dense layers. Defaults to `"slr"`.
        order: `"sequential"` to give each layer the inputs that it gets in
            the pruned model, or `"parallel"` to give all of them those of
            the dense model, in one pass. Defaults to `"sequential"`.
        targets: The outputs that a layer should match. `"dense"` takes those
            in the dense model. Each layer then makes up for the errors of
            those before it and, in front of an addition, for what the other
            terms have lost. `"own"` takes those of the dense kernel on the
            layer's own inputs. Defaults to `"dense"`.
        damping: Float, weight of the penalty on the distance from the dense
            kernel, as a share of the mean squared input. Defaults to `None`:
            it is chosen for each kernel on held-out data, every fifth sample.
        match_batch_norm: Boolean, whether the moving statistics of batch
            normalizations change as pruning changed their inputs. Defaults
            to `True`.
        batch_size: Integer, for arrays. Defaults to `None`, which is 32.
        samples: Integer, how many samples to use. Defaults to `None`: all.
        executor: `concurrent.futures.Executor` that solves the layers of
            `order="parallel"`, such as a `ProcessPoolExecutor`. Defaults to
            `None`: this process solves them one after another.
        keep_finished: Boolean, whether finished layers stay pruned if the
            call is interrupted. Defaults to `False`: the model is as it was.
        verbose: Integer, `1` for a progress bar, `0` for none. Defaults to
            `1`.
        **plan: Further arguments of `Plan`: `include`, `exclude`,
            `structure`, `allocation`, `budget` and `target`. Here
            `allocation` may also be `"owl"`, which keeps kernels denser if
            their inputs have outliers (arXiv 2310.05175).

    Returns:
        `LayerwiseReport`.

    Raises:
        TypeError: If the model is not a Keras 3 model, or there is no
            argument of a given name.
        ValueError: If the model is not built, the plan does not fit it, an
            argument is invalid, there are too few samples or too little
            memory, weights or inputs are not finite, or a kernel to prune
            sees no inputs. The model is then unchanged.
    """
    start = time.perf_counter()
    check_names("prune_layerwise", plan)
    check_model(model)
    check_built(model)
    _check_choice("order", order, ("sequential", "parallel"))
    _check_choice("targets", targets, ("dense", "own"))
    _check_positive("damping", damping, numbers.Real, "number")
    _check_positive("samples", samples, numbers.Integral, "integer")
    check_no_grid(
        plan.get("constraint"),
        "prune_layerwise, whose solvers choose entries to keep",
        "use `SLRCallback` or `hard_prune`",
    )
    _check_rate_is_free(method, {"rate": rate, **plan})
    by_outliers = plan.get("allocation") == outliers.NAME
    if data is None and (by_outliers or method != "coreset"):
        raise _needs_data(method)
    if executor is not None and order == "sequential":
        raise ValueError(
            "Expected order='parallel' beside `executor`, which solves layers "
            "that do not wait for each other. Received: order='sequential'; "
            "leave one of them out."
        )
    if by_outliers:
        plan["allocation"] = "uniform"
    constraints, left = Plan(rate, **plan).constraints(model)
    for weight in numbered(constraints)[0]:
        check_finite(weight.variable, weight.path)
    batches = [] if data is None else batches_of(data, batch_size, samples)
    if batches:
        check_inputs(model, batches[0])
    weights = Weights()
    run = Run(
        model,
        batches,
        weights,
        damping,
        targets == "own",
        match_batch_norm,
        verbose,
    )
    if by_outliers:
        plan["allocation"] = outliers.owl_allocation(constraints, run)
        constraints, left = Plan(rate, **plan).constraints(model)
    acting = [c for c in constraints if not c.idle and c.rate > 0]
    of_units = [c for c in acting if _is_of_units(c)]
    jobs = _jobs([c for c in acting if not _is_of_units(c)], method)
    if data is None and jobs:
        raise _needs_data(method)
    check_memory(
        [job.weight for job in jobs],
        "order='sequential'" if order == "parallel" else None,
    )
    _check_kept(model, jobs, batches, order, match_batch_norm)
    try:
        if of_units:
            jobs += _unit_jobs(model, of_units, method, run, weights)
        if data is None:
            pass
        elif order == "sequential":
            run.sequential(jobs)
        else:
            run.parallel(jobs, executor)
        for constraint in constraints:
            constraint.finish()
        if _chooses_rate(method):
            constraints = _with_rates_of(run.rows, constraints)
        return LayerwiseReport(
            run.rows,
            report_of(model, constraints, left),
            sum(map(samples_of, batches)),
            run.norms,
            time.perf_counter() - start,
        )
    except BaseException:
        if not keep_finished:
            completed(weights.restore)
        raise


def _check_kept(model, jobs, batches, order, match_batch_norm):
    """Checks the memory for the pass that `Run` is about to make."""
    # How much memory an accelerator has left is not known.
    if not jobs or not on_one_cpu(jobs[0].weight.variable):
        return
    pruned = owners_of(model, [job.weight.variable for job in jobs])
    norms = batch_norms_of(model) if match_batch_norm else []
    if order == "parallel":
        # No kernel changes meanwhile, and the normalizations come later.
        stages, pruned = pruned, []
    else:
        stages = pruned + norms
    samples = sum(map(samples_of, batches))
    check_kept(program_of(model, stages), pruned, samples)


def _is_of_units(constraint):
    """Returns whether a constraint removes units that other kernels read."""
    structure = constraint.structure
    return isinstance(structure, CoupledUnits) and (
        len(constraint.weights) > 1 or bool(structure.readers)
    )


def _jobs(constraints, method):
    """Returns a `Job` for each constraint on a single kernel."""
    if not constraints:
        return []
    solver = method
    if not isinstance(method, LayerSolver):
        _check_choice("method", method, tuple(LAYER_SOLVERS))
        solver = LAYER_SOLVERS[method]()
    for constraint in constraints:
        refusal = solver.refusal(constraint.structure)
        if refusal is not None:
            raise ValueError(
                f"Expected a structure that {type(solver).__name__} can prune "
                f"in. Received {constraint.structure}: {refusal}."
            )
    return [Job(c.weights[0], solver, c) for c in constraints]


def _unit_jobs(model, constraints, method, run, weights):
    """Removes units; returns a `Job` for each kernel that read them."""
    if method == "slr":
        method = "greedy"
    _check_choice("method", method, CHOICES)
    choice = UnitChoice(model, constraints, method)
    factors = choice.factors(run)
    for weight, factor in factors.values():
        dense = weights.dense_value(weight.variable)
        weights.set(weight.variable, (dense * factor).astype(dense.dtype))
    return choice.jobs(factors)


def _needs_data(method):
    return ValueError(
        "Expected `data` to calibrate on, some hundred inputs of the model. "
        f"Received: data=None with method={method!r}; use `hard_prune`, which "
        "needs none."
    )


def _check_positive(name, value, kind, noun):
    if value is None:
        return
    valid = isinstance(value, kind) and not isinstance(value, bool)
    if not valid or not value > 0:
        raise ValueError(
            f"Expected `{name}` to be a positive {noun}. Received: "
            f"{name}={value!r}."
        )


def _chooses_rate(method):
    return isinstance(method, LayerSolver) and method.chooses_rate


def _with_rates_of(rows, constraints):
    """Returns the constraints with the rates that the solver chose."""
    chosen = {row.path: row.rate for row in rows}
    return [
        dataclasses.replace(c, rate=chosen.get(c.weights[0].path, c.rate))
        for c in constraints
    ]


def _check_rate_is_free(method, plan):
    """Raises an error for a rate if the solver chooses it itself."""
    if not _chooses_rate(method):
        return
    for name in ("rate", "allocation", "budget"):
        value = plan.get(name)
        if value is not None:
            raise ValueError(
                f"Expected no `{name}` beside {method}, which decides how "
                f"many entries become zero. Received: {name}={value!r}; leave "
                "one of them out."
            )


def _check_choice(name, value, known):
    if value not in known:
        names = ", ".join(f"'{each}'" for each in known)
        raise ValueError(
            f"Expected `{name}` to be one of {names}. Received: "
            f"{name}={value!r}."
        )
