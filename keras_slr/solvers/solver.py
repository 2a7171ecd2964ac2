"""What every pruning method is to the training loop."""

from keras_slr.record import Record
from keras_slr.solvers import forms


class Solver(Record):
    """A pruning method: what it does between training steps.

    A subclass is a frozen dataclass of settings, registered with Keras. The
    state of a run is another frozen dataclass, of numbers alone, so that it
    can be saved; every change makes a new one.

    Attributes:
        prefix: String, begins the method's keys in the logs.
        form: How `Z` and `Lam` are held, a class of `solvers.forms`.
    """

    prefix = None
    form = forms.Held

    def begin(self, tensors):
        """Starts a run on `training.split.Split` and returns its state."""
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

    def logs(self, states):
        """Returns a dict of floats for the logs of an epoch.

        Args:
            states: List of the states after each update of the epoch, or of
                the current one if there was no update.
        """
        raise NotImplementedError
