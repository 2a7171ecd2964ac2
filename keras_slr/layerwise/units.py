"""Which units to keep without training: filters, neurons or heads.

`greedy` looks at what the layers that read the units lose, and makes up for it
in their kernels. The others need no data: `coreset` scales the kernels that
read the kept units; `largest` and `uniform` choose and leave kernels alone,
and `compensated` can follow them.
"""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Consumer:
    """A kernel that reads units, as a matrix.

    Kernels with groups are several consumers.

    Attributes:
        gram: Array of shape `(inputs, inputs)`, the damped Gram matrix of the
            kernel's inputs, symmetric and positive definite.
        target: Array of shape `(inputs, outputs)`, the best dense kernel for
            these inputs.
        labels: Integer array of shape `(inputs,)`, the unit that each row of
            the kernel reads, or `-1` if it reads none, such as a bias.
    """

    gram: np.ndarray
    target: np.ndarray
    labels: np.ndarray


def greedy(
    consumers: Sequence[Consumer], size: int, keep: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Removes the unit that the consumers miss least, one after another.

    Blocks of optimal brain surgeon: if the consumers' other rows make up for
    unit `B`, they lose `tr(W_B' (Hinv_BB)^-1 W_B)` (arXiv 2208.11580). For a
    consumer with `n` inputs, `b` for each unit, and `m` outputs, each removal
    takes `O(n b (n + m))` operations. The memory is that of two more arrays
    like `gram`.

    Args:
        consumers: List of `Consumer`, whose losses are added up.
        size: Integer, the number of units.
        keep: Integer in `[1, size]`, the number of units to keep.

    Returns:
        Tuple of the kept units, an ascending integer array, and a list of the
        compensated kernels, see `compensated`.

    Raises:
        ValueError: If `keep` or a label is out of range, or a Gram matrix is
            not positive definite.
    """
    _check_keep(keep, size)
    eliminations = [_Elimination(consumer, size) for consumer in consumers]
    alive: np.ndarray = np.ones(size, bool)
    for _ in range(size - keep):
        units = np.flatnonzero(alive)
        losses = sum(each.losses(units) for each in eliminations)
        unit = units[np.argmin(losses)]
        for each in eliminations:
            each.remove(unit)
        alive[unit] = False
    kept = np.flatnonzero(alive)
    return kept, [compensated(consumer, kept) for consumer in consumers]


def compensated(consumer: Consumer, kept: np.ndarray) -> np.ndarray:
    """Returns the best kernel that reads only some of the units.

    Least squares on the rows that stay: with `K` for them,
    `W_K = (G_KK)^-1 G_K W_1`.

    Args:
        consumer: `Consumer`.
        kept: Integer array, the units that stay.

    Returns:
        Array like `target`. The rows that read other units are zero.
    """
    stay = (consumer.labels < 0) | np.isin(consumer.labels, kept)
    rows = consumer.gram[stay]
    weights = np.zeros_like(consumer.target)
    weights[stay] = np.linalg.solve(rows[:, stay], rows @ consumer.target)
    return weights


class _Elimination:
    """Block elimination of units from one consumer.

    `Hinv` is never updated as a whole: `factors` collects what all removals
    subtract from it, as in a left-looking Cholesky factorization, because a
    removal needs only the columns of its own unit and the losses only blocks
    on the diagonal.
    """

    def __init__(self, consumer, size):
        labels = np.asarray(consumer.labels)
        if labels.shape != consumer.gram.shape[:1] or np.any(labels >= size):
            raise ValueError(
                f"Expected a label below {size} for each of the "
                f"{len(consumer.gram)} rows of a kernel. Received labels of "
                f"shape {labels.shape} up to {labels.max(initial=-1)}."
            )
        self.rows, self.real = _rows_by_unit(labels, size)
        self.inverse = _inverse(consumer.gram)
        self.weights = consumer.target.astype("float64")
        self.factors = np.empty((len(labels), int(np.sum(labels >= 0))))
        self.used = 0
        pairs = self.real[:, :, None] & self.real[:, None, :]
        blocks = self.inverse[self.rows[:, :, None], self.rows[:, None, :]]
        # A unit with fewer rows than others gets rows that cost nothing.
        self.blocks = np.where(pairs, blocks, np.eye(self.rows.shape[1]))

    def losses(self, units):
        w = self.weights[self.rows[units]] * self.real[units, :, None]
        products = w @ w.transpose(0, 2, 1)
        return np.sum(np.linalg.inv(self.blocks[units]) * products, (1, 2))

    def remove(self, unit):
        block = self.rows[unit][self.real[unit]]
        done = self.factors[:, : self.used]
        columns = self.inverse[:, block] - done @ done[block].T
        lower = np.linalg.cholesky(columns[block])
        new = np.linalg.solve(lower, columns.T).T
        self.weights -= new @ np.linalg.solve(lower, self.weights[block])
        self.factors[:, self.used : self.used + len(block)] = new
        self.used += len(block)
        new = new[self.rows] * self.real[:, :, None]
        self.blocks -= new @ new.transpose(0, 2, 1)


def _rows_by_unit(labels, size):
    """Returns the rows of each unit, and which of them are not padding.

    Returns:
        Two arrays of shape `(size, rows)`, of integers and of booleans.
    """
    order = np.argsort(labels, kind="stable")[np.sum(labels < 0) :]
    counts = np.bincount(labels[order], minlength=size)
    real = np.arange(counts.max(initial=0)) < counts[:, None]
    rows = np.zeros(real.shape, int)
    rows[real] = order
    return rows, real


def _inverse(gram):
    try:
        lower = np.linalg.inv(np.linalg.cholesky(gram))
    except np.linalg.LinAlgError as error:
        raise ValueError(
            "Expected a positive definite Gram matrix. Received one of shape "
            f"{gram.shape} that is not: add damping to its diagonal."
        ) from error
    return lower.T @ lower


def coreset(
    points: np.ndarray,
    outgoing: np.ndarray,
    keep: int,
    activation: Callable[[np.ndarray], np.ndarray] | None = None,
    beta: float = 1.0,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Samples neurons by importance and scales what reads them.

    A coreset of neurons (arXiv 1907.04018): neuron `p` is drawn with a
    probability `m(p)` proportional to `max_j |w_j(p)| |phi(beta ||p||)|`, with
    replacement, until enough distinct ones are drawn; the weights that read
    it are multiplied by `draws(p) / (m(p) draws)`. The weighted sums of the
    next layer then have the right mean, whatever the inputs. No data is used.

    The authors' code stops at the draw that brings the last neuron, which
    gives rarely drawn neurons too much weight. Here drawing stops before the
    draw that would bring one neuron too many: that makes the mean exact.

    Neurons that the next layer does not read, or that give nothing for inputs
    of norm `beta`, have no importance and are never drawn. If at most `keep`
    neurons have any, those stay as they are; others fill up the number.

    Args:
        points: Array of shape `(units, inputs + 1)`, the incoming weights of
            each neuron, with its bias in the last column.
        outgoing: Array of shape `(units, outputs)`, the weights that read
            each neuron.
        keep: Integer in `[1, units]`, the number of neurons to keep.
        activation: Function of an array, `phi`. Defaults to `None`, ReLU.
        beta: Float, a bound on the norm of the inputs. With ReLU it changes
            nothing. Defaults to `1.0`.
        seed: Integer. Defaults to `0`.

    Returns:
        Tuple of the kept neurons, an ascending integer array, and the factors
        of the weights that read them.

    Raises:
        ValueError: If `keep` is out of range.
    """
    _check_keep(keep, len(points))
    norms = beta * np.linalg.norm(points, axis=1)
    phi = np.maximum(norms, 0.0) if activation is None else activation(norms)
    importance = np.abs(outgoing).max(axis=1) * np.abs(phi)
    # Less than this would never be drawn.
    limit = np.finfo("float64").eps * importance.max()
    drawn = importance > limit
    if drawn.sum() <= keep:
        order = np.argsort(~drawn, kind="stable")
        return np.sort(order[:keep]), np.ones(keep)
    m = np.where(drawn, importance / importance[drawn].sum(), 0.0)
    kept, counts = _draw(m, keep, np.random.default_rng(seed))
    return kept, counts / (m[kept] * counts.sum())


def _draw(m, keep, rng):
    """Draws with replacement until one more than `keep` would be distinct.

    Draws at random times, at the rate `m` for each neuron, are the same as
    draws one after another, but their number does not matter: first draws are
    at exponential times, and later ones are counted at once.

    Returns:
        Tuple of the drawn neurons, an ascending integer array, and how often
        each was drawn.
    """
    first = np.full(len(m), np.inf)
    first[m > 0] = rng.exponential(1.0 / m[m > 0])
    kept = np.sort(np.argsort(first, kind="stable")[:keep])
    end = np.partition(first, keep)[keep]
    return kept, 1 + rng.poisson(m[kept] * (end - first[kept]))


def largest(points: np.ndarray, keep: int) -> np.ndarray:
    """Keeps the units whose incoming weights have the largest norms.

    Args:
        points: Array of shape `(units, inputs + 1)`, see `coreset`.
        keep: Integer in `[1, units]`, the number of units to keep.

    Returns:
        Ascending integer array. Of equal norms, the first ones are kept.

    Raises:
        ValueError: If `keep` is out of range.
    """
    _check_keep(keep, len(points))
    norms = np.linalg.norm(points, axis=1)
    return np.sort(np.argsort(-norms, kind="stable")[:keep])


def uniform(size: int, keep: int, seed: int = 0) -> np.ndarray:
    """Keeps units at random, all with the same probability.

    Args:
        size: Integer, the number of units.
        keep: Integer in `[1, size]`, the number of units to keep.
        seed: Integer. Defaults to `0`.

    Returns:
        Ascending integer array.

    Raises:
        ValueError: If `keep` is out of range.
    """
    _check_keep(keep, size)
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(size, keep, replace=False))


def _check_keep(keep, size):
    if not 1 <= keep <= size:
        raise ValueError(
            f"Expected a number of units to keep in [1, {size}]. Received: "
            f"keep={keep!r}."
        )
