"""The two array kinds on which the solver's passes run.

Host arrays are NumPy views of the variables: the fastest exact way on CPU.
Device arrays stay on their devices, and one compiled function per pass runs on
them. Accelerators and sharded tensors need it: NumPy would have to gather
them.

Both offer `sums`, which adds up what a pass returns over all weights,
`masks`, which chooses the entries to keep, and `assign`, which stores the new
`a` and `c` that a pass returns. `largest` needs the variables only.
"""

import functools

import keras
import numpy as np
from keras import ops

from keras_slr import backend
from keras_slr.projections import bisection
from keras_slr.projections import keep_mask
from keras_slr.projections.sweep import sweep
from keras_slr.scores.metric import weighing

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
            for slot, mask in _paired(slots, masks)
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

    def masks(self, fn, slots, sets, counts, *scalars, moments=None, power=0.0):
        """Returns the masks of the entries to keep.

        Args:
            fn: Pass that returns the tensor to choose by, last in a tuple.
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
                    out[:] = fn(self, *blocks, *scalars)[-1]

            else:
                arrays.append(backend.to_host(moments[i]).reshape(-1))
                mean = _mean(arrays[-1])

                def fill(out, *blocks):
                    *blocks, moment = blocks
                    values = fn(self, *blocks, *scalars)[-1]
                    factors = weighing(moment, mean, power)
                    np.multiply(values, factors, out=out)

            sweep(fill, v, *arrays)
            return v.reshape(slots[i].w.shape)

        return merged_masks(np, keep_mask, sets, counts, value, len(slots))

    def assign(self, fn, slots, masks, *scalars):
        """Stores the `a` and `c` that `fn` returns."""

        def fill(a, c, *blocks):
            a[:], c[:] = fn(self, *blocks, *scalars)

        for slot, mask in _paired(slots, masks):
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


class DeviceArrays:
    """Runs each pass over all weights in one compiled call."""

    free = backend.FREE
    infinite = np.float32(np.inf)
    either = staticmethod(ops.where)

    @staticmethod
    def number(condition):
        return ops.cast(condition, "float32")

    @staticmethod
    def mask(condition):
        return condition

    @staticmethod
    def only(mask, x):
        return ops.where(mask, x, 0.0)

    @staticmethod
    def count(condition):
        return ops.sum(ops.cast(condition, "float32"))

    def __init__(self):
        self._compiled = {}

    @staticmethod
    def dot(a, b):
        return ops.sum(a * b)

    def sums(self, fn, slots, *scalars, masks=None):
        """See `HostArrays.sums`."""
        parts = self._call(fn, self._each, slots, masks, scalars)
        return tuple(
            sum(backend.to_host_scalar(part) for part in column)
            for column in zip(*parts)
        )

    def support(self, fn, slots):
        """See `HostArrays.support`."""
        return [fn(self, slot.a.value, slot.c.value) for slot in slots]

    def whole(self, slots, kept):
        """See `HostArrays.whole`."""
        return [
            ops.full(slot.w.shape, keep, dtype="bool")
            for slot, keep in zip(slots, kept)
        ]

    def masks(self, fn, slots, sets, counts, *scalars, moments=None, power=0.0):
        """See `HostArrays.masks`."""
        # The sets are part of the function. The counts are tensors, because
        # they change while a set shrinks.
        body = functools.partial(self._choose, sets, power)
        moments = moments or [None] * len(slots)
        moments = [
            None if moment is None else ops.cast(moment.value, "float32")
            for moment in moments
        ]
        return self._call(
            fn,
            body,
            slots,
            moments,
            scalars,
            _int_tensors(counts),
            static=power,
        )

    def assign(self, fn, slots, masks, *scalars):
        """See `HostArrays.assign`."""
        new = self._call(fn, self._each, slots, masks, scalars)
        for slot, (a, c) in zip(slots, new):
            slot.a.assign(a)
            slot.c.assign(c)

    def largest(self, values, sets, counts):
        """See `HostArrays.largest`."""

        def choose(values, counts):
            return merged_masks(
                ops,
                bisection.keep_mask,
                sets,
                counts,
                values.__getitem__,
                len(values),
            )

        if "largest" not in self._compiled:
            self._compiled["largest"] = backend.compiled(choose)
        values = [
            ops.cast(
                value.value if isinstance(value, keras.Variable) else value,
                "float32",
            )
            for value in values
        ]
        return self._compiled["largest"](values, _int_tensors(counts))

    def _call(self, fn, body, slots, extras, scalars, *further, static=None):
        # What is no tensor is part of the function.
        key = (getattr(body, "func", body), fn, static)
        if key not in self._compiled:
            self._compiled[key] = backend.compiled(functools.partial(body, fn))
        tensors = [
            tuple(
                ops.cast(v.value, "float32") for v in (slot.w, slot.a, slot.c)
            )
            + (() if extra is None else (extra,))
            for slot, extra in _paired(slots, extras)
        ]
        scalars = [ops.convert_to_tensor(s, dtype="float32") for s in scalars]
        return self._compiled[key](tensors, scalars, *further)

    def _each(self, fn, tensors, scalars):
        return [fn(self, *arrays, *scalars) for arrays in tensors]

    def _choose(self, sets, power, fn, tensors, scalars, counts):
        def value(i):
            w, a, c, *moment = tensors[i]
            v = fn(self, w, a, c, *scalars)[-1]
            for each in moment:
                v = v * weighing(each, ops.mean(each), power)
            return v

        return merged_masks(
            ops, bisection.keep_mask, sets, counts, value, len(tensors)
        )


def on_host(value):
    """Returns an array, a tensor or a Keras variable as a float32 array."""
    if isinstance(value, keras.Variable):
        return backend.to_host(value)
    return np.asarray(ops.convert_to_numpy(value), np.float32)


def merged_masks(xp, select, sets, counts, value, size):
    """Returns a mask per weight of the entries that all sets keep.

    Args:
        xp: See `structures.Constraint.masks`.
        select: See `structures.Constraint.masks`.
        sets: See `HostArrays.masks`.
        counts: List of integers, one per set.
        value: Function of the index of a weight that returns the array to
            choose by.
        size: Integer, the number of weights.
    """
    masks = [None] * size
    for (constraint, indices), count in zip(sets, counts):
        values = [value(i) for i in indices]
        kept = constraint.masks(xp, select, values, count)
        for i, mask in zip(indices, kept):
            known = masks[i]
            masks[i] = mask if known is None else xp.logical_and(known, mask)
    return masks


def _int_tensors(counts):
    return [ops.convert_to_tensor(n, dtype="int32") for n in counts]


def arrays_for(variables):
    """Chooses the array kind for `variables`: host on one CPU, else device."""
    if all(backend.on_one_cpu(v) for v in variables):
        return HostArrays()
    return DeviceArrays()


def _paired(slots, masks):
    return zip(slots, masks or [None] * len(slots))


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
