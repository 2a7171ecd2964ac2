"""The two array kinds on which the solver's passes run.

Host arrays are NumPy views of the variables: the fastest exact way on CPU.
Device arrays stay where they are and go through one compiled function per
pass: the way for accelerators and for sharded tensors, which NumPy could only
reach by gathering them.

Both offer `sums`, which adds up what a pass returns over all weights,
`masks`, which chooses the entries to keep, and `assign`, which stores the new
`a` and `c` that a pass returns.
"""

import functools

import numpy as np
from keras import ops

from keras_slr.projections import bisection
from keras_slr.projections import unstructured
from keras_slr.training import backend

# Entries per block: the dozen intermediate arrays of a pass then stay in the
# processor's cache, where those of whole tensors would not.
BLOCK = 1 << 15


class HostArrays:
    """Runs the passes on NumPy views, block by block."""

    free = backend.FREE
    minimum = staticmethod(np.minimum)
    where = staticmethod(np.where)

    @staticmethod
    def mask(condition):
        return condition.astype(np.float32)

    @staticmethod
    def dot(a, b):
        return float(np.einsum("i,i->", a, b))

    def sums(self, fn, slots, *scalars, masks=None):
        """Returns the tuple of sums of `fn` over all weights.

        Args:
            fn: Pass of `solvers.forms` that returns sums.
            slots: List of `Slots`.
            *scalars: Floats handed to `fn`.
            masks: List of masks handed to `fn`. Defaults to `None`, none.
        """
        # Block sums are added up in the double precision of Python.
        parts = (
            fn(self, *arrays, *scalars)
            for slot, mask in _paired(slots, masks)
            for arrays in _blocks(_flat(slot, mask))
        )
        return tuple(float(sum(column)) for column in zip(*parts))

    def support(self, fn, slots):
        """Returns the masks that `fn` reads off the slots."""
        return [fn(self, *_flat(slot)[1:]) for slot in slots]

    def masks(self, fn, slots, counts, *scalars, weighings=None):
        """Returns the masks of the entries to keep.

        Args:
            fn: Pass that returns the tensor to choose by, last in a tuple.
            slots: List of `Slots`.
            counts: List of integers, how many entries to keep of each.
            *scalars: Floats handed to `fn`.
            weighings: List of what to multiply the tensors by before, see
                `training.metric.weighing`. Defaults to `None`, nothing.
        """
        masks = []
        for (slot, weighing), count in zip(_paired(slots, weighings), counts):
            flat = _flat(slot)
            v = np.empty_like(flat[0])
            for out, *arrays in _blocks((v, *flat)):
                out[:] = fn(self, *arrays, *scalars)[-1]
            if weighing is not None:
                v *= np.reshape(weighing, -1)
            masks.append(unstructured.keep_mask(v, count))
        return masks

    def assign(self, fn, slots, masks, *scalars):
        """Stores the `a` and `c` that `fn` returns."""
        for slot, mask in _paired(slots, masks):
            flat = _flat(slot, mask)
            a, c = np.empty_like(flat[0]), np.empty_like(flat[0])
            for a_out, c_out, *arrays in _blocks((a, c, *flat)):
                a_out[:], c_out[:] = fn(self, *arrays, *scalars)
            slot.a.assign(a.reshape(slot.a.shape))
            slot.c.assign(c.reshape(slot.c.shape))


class DeviceArrays:
    """Runs each pass over all weights in one compiled call."""

    free = backend.FREE
    minimum = staticmethod(ops.minimum)
    where = staticmethod(ops.where)

    @staticmethod
    def mask(condition):
        return ops.cast(condition, "float32")

    def __init__(self):
        self._compiled = {}

    @staticmethod
    def dot(a, b):
        return ops.sum(a * b)

    def sums(self, fn, slots, *scalars, masks=None):
        """See `HostArrays.sums`."""
        parts = self._call(fn, self._each, slots, _alone(masks), scalars)
        return tuple(
            sum(backend.to_host_scalar(part) for part in column)
            for column in zip(*parts)
        )

    def support(self, fn, slots):
        """See `HostArrays.support`."""
        return [fn(self, slot.a.value, slot.c.value) for slot in slots]

    def masks(self, fn, slots, counts, *scalars, weighings=None):
        """See `HostArrays.masks`."""
        # Counts are tensors: they change while a set shrinks, and a number
        # would be compiled anew each time.
        extras = [
            (ops.convert_to_tensor(count, dtype="int32"),)
            + (() if weighing is None else (weighing,))
            for count, (_, weighing) in zip(counts, _paired(slots, weighings))
        ]
        return self._call(fn, self._choose, slots, extras, scalars)

    def assign(self, fn, slots, masks, *scalars):
        """See `HostArrays.assign`."""
        new = self._call(fn, self._each, slots, _alone(masks), scalars)
        for slot, (a, c) in zip(slots, new):
            slot.a.assign(a)
            slot.c.assign(c)

    def _call(self, fn, body, slots, extras, scalars):
        key = (body, fn)
        if key not in self._compiled:
            self._compiled[key] = backend.compiled(functools.partial(body, fn))
        tensors = [
            tuple(
                ops.cast(v.value, "float32") for v in (slot.w, slot.a, slot.c)
            )
            + (extra or ())
            for slot, extra in _paired(slots, extras)
        ]
        scalars = [ops.convert_to_tensor(s, dtype="float32") for s in scalars]
        return self._compiled[key](tensors, scalars)

    def _each(self, fn, tensors, scalars):
        return [fn(self, *arrays, *scalars) for arrays in tensors]

    def _choose(self, fn, tensors, scalars):
        masks = []
        for w, a, c, count, *weighing in tensors:
            v = fn(self, w, a, c, *scalars)[-1]
            if weighing:
                v = v * weighing[0]
            masks.append(bisection.keep_mask(v, count))
        return masks


def arrays_for(variables):
    """Chooses the array kind for `variables`: host on one CPU, else device."""
    if all(backend.on_one_cpu(v) for v in variables):
        return HostArrays()
    return DeviceArrays()


def _alone(masks):
    return None if masks is None else [(mask,) for mask in masks]


def _paired(slots, masks):
    return zip(slots, masks or [None] * len(slots))


def _flat(slot, mask=None):
    arrays = [backend.to_host(v) for v in (slot.w, slot.a, slot.c)]
    if mask is not None:
        arrays.append(mask)
    return [a.reshape(-1) for a in arrays]


def _blocks(arrays):
    for start in range(0, arrays[0].size, BLOCK):
        yield tuple(a[start : start + BLOCK] for a in arrays)
