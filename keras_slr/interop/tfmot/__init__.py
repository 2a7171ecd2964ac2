"""TF-MOT, TensorFlow's Model Optimization Toolkit, for Keras 3 models.

TF-MOT knows Keras 2 only. Here it works on models of Keras 3, of any backend:
each function saves the model, and a child process builds it again in
`tf_keras` and hands it to TF-MOT's own code. Nothing of TF-MOT is imported in
this process, whose environment stays as it is.
"""

from keras_slr.interop.tfmot.exchange import from_tfmot
from keras_slr.interop.tfmot.exchange import to_tfmot
from keras_slr.interop.tfmot.quantize_aware import quantize_aware
from keras_slr.interop.tfmot.record import Quantized
from keras_slr.interop.tfmot.record import Station
from keras_slr.interop.tfmot.training import finetune
from keras_slr.interop.tfmot.training import prune

__all__ = [
    "Quantized",
    "Station",
    "finetune",
    "from_tfmot",
    "prune",
    "quantize_aware",
    "to_tfmot",
]
