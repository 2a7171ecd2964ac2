"""Rates that the user sets: one for all weights, or one per selector."""

import numbers
from collections.abc import Mapping
from typing import Any
from typing import TypeAlias

from keras_slr.selection.selectors import is_name
from keras_slr.selection.selectors import matches

# Keys of a `Mapping` are invariant: `dict[str, float]` would not suit
# `Mapping[Selector, float]`.
Rate: TypeAlias = float | Mapping[Any, float]


def check_rate(rate):
    """Raises a `ValueError` unless `rate` is valid.

    Args:
        rate: Float in `[0, 1)`, or a non-empty dict from selectors to such
            floats.
    """
    if isinstance(rate, dict):
        if not rate:
            raise ValueError(
                "Expected a dict from selectors to rates. Received an empty "
                "dict; name at least one layer."
            )
        for value in rate.values():
            _check_number(value)
    else:
        _check_number(rate)


def selectors_of(rate):
    """Returns the keys of a dict of rates, or `None` for a single rate."""
    return list(rate) if isinstance(rate, dict) else None


def rate_of(weight, rate):
    """Returns the rate of a weight in a dict of rates.

    A name takes precedence over other selectors. Among selectors of one kind,
    the first match counts.

    Args:
        weight: `selection.Weight`.
        rate: Dict from selectors to floats in `[0, 1)`.

    Raises:
        ValueError: If the weight matches no selector.
    """
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
            "Expected a pruning rate in [0, 1), the fraction of weights to "
            f"set to zero. Received: {rate!r}."
        )
