"""Checkpoints of other callbacks that are written whole or not at all.

Keras writes them over the last good one, which a kill or a full disk in the
middle of it leaves neither old nor new.
"""

import functools
import os

from keras_slr_base.atomic_file import atomic_file

_METHODS = ("save", "save_weights")
_ENDINGS = (".keras", ".h5", ".hdf5")


class WholeCheckpoints:
    """Makes a model's `save` and `save_weights` write by `atomic_file`.

    Args:
        model: Keras model.
    """

    def __init__(self, model):
        self._model = model

    def attach(self):
        for name in _METHODS:
            # Past the attribute tracking of layers: this is not their state.
            object.__setattr__(
                self._model, name, _whole(getattr(self._model, name))
            )

    def detach(self):
        for name in _METHODS:
            self._model.__dict__.pop(name, None)


def _whole(write):
    @functools.wraps(write)
    def write_whole(filepath, overwrite=True, *args, **kwargs):
        # Folders, shards and remote files are left to Keras, and so is
        # asking before something is overwritten.
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

    return write_whole
