"""The options of `convert`, as types and as tuples of their values."""

import os
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from typing import Literal
from typing import TypeAlias
from typing import get_args

Sparsity: TypeAlias = Literal["auto", "none", "encode"]
Quantization: TypeAlias = Literal[
    "float16", "dynamic", "weights_int8", "weights_int4", "int8", "int16x8"
]
Target: TypeAlias = Literal["arm", "x86", "size", "micro"]
IODtype: TypeAlias = Literal["float32", "int8", "uint8", "int16"]
Calibration: TypeAlias = (
    Iterable[Any] | Callable[[], Iterable[Any]] | os.PathLike[str]
)
Progress: TypeAlias = Callable[[str], Any] | bool

SPARSITY = get_args(Sparsity)
QUANTIZE = (None, *get_args(Quantization))
TARGET = get_args(Target)
# Types of inputs and outputs besides float32, by `quantize`.
IO_DTYPES = {"int8": ("int8", "uint8"), "int16x8": ("int16",)}
