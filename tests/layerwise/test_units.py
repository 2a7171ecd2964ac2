import itertools

import numpy as np
import pytest

from keras_slr.layerwise.units import Consumer
from keras_slr.layerwise.units import compensated
from keras_slr.layerwise.units import coreset
from keras_slr.layerwise.units import greedy
from keras_slr.layerwise.units import largest
from keras_slr.layerwise.units import uniform

pytestmark = pytest.mark.once("NumPy alone")

DAMPING = 0.05
# Units in any order, with different numbers of rows, and rows of no unit.
LABELS = ([2, 0, 1, 3, -1, 0, 2, 4], [4, 4, 3, 3, 2, 1, 1, 0, -1])


def samples_of(labels, seed=0):
    """Correlated inputs, with rows that amount to the damping, and targets."""
    rng = np.random.default_rng(seed)
    n = len(labels)
    x = rng.normal(size=(30, n)) @ rng.normal(size=(n, n))
    x = np.concatenate([x, np.sqrt(DAMPING) * np.eye(n)])
    return x, rng.normal(size=(n, 3))


def consumer_of(x, w, labels):
    return Consumer(x.T @ x, w, np.array(labels))


def best(x, w, labels, kept):
    """Least squares on the samples, with the rows of other units at zero."""
    stay = [i for i, label in enumerate(labels) if label in (-1, *kept)]
    found = np.zeros_like(w)
    found[stay] = np.linalg.lstsq(x[:, stay], x @ w, rcond=None)[0]
    return found, np.sum(np.square(x @ (found - w)))


CASES = [
    [(*samples_of(labels, seed), labels) for seed, labels in enumerate(each)]
    for each in (LABELS, LABELS[:1], LABELS[1:])
]


def greedy_by_hand(case, keep):
    kept = list(range(5))
    while len(kept) > keep:
        rests = [[u for u in kept if u != unit] for unit in kept]
        kept = min(rests, key=lambda rest: sum(best(*c, rest)[1] for c in case))
    return kept


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("keep", [1, 2, 3, 4, 5])
def test_greedy_removes_what_costs_least_and_compensates(case, keep):
    kept, weights = greedy([consumer_of(*c) for c in case], 5, keep)
    assert kept.tolist() == greedy_by_hand(case, keep)
    for c, found in zip(case, weights, strict=True):
        np.testing.assert_allclose(found, best(*c, kept)[0], atol=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_one_elimination_is_the_best_of_all(case):
    kept, _ = greedy([consumer_of(*c) for c in case], 5, 4)
    subsets = itertools.combinations(range(5), 4)
    cost = {s: sum(best(*c, s)[1] for c in case) for s in subsets}
    assert tuple(kept) == min(cost, key=cost.get)


def test_units_that_nothing_reads_go_first():
    x, w = samples_of(range(6))
    consumer = consumer_of(x, w, [0, 0, 2, 2, 4, 4])
    kept, (weights,) = greedy([consumer], 6, 3)
    assert kept.tolist() == [0, 2, 4]
    np.testing.assert_allclose(weights, w)


def test_any_choice_can_be_compensated():
    x, w = samples_of(LABELS[0])
    found = compensated(consumer_of(x, w, LABELS[0]), np.array([1, 4]))
    np.testing.assert_allclose(found, best(x, w, LABELS[0], [1, 4])[0])
    assert not found[[0, 1, 3, 5, 6]].any()


@pytest.mark.parametrize(
    "change, text",
    [
        ({"gram": np.ones((3, 3))}, "add damping"),
        ({"labels": np.array([0, 1, 2])}, "a label below 2"),
        ({"labels": np.array([0, 1])}, "3 rows"),
    ],
)
def test_wrong_consumers_are_refused(change, text):
    right = {
        "gram": np.eye(3),
        "target": np.ones((3, 1)),
        "labels": np.array([0, 1, -1]),
    }
    greedy([Consumer(**right)], 2, 1)
    with pytest.raises(ValueError, match=text):
        greedy([Consumer(**right | change)], 2, 1)


def neurons(seed=0, units=6):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(units, 4)) * 2.0 ** np.arange(units)[:, None]
    return points, rng.normal(size=(units, 3))


def probabilities(points, outgoing, phi):
    """The importance by the paper's definition, neuron by neuron."""
    parts = [
        max(abs(w) for w in row) * abs(phi(np.sqrt(sum(point * point))))
        for point, row in zip(points, outgoing)
    ]
    return np.array(parts) / sum(parts)


