"""Passes over weights of several forms, each by the passes of its own.

With a grid, kernels have another form than the vectors that leave with them.
"""

from keras_slr.grids.points import has_grid
from keras_slr.solvers import forms


def form_of(split, slot):
    """Returns the class of `solvers.forms` that a weight has.

    Args:
        split: `training.split.Split`.
        slot: One of its `slots`.
    """
    on_grid = split.on_grid and has_grid(slot.weight)
    return forms.OnGrid if on_grid else split.form


def by_form(split, slots=None):
    """Returns triples of a form, the places of its slots, and these.

    Args:
        split: `training.split.Split`.
        slots: List of slots. Defaults to `None`, all.
    """
    places = {}
    slots = split.slots if slots is None else slots
    for i, slot in enumerate(slots):
        places.setdefault(form_of(split, slot), []).append(i)
    return [
        (form, found, [slots[i] for i in found])
        for form, found in places.items()
    ]


def sums_of(split, name, slots, *scalars, masks=None):
    """Returns the tuple of sums of a pass over some slots.

    Args:
        split: `training.split.Split`.
        name: String, the name of a pass that all forms have.
        slots: List of slots.
        *scalars: Floats passed to it.
        masks: List of masks passed to it. Defaults to `None`, none.
    """
    parts = []
    for form, places, of_form in by_form(split, slots):
        own = None if masks is None else [masks[i] for i in places]
        fn = getattr(form, name)
        parts.append(split.arrays.sums(fn, of_form, *scalars, masks=own))
    return tuple(map(sum, zip(*parts)))


def nearest(split, variables, masks):
    """Returns what weights with these masks become in hard pruning.

    Args:
        split: `training.split.Split`.
        variables: List of Keras variables, one per weight.
        masks: List of masks of the entries to keep.

    Returns:
        List of what `training.chosen.set_chosen` takes: the masks, or for
        weights on a grid the points nearest to the variables.
    """
    for form, places, slots in by_form(split):
        if form is forms.OnGrid:
            points = split.arrays.on_grid(
                [variables[i] for i in places],
                [masks[i] for i in places],
                split.grid,
                [slot.weight for slot in slots],
            )
            masks = replaced(masks, places, points)
    return masks


def renew_marks(split):
    """Marks free entries anew after another backend's were loaded.

    Args:
        split: `training.split.Split`.
    """
    for form, _, slots in by_form(split):
        if form is forms.Free:
            split.arrays.assign(form.mark, slots, None)


def replaced(values, places, new):
    """Returns a list with other values at some places."""
    values = list(values)
    for i, value in zip(places, new):
        values[i] = value
    return values
