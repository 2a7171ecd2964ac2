"""What a model's weights take up once they are compressed."""

import gzip

from keras_slr.shrinking.rebuild import copy_of
from keras_slr_base.work_folder import work_folder


def gzipped_size(model):
    """Returns the bytes of a model's weights file, gzipped.

    The file is that of `save_weights`, without the optimizer's state.

    Args:
        model: Built Keras model. One of a class of its own has to be made
            anew from its config.
    """
    # A copy that was never compiled has no optimizer to save.
    bare = copy_of(model)
    with work_folder() as folder:
        path = folder / "model.weights.h5"
        bare.save_weights(path)
        return len(gzip.compress(path.read_bytes(), mtime=0))
