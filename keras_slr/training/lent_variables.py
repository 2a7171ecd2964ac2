"""Lends the variables of a run to optimizers that do not hold them.

On JAX a step reads its state from its arguments, and everything else is a
constant of its trace. Keras passes `train_step` the variables of
`model.optimizer`, which include those of the run. Another optimizer in the step
opens a scope with its own variables only; the lender sets those of the run in
it, too.
"""

from keras_slr.keras_internals.instance_patch import InstancePatch


class Lender:
    """Wraps a model's `train_step` if optimizers borrow variables.

    Args:
        model: Keras model.
        optimizers: `training.optimizers.Optimizers`.
        variables: List of Keras variables of the run.
    """

    def __init__(self, model, optimizers, variables):
        self._model = model
        self._optimizers = optimizers
        self._variables = {id(v) for v in variables}
        self._state = None
        self._patch = InstancePatch(model, "train_step", self._noting_state)

    def attach(self):
        if self._optimizers.borrowing:
            self._patch.attach()

    def detach(self):
        self._patch.detach()

    def _noting_state(self, base):
        def train_step(state, data):
            holders = self._model.optimizer.variables
            self._state = [
                (variable, value)
                for variable, value in zip(holders, state[2])
                if id(variable) in self._variables
            ]
            try:
                return base(state, data)
            finally:
                self._state = None

        return train_step

    def lend(self):
        """Sets the variables of the run in the scope of an optimizer."""
        if self._state is None:
            raise ValueError(
                "Expected the optimizer to be called in the model's "
                "`train_step`, which on JAX receives the state of the run. "
                "Received a call from your own loop: compile the model with "
                "the optimizer of the loop."
            )
        for variable, value in self._state:
            variable.assign(value)
