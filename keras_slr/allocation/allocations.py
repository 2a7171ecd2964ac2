"""Allocations: how one rate for a model is distributed over its layers.

Each function takes a list of `Share`, one per layer, and the rate, and returns
the rates of the layers. Together they set the requested fraction of all entries
to zero. Each layer keeps at least a tenth of the mean density, so that none
becomes empty.
"""

import dataclasses
import functools
from collections.abc import Callable
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from keras_slr.allocation.spectrum import Spectrum
from keras_slr.allocation.spectrum import spectrum_of
from keras_slr.projections import keep_count

FLOOR = 0.1
# A divisor for layers whose scores are all zero.
_LEAST = 1e-300


@dataclasses.dataclass(frozen=True)
class Share:
    """What an allocation knows about a layer.

    Attributes:
        shape: Tuple of integers, the shape of the kernel.
        source: `scores`, or a function that returns them. It is called only
            if an allocation needs them, because that gathers weights that are
            distributed over devices.
        path: String, the path of the kernel.
        coupled: Integer, the number of entries of other kernels that lose the
            same units. Defaults to `0`.
    """

    shape: tuple[int, ...]
    source: np.ndarray | Callable[[], np.ndarray]
    path: str
    coupled: int = 0

    @property
    def size(self) -> int:
        """Number of entries that the rate counts."""
        return int(np.prod(self.shape)) + self.coupled

    @functools.cached_property
    def scores(self) -> np.ndarray:
        """NumPy float32 vector, the norm of each unit of the kernel.

        For unstructured sparsity, units are single entries.
        """
        return self._read()

    @functools.cached_property
    def spectrum(self) -> Spectrum:
        """`Spectrum` of the scores, which are read and not kept."""
        return spectrum_of(self._read())

    def _read(self):
        return self.source() if callable(self.source) else self.source


Allocation: TypeAlias = str | Callable[[list[Share], float], Sequence[float]]


def uniform(shares, rate):
    """Returns the same rate for every layer.

    This is also the flat rule of on-the-fly pruning (arXiv 1811.04199), which
    is remembered so: the paper's full text was not at hand.
    """
    return [rate] * len(shares)


def erk(shares, rate):
    """Returns rates by Erdos-Renyi-Kernel (arXiv 1911.11134).

    The density of a layer is proportional to the sum of its kernel's
    dimensions divided by their product, so small layers stay denser.
    """
    sizes = np.array([share.size for share in shares], "float64")
    odds = np.array([sum(s.shape) / np.prod(s.shape) for s in shares])
    wanted = (1.0 - rate) * sizes.sum()
    low, high = (1.0 - rate) * FLOOR, 1.0
    densities = np.full(len(shares), low)
    # Layers at a bound stay there; the others share the remaining entries.
    fixed = np.zeros(len(shares), bool)
    while not fixed.all():
        left = wanted - (densities * sizes)[fixed].sum()
        scale = left / (odds * sizes)[~fixed].sum()
        densities[~fixed] = scale * odds[~fixed]
        beyond = ~fixed & ((densities > high) | (densities < low))
        if not beyond.any():
            break
        densities[beyond] = np.clip(densities[beyond], low, high)
        fixed |= beyond
    return [1.0 - float(density) for density in densities]


def global_magnitude(shares, rate):
    """Returns rates by one threshold on magnitudes in all layers.

    The norm of each unit is first divided by the norm of its layer.
    """

    def divided_by_norm(share):
        found = share.spectrum
        return found.scores / max(np.sqrt(found.not_smaller[-1]), _LEAST)

    return _by_scores(shares, rate, divided_by_norm)


def pooled(shares, rate):
    """Returns rates by one threshold on the scores of all layers as they are.

    It is for scores that compare across layers by themselves, such as
    `SNIP()` or `Magnitude(norm=1, mean=True)`.
    """
    return _by_scores(shares, rate, lambda share: share.spectrum.scores)


def lamp(shares, rate):
    """Returns rates by layer-adaptive magnitudes (LAMP, arXiv 2010.07611).

    The score of a unit is the square of its norm, divided by the sum of the
    squares of the units of its layer that are not smaller. One threshold on
    the scores applies to all layers.
    """
    return _by_scores(shares, rate, _lamp_scores)


def balanced(shares, rate):
    """Returns rates by LAMP that prune small layers more than LAMP does.

    The score of LAMP is multiplied by the fourth root of the layer's size.
    If the magnitudes of all Dense layers have the same distribution, the
    densities are then about those of ERK.
    """
    return _by_scores(
        shares, rate, lambda share: share.size**0.25 * _lamp_scores(share)
    )


def _lamp_scores(share):
    found = share.spectrum
    return found.squares / np.maximum(found.not_smaller, _LEAST)


