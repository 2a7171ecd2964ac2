"""`python -m keras_slr.interop.tfmot.child FOLDER`.

The request in the folder names one of the functions here; what it needs and
what it makes are files of the folder.
"""

import json
import os
import pathlib
import sys

import keras
import tensorflow_model_optimization as tfmot
import tf_keras

from keras_slr.files.load_error import why_not_loaded
from keras_slr.interop.process import ANSWER
from keras_slr.interop.process import REQUEST
from keras_slr.interop.tfmot.arrays import load_arrays
from keras_slr.interop.tfmot.arrays import save_arrays
from keras_slr.interop.tfmot.child import wrappers
from keras_slr.interop.tfmot.child.fit import fit
from keras_slr.interop.tfmot.child.quantize import quantize as quantize_model
from keras_slr.interop.tfmot.child.translate import translate
from keras_slr.interop.tfmot.child.translate import translate_back
from keras_slr.interop.tfmot.child_call import DATA
from keras_slr.interop.tfmot.child_call import MASKS
from keras_slr.interop.tfmot.child_call import MODEL
from keras_slr.interop.tfmot.child_call import WEIGHTS
from keras_slr.selection import kernels_of
from keras_slr_base.failure import Failure
from keras_slr_base.failure import first_sentence

_SEED = 0


def wrap(folder, out):
    """Writes the model in wrappers with fixed masks."""
    _wrapped(folder).model.save(out)
    return {}


def unwrap(folder, path):
    """Writes a model of tf_keras as one of Keras 3."""
    scopes = (
        tfmot.sparsity.keras.prune_scope(),
        tfmot.clustering.keras.cluster_scope(),
        tfmot.quantization.keras.quantize_scope(),
    )
    try:
        with scopes[0], scopes[1], scopes[2]:
            model = tf_keras.models.load_model(path, compile=False)
    except Exception as error:
        raise Failure(
            f"does not load in tf_keras: {first_sentence(error)}", True
        ) from error
    model = tfmot.sparsity.keras.strip_pruning(model)
    model = tfmot.clustering.keras.strip_clustering(model)
    translate_back(model).save(folder / MODEL)
    return {}


def finetune(folder, training):
    """Trains the model in wrappers with fixed masks."""
    translation = _wrapped(folder)
    history = _fit_wrapped(translation.model, folder, training)
    _save_weights(translation, translation.model, folder)
    return {"history": history}


def prune(folder, schedule, policy, wrapper, training):
    """Prunes the model in wrappers as TF-MOT does."""
    translation = translate(_load(folder))
    model = wrappers.wrap_pruning(
        translation.model, schedule, policy, **wrapper
    )
    history = {}
    if training:
        history = _fit_wrapped(model, folder, training)
    else:
        wrappers.prune_at_once(model)
    _save_weights(translation, model, folder)
    return {"history": history}


def quantize(folder, **arguments):
    """Trains the model for int8 and writes it."""
    model = translate(_load(folder)).model
    return quantize_model(model, load_arrays(folder / DATA), **arguments)


def _load(folder):
    try:
        return keras.models.load_model(folder / MODEL, compile=False)
    except Exception as error:
        raise Failure(
            f"does not load on TensorFlow: {why_not_loaded(error)}", True
        ) from error


def _wrapped(folder):
    source = _load(folder)
    kernels = kernels_of(source)
    masks = {
        id(kernels[int(position)].variable): mask
        for position, mask in load_arrays(folder / MASKS).items()
    }
    return wrappers.wrap_fixed(source, masks)


def _fit_wrapped(model, folder, training):
    callbacks = [tfmot.sparsity.keras.UpdatePruningStep()]
    data = load_arrays(folder / DATA)
    return fit(model, data, callbacks=callbacks, **training)


def _save_weights(translation, model, folder):
    translation.take_back(tfmot.sparsity.keras.strip_pruning(model))
    save_arrays(folder / WEIGHTS, weights=translation.source.get_weights())


_OPERATIONS = {
    function.__name__: function
    for function in (wrap, unwrap, finetune, prune, quantize)
}


def main(folder):
    folder = pathlib.Path(folder)
    request = json.loads((folder / REQUEST).read_text())
    tf_keras.utils.set_random_seed(_SEED)
    try:
        operation = _OPERATIONS[request["operation"]]
        answer = operation(folder, **request["arguments"])
    except Failure as failure:
        answer = {"failure": str(failure), "user_error": failure.user_error}
    (folder / ANSWER).write_text(json.dumps(answer))


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
