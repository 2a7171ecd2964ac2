"""Smaller models: what is zero is cut out, together with what depends on it."""

from keras_slr.shrink.fold_batch_norm import fold_batch_norm
from keras_slr.shrink.groups import Group
from keras_slr.shrink.groups import Member
from keras_slr.shrink.groups import dependency_groups
from keras_slr.shrink.groups import unit_norms
from keras_slr.shrink.groups import zero_units
from keras_slr.shrink.narrow import Narrow
from keras_slr.shrink.report import ShrinkReport
from keras_slr.shrink.round_width import round_width
from keras_slr.shrink.shrink import shrink
from keras_slr.shrink.shrink import shrink_report

__all__ = [
    "Group",
    "Member",
    "Narrow",
    "ShrinkReport",
    "dependency_groups",
    "fold_batch_norm",
    "round_width",
    "shrink",
    "shrink_report",
    "unit_norms",
    "zero_units",
]
