"""Arrays, and structures of arrays, in an `.npz` file."""

import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import keras
import numpy as np
from numpy.typing import ArrayLike

# What `fit` takes as inputs or targets.
Arrays: TypeAlias = ArrayLike | Sequence[ArrayLike] | Mapping[str, ArrayLike]

# Between the name of a structure and the key of an entry; identifiers never
# contain it.
_ITEM, _KEY = "/", ":"


def save_arrays(path: str | os.PathLike[str], **structures: Any) -> None:
    """Writes arrays, lists or dicts of arrays.

    Args:
        path: Path of the file.
        **structures: What to write, by name.
    """
    flat: dict[str, Any] = {}
    for name, structure in structures.items():
        if isinstance(structure, dict):
            flat |= {f"{name}{_KEY}{k}": v for k, v in structure.items()}
        elif isinstance(structure, (list, tuple)):
            flat |= {f"{name}{_ITEM}{i}": v for i, v in enumerate(structure)}
        else:
            flat[name] = structure
    np.savez(
        path, **{k: keras.ops.convert_to_numpy(v) for k, v in flat.items()}
    )


def load_arrays(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads what `save_arrays` wrote.

    Args:
        path: Path of the file.

    Returns:
        Dict from names to arrays, lists or dicts of arrays.
    """
    structures: dict[str, Any] = {}
    with np.load(path) as file:
        for entry in file.files:
            name, separator, key = entry.partition(_KEY)
            if separator:
                structures.setdefault(name, {})[key] = file[entry]
                continue
            name, separator, _ = entry.partition(_ITEM)
            if separator:
                structures.setdefault(name, []).append(file[entry])
            else:
                structures[name] = file[entry]
    return structures
