"""Surrogate Lagrangian Relaxation (arXiv 2012.10079, arXiv 2304.04120).

The pruned weights `W_n` are split from sparse copies `Z_n` and tied to them by
multipliers `Lam_n` and a quadratic penalty:

    L(W, Z, Lam) = f(W) + sum_n <Lam_n, W_n - Z_n>
                 + rho / 2 sum_n ||W_n - Z_n||^2,     Z_n in S_n

Training moves `W` on `L`; between training steps `dual_update` moves `Z` and
`Lam`.

Six things differ from the papers by default, each for a measured reason
(docs/solver.md); `SLR.paper()` has none of them, `SLR.coupled()` the first.

Free support. On the support of `Z` the set `S_n` constrains nothing, so at a
solution `Z = W` and `Lam = 0` there. The solver keeps to that at every step,
not only in the limit: entries in the support are free, `Z` follows `W` on them
and no penalty acts; the others get `Lam + rho W`. Which entries are free is
decided anew by the projection of every dual update. Held at the `Z` of the
last update instead, kept weights are braked by a strong rho.

Decoupled penalty. The optimizer sees the gradient of `f` alone; after its step
`W` takes a proximal step on the penalty, towards `V = Z - Lam / rho`. Inside
the gradient the pull would go through whatever the optimizer does to
gradients: its strength would depend on the optimizer, the learning rate and
the scale of the loss. Here rho is the share of the way to `V` that `W` goes
from one dual update to the next, whatever these are. When rho grows, the
multipliers grow with it, so that `V` stays where it is.

Metric. `Pi` is the projection in a metric made of the mean squared gradients
`v` that Adam and its relatives hold: it keeps the largest `v_i^q |V_i|`. Small
weights in which the loss is steep stay. With `q = 1/4` that is the metric of
the optimizer's own steps. A tenth of the mean over the tensor is added to `v`:
weights without a gradient at the moment still count by their magnitude. With
optimizers that hold no `v` the largest magnitudes stay, and so do filters,
channels and heads: over hundreds of entries the metric says less.

Trial. Before anything is chosen `Z` is zero for a while, so that weights are
pulled towards zero and those that the loss needs are held up, or grow anew:
magnitudes then tell what is needed now, not only what was learnt before. Only
kernels in front of a batch normalization are tried: what is taken of all of
them alike changes nothing there but how far a training step goes. The more is
to be pruned, the more that is worth, and the further they go; where steps turn
them far already they stay.

Continuation. Then `S_n` shrinks from the whole space to the asked size.

Settling. From then on, `freeze_at`, `W = Z` exactly: what is outside the
support is held at zero, and what is left of the run trains the entries that
stay. How early that is depends on the structure: whole filters cost more to
make up for than single entries, and there are fewer of them to choose from.

All of this is paced by learning, not by steps: a fraction of the run is one
of the sum of its learning rates, where a schedule tells them
(`training.clock`). Weights that settle once the rate has decayed can no
longer make up for those that left.

The update itself is in `solvers.dual_update`, the trial in `solvers.trial`; how
`Z` and `Lam` are held, and the passes over them, in `solvers.forms`.
"""

import dataclasses
import numbers

from keras_slr.record import PACKAGE
from keras_slr.schedules import Constant
from keras_slr.schedules import Geometric
from keras_slr.schedules import Ramp
from keras_slr.schedules.check_schedule import check_schedule
from keras_slr.schedules.check_schedule import schedule_of
from keras_slr.solvers import forms
from keras_slr.solvers.dual_update import begin
from keras_slr.solvers.dual_update import dual_update
from keras_slr.solvers.registry import register_solver
from keras_slr.solvers.solver import Solver
from keras_slr.solvers.trial import try_all

# Steps in which batch norms take statistics of the settled weights: with
# their usual momentum of 0.99 the old ones are then a fifth of all. But
# short runs have half of their learning to choose in.
STATISTICS = 150
EARLIEST = 0.5


