"""From one rate, or a rate per name, to a rate per weight."""

from keras_slr.allocation.rates import check_rate
from keras_slr.allocation.rates import rates_for
from keras_slr.allocation.rates import selectors_of

__all__ = ["check_rate", "rates_for", "selectors_of"]
