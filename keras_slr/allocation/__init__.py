"""Turns one rate, or a rate per selector, into a rate per weight."""

from keras_slr.allocation.allocations import ALLOCATIONS
from keras_slr.allocation.allocations import Share
from keras_slr.allocation.allocations import allocate
from keras_slr.allocation.allocations import check_allocation
from keras_slr.allocation.user_rates import check_rate
from keras_slr.allocation.user_rates import rate_of
from keras_slr.allocation.user_rates import selectors_of

__all__ = [
    "ALLOCATIONS",
    "Share",
    "allocate",
    "check_allocation",
    "check_rate",
    "rate_of",
    "selectors_of",
]
