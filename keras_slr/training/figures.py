"""Reads a run: figures over all pruned weights, `Z` and `Lam` of a layer."""

import dataclasses
import math
from typing import TypeAlias

import keras
import numpy as np

from keras_slr import backend
from keras_slr.selection.selectors import names_of
from keras_slr.selection.selectors import unknown_name
from keras_slr.training.arrays import HostArrays
from keras_slr.training.by_form import form_of
from keras_slr.training.by_form import sums_of

# An entry counts as settled at zero when its magnitude is at most this
# fraction of its tensor's root mean square: too small to be seen in a layer's
# output.
SETTLED = 1e-3

LayerValues: TypeAlias = np.ndarray | dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Figures:
    """Figures of a run at one moment, over all pruned weights.

    Attributes:
        sparsity: Share of entries outside the support of `Z` that are
            settled at zero; equals the pruning rate when all of them are.
        residual: `||W - Z|| / ||W||`.
        penalty: `<Lam, W - Z> + rho / 2 ||W - Z||^2`.
        multiplier_norm: `||Lam||`.
    """

    sparsity: float
    residual: float
    penalty: float
    multiplier_norm: float


def figures_of(split) -> Figures:
    """Returns the present figures of a run.

    Args:
        split: `training.split.Split`.
    """
    rho = _rho(split)
    settled, totals = 0.0, np.zeros(4)
    for slot in split.slots:
        sums = _norms(split, slot, rho)
        totals += sums
        bound = SETTLED * math.sqrt(sums[-1] / math.prod(slot.w.shape))
        settled += sums_of(split, "settled", [slot], bound)[0]
    inner, square, lam_square, w_square = totals
    return Figures(
        sparsity=settled / sum(math.prod(slot.w.shape) for slot in split.slots),
        residual=math.sqrt(square / w_square) if w_square else 0.0,
        penalty=float(inner + 0.5 * rho * square),
        multiplier_norm=math.sqrt(lam_square),
    )


def residual(split, slot) -> float:
    """Returns `||W - Z|| / ||W||` of one weight.

    Args:
        split: `training.split.Split`.
        slot: One of its `slots`.
    """
    _, square, _, size = _norms(split, slot, _rho(split))
    return math.sqrt(square / size) if size else 0.0


def auxiliary(split, slot) -> np.ndarray:
    """Returns `Z` of one weight, see `residual`."""
    return form_of(split, slot).auxiliary(HostArrays, *_host(slot)).copy()


def multipliers(split, slot) -> np.ndarray:
    """Returns `Lam` of one weight, see `residual`."""
    rho = backend.to_host(split.rho)
    return form_of(split, slot).read(HostArrays, *_host(slot), rho)[0]


def of_layer(split, layer: keras.Layer | str, read) -> LayerValues:
    """Reads something of the weights of a layer.

    Args:
        split: `training.split.Split`.
        layer: Keras layer, or the name or path of a layer or weight.
        read: Function of `split` and one of its `slots`.

    Returns:
        The value of `read`, or a dict of its values by path if there are
        several weights.
    """
    if isinstance(layer, str):
        found = [s for s in split.slots if layer in names_of(s.weight)]
    else:
        found = [s for s in split.slots if s.weight.layer is layer]
    if not found:
        name = getattr(layer, "name", layer)
        raise unknown_name(name, [s.weight for s in split.slots])
    if len(found) == 1:
        return read(split, found[0])
    return {slot.weight.path: read(split, slot) for slot in found}


def _rho(split):
    return float(backend.to_host(split.rho))


def _norms(split, slot, rho):
    return sums_of(split, "norms", [slot], rho)


def _host(slot):
    return [backend.to_host(v) for v in (slot.w, slot.a, slot.c)]
