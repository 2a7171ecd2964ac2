"""Surrogate Lagrangian Relaxation (arXiv 2012.10079, arXiv 2304.04120).

The pruned weights `W_n` get sparse copies `Z_n`, to which multipliers `Lam_n`
and a quadratic penalty tie them:

    L(W, Z, Lam) = f(W) + sum_n <Lam_n, W_n - Z_n>
                 + rho / 2 sum_n ||W_n - Z_n||^2,     Z_n in S_n

Training minimizes `L` over `W`. Between training steps, `dual_update` moves
`Z` and `Lam`.

By default the solver differs from the papers in six ways, each for a measured
reason (docs/solver.md). `SLR.paper()` has none of them, `SLR.coupled()` only
the first.

Free support. On the support of `Z` the set `S_n` constrains nothing, so a
solution has `Z = W` and `Lam = 0` there. The solver enforces this at every
step: entries in the support are free, `Z` follows `W` on them, and no penalty
acts. The others get `Lam + rho W`. The projection of every dual update chooses
the free entries anew. If kept weights were tied to the `Z` of the last update
instead, a strong rho would slow their training.

Decoupled penalty. The optimizer sees the gradient of `f` alone. After its step,
`W` takes a proximal step on the penalty, towards `V = Z - Lam / rho`. As part
of the gradient, the pull would depend on the optimizer, the learning rate and
the scale of the loss. Here rho is the fraction of the distance to `V` that `W`
covers from one dual update to the next, independent of these. When rho grows,
the multipliers grow with it, so that `V` does not move.

Metric. `Pi` projects in a metric built from the mean squared gradients `v` that
Adam and its relatives store: it keeps the largest `v_i^q |V_i|`. Small weights
with a steep loss stay. `q = 1/4` gives the metric of the optimizer's own steps.
A tenth of the tensor's mean is added to `v`, so that weights without a gradient
at the moment still count by their magnitude. With optimizers that store no
`v`, the largest magnitudes stay. The same holds for filters, channels and
heads, because the metric says little about hundreds of entries together.

Trial. Before the first choice, `Z` is zero for a while: all weights are pulled
towards zero, and training restores those that the loss needs. Magnitudes then
show what is needed now, not only what was learned before. Only kernels in front
of a batch normalization take part, because shrinking all their entries alike
changes nothing but the relative size of a training step. Higher rates gain more
from a trial, so it shrinks further for them; where steps are large already, it
does not shrink.

Continuation. Then `S_n` shrinks from the whole space to the requested size. If
the model is pruned already, it shrinks from the entries that are not zero, and
there is no trial.

Settling. From `freeze_at` on, `W = Z` exactly: entries outside the support are
held at zero, and the rest of the run trains the entries that stay. This comes
earlier for structures with large units: losing whole filters costs more
accuracy than losing single entries, and there are fewer of them to choose from.

Learning paces all of this, not steps: a fraction of the run is a fraction of
the sum of its learning rates, if a schedule defines them (`training.clock`).
Weights that settle after the rate has decayed can no longer compensate for the
removed ones.

The update is in `solvers.slr_dual_update`, its stepsize rule in
`solvers.slr_stepsize`, the trial in `solvers.slr_trial`, the growing pull and
the shrinking sets in `solvers.continuation`, and the storage of `Z` and `Lam`
in `solvers.forms`.
"""

import dataclasses
import numbers
from typing import Any
from typing import Self

from keras_slr.record import PACKAGE
from keras_slr.schedules import Constant
from keras_slr.schedules import Geometric
from keras_slr.schedules import Ramp
from keras_slr.schedules.schedule import Schedule
from keras_slr.solvers.continuation import Continuation
from keras_slr.solvers.registry import register_solver
from keras_slr.solvers.slr_dual_update import begin
from keras_slr.solvers.slr_dual_update import dual_update
from keras_slr.solvers.slr_trial import try_all
from keras_slr.solvers.tensors import Tensors


