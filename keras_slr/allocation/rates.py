"""Rates given by hand: one for all weights, or one per selector."""

import numbers

from keras_slr.selection.selectors import is_name
from keras_slr.selection.selectors import matches


def check_rate(rate):
    """Raises a `ValueError` unless `rate` is valid.

    Args:
        rate: Float in `[0, 1)`, or a non-empty dict from selectors to such
            floats.
    """
    if isinstance(rate, dict):
        if not rate:
            raise ValueError(
                "Expected a rate per name. Received an empty dict."
            )
        for value in rate.values():
            _check_number(value)
    else:
        _check_number(rate)


def selectors_of(rate):
    """Returns the selectors that a rate names, `None` for a single rate."""
    return list(rate) if isinstance(rate, dict) else None


def rates_for(weights, rate):
    """Returns the rate of each weight.

    Args:
        weights: List of `selection.Weight`.
        rate: Float in `[0, 1)`, or a dict from selectors to such floats. A
            weight gets the rate of its name before that of any other
            selector that matches it, and else of the first that does.

    Returns:
        List of floats.

    Raises:
        ValueError: If a rate is invalid or a weight matches no selector.
    """
    check_rate(rate)
    if not isinstance(rate, dict):
        return [float(rate)] * len(weights)
    return [_rate_of(weight, rate) for weight in weights]


def _rate_of(weight, rate):
    # Stable: names first, the order of the dict within each group.
    for selector in sorted(rate, key=lambda s: not is_name(s)):
        if matches(selector, weight):
            return float(rate[selector])
    raise ValueError(
        f"Expected a rate for every weight that is pruned. Received none for "
        f"`{weight.path}`: name it in `rate` or exclude it."
    )


def _check_number(rate):
    valid = isinstance(rate, numbers.Real) and not isinstance(rate, bool)
    if not valid or not 0 <= rate < 1:
        raise ValueError(
            "Expected a pruning rate in [0, 1), the share of weights to set "
            f"to zero. Received: {rate!r}."
        )
