"""The split offers solvers what `Tensors` documents, and they use no more."""

import inspect
import math

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import SLRPruner
from keras_slr.solvers.tensors import Tensors
from keras_slr.training import figures
from keras_slr.training.arrays import DeviceArrays
from keras_slr.training.arrays import HostArrays
from keras_slr.training.latent_split import LatentSplit
from tests.helpers import slow_keep_mask
from tests.helpers import to_numpy

NAMES = {name for name in vars(Tensors) if not name.startswith("_")}
SOLVERS = [
    keras_slr.SLR(),
    keras_slr.SLR.paper(),
    keras_slr.ADMM(),
    keras_slr.GReg.two(),
    keras_slr.GradualMagnitude(),
    keras_slr.IterativePruning(),
    keras_slr.OneShotMagnitude(at=0.5),
    keras_slr.LearnedThresholds(),
]


class Documented:
    """Passes on what `Tensors` documents, and refuses everything else."""

    def __init__(self, split):
        self._split = split

    def __getattr__(self, name):
        assert name in NAMES
        return getattr(self._split, name)


def begun(model, solver=None, device=False, **plan):
    pruner = SLRPruner(0.5, solver=solver, **plan)
    pruner.begin(model, total_steps=40)
    if device:
        pruner.run.split.arrays = DeviceArrays()
    return pruner


@pytest.mark.once("compares signatures")
def test_the_split_has_what_is_documented():
    for name in NAMES:
        # The one with thresholds has all that others have.
        expected, found = getattr(Tensors, name), getattr(LatentSplit, name)
        assert isinstance(found, property) == isinstance(expected, property)
        if not isinstance(found, property):
            parameters = [
                [
                    (p.name, p.default)
                    for p in inspect.signature(each).parameters.values()
                ]
                for each in (expected, found)
            ]
            assert parameters[0] == parameters[1]


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_solvers_use_what_is_documented(solver):
    # With a scale-free kernel, for the trial of SLR.
    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(16, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(12),
            keras.layers.Dense(4),
        ]
    )
    model.compile("adam", "mse")
    pruner = begun(model, solver)
    tensors, clock = Documented(pruner.run.split), pruner.clock
    state = solver.begin(tensors, clock)
    for step in range(1, 41):
        clock.advance_to(step)
        state = solver.update(state, tensors, 1.0, clock)
    assert isinstance(solver.settled(state, tensors, clock), bool)
    pruner.abandon()


@pytest.mark.parametrize("device", [False, True])
def test_a_solver_keeps_the_largest_of_its_own_scores(device, make_model):
    pruner = begun(make_model(), device=device, allocation="uniform")
    split = pruner.run.split
    rng = np.random.default_rng(3)
    scores = [rng.normal(size=w.shape) for w in split.weights]
    for rate in (0.25, 0.75):
        masks = split.keep(scores, [rate] * len(split.rates))
        for score, mask in zip(scores, masks):
            expected = slow_keep_mask(
                score, score.size - round(rate * score.size)
            )
            mask = keras.ops.convert_to_numpy(mask)
            np.testing.assert_array_equal(mask, expected)
    split.ascend(masks, 1.0, 1.0)
    for slot, mask in zip(split.slots, masks):
        support = figures.auxiliary(split, slot) != 0
        np.testing.assert_array_equal(support, keras.ops.convert_to_numpy(mask))
    pruner.abandon()


def test_filters_are_kept_by_the_norm_of_their_scores(make_model):
    structure = keras_slr.Filter(grouped=False)
    pruner = begun(make_model(), structure=structure, include="hidden")
    split = pruner.run.split
    scores = [np.random.default_rng(3).normal(size=(20, 32))]
    [mask] = split.keep(scores, split.rates)
    norms = np.linalg.norm(scores[0], axis=0)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(mask),
        np.tile(slow_keep_mask(norms, 16), (20, 1)),
    )
    split.hold([mask])
    zero = np.all(to_numpy(split.weights[0]) == 0, axis=0)
    np.testing.assert_array_equal(zero, ~slow_keep_mask(norms, 16))
    pruner.abandon()


@pytest.mark.parametrize("arrays", [HostArrays, DeviceArrays])
@pytest.mark.parametrize("structure", [None, keras_slr.NM(2, 4)])
def test_scores_are_real_and_finite(make_model, arrays, structure):
    pruner = begun(make_model(), structure=structure, include="hidden")
    split = pruner.run.split
    split.arrays = arrays()
    score = np.ones(split.weights[0].shape, "float32")
    for wrong, received in (
        (score * 1j, "type .*complex"),
        (score * np.nan, "NaN or Inf"),
        (score * -np.inf, "NaN or Inf"),
    ):
        for convert in (np.asarray, keras.ops.convert_to_tensor):
            with pytest.raises(ValueError, match=f"{received}.*hidden/kernel"):
                split.keep([convert(wrong)], split.rates)
    for right in (score, score > 0, score.astype("int32")):
        split.keep([right], split.rates)
    pruner.abandon()


def test_scores_and_rates_fit_the_weights(make_model):
    pruner = begun(make_model())
    split = pruner.run.split
    weights, rates = split.weights, split.rates
    for scores in (
        weights[:1],
        [np.transpose(to_numpy(w)) for w in weights],
        [3.0, "x"],
    ):
        with pytest.raises(ValueError, match="pass one array per weight"):
            split.keep(scores, rates)
    for wrong in (rates[:1], [2.0, 0.5], [-0.1, 0.5], [math.nan] * 2, "ab"):
        with pytest.raises(ValueError, match=r"Expected 2 rates in \[0, 1\]"):
            split.keep(weights, wrong)
    # An iterator will do, too.
    split.keep(iter(weights), iter(rates))
    pruner.abandon()
