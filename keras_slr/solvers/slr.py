"""Surrogate Lagrangian Relaxation (arXiv 2012.10079, arXiv 2304.04120).

The pruned weights `W_n` are split from sparse copies `Z_n` and tied to them by
multipliers `Lam_n` and a quadratic penalty:

    L(W, Z, Lam) = f(W) + sum_n <Lam_n, W_n - Z_n>
                 + rho / 2 sum_n ||W_n - Z_n||^2,     Z_n in S_n

Training moves `W` on `L`; between training steps `dual_update` moves `Z` and
`Lam`.

Free support. On the support of `Z` the set `S_n` constrains nothing, so at a
solution `Z = W` and `Lam = 0` there. By default the solver keeps to that at
every step, not only in the limit: entries in the support are free, `Z` follows
`W` on them and no penalty acts; the others get `Lam + rho W`. Which entries
are free is decided anew by the projection of every dual update. Held at the
`Z` of the last update instead, as in the papers, kept weights are braked by a
strong rho, which costs accuracy (docs/solver.md).

How `Z` and `Lam` are held, and the passes over them, are in `solvers.forms`.
"""

import dataclasses
import math
import numbers

from keras_slr.record import register
from keras_slr.schedules import Constant
from keras_slr.schedules import Geometric
from keras_slr.solvers import forms
from keras_slr.solvers.solver import Solver

# A projection that changes nothing leaves the Lagrangian as it is; a smaller
# relative gain than this is the rounding of sums in single precision.
ROUNDING = 1e-6


@register
@dataclasses.dataclass(frozen=True)
class SLR(Solver):
    """What SLR is run with. The defaults need no tuning.

    Args:
        rho: Schedule of the penalty's weight, a function of the fraction of
            the run, or a positive float for a constant one. Defaults to
            `Geometric(2e-3, 10.0, until=0.65)`: the pull towards `Z` begins
            weak, so that training decides which weights stay, and ends
            strong, so that nothing is left to prune away.
        stepsize: Float, the first stepsize `s0` of the multipliers.
            Defaults to `2e-3`.
        M: Float above 1, the first constant of the stepsize rule. Defaults
            to `300`.
        r: Float in `(0, 1)`, the second one. Defaults to `0.1`.
        stepsize_bound: Float or `None`. The stepsize never exceeds this
            multiple of rho; `None` leaves it unbounded. Defaults to `1.0`,
            at which a half-step is that of ADMM.
        freeze_at: Float in `(0, 1]` or `None`, the fraction of the run from
            which the set of kept entries no longer changes. Defaults to
            `0.65`, where rho stops growing.
        free_support: Boolean, whether entries in the support of `Z` train
            free of the penalty. `False` is the papers' form. Defaults to
            `True`.

    Raises:
        ValueError: If a number is outside its range.
    """

    rho: object = Geometric(2e-3, 10.0, until=0.65)
    stepsize: float = 2e-3
    M: float = 300.0
    r: float = 0.1
    stepsize_bound: float | None = 1.0
    freeze_at: float | None = 0.65
    free_support: bool = True

    prefix = "slr"

    def __post_init__(self):
        if isinstance(self.rho, numbers.Real):
            object.__setattr__(self, "rho", Constant(float(self.rho)))
        if self.stepsize_bound is not None and self.stepsize_bound <= 0:
            raise ValueError(
                "Expected a positive `stepsize_bound` or None. Received: "
                f"stepsize_bound={self.stepsize_bound}."
            )
        if self.M <= 1 or not 0 < self.r < 1:
            raise ValueError(
                "Expected M > 1 and 0 < r < 1 in the stepsize rule of SLR. "
                f"Received: M={self.M}, r={self.r}."
            )
        if self.stepsize <= 0:
            raise ValueError(
                "Expected a positive first `stepsize`. Received: "
                f"stepsize={self.stepsize}."
            )
        if self.freeze_at is not None and not 0 < self.freeze_at <= 1:
            raise ValueError(
                "Expected `freeze_at` to be a fraction of the run in (0, 1] "
                f"or None. Received: freeze_at={self.freeze_at}."
            )

    @classmethod
    def paper(cls):
        """The papers' constants: s0 0.01, M 300, r 0.1, constant rho 0.1."""
        return cls(
            rho=Constant(0.1),
            stepsize=0.01,
            stepsize_bound=None,
            freeze_at=None,
            free_support=False,
        )

    @property
    def form(self):
        return forms.Free if self.free_support else forms.Held

    def begin(self, tensors):
        return begin(self, tensors.start(self.rho(0.0)))

    def update(self, state, tensors, loss, clock):
        return dual_update(self, state, tensors, loss, clock.progress)

    def logs(self, states):
        updated = [state for state in states if state.updates] or states
        return {
            "rho": states[-1].rho,
            "stepsize": states[-1].s,
            "condition_1": _mean(state.condition_1 for state in updated),
            "condition_2": _mean(state.condition_2 for state in updated),
        }

    def freezes(self, progress):
        """Returns whether the support is settled at `progress`."""
        return self.freeze_at is not None and progress >= self.freeze_at


