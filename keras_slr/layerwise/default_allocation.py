"""The allocation that `prune_layerwise` uses by default."""

from keras_slr.allocation.allocations import lamp


def default_allocation(shares, rate):
    """Returns rates by LAMP for single entries, and equal ones for units.

    LAMP sets rates by the magnitudes of the weights, ERK by the shapes alone.
    Training makes up for a layer that lost too much. Without training, LAMP
    keeps more (docs/results.md, "Without training").

    Args:
        shares: List of `allocation.Share`.
        rate: Float in `[0, 1)`.
    """
    of_entries = [s for s in shares if len(s.scores) == s.size]
    rates = lamp(of_entries, rate) if of_entries else []
    found = dict(zip(map(id, of_entries), rates))
    return [found.get(id(share), rate) for share in shares]
