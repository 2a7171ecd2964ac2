"""Arrays, and structures of arrays, in an `.npz` file."""

import keras
import numpy as np

# Between the name of a structure and the key of an entry; no identifier has
# one.
_ITEM, _KEY = "/", ":"


def save_arrays(path, **structures):
    """Writes arrays, lists or dicts of arrays.

    Args:
        path: Path of the file.
        **structures: What to write, by name.
    """
    flat = {}
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


def load_arrays(path):
    """Reads what `save_arrays` wrote.

    Args:
        path: Path of the file.

    Returns:
        Dict from names to arrays, lists or dicts of arrays.
    """
    structures = {}
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
