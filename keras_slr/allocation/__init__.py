"""Turns one rate, or a rate per selector, into a rate per weight."""

from keras_slr.allocation.allocate import ALLOCATIONS
from keras_slr.allocation.allocate import Share
from keras_slr.allocation.allocate import allocate
from keras_slr.allocation.allocate import check_allocation
from keras_slr.allocation.rates import check_rate
from keras_slr.allocation.rates import rate_of
from keras_slr.allocation.rates import selectors_of

__all__ = [
    "ALLOCATIONS",
    "Share",
    "allocate",
    "check_allocation",
    "check_rate",
    "rate_of",
    "selectors_of",
]
