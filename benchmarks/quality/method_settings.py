"""The methods, and the settings of each to choose from."""

import dataclasses
import functools

import keras_slr
from benchmarks.quality import every_method
from keras_slr import ADMM
from keras_slr import SLR
from keras_slr import GradualMagnitude
from keras_slr import GReg
from keras_slr import OneShotMagnitude
from keras_slr.schedules import Geometric
from keras_slr.schedules import Ramp
from keras_slr.scores import Fisher

# Final penalties of growing regularisation.
_PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)

_CONSTANT = [ADMM.paper(rho) for rho in (1e-3, 1e-2, 1e-1)]

# SLR with settings chosen on validation data, as for the other methods.
TUNED_SLR = "slr_tuned"
# ADMM as published, which the SLR papers compare with.
CONSTANT_ADMM = "admm_constant"
# Methods that go on from what `prune_layerwise` leaves.
FROM_LAYERWISE = (
    "slr_layerwise",
    "masked_layerwise",
    "slr_layerwise_taught",
    "masked_layerwise_taught",
)
# Methods without arguments. That of one-shot pruning is `one_shot_first`.
DEFAULTS = ("gmp_default", "admm_default", "greg_default")
# SLR without one of its parts. "admm_metric" is what is left of it without
# stepsize rule, conditions and trial.
WITHOUT = ("slr_no_multipliers", "slr_no_metric", "slr_no_trial")
# The rivals with SLR's metric.
IN_METRIC = ("admm_metric", "gmp_metric", "greg_metric", "one_shot_metric")
# Methods whose labels are the outputs of the dense model.
TAUGHT = (
    "slr_taught",
    "gmp_taught",
    "slr_layerwise_taught",
    "masked_layerwise_taught",
)
VARIANTS = (
    TUNED_SLR,
    CONSTANT_ADMM,
    *FROM_LAYERWISE,
    *DEFAULTS,
    *WITHOUT,
    *IN_METRIC,
    *TAUGHT,
    *every_method.METHODS,
)
# `|w| v^(1/4)` with Adam's `v`, by which SLR projects.
_METRIC = Fisher(power=0.25)
_SLOWER = {"freeze_at": 0.95, "ramp": Ramp(power=2.0)}
_MASKED = (keras_slr.OneShotMagnitudeCallback, [OneShotMagnitude(at=0.0)])
# By name: the callback class and the solvers to choose from. `"slr"` has only
# its default.
METHODS = {
    "slr": (keras_slr.SLRCallback, [SLR()]),
    TUNED_SLR: (
        keras_slr.SLRCallback,
        [
            SLR(),
            SLR(freeze_at=0.9),
            SLR(**_SLOWER),
            SLR(**_SLOWER, stepsize_bound=0.1),
            SLR(**_SLOWER, rho=Geometric(0.9, 0.9999)),
            SLR(freeze_at=0.98, ramp=Ramp(power=1.5)),
        ],
    ),
    "gmp": (
        keras_slr.GradualMagnitudeCallback,
        [
            GradualMagnitude(end_step=0.5),
            GradualMagnitude(end_step=0.7),
            GradualMagnitude(end_step=0.85),
        ],
    ),
    "admm": (
        keras_slr.ADMMCallback,
        [
            *_CONSTANT,
            ADMM.paper(Geometric(1e-4, 1.0, until=0.65)),
            ADMM.paper(Geometric(1e-3, 10.0, until=0.65)),
            ADMM.paper(Geometric(1e-2, 100.0, until=0.65)),
        ],
    ),
    CONSTANT_ADMM: (keras_slr.ADMMCallback, _CONSTANT),
    "greg_1": (
        keras_slr.GRegCallback,
        [GReg.paper(reg=reg) for reg in _PENALTIES],
    ),
    "greg_2": (
        keras_slr.GRegCallback,
        [GReg.paper(reg=reg, pick_until=0.075) for reg in _PENALTIES],
    ),
    "one_shot": (
        keras_slr.OneShotMagnitudeCallback,
        [OneShotMagnitude(at=1.0)],
    ),
    "one_shot_first": _MASKED,
    "gmp_default": (keras_slr.GradualMagnitudeCallback, [GradualMagnitude()]),
    "admm_default": (keras_slr.ADMMCallback, [ADMM()]),
    "greg_default": (keras_slr.GRegCallback, [GReg()]),
    # Steps of no length leave the multipliers at zero.
    "slr_no_multipliers": (
        keras_slr.SLRCallback,
        [SLR(stepsize=1e-12, stepsize_bound=1e-12)],
    ),
    "slr_no_metric": (keras_slr.SLRCallback, [SLR(metric=0.0)]),
    "slr_no_trial": (keras_slr.SLRCallback, [SLR(trial=0.0)]),
    "admm_metric": (keras_slr.ADMMCallback, [ADMM(metric="auto")]),
    "gmp_metric": (
        functools.partial(keras_slr.GradualMagnitudeCallback, score=_METRIC),
        [GradualMagnitude()],
    ),
    "greg_metric": (
        functools.partial(keras_slr.GRegCallback, score=_METRIC),
        [GReg(until=0.75, pick_until=0.075)],
    ),
    "one_shot_metric": (
        functools.partial(keras_slr.OneShotMagnitudeCallback, score=_METRIC),
        [OneShotMagnitude(at=0.7)],
    ),
    "slr_taught": (keras_slr.SLRCallback, [SLR()]),
    "gmp_taught": (keras_slr.GradualMagnitudeCallback, [GradualMagnitude()]),
    "slr_layerwise": (keras_slr.SLRCallback, [SLR()]),
    "masked_layerwise": _MASKED,
    "slr_layerwise_taught": (keras_slr.SLRCallback, [SLR()]),
    "masked_layerwise_taught": _MASKED,
} | every_method.METHODS
NAMES = {
    "slr": "SLR",
    TUNED_SLR: "SLR, tuned",
    "gmp": "gradual magnitude",
    "admm": "ADMM",
    CONSTANT_ADMM: "ADMM, constant penalty",
    "greg_1": "GReg-1",
    "greg_2": "GReg-2",
    "one_shot": "one-shot after training",
    "one_shot_first": "one-shot, then masked training",
    "gmp_default": "gradual magnitude, no arguments",
    "admm_default": "ADMM, no arguments",
    "greg_default": "GReg, no arguments",
    "slr_no_multipliers": "SLR without multipliers",
    "slr_no_metric": "SLR without metric",
    "slr_no_trial": "SLR without trial",
    "admm_metric": "ADMM, in SLR's metric",
    "gmp_metric": "gradual magnitude, in SLR's metric",
    "greg_metric": "GReg-2, in SLR's metric",
    "one_shot_metric": "one-shot at 70 %, in SLR's metric",
    "slr_taught": "SLR, with a teacher",
    "gmp_taught": "gradual magnitude, with a teacher",
    "slr_layerwise": "SLR from a layer-wise start",
    "masked_layerwise": "layer-wise, then masked training",
    "slr_layerwise_taught": "SLR from a layer-wise start, with a teacher",
    "masked_layerwise_taught": "layer-wise, then masked, with a teacher",
} | every_method.NAMES


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is chosen for a method.

    Attributes:
        solver: `keras_slr.solvers.Solver`.
        learning_rate: Float. Defaults to `None`, that of the task.
    """

    solver: object
    learning_rate: float | None = None

    def __repr__(self):
        if self.learning_rate is None:
            return repr(self.solver)
        return f"{self.solver!r}, learning rate {self.learning_rate:g}"


def settings_of(method, task):
    """Returns the list of `Setting` to choose from.

    Args:
        method: String, key of `METHODS`.
        task: `Task`.
    """
    _, solvers = METHODS[method]
    return [
        Setting(solver, rate)
        for rate in task.learning_rates or (None,)
        for solver in solvers
    ]
