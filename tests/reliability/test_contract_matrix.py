"""What every method keeps to, whatever the optimizer and the precision."""

import keras
import numpy as np
import pytest

import keras_slr
from benchmarks.reliability import contract_matrix as matrix

CELLS = matrix.cells()
# In these every method, optimizer and precision is at least twice.
FIRST = 20


def covering(cells):
    """Returns those of the cells that show a name for the first time."""
    seen, chosen = set(), []
    for cell in cells:
        names = set(enumerate(cell[:3]))
        if not names <= seen:
            seen |= names
            chosen.append(cell)
    return chosen


# Where every cell is compiled once is enough for `make test`.
SAMPLE = CELLS[:FIRST]
if keras.config.backend() != "torch":
    SAMPLE = covering(SAMPLE)


def check(cell):
    try:
        matrix.check(cell)
    except matrix.KerasLimitation as limitation:
        pytest.skip(f"limitation of Keras: {limitation}")


@pytest.mark.parametrize("cell", SAMPLE, ids=matrix.name_of)
def test_the_contract_holds(cell):
    check(cell)


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    [cell for cell in CELLS if cell not in SAMPLE],
    ids=matrix.name_of,
)
def test_the_contract_holds_in_the_whole_matrix(cell):
    check(cell)


@pytest.mark.once("counts names")
def test_every_registered_method_is_in_the_matrix():
    made = [make(rate=0.5) for make in matrix.METHODS.values()]
    tried = {type(callback.pruner.solver) for callback in made}
    assert tried == set(keras_slr.solvers.SOLVERS.values())


@pytest.mark.once("counts names")
def test_the_cells_are_all_pairs_and_all_triples():
    whole = [cell for cell in CELLS if cell.run is None]
    names = matrix.METHODS, matrix.OPTIMIZERS, matrix.PRECISIONS
    assert len(set(whole)) == len(whole) == 10 * 9 * 6
    for i, j in ((0, 1), (0, 2), (1, 2)):
        pairs = {(cell[i], cell[j]) for cell in CELLS[:90]}
        assert len(pairs) == len(names[i]) * len(names[j])
    for i in range(3):
        seen = [cell[i] for cell in CELLS[:FIRST]]
        assert min(map(seen.count, names[i])) >= 2
        assert {cell[i] for cell in covering(CELLS[:FIRST])} == set(names[i])


@pytest.mark.once("tests the checks")
@pytest.mark.parametrize(
    "leak",
    [
        lambda model: setattr(model.optimizer, "left", 1),
        lambda model: model.get_layer("free").kernel.assign(
            np.zeros((24, 16), "float32")
        ),
        lambda model: setattr(
            model.get_layer("bounded").kernel,
            "regularizer",
            keras.regularizers.L2(1.0),
        ),
        lambda model: model.get_layer("out").kernel.assign(
            np.full((16, 4), np.nan, "float32")
        ),
    ],
    ids=["trace", "zeros", "regularizer", "nan"],
)
def test_a_broken_contract_is_seen(leak, monkeypatch):
    class Leaking(keras_slr.OneShotMagnitudeCallback):
        def finalize(self):
            report = super().finalize()
            leak(self.model)
            return report

    monkeypatch.setitem(matrix.METHODS, "leaking", Leaking)
    with pytest.raises(AssertionError, match="Expected"):
        matrix.check(matrix.Cell("leaking", "sgd", "float32"))


def test_a_quantized_model_is_an_error():
    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(32, name="hidden"),
            keras.layers.Dense(16),
        ]
    )
    for layer in model.layers:
        layer.quantize("int8")
    with pytest.raises(ValueError, match="prune it first"):
        keras_slr.hard_prune(model, 0.9)
    with pytest.raises(ValueError, match="before quantizing"):
        keras_slr.hard_prune(model, {"hidden": 0.9})
