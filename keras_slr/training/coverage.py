"""Finds weights that training changes without the hooks of a run.

A step with another optimizer than the hooked one, or one compiled before the
hook was attached, trains the weights dense. Nothing else would show it.
"""

import zlib

from keras_slr import backend
from keras_slr.training.optimizers import and_more


class Coverage:
    """Compares the weights that no hook has met with their earlier values.

    An unchanged weight may be waiting for its turn: gradients are
    accumulated, or a generator trains in every fifth step. A weight that
    waits for an optimizer that was built for it may also change before, by a
    constraint or a layer that rewrites its kernel.

    Args:
        hooks: `training.hook.Hooks`.
        variables: List of the Keras variables of the hooks.
        optimizers: `training.optimizers.Optimizers`.
    """

    def __init__(self, hooks, variables, optimizers):
        self._hooks = hooks
        self._variables = variables
        self._optimizers = optimizers
        self._before = {}
        self._changed = set()
        self._steps = 0
        self.begun = False

    @property
    def missing(self):
        """List of the indices of variables that no hook has met."""
        return [
            i
            for i in range(len(self._variables))
            if i not in self._hooks.passed
        ]

    def begin(self):
        """Notes the weights before a step, or after an update."""
        self.begun = True
        self._before = {i: _digest(self._variables[i]) for i in self.missing}

    def due(self):
        """Counts a step; returns whether to `check` after this one.

        It is due after 1, 2, 4, 8, ... steps, so a weight that is never
        trained costs nothing in a long run. Check also before each `begin`
        and at the end of the run.
        """
        self._steps += self.begun
        steps = self._steps
        return self.begun and steps & (steps - 1) == 0 and bool(self.missing)

    def check(self, values=None, at_end=False):
        """Raises a `ValueError` that names the weights that have changed.

        Args:
            values: Dict of tensors by the `id` of their variable, for
                variables that are not up to date. Defaults to `None`.
            at_end: Boolean, whether this was the last step, so that no weight
                can be waiting. Defaults to `False`.
        """
        if not self._steps:
            return
        missing = self.missing
        self._changed |= {
            i
            for i in missing
            if i in self._before
            and self._before[i] != _digest(self._variables[i], values)
        }
        left = [
            self._variables[i]
            for i in missing
            if i in self._changed
            and (at_end or not self._optimizers.await_turn(self._variables[i]))
        ]
        if left:
            raise ValueError(
                "Expected training steps that update the pruned weights with "
                f"the optimizer {self._optimizers}. Received steps that have "
                f"changed {and_more([v.path for v in left])} without it: pass "
                "the optimizer that trains them as `optimizer`, or leave them "
                "out with `exclude`, and compile steps of your own "
                "(`tf.function`, `jax.jit`) after pruning has begun."
            )


def _digest(variable, values=None):
    value = (values or {}).get(id(variable))
    return zlib.crc32(b"".join(backend.raw_parts(variable, value)))