def triangular(shares, rate):
    """Returns rates that rise linearly from the first layer to the last.

    This is the triangular rule of on-the-fly pruning (arXiv 1811.04199), as
    remembered: the paper's full text was not at hand. That the two end points
    follow from the rate is a reading of it: the first layer stays dense, and
    the last one is pruned as far as the model's rate demands. If not even its
    largest rate suffices, the rate of the first layer rises too.
    """
    if len(shares) < 2:
        return uniform(shares, rate)
    sizes = np.array([share.size for share in shares], "float64")
    rise = np.linspace(0.0, 1.0, len(shares))
    # The model's rate is `first * (1 - mean) + last * mean`.
    mean = float(rise @ sizes / sizes.sum())
    last = min(rate / mean, 1.0 - (1.0 - rate) * FLOOR)
    first = max((rate - last * mean) / (1.0 - mean), 0.0)
    return [first + (last - first) * float(step) for step in rise]


def relative(shares, rate):
    """Returns rates by thresholds relative to the largest weight of a layer.

    This is the relative rule of on-the-fly pruning (arXiv 1811.04199), as
    remembered: the rate of a layer follows from the number and the spread of
    its weights, without data. The formula is a reading: the threshold of
    every layer is the same fraction of its largest unit's norm. Large layers,
    whose largest weight stands out further, thus lose more.
    """

    def relative_to_largest(share):
        scores = share.spectrum.scores
        return scores / max(scores[0], _LEAST)

    return _by_scores(shares, rate, relative_to_largest)


def _by_scores(shares, rate, scores_of):
    """Returns rates that keep the largest scores of all layers together.

    Args:
        shares: List of `Share`.
        rate: Float in `[0, 1)`.
        scores_of: Function of a `Share` that returns a score for each level
            of its `Spectrum`. They must be in descending order.
    """
    spectra = [share.spectrum for share in shares]
    layer = np.repeat(np.arange(len(shares)), [s.counts.size for s in spectra])
    weights = np.array([a.size / s.total for a, s in zip(shares, spectra)])
    # Every layer keeps at least this many units.
    kept = np.array(
        [keep_count(s.total, 1.0 - (1.0 - rate) * FLOOR) for s in spectra]
    )
    open_ = np.concatenate(
        [
            np.diff(np.maximum(np.cumsum(s.counts) - floor, 0), prepend=0)
            for s, floor in zip(spectra, kept)
        ]
    )
    # What is not finite is named where the weights are projected.
    with np.errstate(all="ignore"):
        scores = np.concatenate([scores_of(share) for share in shares])
    # Layers with the same scores lose the same parts of them.
    order = np.lexsort((np.concatenate([s.parts for s in spectra]), -scores))
    layer, open_ = layer[order], open_[order]
    total = sum(share.size for share in shares)
    wanted = (total - round(rate * total)) * (1 + 1e-9) - kept @ weights
    cost = np.cumsum(open_ * weights[layer])
    end = int(np.searchsorted(cost, wanted, side="right"))
    taken = np.bincount(layer[:end], open_[:end], len(shares))
    kept += taken.astype("int64")
    if end < len(order):
        # The first level that does not fit is kept in part.
        before = cost[end - 1] if end else 0.0
        at = layer[end]
        kept[at] += max(int((wanted - before) / weights[at]), 0)
    return [
        min(1.0 - max(int(count), 1) / s.total, 1.0)
        for count, s in zip(kept, spectra)
    ]


ALLOCATIONS = {
    "uniform": uniform,
    "erk": erk,
    "balanced": balanced,
    "global": global_magnitude,
    "pooled": pooled,
    "lamp": lamp,
    "flat": uniform,
    "triangular": triangular,
    "relative": relative,
}


def check_allocation(allocation):
    """Raises a `ValueError` unless `allocation` is a name or a function."""
    named = isinstance(allocation, str) and allocation in ALLOCATIONS
    if not callable(allocation) and not named:
        raise ValueError(
            "Expected an `allocation` of "
            + ", ".join(f"'{name}'" for name in ALLOCATIONS)
            + f", or a function. Received: {allocation!r}."
        )


def allocate(allocation, shares, rate):
    """Returns the rates of layers.

    Args:
        allocation: Key of `ALLOCATIONS`, or a function like its values.
        shares: List of `Share`, one per layer.
        rate: Float in `[0, 1)`.

    Raises:
        ValueError: If a function does not return one valid rate per layer.
    """
    if not shares:
        return []
    rates = ALLOCATIONS.get(allocation, allocation)(shares, rate)
    rates = [float(value) for value in rates]
    if len(rates) != len(shares) or not all(0 <= r < 1 for r in rates):
        raise ValueError(
            f"Expected {len(shares)} rates in [0, 1) from `allocation`. "
            f"Received: {rates}."
        )
    return rates