@dataclasses.dataclass(frozen=True)
class SLRState:
    """The scalars of a run; all of them are saved with the tensors.

    Attributes:
        rho: Penalty weight under which `W` is being trained.
        s: Stepsize of the multipliers.
        k: Number of the next half-step, from 1.
        residual: `||W - Z||` used by the last satisfied half-step.
        loss: Mean task loss of the window before the last update, `nan`
            before the first one.
        inner: `<Lam, W - Z>` at the end of the last update.
        square: `||W - Z||^2` at the end of the last update.
        updates: Number of dual updates done.
        condition_1: Whether the first condition held last time.
        condition_2: Whether the second one did.
    """

    rho: float
    s: float
    k: int = 1
    residual: float = 0.0
    loss: float = math.nan
    inner: float = 0.0
    square: float = 0.0
    updates: int = 0
    condition_1: bool = True
    condition_2: bool = True


def begin(solver, square):
    """Returns the state in which `Z = Pi(W)` and `Lam = 0`.

    Args:
        solver: `SLR`.
        square: Float, `||W - Z||^2` over all pruned weights.
    """
    return SLRState(
        rho=solver.rho(0.0),
        s=solver.stepsize,
        residual=math.sqrt(square),
        square=square,
    )


def alpha(k, M, r):
    """Contraction of the stepsize at half-step `k` (2012.10079, eq. 11)."""
    return 1.0 - 1.0 / (M * k ** (1.0 - 1.0 / k**r))


def penalty(inner, square, rho):
    """Value of the two penalty terms of the Lagrangian."""
    return inner + 0.5 * rho * square


def half_step(solver, state, square):
    """Returns the state after a satisfied half-step with `||W - Z||^2`.

    The stepsize follows `s <- alpha_k s r_prev / ||W - Z||`, in the
    telescoping reading: `r_prev` is the norm that the last satisfied
    half-step divided by. Where a norm is zero the ratio is taken as one.
    """
    residual = math.sqrt(square)
    if residual == 0.0:
        return state
    ratio = state.residual / residual if state.residual > 0.0 else 1.0
    s = alpha(state.k, solver.M, solver.r) * state.s * ratio
    if solver.stepsize_bound is not None:
        s = min(s, solver.stepsize_bound * state.rho)
    return dataclasses.replace(state, s=s, k=state.k + 1, residual=residual)


def dual_update(solver, state, tensors, loss, progress):
    """Moves `Z` and `Lam`, and the stepsize and rho with them.

    Both conditions compare the Lagrangian before and after: the first one at
    the new and the previous `W`, the second one at the new and the previous
    `Z`. The task loss `f` in the first is the mean over the training steps
    since the last update against the mean over the window before, as training
    reported it, without the penalty; no forward pass is spent on it. A loss
    that is not known leaves the penalty terms to decide.

    Args:
        solver: `SLR`.
        state: `SLRState` left by the last update.
        tensors: Holder of `W`, `Z` and `Lam` that runs the passes over all of
            them (`training.split.Split`). They change at the very end.
        loss: Float, mean task loss since the last update, or `nan`.
        progress: Float in `[0, 1]`, the fraction of the run done.

    Returns:
        `SLRState`, with rho set for the steps to come.
    """
    rho = state.rho
    inner, square = tensors.gap(rho)
    descent = penalty(inner, square, rho) - penalty(
        state.inner, state.square, rho
    )
    if not (math.isnan(loss) or math.isnan(state.loss)):
        descent += loss - state.loss
    condition_1 = state.updates == 0 or descent < 0.0
    s_1 = 0.0
    if condition_1:
        state = half_step(solver, state, square)
        s_1 = state.s

    sums = tensors.project(rho, s_1, solver.freezes(progress))
    before = penalty(sums.inner_before, sums.square_before, rho)
    gain = before - penalty(sums.inner, sums.square, rho)
    condition_2 = gain > ROUNDING * (
        abs(sums.inner_before) + 0.5 * rho * sums.square_before
    )
    s_2 = 0.0
    if condition_2:
        state = half_step(solver, state, sums.square)
        s_2 = state.s

    rho_next = solver.rho(progress)
    tensors.ascend(rho, s_1, s_2, rho_next)
    if solver.free_support:
        inner, square = sums.inner_outside, sums.square_outside
    else:
        inner, square = sums.inner, sums.square
    return dataclasses.replace(
        state,
        rho=rho_next,
        loss=loss,
        inner=inner + s_2 * square,
        square=square,
        updates=state.updates + 1,
        condition_1=condition_1,
        condition_2=condition_2,
    )


def _mean(values):
    values = list(values)
    return sum(values) / len(values)
