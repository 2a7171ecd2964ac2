"""Draws the options of layers for images and signals."""

import dataclasses
from collections.abc import Callable

import keras
from keras import layers

BOOLEANS = (True, False)
ACTIVATIONS = (None, None, "relu", "sigmoid", "gelu", "softmax")
# The sizes of tensors stay below.
LARGE = 14


@dataclasses.dataclass(frozen=True)
class Images:
    """Makes layers for images, or for signals, with random options.

    Attributes:
        choose: Function of a sequence that returns one of its items: a draw
            of hypothesis, or of a generator of random numbers.
        n: Integer, 1 for signals and 2 for images.
        data_format: String.
        kernel: Dict, arguments of every convolution, such as its regularizer.
    """

    choose: Callable
    n: int
    data_format: str
    kernel: dict

    @property
    def axis(self):
        """Integer, the axis of the channels."""
        return 1 if self.data_format == "channels_first" else self.n + 1

    @property
    def places(self):
        """List of integers, the axes of the places."""
        return [a for a in range(1, self.n + 2) if a != self.axis]

    def channels(self, y):
        return y.shape[self.axis]

    def sizes(self, y):
        return [y.shape[axis] for axis in self.places]

    def divisor(self, y):
        """Returns a divisor of the number of channels."""
        count = self.channels(y)
        return self.choose([d for d in range(1, count + 1) if not count % d])

    def layer(self, name, *args, **options):
        """Returns a layer, by its name without the number of dimensions."""
        kind = getattr(layers, f"{name}{self.n}D")
        return kind(*args, data_format=self.data_format, **options)

    def padding(self, y, reach):
        """Returns how to pad for a window that reaches so far."""
        fits = min(self.sizes(y)) >= reach
        return self.choose(["same", "valid"]) if fits else "same"

    def window(self, y, square=False):
        """Returns the options of a convolution."""
        size = self.choose([1, 2, 3])
        strides = self.choose([1, 1, 2])
        dilation = self.choose([1, 1, 2]) if strides == 1 else 1
        if self.n == 2 and not square:
            strides = self.choose([strides, (1, strides)])
        return {
            "kernel_size": size,
            "strides": strides,
            "padding": self.padding(y, (size - 1) * dilation + 1),
            "dilation_rate": dilation,
            "use_bias": self.choose(BOOLEANS),
            "activation": self.choose(ACTIVATIONS),
        }

    def pairs(self, numbers):
        """Returns how much to add, or take away, on each side of places."""
        pairs = [
            (self.choose(numbers), self.choose(numbers)) for _ in self.places
        ]
        return pairs if self.n > 1 else pairs[0]


def formats():
    """Returns the data formats that layers of this backend can have."""
    if keras.config.backend() == "tensorflow":
        # It has no convolutions with the channels first on a CPU.
        return ("channels_last",)
    return ("channels_last", "channels_first")
