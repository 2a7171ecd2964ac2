"""A context in which a model is hard-pruned."""

import contextlib

from keras import ops

from keras_slr.training.chosen import set_chosen


@contextlib.contextmanager
def hard_pruned(run):
    """Prunes the model of a run, and restores everything on exit.

    The present weights of the model choose the entries to keep. Moving
    averages get the same zeros, or points of a grid.

    Args:
        run: `training.run.Run`.
    """
    split = run.split
    weights, averages = split.weights, run.averages
    statistics = [
        variable
        for constraint in split.constraints
        for variable, _ in constraint.structure.statistics
    ]
    before = [(v, ops.copy(v.value)) for v in weights + averages + statistics]
    chosen = run.present()
    try:
        for variables in (weights, averages):
            for variable, each in zip(variables, chosen):
                set_chosen(variable, each)
        for constraint in split.constraints:
            constraint.finish()
        yield
    finally:
        for variable, value in before:
            variable.assign(value)
