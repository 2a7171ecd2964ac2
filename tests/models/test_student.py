"""Of a `keras.distillation.Distiller`, only the student is pruned."""

import keras
import numpy as np
import pytest

import keras_slr
from tests.helpers import needs_keras
from tests.helpers import zeros

pytestmark = pytest.mark.once("reads the plan")


def net(units):
    return keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(4),
        ]
    )


@pytest.fixture
def distiller():
    needs_keras("3.12", "distillation")
    loss = keras.distillation.LogitsDistillation(loss=keras.losses.Huber())
    made = keras.distillation.Distiller(net(640), net(64), loss)
    made(np.zeros((1, 20), "float32"))
    return made


def test_a_budget_counts_the_student_only(distiller):
    """The teacher alone has ten times as many parameters as may stay."""
    student = distiller.student
    keras_slr.hard_prune(distiller, budget=keras_slr.Budget(params=0.5))
    kernels = [layer.kernel for layer in student.layers]
    left = student.count_params() - sum(map(zeros, kernels))
    assert 0.45 <= left / student.count_params() <= 0.5


def test_units_are_found_in_the_student(distiller):
    half = keras_slr.Budget(flops=0.5)
    keras_slr.hard_prune(distiller, structure=keras_slr.Filter(), budget=half)
    assert keras_slr.shrink(distiller.student).layers[0].units == 32


def test_a_report_has_the_weights_of_the_student(distiller):
    rows = keras_slr.report(distiller, rate=0.9).rows
    assert [row.path for row in rows] == [
        weight.path for weight in distiller.student.weights
    ]
