"""The entries that all sets of a run keep."""


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