@register_solver("slr", PACKAGE)
@dataclasses.dataclass(frozen=True)
class SLR(Continuation):
    """Surrogate Lagrangian Relaxation. The defaults need no tuning.

    Args:
        rho: Schedule of the penalty weight, a function of the fraction of the
            way to `freeze_at`, or a positive float for a constant weight.
            With a decoupled penalty, the fraction of the distance to `V`,
            below one, that `W` covers between two dual updates. Defaults to
            `"auto"`, which is `Geometric(0.5, 0.99)`: the pull begins weak,
            so that training decides which weights stay, and ends strong. On
            a grid, where it acts on all entries, it begins at 0.01.
        stepsize: Float, the first stepsize `s0` of the multipliers, as a
            multiple of the first rho. Defaults to `1.0`.
        M: Float above 1, the first constant of the stepsize rule. Defaults
            to `300`.
        r: Float in `(0, 1)`, its second constant. Defaults to `0.1`.
        stepsize_bound: Float or `None`. The stepsize never exceeds this
            multiple of rho; `None` means no bound. Defaults to `1.0`, with
            which a half-step equals that of ADMM.
        freeze_at: Float in `(0, 1]`, the fraction of the learning
            (`Clock.learned`) after which the set of kept entries no longer
            changes; with a decoupled penalty and a free support, the other
            entries are zero from then on. `"auto"` uses
            `Structure.freeze_at`. With `None` the set changes to the end.
            Defaults to `"auto"`.
        free_support: Boolean, whether entries in the support of `Z` train
            without the penalty. Defaults to `True`.
        penalty: `"decoupled"`, a proximal step after the optimizer's, or
            `"coupled"`, a part of the gradient that the optimizer sees.
            Defaults to `"decoupled"`.
        trial: Float in `[0, 1)`, the fraction of the learning spent on the
            trial, before the way to `freeze_at` begins. A trial needs a
            decoupled penalty, a free support and kernels in front of batch
            normalizations. `0.0` means no trial. Defaults to `0.05`.
        ramp: Schedule from zero to one, a function of the fraction of the way
            to `freeze_at`, by which the pruning rate is multiplied. `None`
            means the whole rate from the start. Defaults to `Ramp()`.
        metric: Float in `[0, 1]`, the power `q` of the metric in which SLR
            projects; `0.0` means by magnitude alone. `"auto"` uses
            `Structure.metric`. Defaults to `"auto"`.

    Raises:
        ValueError: If a number is outside its range.
    """

    rho: Schedule | float | str = "auto"
    stepsize: float = 1.0
    M: float = 300.0
    r: float = 0.1
    stepsize_bound: float | None = 1.0
    freeze_at: float | str | None = "auto"
    free_support: bool = True
    penalty: str = "decoupled"
    trial: float = 0.05
    ramp: Schedule | None = Ramp()
    metric: float | str = "auto"

    prefix = "slr"

    def __post_init__(self):
        super().__post_init__()
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
        at = self.freeze_at
        latest = at if isinstance(at, numbers.Real) else 1.0
        if not 0 <= self.trial < latest:
            raise ValueError(
                "Expected `trial`, a fraction of the run, to be at least 0 "
                "and to end before `freeze_at`. Received: "
                f"trial={self.trial}, freeze_at={at!r}."
            )

    @classmethod
    def coupled(cls, **kwargs: Any) -> Self:
        """Returns SLR with the penalty as a part of the gradient.

        The rho suits Adam at 1e-3 and a cross-entropy loss: compared with the
        gradients, the first rho is weak and the last one strong.

        Args:
            **kwargs: Other arguments of `SLR`.
        """
        settings: dict[str, Any] = {
            "rho": Geometric(2e-3, 10.0),
            "freeze_at": 0.65,
            "penalty": "coupled",
            "trial": 0.0,
            "ramp": None,
            "metric": 0.0,
        }
        return cls(**settings | kwargs)

    @classmethod
    def paper(cls) -> Self:
        """Returns SLR as published: s0 0.01, M 300, r 0.1, constant rho 0.1."""
        return cls(
            rho=Constant(0.1),
            stepsize=0.1,
            stepsize_bound=None,
            freeze_at=None,
            free_support=False,
            penalty="coupled",
            trial=0.0,
            ramp=None,
            metric=0.0,
        )

    def begin(self, tensors, clock):
        rho = self.strength(0.0, clock.interval, tensors)
        square = tensors.start(rho, self.share(0.0))
        # If nothing is constrained yet, the stepsize rule starts from the norm
        # of W, the residual that Z = 0 would leave.
        state = begin(self, rho, square, square or tensors.square())
        if clock.learned < self.way_begins(tensors):
            tried = tensors.square(scale_free=True)
            state = dataclasses.replace(state, tried=tried)
        return state

    def update(self, state, tensors, loss, clock):
        if state.settled:
            return dataclasses.replace(state, updates=state.updates + 1)
        if clock.learned < self.way_begins(tensors):
            state = dataclasses.replace(state, updates=state.updates + 1)
            return try_all(self, state, tensors, loss, clock)
        way = self.way(clock, tensors)
        if state.tried and not self.freezes(way):
            # The way begins. A step of the multipliers from the trial would
            # have the stepsize of its rho, which may be next to nothing.
            updates = state.updates + 1
            state = self.begin(tensors, clock)
            return dataclasses.replace(state, loss=loss, updates=updates)
        return dual_update(self, state, tensors, loss, way, clock.interval)

    def logs(self, states):
        updated = [state for state in states if state.updates] or states
        return {
            "rho": states[-1].rho,
            "stepsize": states[-1].s,
            "condition_1": _mean(state.condition_1 for state in updated),
            "condition_2": _mean(state.condition_2 for state in updated),
        }

    def way_begins(self, tensors: Tensors) -> float:
        # On a grid, sizes count and not only zeros. Weights that are pruned
        # already have been chosen from, and those of a rate of zero stay.
        new = any(
            not first and each.count(each.rate) < each.units
            for first, each in zip(tensors.first_rates, tensors.constraints)
        )
        tries = self.settles and tensors.scale_free and not tensors.on_grid
        return self.trial if tries and new else 0.0


def _mean(values):
    values = list(values)
    return sum(values) / len(values)
