"""Grids: the values that the kept entries of a kernel may have."""

from keras_slr.grids.binary import Binary
from keras_slr.grids.check import check_grid
from keras_slr.grids.grid import Grid
from keras_slr.grids.powers_of_two import PowersOfTwo
from keras_slr.grids.quantize import Quantize
from keras_slr.grids.registry import GRIDS
from keras_slr.grids.registry import register_grid
from keras_slr.grids.ternary import Ternary

__all__ = [
    "GRIDS",
    "Binary",
    "Grid",
    "PowersOfTwo",
    "Quantize",
    "Ternary",
    "check_grid",
    "register_grid",
]