@register_solver("slr", PACKAGE)
@dataclasses.dataclass(frozen=True)
class SLR(Solver):
    """What SLR is run with. The defaults need no tuning.

    Args:
        rho: Schedule of the penalty's weight, a function of the fraction of
            the way to `freeze_at`, or a positive float for a constant one.
            With a decoupled penalty the share, below one, of the way to `V`
            that `W` goes between two dual updates. Defaults to
            `Geometric(0.5, 0.99)`: the pull begins weaker, so that training
            decides which weights stay, and ends strong.
        stepsize: Float, the first stepsize `s0` of the multipliers, as a
            multiple of the first rho. Defaults to `1.0`.
        M: Float above 1, the first constant of the stepsize rule. Defaults
            to `300`.
        r: Float in `(0, 1)`, the second one. Defaults to `0.1`.
        stepsize_bound: Float or `None`. The stepsize never exceeds this
            multiple of rho; `None` leaves it unbounded. Defaults to `1.0`,
            at which a half-step is that of ADMM.
        freeze_at: Float in `(0, 1]`, the fraction of the learning
            (`Clock.learned`) from which the set of kept entries no longer
            changes; with a decoupled penalty and a free support the others
            are zero from there. `"auto"` is what suits the structures that
            are pruned, `Structure.freeze_at`, or earlier in short runs where
            batch norms need steps for their statistics; with `None` it
            changes to the end. Defaults to `"auto"`.
        free_support: Boolean, whether entries in the support of `Z` train
            free of the penalty. Defaults to `True`.
        penalty: `"decoupled"`, a proximal step after the optimizer's, or
            `"coupled"`, a part of the gradient that the optimizer sees.
            Defaults to `"decoupled"`.
        trial: Float in `[0, 1)`, the fraction of the learning that the trial
            takes, before the way to `freeze_at` begins; it needs a decoupled
            penalty, a free support and kernels in front of batch
            normalizations. `0.0` for none. Defaults to `0.05`.
        ramp: Schedule from zero to one of the share of the pruning rate that
            is in force, a function of the fraction of the way to `freeze_at`,
            or `None` for the whole rate from the start. Defaults to `Ramp()`.
        metric: Float in `[0, 1]`, the power `q` of the metric in which the
            projection is the nearest point: `0.0` is by magnitude alone.
            `"auto"` is what suits the structures that are pruned,
            `Structure.metric`. Defaults to `"auto"`.

    Raises:
        ValueError: If a number is outside its range.
    """

    rho: object = Geometric(0.5, 0.99)
    stepsize: float = 1.0
    M: float = 300.0
    r: float = 0.1
    stepsize_bound: float | None = 1.0
    freeze_at: float | str | None = "auto"
    free_support: bool = True
    penalty: str = "decoupled"
    trial: float = 0.05
    ramp: object = Ramp()
    metric: float | str = "auto"

    prefix = "slr"

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "rho", schedule_of("rho", self.rho))
        if self.ramp is not None:
            check_schedule("ramp", self.ramp)
        if self.stepsize_bound is not None and self.stepsize_bound <= 0:
            raise ValueError(
                "Expected a positive `stepsize_bound` or None. Received: "
                f"stepsize_bound={self.stepsize_bound}."
            )
        if self.penalty not in ("coupled", "decoupled"):
            raise ValueError(
                "Expected `penalty` to be 'decoupled' or 'coupled'. Received: "
                f"penalty={self.penalty!r}."
            )
        if not (self.metric == "auto" or _is_share(self.metric)):
            raise ValueError(
                "Expected `metric`, a power of mean squared gradients, to be "
                f"in [0, 1] or 'auto'. Received: metric={self.metric!r}."
            )
        if self.penalty == "decoupled" and not 0 < self.rho(1.0) < 1:
            raise ValueError(
                "Expected rho between 0 and 1 with a decoupled penalty, the "
                "share of the way to Z that weights go between two dual "
                f"updates. Received: rho={self.rho}. SLR.coupled() takes "
                "others."
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
        if (
            isinstance(at, str)
            and at != "auto"
            or (isinstance(at, numbers.Real) and not 0 < at <= 1)
        ):
            raise ValueError(
                "Expected `freeze_at` to be a fraction of the run in (0, 1], "
                f"'auto' or None. Received: freeze_at={at!r}."
            )
        latest = at if isinstance(at, numbers.Real) else 1.0
        if not 0 <= self.trial < latest:
            raise ValueError(
                "Expected `trial`, a fraction of the run, to be at least 0 "
                "and to end before `freeze_at`. Received: "
                f"trial={self.trial}, freeze_at={at!r}."
            )

    @classmethod
    def coupled(cls, **kwargs):
        """The penalty as a part of the gradient, with a rho made for Adam.

        The first rho is weak and the last one strong beside the gradients of
        a cross-entropy loss with Adam at 1e-3.
        """
        settings = {
            "rho": Geometric(2e-3, 10.0),
            "freeze_at": 0.65,
            "penalty": "coupled",
            "trial": 0.0,
            "ramp": None,
            "metric": 0.0,
        }
        return cls(**settings | kwargs)

    @classmethod
    def paper(cls):
        """The papers' constants: s0 0.01, M 300, r 0.1, constant rho 0.1."""
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

    @property
    def form(self):
        return forms.Free if self.free_support else forms.Held

    @property
    def acts_on(self):
        return "weights" if self.penalty == "decoupled" else "gradients"

    @property
    def settles(self):
        """Whether entries outside the support are zero after `freeze_at`."""
        return self.penalty == "decoupled" and self.free_support

    def begin(self, tensors, clock):
        rho = self.strength(0.0, clock.interval)
        square = tensors.start(rho, self.share(0.0))
        # Where nothing is constrained yet, the stepsize rule starts from the
        # norm of W, the residual that Z = 0 would leave.
        state = begin(self, rho, square, square or tensors.square())
        tried = tensors.square(scale_free=True)
        return dataclasses.replace(state, tried=tried)

    def update(self, state, tensors, loss, clock):
        if state.settled:
            return dataclasses.replace(state, updates=state.updates + 1)
        if clock.learned < self.trial_ends(tensors):
            state = dataclasses.replace(state, updates=state.updates + 1)
            return try_all(self, state, tensors, loss, clock)
        way = self.way(clock, tensors)
        return dual_update(self, state, tensors, loss, way, clock.interval)

    def settled(self, state, tensors, clock):
        if self.freeze_at is None:
            return super().settled(state, tensors, clock)
        return state.settled or (
            not self.settles and self.freezes(self.way(clock, tensors))
        )

    def logs(self, states):
        updated = [state for state in states if state.updates] or states
        return {
            "rho": states[-1].rho,
            "stepsize": states[-1].s,
            "condition_1": _mean(state.condition_1 for state in updated),
            "condition_2": _mean(state.condition_2 for state in updated),
        }

    def way(self, clock, tensors):
        """Returns the fraction of the way to `freeze_at`.

        Args:
            clock: `training.clock.Clock`.
            tensors: See `dual_update`.
        """
        begin, at = self.trial_ends(tensors), self.freeze_at
        if at == "auto":
            at = _least(tensors, "freeze_at")
            if tensors.scale_free:
                # Batch norms in front of which weights still come and go
                # hold the statistics of others.
                before = clock.learned_before_last(STATISTICS)
                at = min(at, max(before, EARLIEST))
        elif at is None:
            at = 1.0
        return min(max(clock.learned - begin, 0.0) / (at - begin), 1.0)

    def power(self, tensors):
        """Returns the power of the metric of the projection."""
        if self.metric == "auto":
            return _least(tensors, "metric")
        return self.metric

    def trial_ends(self, tensors):
        """Returns the fraction of the learning at which the way begins."""
        tries = self.settles and tensors.scale_free
        return self.trial if tries else 0.0

    def freezes(self, way):
        """Returns whether the support is settled."""
        return self.freeze_at is not None and way >= 1.0

    def share(self, way):
        """Returns the share of the pruning rate in force."""
        return 1.0 if self.ramp is None else self.ramp(way)

    def strength(self, way, interval):
        """Returns rho for one training step.

        Args:
            way: Float in `[0, 1]`, see `way`.
            interval: Integer, training steps from one dual update to the next.
        """
        rho = self.rho(way)
        if self.penalty == "coupled":
            return rho
        return 1.0 - (1.0 - rho) ** (1.0 / interval)


def _is_share(value):
    return isinstance(value, numbers.Real) and 0 <= value <= 1


def _least(tensors, name):
    """Returns the least of what the structures of a run have of a name."""
    return min(getattr(c.structure, name) for c in tensors.constraints)


def _mean(values):
    values = list(values)
    return sum(values) / len(values)
