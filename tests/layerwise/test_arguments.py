"""The arguments of `prune_layerwise` mean what they say, or are refused."""

import concurrent.futures
import pickle

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr.layerwise import memory


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(32, activation="relu", name="hidden"),
            layers.Dense(32, name="next"),
        ]
    )


def prune(x="inputs", **arguments):
    if isinstance(x, str):
        x = np.random.default_rng(0).normal(size=(80, 16)).astype("float32")
    return keras_slr.prune_layerwise(
        network(), x, verbose=0, **{"rate": 0.5} | arguments
    )


@pytest.mark.parametrize("samples", [1, 32, 50])
def test_exactly_so_many_samples_are_used(samples):
    report = prune(samples=samples, batch_size=32)
    assert report.samples == samples
    assert {row.rows for row in report.rows} == {samples}
    # This solver looks at samples, and every fifth is held out of it.
    fitted = sum(i % 5 != 4 for i in range(samples))
    report = prune(samples=samples, batch_size=32, method="l0")
    assert {row.rows for row in report.rows} == {fitted}


def test_a_given_damping_is_used():
    assert {row.damping for row in prune(damping=0.07).rows} == {0.07}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"damping": 0.0}, "Expected `damping` to be a positive number"),
        ({"damping": float("nan")}, "Expected `damping` to be a positive"),
        ({"damping": "much"}, "Expected `damping` to be a positive number"),
        ({"samples": 0}, "Expected `samples` to be a positive integer"),
        ({"samples": 2.5}, "Expected `samples` to be a positive integer"),
        ({"targets": "mine"}, "Expected `targets` to be one of"),
        ({"order": "random"}, "Expected `order` to be one of"),
        ({"x": None}, "Expected `data` to calibrate on"),
        ({"x": None, "allocation": "owl"}, "Expected `data` to calibrate on"),
        (
            {"x": None, "method": "coreset", "allocation": "owl"},
            "Expected `data` to calibrate on",
        ),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        prune(**arguments)


def test_an_executor_is_for_parallel_layers():
    with (
        concurrent.futures.ThreadPoolExecutor(1) as executor,
        pytest.raises(ValueError, match="Expected order='parallel' beside"),
    ):
        prune(executor=executor)


class Pickling(concurrent.futures.Executor):
    """Passes tasks on as to another process."""

    def map(self, function, tasks):
        return map(function, pickle.loads(pickle.dumps(tasks)))


@pytest.mark.parametrize(
    "structure", [None, keras_slr.NM(2, 4), keras_slr.Block((4, 4))]
)
def test_layers_need_not_be_pickled(structure):
    results = []
    for executor in (None, Pickling()):
        model = network()
        # Keras can save such a layer, but not load it.
        model.get_layer("next").activation = lambda x: x
        report = keras_slr.prune_layerwise(
            model,
            np.random.default_rng(0).normal(size=(80, 16)).astype("float32"),
            None if isinstance(structure, keras_slr.NM) else 0.5,
            structure=structure,
            order="parallel",
            executor=executor,
            verbose=0,
        )
        assert len(report.rows) == 2
        results.append(model.get_weights())
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_memory_for_units_comes_with_advice_that_helps(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 1)
    plan = {"structure": keras_slr.Filter(), "include": "hidden"}
    with pytest.raises(ValueError, match="or choose method='magnitude'"):
        prune(**plan)
