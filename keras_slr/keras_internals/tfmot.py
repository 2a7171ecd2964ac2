"""What TF-MOT does not export. Imported in child processes only."""

import importlib


def cluster_function():
    """Returns `cluster_weights`, with its argument `preserve_sparsity`.

    The public function of that name lacks the argument.
    """
    module = importlib.import_module(
        "tensorflow_model_optimization.python.core.clustering.keras"
        ".experimental.cluster"
    )
    return module.cluster_weights


def pruning_wrappers_of(model):
    """Returns the wrappers of a model in which TF-MOT prunes layers."""
    return _pruning_wrapper().collect_prunable_layers(model)


def is_pruning_wrapper(layer):
    """Returns whether a layer is a wrapper in which TF-MOT prunes."""
    return isinstance(layer, _pruning_wrapper().PruneLowMagnitude)


def _pruning_wrapper():
    return importlib.import_module(
        "tensorflow_model_optimization.python.core.sparsity.keras"
        ".pruning_wrapper"
    )


def quantized_weights(layer):
    """Returns triples of a weight, its quantizer and the quantizer's state.

    Args:
        layer: tf_keras layer. Only those that TF-MOT wraps to quantize have
            such weights.
    """
    return getattr(layer, "_weight_vars", ())
