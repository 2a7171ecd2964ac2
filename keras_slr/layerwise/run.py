"""A run through a model that prunes its kernels."""

import keras
import numpy as np

from keras_slr.layerwise.matched_statistics import matched
from keras_slr.layerwise.moments import DAMPING
from keras_slr.layerwise.program import batch_norms_of
from keras_slr.layerwise.program import owners_of
from keras_slr.layerwise.program import program_of
from keras_slr.layerwise.rectified import bias_of
from keras_slr.layerwise.rectified import is_rectified
from keras_slr.layerwise.report import LayerRow
from keras_slr.layerwise.sites import KernelInputs
from keras_slr.layerwise.sites import collect
from keras_slr.layerwise.sites import collect_norm
from keras_slr.layerwise.solve import Task
from keras_slr.layerwise.solve import solve
from keras_slr.layerwise.walk import Walk


class Run:
    """A run with the same model, data and options throughout.

    Args:
        model: Built Keras model.
        batches: List of batches of inputs.
        weights: `Weights`, the values of the dense and the pruned model.
        damping: See `prune_layerwise`. Defaults to `None`.
        own_targets: Boolean, see `collect`. Defaults to `False`.
        match_batch_norm: See `prune_layerwise`. Defaults to `True`.
        verbose: See `prune_layerwise`. Defaults to `0`.

    Attributes:
        rows: List of `LayerRow`, of the kernels that are done.
        norms: Integer, the number of batch normalizations that are done.
    """

    def __init__(
        self,
        model,
        batches,
        weights,
        damping=None,
        own_targets=False,
        match_batch_norm=True,
        verbose=0,
    ):
        self._model = model
        self._batches = batches
        self._weights = weights
        self._damping = damping
        self._own_targets = own_targets
        self._norms = batch_norms_of(model) if match_batch_norm else []
        self._verbose = verbose
        self.rows = []
        self.norms = 0

    def sequential(self, jobs):
        """Prunes each kernel with the inputs that it has in the pruned model.

        Args:
            jobs: List of `Job`.
        """
        left = {job.key: job for job in jobs}
        bar = self._bar(jobs)
        walk = self._walk([job.weight.variable for job in jobs], self._norms)
        for sites in walk.stages():
            for site in sites:
                layer = walk.norm(site)
                if layer is not None:
                    self._match(walk, site, layer)
                    continue
                inputs = {s: self._inputs(left[s]) for s in site.sources}
                residual = self._residual(walk, site, left)
                collect(walk, [site], inputs, self._own_targets, residual)
                for source in site.sources:
                    job = left.pop(source)
                    task = self._task(job, inputs[source])
                    self._apply(job, task, inputs[source], solve(task))
                    bar.update(len(self.rows))
        _check_none_left(left)

    def parallel(self, jobs, executor):
        """Prunes all kernels with the inputs that they have now.

        Args:
            jobs: List of `Job`.
            executor: `concurrent.futures.Executor`, or `None`.
        """
        inputs = {job.key: self._inputs(job) for job in jobs}
        self._collect([job.weight.variable for job in jobs], inputs)
        tasks = [self._task(job, inputs[job.key]) for job in jobs]
        bar = self._bar(jobs)
        solutions = (
            map(solve, tasks)
            if executor is None
            else executor.map(solve, tasks)
        )
        for job, task, solution in zip(jobs, tasks, solutions):
            found = inputs[job.key]
            self._apply(job, task, found, solution)
            bar.update(len(self.rows))
        self.match_norms()

    def collect(self, variables):
        """Collects the inputs of kernels in one pass.

        Args:
            variables: List of Keras variables.

        Returns:
            Dict from their ids to `KernelInputs`.
        """
        inputs = {
            id(v): KernelInputs(self._weights.dense_value(v)) for v in variables
        }
        self._collect(variables, inputs)
        return inputs

    def _collect(self, variables, inputs):
        walk = self._walk(variables, [])
        for sites in walk.stages():
            if sites:
                collect(walk, sites, inputs)
        for variable in variables:
            if inputs[id(variable)].layout is None:
                raise _not_seen(variable.path)

    def match_norms(self):
        """Matches the statistics of all batch normalizations, in order."""
        if not self._norms:
            return
        walk = self._walk([], self._norms)
        for sites in walk.stages():
            for site in sites:
                self._match(walk, site, walk.norm(site))

    def _walk(self, variables, norms):
        layers = owners_of(self._model, variables) + norms
        program = program_of(self._model, layers)
        return Walk(program, self._batches, variables, norms, self._weights)

    def _bar(self, jobs):
        return keras.utils.Progbar(
            len(self.rows) + len(jobs),
            verbose=self._verbose,
            unit_name="kernel",
        )

    def _inputs(self, job):
        kernel = self._weights.dense_value(job.weight.variable)
        return KernelInputs(kernel, job.solver.needs_samples)

    def _residual(self, walk, site, left):
        """Returns the `Residual` of a site that is to be made up for."""
        solvers = [left[source].solver for source in site.sources]
        # Those that look at samples keep to the outputs of the dense layer.
        if self._own_targets or any(s.needs_samples for s in solvers):
            return None
        return walk.residual(site)

    def _task(self, job, inputs):
        layout = inputs.layout
        samples = None
        if job.solver.needs_samples:
            bias = bias_of(job.weight.layer, layout)
            samples = inputs.samples(bias, is_rectified(job.weight))
        return Task(
            job.solver,
            job.nearest(layout),
            job.structure,
            inputs.dense,
            inputs.moments,
            self._damping if job.solver.uses_damping else DAMPING,
            samples,
        )

    def _apply(self, job, task, inputs, solution):
        variable = job.weight.variable
        kernel = inputs.layout.from_matrices(solution.w, job.weight.shape)
        self._weights.set(variable, kernel.astype(variable.dtype))
        moments = task.moments
        rows = moments.fitted.rows
        if not job.solver.needs_samples:
            rows += moments.held_out.rows
        zeros = 1.0 - np.count_nonzero(kernel) / kernel.size
        self.rows.append(
            LayerRow(
                job.weight.path,
                zeros if job.solver.chooses_rate else job.rate,
                zeros,
                solution.before,
                solution.after,
                solution.damping,
                rows,
                task.dense.shape[1],
                solution.seconds,
            )
        )

    def _match(self, walk, site, layer):
        if not self._weights:
            return
        dense, pruned = collect_norm(walk, site)
        statistics = layer.moving_mean, layer.moving_variance
        known = [self._weights.dense_value(v) for v in statistics]
        for variable, value in zip(statistics, matched(*known, dense, pruned)):
            self._weights.set(variable, value.astype(variable.dtype))
        self.norms += 1


def _check_none_left(left):
    if left:
        raise _not_seen(next(iter(left.values())).weight.path)


def _not_seen(path):
    return ValueError(
        f"Expected calibration data to reach `{path}`. No inputs of it were "
        "seen: its layer is not called for prediction, looks its rows up, or "
        "multiplies by something made of it. Leave it out with `exclude`; "
        "`hard_prune` needs no inputs."
    )
