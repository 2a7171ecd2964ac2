"""Converts NumPy scalars to Python numbers, which JSON can represent."""

import numpy as np


def python_number(value):
    """Returns a NumPy scalar as a Python number, other values unchanged."""
    return value.item() if isinstance(value, np.generic) else value
