"""The solver's passes on NumPy views of the variables."""

import keras
import numpy as np
from keras import ops

from keras_slr import backend
from keras_slr.grids.points import nearest_points
from keras_slr.projections import keep_mask
from keras_slr.projections.sweep import sweep
from keras_slr.scores.metric import weighing
from keras_slr.training.merged_masks import merged_masks
from keras_slr.training.pruned_weight import paired

# Entries that are added up in single precision.
_TERMS = 1 << 15


class HostArrays:
    """Runs the passes on NumPy views, block by block."""

    free = backend.FREE
    infinite = np.float32(np.inf)

    @staticmethod
    def number(condition):
        return condition.astype(np.float32)

    @staticmethod
    def mask(condition):
        # Ones in all bits where true: `np.where` takes twice as long.
        return np.negative(condition.view(np.int8)).astype(np.int32)

    @staticmethod
    def only(mask, x):
        return (_as_int32(x) & mask).view(np.float32)

    @staticmethod
    def either(mask, x, y):
        y = _as_int32(y)
        chosen = _as_int32(x) ^ y
        chosen &= mask
        chosen ^= y
        return chosen.view(np.float32)

    @staticmethod
    def count(condition):
        return float(np.count_nonzero(condition))

    @staticmethod
    def dot(a, b):
        return sum(
            float(np.einsum("i,i->", a[i : i + _TERMS], b[i : i + _TERMS]))
            for i in range(0, a.size, _TERMS)
        )

    def sums(self, fn, slots, *scalars, masks=None):
        """Returns the tuple of sums of `fn` over all weights.

        Args:
            fn: Pass of `solvers.forms` that returns sums.
            slots: List of `PrunedWeight`.
            *scalars: Floats passed to `fn`.
            masks: List of masks passed to `fn`. Defaults to `None`, none.
        """

        def sums(*blocks):
            return fn(self, *blocks, *scalars)

        parts = [
            part
            for slot, mask in paired(slots, masks)
            for part in sweep(sums, *_flat(slot, mask))
        ]
        # Block sums are added up in the double precision of Python.
        return tuple(float(sum(column)) for column in zip(*parts))

    def support(self, fn, slots):
        """Returns the masks that `fn` computes from the slots."""
        return [
            fn(self, *_flat(slot)[1:]).reshape(slot.w.shape) for slot in slots
        ]

    def whole(self, slots, kept):
        """Returns masks that keep all of a weight or nothing.

        Args:
            slots: List of `PrunedWeight`.
            kept: List of booleans, one per slot.
        """
        return [np.full(slot.w.shape, keep) for slot, keep in zip(slots, kept)]

    def masks(
        self, fns, slots, sets, counts, *scalars, moments=None, power=0.0
    ):
        """Returns the masks of the entries to keep.

        Args:
            fns: List of passes, one per slot, that return the tensor to
                choose by, last in a tuple.
            slots: List of `PrunedWeight`.
            sets: List of pairs of a `structures.Constraint` and the indices
                of its weights' slots.
            counts: List of integers, how many units to keep of each set.
            *scalars: Floats passed to `fn`.
            moments: List of the second moments of the slots, see
                `scores.metric`. Defaults to `None`, no metric.
            power: Float, the power of the metric. Defaults to `0.0`.
        """
        moments = moments or [None] * len(slots)

        def value(i):
            arrays = _flat(slots[i])
            v = np.empty(arrays[0].shape, np.float32)
            if moments[i] is None:

                def fill(out, *blocks):
                    out[:] = fns[i](self, *blocks, *scalars)[-1]

            else:
                arrays.append(backend.to_host(moments[i]).reshape(-1))
                mean = _mean(arrays[-1])

                def fill(out, *blocks):
                    *blocks, moment = blocks
                    values = fns[i](self, *blocks, *scalars)[-1]
                    factors = weighing(moment, mean, power)
                    np.multiply(values, factors, out=out)

            sweep(fill, v, *arrays)
            return v.reshape(slots[i].w.shape)

        return merged_masks(np, keep_mask, sets, counts, value, len(slots))

    def points(self, fn, slots, masks, grid, *scalars):
        """Returns the points of a grid nearest to what `fn` returns.

        Args:
            fn: Pass that returns the tensor to project, last in a tuple.
            slots: List of `PrunedWeight`.
            masks: List of masks of the entries to keep; others are zero.
            grid: `Grid`.
            *scalars: Floats passed to `fn`.
        """

        def value(slot):
            arrays = _flat(slot)
            v = np.empty(arrays[0].shape, np.float32)

            def fill(out, *blocks):
                out[:] = fn(self, *blocks, *scalars)[-1]

            sweep(fill, v, *arrays)
            return v.reshape(slot.w.shape)

        weights = [slot.weight for slot in slots]
        return self.on_grid(map(value, slots), masks, grid, weights)

    @staticmethod
    def on_grid(values, masks, grid, weights):
        """Returns the points of a grid nearest to some values.

        Args:
            values: List of arrays, tensors or Keras variables.
            masks: List of masks of the entries to keep; others are zero.
            grid: `Grid`.
            weights: List of `selection.Weight`, whose axes the values have.
        """
        return [
            nearest_points(np, grid, weight, on_host(value), mask)
            for value, mask, weight in zip(values, masks, weights)
        ]

    def assign(self, fn, slots, masks, *scalars):
        """Stores the `a` and `c` that `fn` returns."""

        def fill(a, c, *blocks):
            a[:], c[:] = fn(self, *blocks, *scalars)

        for slot, mask in paired(slots, masks):
            new = [backend.host_target(v) for v in (slot.a, slot.c)]
            a, c = (array.reshape(-1) for array in new)
            sweep(fill, a, c, *_flat(slot, mask))
            backend.assign_from_host(slot.a, new[0])
            backend.assign_from_host(slot.c, new[1])

    @staticmethod
    def largest(values, sets, counts):
        """Returns the masks of the entries of largest magnitude.

        Args:
            values: List of arrays, tensors or Keras variables to choose by.
            sets: See `masks`, of indices in `values`.
            counts: See `masks`.
        """
        values = [on_host(value) for value in values]
        return merged_masks(
            np, keep_mask, sets, counts, values.__getitem__, len(values)
        )

    @staticmethod
    def zero_share(constraint):
        """Returns `Constraint.zero_share` of the weights as they are now."""
        values = [backend.to_host(w.variable) for w in constraint.weights]
        return constraint.zero_share(
            np, [np.asarray(value, np.float32) for value in values]
        )


def on_host(value):
    """Returns an array, a tensor or a Keras variable as a float32 array."""
    if isinstance(value, keras.Variable):
        return backend.to_host(value)
    return np.asarray(ops.convert_to_numpy(value), np.float32)


def _flat(slot, mask=None):
    arrays = [backend.to_host(v) for v in (slot.w, slot.a, slot.c)]
    if mask is not None:
        arrays.append(mask)
    return [a.reshape(-1) for a in arrays]


def _as_int32(x):
    return np.asarray(x, np.float32).view(np.int32)


def _mean(vector):
    sums = sweep(lambda block: block.sum(dtype=np.float64), vector)
    return float(sum(sums) / vector.size)
