"""Makes the checkpoints of other callbacks atomic.

Keras overwrites the last good checkpoint. A kill or a full disk in the middle
of it leaves a broken file.
"""

import functools
import os

from keras_slr.keras_internals.instance_patch import InstancePatch
from keras_slr_base.atomic_file import atomic_file

_METHODS = ("save", "save_weights")
_ENDINGS = (".keras", ".h5", ".hdf5")


class AtomicCheckpoints:
    """Makes a model's `save` and `save_weights` write by `atomic_file`.

    Args:
        model: Keras model.
    """

    def __init__(self, model):
        self._patches = [
            InstancePatch(model, name, _atomic) for name in _METHODS
        ]

    def attach(self):
        for patch in self._patches:
            patch.attach()

    def detach(self):
        for patch in self._patches:
            patch.detach()


def _atomic(write):
    @functools.wraps(write)
    def write_atomically(filepath, overwrite=True, *args, **kwargs):
        # Keras itself writes folders, shards and remote files, and asks
        # before it overwrites a file.
        if not (
            overwrite
            and isinstance(filepath, (str, os.PathLike))
            and os.fspath(filepath).endswith(_ENDINGS)
            and "://" not in os.fspath(filepath)
            and not os.path.isdir(filepath)
            and kwargs.get("max_shard_size") is None
        ):
            return write(filepath, overwrite, *args, **kwargs)
        with atomic_file(filepath) as made:
            return write(made, overwrite, *args, **kwargs)

    return write_atomically
