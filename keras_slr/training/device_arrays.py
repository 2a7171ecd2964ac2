"""The solver's passes in compiled functions, where the variables are."""

import functools

import keras
import numpy as np
from keras import ops

from keras_slr import backend
from keras_slr.grids.points import nearest_points
from keras_slr.projections import bisection
from keras_slr.scores.metric import weighing
from keras_slr.training.merged_masks import merged_masks
from keras_slr.training.pruned_weight import paired


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

    def masks(
        self, fns, slots, sets, counts, *scalars, moments=None, power=0.0
    ):
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
            tuple(fns),
            body,
            slots,
            moments,
            scalars,
            _int_tensors(counts),
            static=power,
        )

    def points(self, fn, slots, masks, grid, *scalars):
        """See `HostArrays.points`."""
        body = functools.partial(self._place, [s.weight for s in slots], grid)
        return self._call(fn, body, slots, masks, scalars)

    def on_grid(self, values, masks, grid, weights):
        """See `HostArrays.on_grid`."""

        def place(values, masks):
            return [
                nearest_points(ops, grid, *each)
                for each in zip(weights, values, masks)
            ]

        if "on_grid" not in self._compiled:
            self._compiled["on_grid"] = backend.compiled(place)
        return self._compiled["on_grid"](_tensors(values), list(masks))

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
        return self._compiled["largest"](_tensors(values), _int_tensors(counts))

    @staticmethod
    def zero_share(constraint):
        """See `HostArrays.zero_share`."""
        variables = [weight.variable for weight in constraint.weights]
        with backend.without_gradients():
            return constraint.zero_share(ops, _tensors(variables))

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
            for slot, extra in paired(slots, extras)
        ]
        scalars = [ops.convert_to_tensor(s, dtype="float32") for s in scalars]
        return self._compiled[key](tensors, scalars, *further)

    def _each(self, fn, tensors, scalars):
        return [fn(self, *arrays, *scalars) for arrays in tensors]

    def _place(self, weights, grid, fn, tensors, scalars):
        return [
            nearest_points(
                ops, grid, weight, fn(self, w, a, c, *scalars)[-1], mask
            )
            for weight, (w, a, c, mask) in zip(weights, tensors)
        ]

    def _choose(self, sets, power, fns, tensors, scalars, counts):
        def value(i):
            w, a, c, *moment = tensors[i]
            v = fns[i](self, w, a, c, *scalars)[-1]
            for each in moment:
                v = v * weighing(each, ops.mean(each), power)
            return v

        return merged_masks(
            ops, bisection.keep_mask, sets, counts, value, len(tensors)
        )


def _tensors(values):
    return [
        ops.cast(
            value.value if isinstance(value, keras.Variable) else value,
            "float32",
        )
        for value in values
    ]


def _int_tensors(counts):
    return [ops.convert_to_tensor(n, dtype="int32") for n in counts]
