"""The pruned weights of a run, split into `W` and `Z`: the passes over them.

`Z` and the multipliers are held in two slots of the optimizer, see
`solvers.forms`: float32 variables with the shape, layout and device of their
weight, which compiled steps of every backend can read.
"""

import dataclasses
import math

from keras_slr import backend
from keras_slr.models.weight_values import check_finite
from keras_slr.scores.metric import second_moment
from keras_slr.solvers import forms
from keras_slr.structures.constraint import numbered
from keras_slr.training.arrays import arrays_for
from keras_slr.training.by_form import by_form
from keras_slr.training.by_form import form_of
from keras_slr.training.by_form import replaced
from keras_slr.training.by_form import sums_of
from keras_slr.training.check_choice import check_choice
from keras_slr.training.chosen import set_chosen
from keras_slr.training.host_arrays import on_host
from keras_slr.training.pruned_weight import add_slots


class Split:
    """All pruned weights of a model, split into `W` and `Z`.

    Solvers may use what `solvers.tensors.Tensors` documents; `training.figures`
    reads the rest.

    Args:
        optimizers: `training.optimizers.Optimizers`; their `base` gets the
            slots.
        constraints: List of `structures.Constraint`.
        form: Class of `solvers.forms`, how `Z` and `Lam` are held.
        scorer: `scores.Scorer`, by whose scores the method chooses. Defaults
            to `None`, by magnitudes.
        allotment: `planning.allotment.Allotment` that gave the constraints
            their rates. Defaults to `None`.
        grid: `Grid`, the values that kept entries of kernels may have.
            Defaults to `None`, all.

    Attributes:
        form: As given. Weights on a grid have `OnGrid` instead.
        grid: As given.
        rho: Keras variable, the penalty weight in force.
        slots: List of `PrunedWeight`.
        arrays: `HostArrays` or `DeviceArrays`, on which the passes run.
    """

    grid = None
    add_slots = staticmethod(add_slots)

    def __init__(
        self,
        optimizers,
        constraints,
        form,
        scorer=None,
        allotment=None,
        grid=None,
    ):
        self.form = form
        self.grid = grid
        self._scorer = scorer
        self._allotment = allotment
        self._trainer_of = optimizers.training
        optimizer = optimizers.base
        weights, rates, self._sets = numbered(constraints)
        self.arrays = arrays_for([weight.variable for weight in weights])
        self.zero_shares = [
            _zero_share(constraint, self.arrays) for constraint in constraints
        ]
        with backend.variable_scope(optimizer):
            self.rho = optimizer.add_variable((), dtype="float32", name="rho")
            self.slots = [
                self.add_slots(optimizer, weight, rate)
                for weight, rate in zip(weights, rates)
            ]

    @property
    def variables(self):
        """`rho` and the slots, in the order in which they are saved."""
        return [self.rho] + [v for slot in self.slots for v in (slot.a, slot.c)]

    # What solvers read, see `solvers.tensors.Tensors`.

    @property
    def weights(self):
        return [slot.w for slot in self.slots]

    @property
    def constraints(self):
        return [constraint for constraint, _ in self._sets]

    @property
    def rates(self):
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

    @property
    def first_rates(self):
        # Rates may change in a run; the last ones are met exactly.
        return [min(pair) for pair in zip(self.zero_shares, self.rates)]

    @property
    def rate(self):
        sizes = [math.prod(slot.w.shape) for slot in self.slots]
        pruned = sum(n * slot.rate for n, slot in zip(sizes, self.slots))
        return pruned / sum(sizes)

    @property
    def on_grid(self):
        return self.grid is not None

    @property
    def scale_free(self):
        return any(slot.weight.scale_free for slot in self.slots)

    def check_finite(self):
        for slot in self.slots:
            check_finite(slot.w, slot.weight.path)

    def square(self, scale_free=False):
        slots = [s for s in self.slots if s.weight.scale_free or not scale_free]
        if not slots:
            return 0.0
        return self.arrays.sums(forms.Held.square, slots)[0]

    def gap(self, rho):
        inner, square = sums_of(self, "gap", self.slots, rho)
        if not math.isfinite(inner + square):
            self.check_finite()
        return inner, square

    def sums(self, masks, rho, s=0.0, gap=None):
        inner, square = self.gap(rho) if gap is None else gap
        after = sums_of(self, "project", self.slots, rho, s, masks=masks)
        return forms.Sums(inner + s * square, square, *after)

    # What solvers choose by.

    def scores(self):
        if self._scorer is None:
            return self.weights
        return self._scorer.of([slot.weight for slot in self.slots])

    def allocate(self, scores, at):
        places = {id(slot.w): i for i, slot in enumerate(self.slots)}

        def values(weights):
            chosen = (scores[places[id(w.variable)]] for w in weights)
            return [on_host(score) for score in chosen]

        return [c.rate for c in self._allotment.constraints(values, at)]

    def keep(self, scores, rates):
        scores, rates = list(scores), list(rates)
        shapes = [tuple(slot.w.shape) for slot in self.slots]
        paths = [slot.weight.path for slot in self.slots]
        check_choice(scores, rates, shapes, paths, len(self._sets))
        return self.arrays.largest(
            scores, self._sets, _counts(self.constraints, rates)
        )

    def keep_lifted(self, rho, s=0.0, share=1.0, power=0.0):
        moments = None
        if power:
            moments = [
                second_moment(self._trainer_of(slot.w), slot.w)
                for slot in self.slots
            ]
        rates = [
            max(share * rate, first)
            for rate, first in zip(self.rates, self.first_rates)
        ]
        masks = self.arrays.masks(
            [form_of(self, slot).lift for slot in self.slots],
            self.slots,
            self._sets,
            _counts(self.constraints, rates),
            rho,
            s,
            moments=moments,
            power=power,
        )
        for form, places, slots in by_form(self):
            if form is forms.OnGrid:
                of_slots = [masks[i] for i in places]
                points = self.arrays.points(
                    form.lift, slots, of_slots, self.grid, rho, s
                )
                masks = replaced(masks, places, points)
        return masks

    def keep_support(self):
        masks = [None] * len(self.slots)
        for form, places, slots in by_form(self):
            found = self.arrays.support(form.projected, slots)
            masks = replaced(masks, places, found)
        return masks

    def keep_none(self, scale_free=False):
        kept = [scale_free and not s.weight.scale_free for s in self.slots]
        return self.arrays.whole(self.slots, kept)

    # What solvers change.

    def start(self, rho, share=1.0):
        self.check_finite()
        for slot in self.slots:
            for variable in (slot.a, slot.c):
                backend.fill(variable, 0.0)
        masks = self.keep_lifted(rho, share=share)
        square = self.sums(masks, rho).square
        self.ascend(masks, rho, rho)
        return square

    def ascend(self, masks, rho, rho_next, s_1=0.0, s_2=0.0, scale=1.0):
        for form, places, slots in by_form(self):
            self.arrays.assign(
                form.ascend,
                slots,
                [masks[i] for i in places],
                rho,
                s_1,
                s_2,
                rho_next,
                scale,
            )
        self.rho.assign(rho_next)

    def hold(self, masks):
        for slot, mask in zip(self.slots, masks):
            set_chosen(slot.w, mask)
            if form_of(self, slot) is forms.OnGrid:
                # Lam is C + rho Z.
                backend.fill(slot.a, 0.0)
            backend.fill(slot.c, 0.0)
        # A proximal step with a rho of one goes all the way.
        self.ascend(masks, 1.0, 1.0)

    # What the training loop does.

    def masks(self, variables=None):
        """Returns the masks at the requested rates.

        Args:
            variables: List of Keras variables to choose by, unless there is
                a scorer. Defaults to the weights themselves.
        """
        self.check_finite()
        if variables is None or self._scorer is not None:
            variables = self.scores()
        return self.keep(variables, self.rates)

    def release(self):
        """Makes every entry free: the penalty's gradient is zero."""
        self.rho.assign(0.0)
        for slot in self.slots:
            backend.fill(slot.a, 0.0)
            backend.fill(slot.c, backend.FREE)


def _counts(constraints, rates):
    """Returns how many units each constraint keeps at a rate."""
    return [c.count(rate) for c, rate in zip(constraints, rates)]


def _zero_share(constraint, arrays):
    """Returns the share of zeros to go on from.

    It is `0.0` if there are more than the constraint asks for: then the run
    has to choose what returns.
    """
    share = arrays.zero_share(constraint)
    fewer = constraint.count(share) < constraint.count(constraint.rate)
    return 0.0 if fewer else share
