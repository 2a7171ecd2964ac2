"""What every pruning method is to the training loop."""

from typing import ClassVar

from keras_slr.record import Record
from keras_slr.solvers import forms

# Epochs of data of unknown length differ by some batches, so that a run need
# not end to the step where it was expected to.
NEARLY = 0.9


def check_solver(solver):
    """Raises a `TypeError` unless `solver` is a method with its settings."""
    if isinstance(solver, Solver):
        return
    if isinstance(solver, type) and issubclass(solver, Solver):
        advice = f"make one, `{solver.__name__}()`"
    else:
        advice = "pass one, such as `keras_slr.ADMM()`, or `None`"
    raise TypeError(
        "Expected `solver` to be an instance of a method of "
        f"`keras_slr.solvers`. Received: solver={solver!r}; {advice}."
    )


class Solver(Record):
    """A pruning method: what it does between training steps.

    A subclass is a frozen dataclass of settings, registered with Keras. The
    state of a run is another frozen dataclass, of numbers alone, so that it
    can be saved; every change makes a new one.

    Attributes:
        prefix: String, begins the method's keys in the logs.
        form: How `Z` and `Lam` are held, a class of `solvers.forms`.
        acts_on: What the method changes in a training step: `"gradients"`,
            which get `C + R W` before the update, or `"weights"`, which lose
            it after the update, or with the form `Masked` are masked.
    """

    prefix: ClassVar[str | None] = None
    form = forms.Held
    acts_on = "gradients"

    def begin(self, tensors, clock):
        """Starts a run and returns its state.

        Args:
            tensors: `training.split.Split`.
            clock: `training.clock.Clock`; the length of the run may not be
                known to it yet.
        """
        raise NotImplementedError

    def update(self, state, tensors, loss, clock):
        """Does what is due every few training steps.

        Args:
            state: State left by the last update.
            tensors: `training.split.Split`.
            loss: Float, mean task loss since the last update, or `nan`.
            clock: `training.clock.Clock`.

        Returns:
            The new state.
        """
        raise NotImplementedError

    def settled(self, state, tensors, clock):
        """Returns whether hard pruning may end the run here.

        Before that it takes weights that training has not let go yet. By
        default a run settles over its whole length.

        Args:
            state: State left by the last update.
            tensors: `training.split.Split`.
            clock: `training.clock.Clock`.
        """
        del state, tensors
        return clock.progress >= NEARLY

    def logs(self, states):
        """Returns a dict of floats for the logs of an epoch.

        Args:
            states: List of the states after each update of the epoch, or of
                the current one if there was no update.
        """
        raise NotImplementedError
