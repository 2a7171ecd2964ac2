"""Builds smaller models without the units that are zero."""

from keras_slr.shrinking.fold_batch_norm import fold_batch_norm
from keras_slr.shrinking.groups import Group
from keras_slr.shrinking.groups import Member
from keras_slr.shrinking.groups import dependency_groups
from keras_slr.shrinking.groups import unit_norms
from keras_slr.shrinking.groups import zero_units
from keras_slr.shrinking.narrow_layers import Narrow
from keras_slr.shrinking.report import ShrinkReport
from keras_slr.shrinking.round_width import round_width
from keras_slr.shrinking.shrink import shrink
from keras_slr.shrinking.shrink import shrink_report

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
