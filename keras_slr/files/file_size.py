"""The compressed size of a model's weights."""

import gzip

from keras_slr.shrinking.rebuild_model import copy_of
from keras_slr_base.work_folder import work_folder


def gzipped_size(model):
    """Returns the bytes of a model's weights file, gzipped.

    The file is written by `save_weights`, without the optimizer's state.

    Args:
        model: Built Keras model. A model of a custom class must be able to
            be rebuilt from its config.
    """
    # A copy that was never compiled has no optimizer to save.
    bare = copy_of(model)
    with work_folder() as folder:
        path = folder / "model.weights.h5"
        bare.save_weights(path)
        return len(gzip.compress(path.read_bytes(), mtime=0))
