"""Unstructured sparsity: single entries."""

import dataclasses

from keras_slr.record import PACKAGE
from keras_slr.structures.registry import register_structure
from keras_slr.structures.structure import Structure


@register_structure("unstructured", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Unstructured(Structure):
    """Unstructured sparsity: each entry is pruned by itself."""

    def refusal(self, weight):
        return None

    def units(self, weight):
        return weight.size

    def scores(self, xp, values, weight):
        del weight
        return xp.reshape(values[0], (-1,))

    def entries(self, xp, kept, weight):
        return [xp.reshape(kept, weight.shape)]
