"""What a solver may ask about the progress of a run."""

from typing import Protocol


class Progress(Protocol):
    """The clock of a run, read by solvers.

    Attributes:
        step: Integer, training steps done.
        total: Integer, training steps of the whole run, or `None` while they
            are not known.
    """

    step: int
    total: int | None

    @property
    def interval(self) -> int:
        """Training steps from one update of the solver to the next."""
        ...

    @property
    def progress(self) -> float:
        """Fraction of the run done, zero while its length is not known."""
        ...

    @property
    def learned(self) -> float:
        """Fraction of the sum of the run's learning rates spent so far."""
        ...

    @property
    def learning(self) -> float:
        """Fraction of that sum spent from here to the next update."""
        ...
