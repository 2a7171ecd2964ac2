"""What scores know: the weights, and what a model does with some data."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_slr import backend
from keras_slr.scores.metric import second_moment
from keras_slr.scores.outputs import Outputs
from keras_slr.selection.kernels import Weight


class Evidence:
    """Weights, gradients and outputs of a model, read when asked for.

    Args:
        model: Built Keras model.
        weights: List of `selection.Weight`, the weights to score.
        batches: List of batches `(x, y, sample_weight)`, or `None`.
        optimizer_of: Function of a Keras variable that returns the optimizer
            that trains it, or `None`.
    """

    def __init__(
        self,
        model: keras.Model,
        weights: list[Weight],
        batches: list[Any] | None,
        optimizer_of: Any,
    ):
        self._model = model
        self._weights = weights
        self._batches = batches
        self._optimizer_of = optimizer_of
        variables = [weight.variable for weight in weights]
        self._gradients = backend.Gradients(model, variables)
        self._outputs: Outputs | None = None

    @property
    def has_data(self) -> bool:
        """Whether there is data."""
        return self._batches is not None

    def values(self) -> list[np.ndarray]:
        """Returns the weights as a list of float32 arrays."""
        return [
            np.asarray(backend.to_host(weight.variable), np.float32)
            for weight in self._weights
        ]

    def gradients(self) -> Iterator[list[np.ndarray]]:
        """Yields the gradients of the loss in the weights, batch by batch.

        Each is a list of float32 arrays, one per weight. The model runs in
        inference mode.

        Raises:
            ValueError: If a gradient is NaN or infinite, or the loss needs
                targets and there are none.
        """
        for batch in self._batches or ():
            found = self._gradients_of(*batch)
            for gradient, weight in zip(found, self._weights):
                if not np.isfinite(gradient).all():
                    raise ValueError(
                        "Expected finite gradients to score by. Received NaN "
                        f"or Inf for `{weight.path}`: check the data."
                    )
            yield found

    def _gradients_of(self, x, y, sample_weight):
        try:
            return self._gradients(x, y, sample_weight)
        except Exception as error:
            if y is not None:
                raise
            raise ValueError(
                "Expected `data` with targets, which the loss of "
                f"`{self._model.name}` needs. Received inputs alone: pass a "
                "tuple, such as `(x_train[:512], y_train[:512])`."
            ) from error

    def outputs(self) -> Iterator[tuple[list[np.ndarray | None], Any]]:
        """Yields what the layers give out, batch by batch, and the targets.

        The model runs in inference mode. A layer's outputs are read behind
        its activation, which may be a layer of its own, see
        `scores.outputs`.

        Yields:
            A list with one entry per weight: a float32 array
            `(batch, ..., channels)` with one channel per output of the kernel,
            in the order of `selection.Axes`, or `(batch, positions, channels)`
            if the layer is called several times; `None` for a weight that is
            no kernel. And the targets of the batch as NumPy arrays, in the
            structure of the data, or `None`.

        Raises:
            ValueError: If a layer is not called, or what it gives out is not
                one finite channel per output of its kernel.
        """
        if self._outputs is None:
            self._outputs = Outputs(self._model, self._weights)
        for x, y, _ in self._batches or ():
            found = self._outputs(x)
            yield found, keras.tree.map_structure(_as_numpy, y)

    def moments(self) -> list[np.ndarray] | None:
        """Returns the optimizer's mean squared gradients.

        Returns:
            List of float32 arrays, one per weight, or `None` if an optimizer
            holds none.
        """
        found = []
        for weight in self._weights:
            variable = weight.variable
            moment = second_moment(self._optimizer_of(variable), variable)
            if moment is None:
                return None
            found.append(np.asarray(backend.to_host(moment), np.float32))
        return found


def _as_numpy(targets):
    return None if targets is None else ops.convert_to_numpy(targets)
