"""What a grid is refused beside, and that it can be saved."""

import dataclasses

import keras
import pytest

import keras_slr
from keras_slr import SLRCallback

GRID = keras_slr.Quantize()
pytestmark = pytest.mark.once("checks arguments")


@pytest.mark.parametrize(
    "callback",
    [
        keras_slr.GradualMagnitudeCallback,
        keras_slr.GRegCallback,
        keras_slr.IterativePruningCallback,
        keras_slr.OneShotMagnitudeCallback,
    ],
)
def test_methods_without_a_projection_refuse_it(callback):
    with pytest.raises(ValueError, match="does not project.*use SLR or ADMM"):
        callback(0.5, constraint=GRID)


@pytest.mark.parametrize(
    "constraint, said",
    [
        (keras_slr.Quantize, r"create an instance, `Quantize\(\)`"),
        (4, "Received: 4; pass one"),
        (keras_slr.NM(2, 4), "Received: NM.*; pass one"),
    ],
)
def test_it_has_to_be_a_grid(constraint, said):
    with pytest.raises(TypeError, match=said):
        SLRCallback(constraint=constraint)


def test_no_fine_tuning_off_the_grid():
    with pytest.raises(ValueError, match="off the grid.*leave one"):
        SLRCallback(constraint=GRID, finetune_epochs=1)


def test_functions_without_a_projection_refuse_it(make_model, data):
    model = make_model()
    with pytest.raises(ValueError, match="prune_layerwise.*hard_prune"):
        keras_slr.prune_layerwise(model, data[0], 0.5, constraint=GRID)
    with pytest.raises(ValueError, match="sensitivity.*leave it out"):
        keras_slr.sensitivity(model, *data, constraint=GRID)


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: keras_slr.Quantize(1), "from 2 to 8.*bits=1"),
        (lambda: keras_slr.Quantize(4.5), "an integer"),
        (lambda: keras_slr.PowersOfTwo(6), "from 2 to 5.*bits=6"),
        (lambda: keras_slr.Ternary(per="row"), "'channel' or 'tensor'"),
    ],
)
def test_bad_arguments_of_grids(make, said):
    with pytest.raises(ValueError, match=said):
        make()


@pytest.mark.parametrize(
    "grid",
    [
        keras_slr.Quantize(3, per="tensor"),
        keras_slr.Ternary(),
        keras_slr.Binary(per="tensor"),
        keras_slr.PowersOfTwo(3),
    ],
)
def test_round_trip(grid):
    callback = SLRCallback(0.5, constraint=grid)
    again = SLRCallback.from_config(callback.get_config())
    assert again.pruner.plan == callback.pruner.plan
    assert again.pruner.plan.constraint == grid


def test_an_own_grid(make_model):
    @keras_slr.register_grid("five_levels")
    @dataclasses.dataclass(frozen=True)
    class FiveLevels(keras_slr.Grid):
        levels = (0.0, 1.0, 4.0)

    model = make_model()
    report = keras_slr.hard_prune(model, constraint=FiveLevels())
    assert max(row.values for row in report.pruned) == 5
    config = keras.saving.serialize_keras_object(FiveLevels())
    assert keras.saving.deserialize_keras_object(config) == FiveLevels()


def test_a_rate_of_zero_alone_is_still_refused(make_model):
    with pytest.raises(ValueError, match="set some of the entries to zero"):
        SLRCallback(1e-9).attach(make_model())


def test_the_report_has_no_column_without_a_grid(make_model):
    report = keras_slr.hard_prune(make_model(), 0.5)
    assert "values" not in str(report)
    assert "values" not in report.to_dicts()[0]
