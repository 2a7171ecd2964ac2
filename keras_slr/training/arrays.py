"""The two array kinds on which the solver's passes run.

Host arrays are NumPy views of the variables: the fastest exact way on CPU.
Device arrays stay where they are and go through one compiled function per
pass: the way for accelerators and for sharded tensors, which NumPy could only
reach by gathering them.
"""

import functools

import numpy as np
from keras import ops

from keras_slr.projections import bisection
from keras_slr.projections import unstructured
from keras_slr.training import backend


class HostArrays:
    """Runs a pass weight by weight on NumPy views."""

    where = staticmethod(np.where)
    isinf = staticmethod(np.isinf)
    keep_mask = staticmethod(unstructured.keep_mask)

    @staticmethod
    def dot(a, b):
        # Accumulated in double precision: the conditions compare sums of
        # millions of small terms.
        return float(np.einsum("i,i->", a.ravel(), b.ravel(), dtype=np.float64))

    def run(self, fn, slots, *scalars):
        """Applies `fn` to every weight, stores its slots, sums its sums.

        Args:
            fn: A pass of `solvers.slr`.
            slots: List of `Slots`.
            *scalars: Floats handed to `fn`.

        Returns:
            Tuple of floats.
        """
        # Python floats would keep float32 arrays as they are; NumPy floats
        # of 64 bits would widen them.
        scalars = [float(s) for s in scalars]
        totals = None
        for slot in slots:
            changed, sums = fn(
                self,
                backend.to_host(slot.w),
                backend.to_host(slot.z),
                backend.to_host(slot.c),
                slot.count,
                *scalars,
            )
            for name, value in changed.items():
                getattr(slot, name).assign(value)
            totals = sums if totals is None else np.add(totals, sums)
        return tuple(float(t) for t in totals)


class DeviceArrays:
    """Runs a pass over all weights in one compiled call."""

    where = staticmethod(ops.where)
    isinf = staticmethod(ops.isinf)
    keep_mask = staticmethod(bisection.keep_mask)

    def __init__(self):
        self._compiled = {}

    @staticmethod
    def dot(a, b):
        return ops.sum(a * b)

    def run(self, fn, slots, *scalars):
        """As `HostArrays.run`, on tensors that stay on their devices."""
        counts = tuple(slot.count for slot in slots)
        key = (fn, counts)
        if key not in self._compiled:
            self._compiled[key] = backend.compiled(
                functools.partial(self._run_all, fn, counts)
            )
        tensors = [
            tuple(
                ops.cast(v.value, "float32") for v in (slot.w, slot.z, slot.c)
            )
            for slot in slots
        ]
        scalars = [ops.convert_to_tensor(s, dtype="float32") for s in scalars]
        changes, sums = self._compiled[key](tensors, scalars)
        for slot, changed in zip(slots, changes):
            for name, value in changed.items():
                getattr(slot, name).assign(value)
        return tuple(float(s) for s in sums)

    def _run_all(self, fn, counts, tensors, scalars):
        results = [
            fn(self, w, z, c, count, *scalars)
            for (w, z, c), count in zip(tensors, counts)
        ]
        changes = [changed for changed, _ in results]
        sums = [sum(parts) for parts in zip(*(s for _, s in results))]
        return changes, sums


def arrays_for(variables):
    """Chooses the array kind for `variables`: host on one CPU, else device."""
    if all(backend.on_one_cpu(v) for v in variables):
        return HostArrays()
    return DeviceArrays()
