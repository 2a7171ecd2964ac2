"""MobileNetV1 of MLPerf Tiny, which tells whether a picture has a person."""

import pathlib

import keras
import numpy as np
from keras import layers

SIDE = 96


class _Depthwise(layers.DepthwiseConv2D):
    """Reads what Keras 2 wrote: with an argument that Keras 3 refuses."""

    @classmethod
    def from_config(cls, config):
        config = {k: v for k, v in config.items() if k != "groups"}
        return layers.DepthwiseConv2D.from_config(config)


def mobilenet(models_dir):
    """Returns MobileNetV1 of a quarter of the width, for 96x96 pixels.

    Args:
        models_dir: Folder with `mlperf-tiny/visual_wake_words/vww_96.h5`
            (github.com/mlcommons/tiny).
    """
    folder = pathlib.Path(models_dir, "mlperf-tiny", "visual_wake_words")
    return keras.models.load_model(
        folder / "vww_96.h5",
        custom_objects={"DepthwiseConv2D": _Depthwise},
        compile=False,
    )


def enlarged(x):
    """Returns pictures with entries in `[0, 1]` as large as it expects."""
    x = keras.ops.image.resize(x, (SIDE, SIDE), data_format="channels_last")
    return np.array(keras.ops.convert_to_numpy(x))
