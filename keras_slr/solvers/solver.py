"""The base class of pruning methods."""

from collections.abc import Sequence
from typing import Any
from typing import ClassVar
from typing import Literal

from keras_slr.grids.check import check_no_grid
from keras_slr.record import Record
from keras_slr.solvers import forms
from keras_slr.solvers.progress import Progress
from keras_slr.solvers.tensors import Tensors

# Epochs of data of unknown length differ by some batches, so a run may end
# some steps before it was expected to.
NEARLY = 0.9


def check_solver(solver: Any) -> None:
    """Raises a `TypeError` unless `solver` is an instance of `Solver`."""
    if isinstance(solver, Solver):
        return
    if isinstance(solver, type) and issubclass(solver, Solver):
        advice = f"create an instance, `{solver.__name__}()`"
    else:
        advice = "pass one, such as `keras_slr.ADMM()`, or `None`"
    raise TypeError(
        "Expected `solver` to be an instance of `keras_slr.Solver`. "
        f"Received: solver={solver!r}; {advice}."
    )


def check_scored(solver: Any, score: Any) -> None:
    """Raises a `ValueError` if a method cannot choose by a score.

    Args:
        solver: `Solver`.
        score: `Score`, or `None`.
    """
    if score is None or solver.scored:
        return
    name = type(solver).__name__
    advice = "use a method that chooses by magnitude, such as gradual magnitude"
    if hasattr(solver, "metric"):
        advice = (
            f"give the power of the squared gradients to the method itself, "
            f"`{name}(metric=0.5)`, or {advice}"
        )
    raise ValueError(
        f"Expected no `score` beside {name}, which compares weights by their "
        f"magnitude itself. Received: score={score}; {advice}."
    )


def check_projects(solver: Any, constraint: Any) -> None:
    """Raises a `ValueError` if a method cannot move weights to a grid.

    Args:
        solver: `Solver`.
        constraint: `Grid`, or `None`.
    """
    if not solver.projects:
        check_no_grid(
            constraint,
            f"{type(solver).__name__}, which does not project",
            "use SLR or ADMM",
        )


def check_rate_is_free(solver: Any, **given: Any) -> None:
    """Raises a `ValueError` for a rate if the method chooses it itself.

    Args:
        solver: `Solver`.
        **given: What sets a rate, by the name of its argument; `None` is
            allowed.
    """
    if not solver.chooses_rate:
        return
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"Expected no `{name}` beside {solver}, which decides how "
                f"many entries become zero. Received: {name}={value!r}; leave "
                "one of them out."
            )


class Solver(Record):
    """A pruning method: what it does between training steps.

    A subclass is a frozen dataclass of settings, registered with
    `register_solver`. It implements `begin` and `update`. Both return the
    state of the run: another frozen dataclass, whose fields are numbers, so
    that checkpoints can contain it. Every change creates a new state. If the
    state has a field `settled` that is true, hard pruning keeps the chosen
    entries; otherwise it keeps the weights of largest magnitude.

    Attributes:
        prefix: String, the first part of the method's keys in the logs.
            Defaults to `"pruning"`.
        form: Class of `solvers.forms` that says how `Z` and `Lam` are stored.
            A method that only holds zeros, without `Z` and `Lam`, uses
            `Masked`. Defaults to `Held`.
        acts_on: What the method changes in a training step: `"gradients"`,
            to which `C + R W` is added before the optimizer's update, or
            `"weights"`, from which it is subtracted after the update; with
            the form `Masked`, `"weights"` are masked instead. Defaults to
            `"gradients"`.
        projects: Boolean, whether the method pulls weights towards the `Z`
            that `tensors.keep_lifted()` chooses, so that the user can pass a
            grid as `constraint`. Defaults to `False`.
        scored: Boolean, whether the method chooses by `tensors.scores()`, so
            that the user can pass a `score`. Defaults to `False`.
        default_allocation: How one rate, or none, is distributed over layers
            whose single entries are pruned, unless the user says so, see
            `Plan`. Defaults to `None`.
    """

    prefix: ClassVar[str] = "pruning"
    projects: ClassVar[bool] = False
    scored: ClassVar[bool] = False
    default_allocation: ClassVar[str | None] = None
    form: Any = forms.Held
    acts_on: Literal["gradients", "weights"] = "gradients"

    @property
    def chooses_rate(self) -> bool:
        """Whether the method decides how many entries become zero."""
        return False

    def begin(self, tensors: Tensors, clock: Progress) -> Any:
        """Starts a run and returns its state.

        Args:
            tensors: `solvers.tensors.Tensors`, the pruned weights.
            clock: `solvers.progress.Progress`. The length of the run may be
                unknown yet.
        """
        raise NotImplementedError

    def update(
        self, state: Any, tensors: Tensors, loss: float, clock: Progress
    ) -> Any:
        """Performs an update, which is due every few training steps.

        Args:
            state: State that the last update returned.
            tensors: `solvers.tensors.Tensors`, the pruned weights.
            loss: Float, mean task loss since the last update, or `nan`.
            clock: `solvers.progress.Progress`.

        Returns:
            The new state.
        """
        raise NotImplementedError

    def settled(self, state: Any, tensors: Tensors, clock: Progress) -> bool:
        """Returns whether the run may end here with hard pruning.

        Earlier, hard pruning removes weights that the model still relies on,
        and the user gets a warning. By default a run needs its whole length.

        Args:
            state: State that the last update returned.
            tensors: `solvers.tensors.Tensors`, the pruned weights.
            clock: `solvers.progress.Progress`.
        """
        del state, tensors
        return clock.progress >= NEARLY

    def logs(self, states: Sequence[Any]) -> dict[str, float]:
        """Returns further values for the logs of an epoch.

        The keys get the prefix. By default there are none.

        Args:
            states: List of the states after each update of the epoch, or of
                the current state if there was no update.
        """
        del states
        return {}
