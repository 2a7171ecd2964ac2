"""Sparsity structures: which entries of a kernel become zero together."""

from keras_slr.structures.block import Block
from keras_slr.structures.constrain import check_structure
from keras_slr.structures.constrain import couple
from keras_slr.structures.constraint import Constraint
from keras_slr.structures.constraint import Refusal
from keras_slr.structures.from_text import from_text
from keras_slr.structures.n_m import NM
from keras_slr.structures.pattern import Pattern
from keras_slr.structures.registry import STRUCTURES
from keras_slr.structures.registry import register_structure
from keras_slr.structures.slices import Column
from keras_slr.structures.slices import Kernel
from keras_slr.structures.structure import Structure
from keras_slr.structures.units import Channel
from keras_slr.structures.units import Filter
from keras_slr.structures.units import Heads
from keras_slr.structures.unstructured import Unstructured

__all__ = [
    "NM",
    "STRUCTURES",
    "Block",
    "Channel",
    "Column",
    "Constraint",
    "Filter",
    "Heads",
    "Kernel",
    "Pattern",
    "Refusal",
    "Structure",
    "Unstructured",
    "check_structure",
    "couple",
    "from_text",
    "register_structure",
]
