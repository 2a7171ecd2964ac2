"""Rebuilds a model with the units that stay."""

import numpy as np

from keras_slr.shrinking.blocks import BLOCKS
from keras_slr.shrinking.heads import name_of
from keras_slr.shrinking.rebuild_model import Rebuild
from keras_slr.shrinking.rules import RULES
from keras_slr.shrinking.state import to_numpy


class Surgeon(Rebuild):
    """Rebuilds a model without the units that are cut.

    Args:
        cut: `removable_units.Cut` of the model.
    """

    def __init__(self, cut):
        super().__init__()
        self._cut = cut
        # Constants go to existing biases, or to new ones.
        self._shifts = {}
        self._new_biases = {}
        for read, shift in cut.folds():
            if read.bias is None:
                self._new_biases[id(read.layer)] = (read, shift)
            else:
                shift = shift + self._shifts.get(id(read.bias), 0.0)
                self._shifts[id(read.bias)] = shift

    def shape(self, tensor):
        return tuple(
            self._cut.width(tensor, axis, size)
            for axis, size in enumerate(tensor.shape)
        )

    def is_known(self, operation):
        return name_of(operation) in BLOCKS

    def replacement(self, operation, name):
        rule = RULES.get(name_of(operation))
        if rule is None or rule.replace is None:
            return None
        return rule.replace(operation, self._cut, name)

    def changes(self, operation):
        changes = {}
        rule = RULES.get(name_of(operation))
        if rule is not None and rule.resize is not None:
            changes |= rule.resize(operation, self._cut)
        if id(operation) in self._new_biases:
            changes["use_bias"] = True
        return changes

    def weights(self, layer):
        values = [self._cut_weight(variable) for variable in layer.variables]
        if id(layer) in self._new_biases:
            read, shift = self._new_biases[id(layer)]
            values.append(shift[~self._cut.is_removed(read.outputs)])
        return values

    def _cut_weight(self, variable):
        value = to_numpy(variable)
        if id(variable) in self._shifts:
            shift = self._shifts[id(variable)].reshape(value.shape)
            value = (value + shift).astype(value.dtype)
        for axis in range(value.ndim):
            kept = self._cut.kept(variable, axis)
            if kept is not None:
                value = np.compress(kept, value, axis)
        return value
