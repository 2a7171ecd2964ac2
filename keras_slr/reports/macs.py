"""The multiply-accumulates of a model for one example."""

import keras

from keras_slr.models.multiply_accumulates import products_of


def macs(model: keras.Model) -> dict[str, int]:
    """Counts the multiply-accumulates of a model for one example.

    Dense, EinsumDense, convolutions of all kinds and MultiHeadAttention
    count; norms, activations, poolings and biases do not. A layer that is
    called twice counts twice.

    Args:
        model: Built Functional or Sequential model.

    Returns:
        Dict from the name of a layer, prefixed by the names of the models
        around it, to an integer, in the order of the graph.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built, its graph is not known, or a
            layer that is counted has inputs of unknown size.
    """
    counts: dict[str, int] = {}
    for product in products_of(model):
        counts[product.layer] = counts.get(product.layer, 0) + product.macs
    return counts
