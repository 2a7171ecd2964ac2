"""Numbers of NumPy as numbers of Python, which JSON can hold."""

import numpy as np


def python_number(value):
    """Returns a NumPy scalar as a Python number, other values unchanged."""
    return value.item() if isinstance(value, np.generic) else value
