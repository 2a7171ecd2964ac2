"""Training of Keras 3 models under TF-MOT's wrappers."""

from collections.abc import Mapping
from typing import Any

import keras
from numpy.typing import ArrayLike

from keras_slr.interop.tfmot.arrays import Arrays
from keras_slr.interop.tfmot.arrays import load_arrays
from keras_slr.interop.tfmot.arrays import save_arrays
from keras_slr.interop.tfmot.checks import check_convertible
from keras_slr.interop.tfmot.child_call import DATA
from keras_slr.interop.tfmot.child_call import MASKS
from keras_slr.interop.tfmot.child_call import MODEL
from keras_slr.interop.tfmot.child_call import WEIGHTS
from keras_slr.interop.tfmot.child_call import call_child
from keras_slr.interop.tfmot.compiled import compiled
from keras_slr.interop.tfmot.masks import masks_of
from keras_slr.interop.tfmot.schedules_and_policies import specification_of
from keras_slr_base.work_folder import work_folder

_WRAPPER = ("block_size", "block_pooling_type", "sparsity_m_by_n")


def finetune(
    model: keras.Model,
    x: Arrays,
    y: Arrays,
    epochs: int = 1,
    batch_size: int = 32,
    masks: Mapping[str, ArrayLike] | None = None,
) -> dict[str, list[float]]:
    """Trains a pruned model under TF-MOT's wrappers, in place.

    Wrap, fit, `strip_pruning`, back to Keras 3: the zeros are there
    afterwards, whatever the optimizer. Optimizer, loss and metrics are those
    that the model was compiled with, rebuilt in `tf_keras`; the optimizer
    starts afresh, with a fixed seed. After any error the model is as it was.

    Args:
        model: Built and compiled Keras 3 model, Sequential or Functional.
        x: Array, or list or dict of arrays, the inputs.
        y: Array, or list or dict of arrays, the targets.
        epochs: Integer. Defaults to `1`.
        batch_size: Integer. Defaults to `32`.
        masks: See `to_tfmot`. Defaults to `None`.

    Returns:
        Dict from the names of metrics to lists, one value an epoch.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: As `to_tfmot`, or if the model is not compiled.
        RuntimeError: If the training fails, or TF-MOT is not installed.
    """
    check_convertible(model)
    training = {
        "compiled": compiled(model),
        "epochs": epochs,
        "batch_size": batch_size,
    }
    with work_folder() as folder:
        save_arrays(folder / MASKS, **masks_of(model, masks))
        save_arrays(folder / DATA, x=x, y=y)
        return _train("finetune", model, folder, training=training)


def prune(
    model: keras.Model,
    schedule: float | str | Mapping[str, Any] | Any,
    x: Arrays | None = None,
    y: Arrays | None = None,
    epochs: int = 1,
    batch_size: int = 32,
    policy: str | Mapping[str, Any] | Any = None,
    **wrapper: Any,
) -> dict[str, list[float]]:
    """Prunes a model by magnitude with TF-MOT's wrappers, in place.

    As in TF-MOT all its layers are wrapped unless a policy chooses some, and
    each kernel has the same rate. Training is as in `finetune`.

    Args:
        model: Built Keras 3 model, Sequential or Functional; compiled, if it
            is to be trained.
        schedule: Float, the share of zeros, reached in one step. Or one of
            TF-MOT's schedules: the object, what its `get_config()` returns,
            or `"module:name"` of a class or function that makes one when
            called without arguments.
        x: Array, or list or dict of arrays, the inputs. Defaults to `None`,
            no training, for which `schedule` must be a float.
        y: Array, or list or dict of arrays, the targets.
        epochs: Integer. Defaults to `1`.
        batch_size: Integer. Defaults to `32`.
        policy: One of TF-MOT's pruning policies, in the forms of
            `schedule`. Defaults to `None`.
        **wrapper: Further arguments of `prune_low_magnitude`: `block_size`,
            `block_pooling_type` and `sparsity_m_by_n`.

    Returns:
        Dict from the names of metrics to lists, one value an epoch; empty
        without training.

    Raises:
        TypeError: If the model is not a Keras 3 model, or a schedule or
            policy is of no known form.
        ValueError: As `finetune`, or if TF-MOT refuses the model or an
            argument.
        RuntimeError: If the training fails, or TF-MOT is not installed.
    """
    check_convertible(model)
    unknown = wrapper.keys() - set(_WRAPPER)
    if unknown:
        raise TypeError(
            f"Expected arguments of TF-MOT's wrapper, received {min(unknown)}"
            f": they are {', '.join(_WRAPPER)}."
        )
    rate = float(schedule) if isinstance(schedule, (int, float)) else None
    training = None
    if x is not None:
        training = {
            "compiled": compiled(model),
            "epochs": epochs,
            "batch_size": batch_size,
        }
    elif rate is None:
        raise ValueError(
            "Expected data for a schedule, which acts on the steps of a "
            "training, received none: give `x` and `y`, or a rate."
        )
    with work_folder() as folder:
        if x is not None:
            save_arrays(folder / DATA, x=x, y=y)
        return _train(
            "prune",
            model,
            folder,
            training=training,
            schedule=specification_of(schedule) if rate is None else rate,
            policy=specification_of(policy),
            wrapper=wrapper,
        )


def _train(operation, model, folder, **arguments):
    """Has the child train a model; takes over the weights."""
    model.save(folder / MODEL)
    answer = call_child(operation, folder, f"`{model.name}`", **arguments)
    model.set_weights(load_arrays(folder / WEIGHTS)["weights"])
    return answer["history"]
