"""What a solver may read and change: pruned weights, their `Z` and `Lam`."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from typing import Protocol

from keras_slr.solvers.forms import Sums

if TYPE_CHECKING:
    import keras

    from keras_slr.structures.constraint import Constraint

Masks = Sequence[Any]


class Tensors(Protocol):
    """All pruned weights `W` of a run, each with its `Z` and `Lam`.

    An update has two parts. One of the `keep` methods chooses the entries to
    keep and returns masks: one boolean array per weight, of its shape. It
    changes nothing. Then `ascend` or `hold` stores what follows from the
    masks.

    A solver that chooses by the user's `score` uses `keep(tensors.scores(),
    rates)`. One with scores of its own computes them:

    ```python
    def update(self, state, tensors, loss, clock):
        scores = [score(w) for w in tensors.weights]
        rates = [rate * clock.progress for rate in tensors.rates]
        tensors.hold(tensors.keep(scores, rates))
        return state
    ```

    Scale-free weights are kernels in front of a batch normalization: their
    scale does not change the model's output.
    """

    @property
    def weights(self) -> Sequence[keras.Variable]:
        """The pruned weights `W`, as Keras variables."""
        ...

    @property
    def constraints(self) -> Sequence[Constraint]:
        """The sets `S_n`, one per weight or group of coupled weights."""
        ...

    @property
    def rates(self) -> list[float]:
        """The requested pruning rates, one per constraint.

        A run ends with them. A solver may set those that `allocate` returns;
        checkpoints contain them.
        """
        ...

    @rates.setter
    def rates(self, rates: Sequence[float]) -> None: ...

    @property
    def first_rates(self) -> list[float]:
        """The share of the units of each constraint that began as zeros.

        With rates at least as high, a solver goes on from the zeros of a
        pruned model; `start` and `keep_lifted` do. It is zero where all
        units began as zeros, as in a new layer, or more than the rate asks
        for.
        """
        ...

    @property
    def rate(self) -> float:
        """The mean of the requested pruning rates over all entries."""
        ...

    @property
    def scale_free(self) -> bool:
        """Whether some weights are scale-free."""
        ...

    @property
    def on_grid(self) -> bool:
        """Whether the kept entries of kernels have to lie on a grid.

        Then what `keep_lifted` and `keep_support` return has the points of
        `Z` themselves in place of masks, and all their entries are bound.
        """
        ...

    def scores(self) -> Sequence[Any]:
        """Returns what `keep` is to choose by.

        That is what the user's `score` gives for the weights as they are now,
        or the weights themselves.
        """
        ...

    def check_finite(self) -> None:
        """Checks that all weights are finite.

        Raises:
            ValueError: If a weight has NaN or infinite entries.
        """
        ...

    def square(self, scale_free: bool = False) -> float:
        """Returns `||W||^2`.

        Args:
            scale_free: Boolean, whether to sum over the scale-free weights
                alone. Defaults to `False`.
        """
        ...

    def gap(self, rho: float) -> tuple[float, float]:
        """Returns `<Lam, W - Z>` and `||W - Z||^2`.

        Args:
            rho: Float, the present penalty weight.
        """
        ...

    def start(self, rho: float, share: float = 1.0) -> float:
        """Sets `Z = Pi(W)` and `Lam = 0`.

        Args:
            rho: Float, the first penalty weight.
            share: Float, multiplies the rates of the projection. Defaults to
                `1.0`.

        Returns:
            Float, `||W - Z||^2`.
        """
        ...

    def allocate(
        self, scores: Sequence[Any], at: Callable[[float], float]
    ) -> list[float]:
        """Distributes the requested rate over the layers anew.

        The user's `allocation` does it, as before the run, but by the present
        scores. Changes nothing.

        Args:
            scores: See `keep`. They have to be finite.
            at: Function from the rate at the end of the run to the one in
                force. It applies to the rate that is distributed, or to the
                rate of each layer if a dict, a structure or a budget sets
                it.

        Returns:
            List of floats, the pruning rate of each constraint.
        """
        ...

    def keep(self, scores: Sequence[Any], rates: Sequence[float]) -> Masks:
        """Chooses the entries with the largest scores.

        Single entries compare by the magnitude of their score, units of a
        structure by the norm of their scores. `keep(tensors.weights, rates)`
        chooses by the magnitude of the weights.

        Args:
            scores: List of arrays, tensors or Keras variables, one per
                weight and of its shape.
            rates: List of floats, the pruning rate of each constraint.

        Returns:
            Masks.

        Raises:
            ValueError: If the number of scores or rates, or the shape of a
                score, is wrong, or a score is complex, NaN or infinite.
        """
        ...

    def keep_lifted(
        self, rho: float, s: float = 0.0, share: float = 1.0, power: float = 0.0
    ) -> Masks:
        """Chooses the support of `Pi(W + Lam / rho)`.

        Args:
            rho: Float, the present penalty weight.
            s: Float, stepsize of a half-step of `Lam` before the projection.
                Defaults to `0.0`, no half-step.
            share: See `start`. Defaults to `1.0`.
            power: Float, the power `q` of the metric in which `Pi` projects,
                see `scores.metric`. Defaults to `0.0`, the Euclidean one.

        Returns:
            Masks.
        """
        ...

    def keep_support(self) -> Masks:
        """Chooses the present support of `Z`."""
        ...

    def keep_none(self, scale_free: bool = False) -> Masks:
        """Chooses no entry.

        Args:
            scale_free: Boolean, whether to choose no entry of the scale-free
                weights alone, and all entries of the others. Defaults to
                `False`.
        """
        ...

    def sums(
        self,
        masks: Masks,
        rho: float,
        s: float = 0.0,
        gap: tuple[float, float] | None = None,
    ) -> Sums:
        """Returns the sums before and after `Z` moves to the support `masks`.

        Args:
            masks: Masks of the new support.
            rho: Float, the present penalty weight.
            s: See `keep_lifted`. Defaults to `0.0`.
            gap: What `gap` returned for the same tensors; saves computing it
                again. Defaults to `None`.
        """
        ...

    def ascend(
        self,
        masks: Masks,
        rho: float,
        rho_next: float,
        s_1: float = 0.0,
        s_2: float = 0.0,
        scale: float = 1.0,
    ) -> None:
        """Moves `Z` to the support `masks`, and `Lam` by two half-steps.

        Args:
            masks: Masks of the new support.
            rho: Float, the present penalty weight.
            rho_next: Float, the penalty weight for the steps to come.
            s_1: Float, stepsize of the half-step before `Z` moves. Defaults
                to `0.0`, no half-step.
            s_2: Float, stepsize of the half-step after it. Defaults to
                `0.0`.
            scale: Float, multiplies the new `Lam`. Defaults to `1.0`.
        """
        ...

    # Of the form `Latent`.

    @property
    def latent(self) -> Sequence[keras.Variable]:
        """The weights `U` that the optimizer trains, as Keras variables.

        The model computes with `f(U)`, see `solvers.pruning_function`.
        """
        ...

    @property
    def thresholds(self) -> list[float]:
        """The threshold of each weight."""
        ...

    def agreements(self) -> list[float]:
        """Returns what the steps since `soften` say of each threshold.

        See `solvers.pruning_function.agreement`.
        """
        ...

    def soften(self, masks: Masks, thresholds: Sequence[float]) -> None:
        """Sets the thresholds, and holds entries outside `masks` at zero.

        Args:
            masks: Masks of the entries that stay.
            thresholds: List of positive floats, one per weight.
        """
        ...

    def hold(self, masks: Masks) -> None:
        """Sets the entries outside `masks` to zero and holds them there.

        For the forms `Masked` and `Free`. `Lam` becomes zero, and the next
        rho one: a proximal step with it goes all the way to zero.

        Args:
            masks: Masks of the entries that stay.
        """
        ...
