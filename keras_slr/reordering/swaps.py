"""Finds an order of units in which blocks keep more, by swaps.

Pruning by magnitude sums the squared entries of each block and keeps the blocks
with the largest sums. The order should raise the total of these sums.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Rows:
    """A matrix whose rows go with units and are cut into blocks.

    Attributes:
        squares: Float array of shape `(rows, columns)`.
        block: Integer, the number of consecutive rows in a block. Rows have
            to be a multiple of it.
        count: Integer, how many sums of blocks stay.
        places: Integer array of shape `(units, times)`: the rows of each
            unit. Rows that are not in it stay where they are.
    """

    squares: np.ndarray
    block: int
    count: int
    places: np.ndarray


def kept(sums, count):
    """Returns the total of the largest sums, and the smallest of these."""
    line = sums.ravel()
    largest = np.partition(line, line.size - count)[line.size - count :]
    return largest.sum(dtype=np.float64), largest[0]


def improved_order(matrices):
    """Returns an order in which the blocks of all matrices keep more.

    Every unit in turn changes places with the unit that promises the largest
    gain. The swap stays if the total rises. The search ends after a round in
    which no swap stays. If `E` is the sum of a block, the largest `K` sums
    have the total

        min over t of  K t + sum over blocks of max(E - t, 0)

    and the best `t` is the smallest sum that stays. With the `t` from before
    a swap, this expression is an upper bound of the total after it. The swap
    changes only two blocks in it, so the bound is cheap. Its rise is the gain
    that the swap promises.

    Args:
        matrices: List of `Rows` with the same units.

    Returns:
        Integer array of shape `(units,)`: the unit at each unit's place.
    """
    states = [_State(rows) for rows in matrices]
    order = np.arange(len(matrices[0].places))
    best = sum(state.total for state in states)
    while True:
        before = best
        for u in order.copy():
            a = int(np.flatnonzero(order == u)[0])
            promised = sum(state.promised(a) for state in states)
            b = int(np.argmax(promised))
            # Smaller gains are rounding errors.
            least = best * (1.0 + np.finfo(np.float32).eps)
            if best + promised[b] <= least:
                continue
            total = sum(state.swap(a, b) for state in states)
            if total <= least:
                for state in states:
                    state.swap(a, b)
                continue
            best = total
            order[[a, b]] = order[[b, a]]
            for state in states:
                state.settle()
        if best == before:
            return order


class _State:
    """A matrix with its rows in the present order.

    Attributes:
        total: Float, what its blocks keep.
    """

    def __init__(self, rows):
        self._block, self._count = rows.block, rows.count
        self._places = rows.places
        self._blocks = rows.places // rows.block
        self._squares = np.array(rows.squares, np.float32)
        self._sums = self._summed(slice(None))
        # For each unit and place: its own row, and the rest of the block.
        self._own = self._squares[self._places]
        self._rest = self._sums[self._blocks] - self._own
        self.settle()

    def settle(self):
        """Finds the smallest sum that stays."""
        self.total, self._t = kept(self._sums, self._count)
        self._above = _above(self._sums.copy(), self._t)[self._blocks]

    def promised(self, a):
        """Bounds the gain of swapping a unit, with each other unit."""
        gain = _above(self._own + self._rest[a], self._t)
        gain += _above(self._rest + self._own[a], self._t)
        gain -= self._above + self._above[a]
        # A swap within a block changes nothing.
        gain[self._blocks == self._blocks[a]] = 0.0
        return gain.sum(axis=1, dtype=np.float64)

    def swap(self, a, b):
        """Swaps the units at two places; returns the new total."""
        pair, other = self._places[[a, b]], self._places[[b, a]]
        self._squares[pair] = self._squares[other]
        self._own[[a, b]] = self._own[[b, a]]
        changed = np.unique(self._blocks[[a, b]])
        self._sums[changed] = self._summed(changed)
        here = np.isin(self._blocks, changed)
        self._rest[here] = self._sums[self._blocks[here]] - self._own[here]
        return kept(self._sums, self._count)[0]

    def _summed(self, blocks):
        shape = -1, self._block, self._squares.shape[1]
        return self._squares.reshape(shape)[blocks].sum(axis=1)


def _above(sums, t):
    """Returns by how much sums exceed `t`, added up along the last axis."""
    sums -= t
    return np.maximum(sums, 0.0, out=sums).sum(axis=-1)
