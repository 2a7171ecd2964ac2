"""The tensors of a run: every pruned weight `W` with its `Z` and multipliers.

They are held in two slots of the optimizer, see `solvers.forms`: float32
variables with the shape, layout and device of their weight, which compiled
steps of every backend can read.
"""

import dataclasses
import math

import numpy as np

from keras_slr import backend
from keras_slr.backend import apply_mask
from keras_slr.models.weight_values import check_finite
from keras_slr.selection.selectors import names_of
from keras_slr.selection.selectors import unknown_name
from keras_slr.solvers import forms
from keras_slr.structures.constraint import numbered
from keras_slr.training.arrays import HostArrays
from keras_slr.training.arrays import arrays_for
from keras_slr.training.metric import weighing

# An entry counts as settled when it is this small against its tensor's root
# mean square: too small to be seen in a layer's output.
SETTLED = 1e-3


@dataclasses.dataclass
class PrunedWeight:
    """One weight of a run and its slots.

    Attributes:
        weight: `selection.Weight`.
        rate: Float, the pruning rate asked for.
        w: Keras variable `W`.
        a: Keras variable `Z` or `R`, float32.
        c: Keras variable `C`, float32.
    """

    weight: object
    rate: float
    w: object
    a: object
    c: object


@dataclasses.dataclass(frozen=True)
class Figures:
    """What a run looks like at one moment, over all pruned weights.

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


class Split:
    """All pruned weights of a model, split into `W` and `Z`.

    Args:
        optimizers: `training.optimizers.Optimizers`; their `base` gets the
            slots.
        constraints: List of `structures.Constraint`.
        form: `solvers.forms.Held` or `Free`.
    """

    def __init__(self, optimizers, constraints, form):
        self.form = form
        self._trainer_of = optimizers.training
        optimizer = optimizers.base
        weights, rates, self._sets = numbered(constraints)
        with backend.variable_scope(optimizer):
            self.rho = optimizer.add_variable((), dtype="float32", name="rho")
            self.slots = [
                PrunedWeight(
                    weight,
                    rate,
                    w=weight.variable,
                    a=_add_slot(optimizer, weight.variable, "slr_a"),
                    c=_add_slot(optimizer, weight.variable, "slr_c"),
                )
                for weight, rate in zip(weights, rates)
            ]
        self._arrays = arrays_for([slot.w for slot in self.slots])

    @property
    def variables(self):
        """The slots, in the order in which they are saved."""
        return [self.rho] + [v for slot in self.slots for v in (slot.a, slot.c)]

    @property
    def size(self):
        """Number of entries of all pruned weights."""
        return sum(math.prod(slot.w.shape) for slot in self.slots)

    @property
    def rate(self):
        """The mean of the pruning rates asked for over all entries."""
        entries = [math.prod(slot.w.shape) * slot.rate for slot in self.slots]
        return sum(entries) / self.size

    @property
    def scale_free(self):
        """Whether there are weights whose scale changes nothing."""
        return any(slot.weight.scale_free for slot in self.slots)

    def strength(self, slot):
        """Returns the Keras variable `R` of a weight's penalty."""
        return slot.a if self.form is forms.Free else self.rho

    @property
    def constraints(self):
        """List of `structures.Constraint`."""
        return [constraint for constraint, _ in self._sets]

    @property
    def rates(self):
        """The pruning rates asked for, in the order of the constraints."""
        return [constraint.rate for constraint in self.constraints]

    @rates.setter
    def rates(self, rates):
        constraints = [
            dataclasses.replace(constraint, rate=rate)
            for constraint, rate in zip(self.constraints, rates)
        ]
        _, of_slots, self._sets = numbered(constraints)
        for slot, rate in zip(self.slots, of_slots):
            slot.rate = rate

    def start(self, rho, share=1.0):
        """Sets `Z = Pi(W)` and `Lam = 0`.

        Args:
            rho: Float, the first penalty weight.
            share: Float, the share of the rates to project at. Defaults to
                `1.0`.

        Returns:
            Float, `||W - Z||^2`.
        """
        self.check_finite()
        for slot in self.slots:
            for variable in (slot.a, slot.c):
                backend.fill(variable, 0.0)
        sums = self.project(rho, 0.0, share)
        self.ascend(rho, 0.0, 0.0, rho)
        return sums.square

    def square(self):
        """Returns `||W||^2` over all weights."""
        return self._arrays.sums(forms.Held.square, self.slots)[0]

    def square_scale_free(self):
        """Returns `||W||^2` over the weights whose scale changes nothing."""
        slots = [slot for slot in self.slots if slot.weight.scale_free]
        if not slots:
            return 0.0
        return self._arrays.sums(forms.Held.square, slots)[0]

    def keep_lifted(self, rho, s=0.0, share=1.0, power=0.0):
        """Chooses the support of `Pi(W + Lam / rho)` for the next ascend.

        Args:
            rho: Float.
            s: Float, stepsize of a half-step before it. Defaults to `0.0`.
            share: See `start`.
            power: Float, of the metric in which `Pi` projects, see
                `training.metric`. Defaults to `0.0`, the Euclidean one.
        """
        weighings = [
            weighing(self._trainer_of(slot.w), slot.w, power)
            for slot in self.slots
        ]
        counts = self._counts([share * rate for rate in self.rates])
        self._masks = self._arrays.masks(
            self.form.lift,
            self.slots,
            self._sets,
            counts,
            rho,
            s,
            weighings=weighings,
        )

    def keep_largest(self, rates):
        """Chooses the largest weights at `rates`, one per constraint."""
        self._masks = self._arrays.masks(
            forms.Held.weights, self.slots, self._sets, self._counts(rates)
        )

    def keep_support(self):
        """Chooses the support as it is."""
        self._masks = self.support()

    def keep_none(self):
        """Chooses an empty support."""
        self._masks = self._arrays.whole(self.slots, [False] * len(self.slots))

    def keep_scaled(self):
        """Chooses the weights whose scale matters, whole, and no others."""
        kept = [not slot.weight.scale_free for slot in self.slots]
        self._masks = self._arrays.whole(self.slots, kept)

    def hold_largest(self, rates):
        """Sets all but the largest weights to zero, to be held there."""
        self.keep_largest(rates)
        self.settle()

    def settle(self):
        """Sets weights outside the chosen support to zero, with `Lam = 0`.

        The next rho is one: a proximal step goes all the way.
        """
        for slot, mask in zip(self.slots, self._masks):
            apply_mask(slot.w, mask)
            backend.fill(slot.c, 0.0)
        self.ascend(1.0, 0.0, 0.0, 1.0)

    def _counts(self, rates):
        return [
            constraint.count(rate)
            for (constraint, _), rate in zip(self._sets, rates)
        ]

    def renew_marks(self):
        """Marks free entries anew after another backend's were loaded."""
        if self.form is forms.Free:
            self._arrays.assign(self.form.mark, self.slots, None)

    def release(self):
        """Makes every entry free: the penalty's gradient is zero."""
        self.rho.assign(0.0)
        for slot in self.slots:
            backend.fill(slot.a, 0.0)
            backend.fill(slot.c, backend.FREE)

    def check_finite(self):
        """Raises a `ValueError` that names the first weight with NaN or Inf."""
        for slot in self.slots:
            check_finite(slot.w, slot.weight.path)

    def gap(self, rho):
        """Returns `<Lam, W - Z>` and `||W - Z||^2` over all weights."""
        inner, square = self._arrays.sums(self.form.gap, self.slots, rho)
        if not math.isfinite(square):
            self.check_finite()
        return inner, square

    def project(self, rho, s, share, power=0.0):
        """Chooses the support of `Z' = Pi(W + Lam / rho)`.

        Args:
            rho: Float.
            s: Float, stepsize of the first half-step, zero for none.
            share: See `start`; `None` leaves the support as it is.
            power: See `keep_lifted`.

        Returns:
            `solvers.forms.Sums`.
        """
        if share is None:
            self.keep_support()
        else:
            self.keep_lifted(rho, s, share, power)
        return forms.Sums(
            *self._arrays.sums(
                self.form.project, self.slots, rho, s, masks=self._masks
            )
        )

    def ascend(self, rho, s_1, s_2, rho_next, scale=1.0):
        """Stores `Z'` and `Lam` after both half-steps, and the next rho.

        Args:
            rho: Float, the present one.
            s_1: Float, stepsize of the first half-step, zero for none.
            s_2: Float, that of the second.
            rho_next: Float.
            scale: Float, multiplies the new `Lam`. Defaults to `1.0`.
        """
        self._arrays.assign(
            self.form.ascend,
            self.slots,
            self._masks,
            rho,
            s_1,
            s_2,
            rho_next,
            scale,
        )
        self._masks = None
        self.rho.assign(rho_next)

    def auxiliary(self, slot):
        """Returns `Z` of one weight as a NumPy array."""
        return self.form.auxiliary(HostArrays, *_host(slot)).copy()

    def multipliers(self, slot):
        """Returns `Lam` of one weight as a NumPy array."""
        rho = backend.to_host(self.rho)
        return self.form.read(HostArrays, *_host(slot), rho)[0]

    def read(self, layer, read):
        """Reads something of a layer's weights.

        Args:
            layer: Keras layer, or the name or path of a layer or weight.
            read: Function of one of `slots`.

        Returns:
            What `read` returns, or a dict of it by path if several weights
            are meant.
        """
        if isinstance(layer, str):
            meant = [s for s in self.slots if layer in names_of(s.weight)]
        else:
            meant = [s for s in self.slots if s.weight.layer is layer]
        if not meant:
            name = getattr(layer, "name", layer)
            raise unknown_name(name, [s.weight for s in self.slots])
        if len(meant) == 1:
            return read(meant[0])
        return {slot.weight.path: read(slot) for slot in meant}

    def residual(self, slot):
        """Returns `||W - Z|| / ||W||` of one weight."""
        rho = float(backend.to_host(self.rho))
        _, square, _, size = self._arrays.sums(self.form.norms, [slot], rho)
        return math.sqrt(square / size) if size else 0.0

    def figures(self):
        """Returns the `Figures` of this moment."""
        rho = float(backend.to_host(self.rho))
        settled, totals = 0.0, np.zeros(4)
        for slot in self.slots:
            sums = self._arrays.sums(self.form.norms, [slot], rho)
            totals += sums
            bound = SETTLED * math.sqrt(sums[-1] / math.prod(slot.w.shape))
            settled += self._arrays.sums(self.form.settled, [slot], bound)[0]
        inner, square, lam_square, w_square = totals
        return Figures(
            sparsity=settled / self.size,
            residual=math.sqrt(square / w_square) if w_square else 0.0,
            penalty=float(inner + 0.5 * rho * square),
            multiplier_norm=math.sqrt(lam_square),
        )

    def support(self):
        """Returns the masks of the support of `Z`."""
        return self._arrays.support(self.form.support, self.slots)

    def masks(self, variables=None):
        """Returns the exact mask of every weight.

        Args:
            variables: List of Keras variables to choose by. Defaults to the
                weights themselves.
        """
        self.check_finite()
        if variables is None:
            variables = [slot.w for slot in self.slots]
        return self._arrays.largest(variables, self._sets)


def _host(slot):
    return [backend.to_host(v) for v in (slot.w, slot.a, slot.c)]


def _add_slot(optimizer, variable, name):
    # In float32 whatever the weight's precision: sums of many small steps
    # would be lost in a half-precision multiplier.
    return optimizer.add_variable(
        variable.shape,
        dtype="float32",
        name=f"{variable.path.replace('/', '_')}_{name}",
        layout=getattr(variable, "_layout", None),
    )