def factors_of_all(points, outgoing, keep, seeds):
    """Factors for each seed and neuron, zero for the neurons that go."""
    factors = np.zeros((seeds, len(points)))
    for seed in range(seeds):
        kept, values = coreset(points, outgoing, keep, seed=seed)
        assert len(np.unique(kept)) == len(values) == keep
        factors[seed, kept] = values
    return factors


@pytest.mark.parametrize("keep", [1, 3, 5])
def test_the_sums_of_a_coreset_have_the_right_mean(keep):
    points, outgoing = neurons()
    factors = factors_of_all(points, outgoing, keep, seeds=4000)
    activations = np.maximum(points @ [0.5, -0.2, 0.3, 1.0], 0.0)
    sums = factors @ (activations[:, None] * outgoing)
    for found, right in ((factors, 1.0), (sums, activations @ outgoing)):
        error = found.std(axis=0) / np.sqrt(len(found))
        assert (abs(found.mean(axis=0) - right) <= 5 * error + 1e-12).all()


def test_a_coreset_keeps_the_neurons_that_single_draws_would():
    points, outgoing = neurons()
    m = probabilities(points, outgoing, lambda norm: norm)
    rng = np.random.default_rng(0)
    drawn = np.zeros((2000, 6))
    for row in drawn:
        while row.sum() < 3:
            row[rng.choice(6, p=m)] = 1
    kept = factors_of_all(points, outgoing, 3, seeds=2000) > 0
    error = np.sqrt(2 * drawn.var(axis=0) / 2000)
    assert (abs(kept.mean(axis=0) - drawn.mean(axis=0)) <= 5 * error).all()


@pytest.mark.parametrize("beta", [0.1, 3.0])
def test_importance_by_the_definition(beta):
    points, outgoing = neurons()
    m = probabilities(points, outgoing, lambda norm: np.tanh(beta * norm))
    # One neuron is drawn again and again: its share of the draws is one.
    for seed in range(20):
        (kept,), (factor,) = coreset(
            points, outgoing, 1, activation=np.tanh, beta=beta, seed=seed
        )
        assert factor == pytest.approx(1 / m[kept])


def test_neurons_without_importance_only_fill_up():
    points, outgoing = neurons()
    points[1] = 0.0
    outgoing[2] = 0.0
    for seed in range(50):
        kept, _ = coreset(points, outgoing, 3, seed=seed)
        assert not {1, 2} & set(kept)
    for keep, expected in ((4, [0, 3, 4, 5]), (5, [0, 1, 3, 4, 5])):
        kept, factors = coreset(points, outgoing, keep)
        assert kept.tolist() == expected
        assert factors.tolist() == [1.0] * keep
    kept, factors = coreset(points, np.zeros_like(outgoing), 2)
    assert kept.tolist() == [0, 1] and factors.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("tiny", [1e-320, 1e-14, 1e-6])
def test_hardly_important_neurons_end_the_drawing(tiny):
    points, outgoing = neurons()
    outgoing[3:] *= tiny
    kept, factors = coreset(points, outgoing, 4)
    assert len(kept) == 4 and np.isfinite(factors).all()


def test_the_largest_units_count_their_biases():
    points = np.array([[1.0, 1, 0], [0, 0, 3], [2, 0, 0], [2, 0, 0]])
    assert largest(points, 2).tolist() == [1, 2]
    assert largest(points, 3).tolist() == [1, 2, 3]


def test_uniform_choices():
    chosen = [uniform(40, 10, seed) for seed in range(400)]
    np.testing.assert_array_equal(chosen[7], uniform(40, 10, 7))
    assert all((np.diff(c) > 0).all() and len(c) == 10 for c in chosen)
    counts = np.bincount(np.concatenate(chosen), minlength=40)
    assert len(counts) == 40 and (abs(counts - 100) < 50).all()


@pytest.mark.parametrize("keep", [0, 7, -1])
@pytest.mark.parametrize(
    "choose",
    [
        lambda keep: greedy([], 6, keep),
        lambda keep: coreset(*neurons(), keep),
        lambda keep: largest(neurons()[0], keep),
        lambda keep: uniform(6, keep),
    ],
)
def test_numbers_of_units_out_of_range_are_refused(choose, keep):
    with pytest.raises(ValueError, match=r"in \[1, 6\].*keep="):
        choose(keep)
