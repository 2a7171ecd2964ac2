"""Block sparsity: blocks of inputs and outputs, such as 4x1."""

import dataclasses
import numbers

from keras_slr.record import register
from keras_slr.structures.structure import Structure


@register
@dataclasses.dataclass(frozen=True)
class Block(Structure):
    """Blocks of consecutive inputs and outputs, at each window position.

    A block of `Block((4, 1))` holds four inputs of one output, as in TF-MOT's
    `block_size=(4, 1)`. TFLite stores outputs first and calls the same block
    1x4; its float kernels for sparse Dense layers need `Block((4, 1))`, its
    int8 kernels `Block((16, 1))`.

    Args:
        size: Pair of integers, the number of inputs and of outputs in a
            block. Defaults to `(4, 1)`.

    Raises:
        ValueError: If `size` is not a pair of positive integers.
    """

    size: tuple = (4, 1)

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "size", tuple(self.size))
        whole = all(isinstance(n, numbers.Integral) for n in self.size)
        if len(self.size) != 2 or not whole or min(self.size) < 1:
            raise ValueError(
                "Expected a block size of (inputs, outputs), two positive "
                "integers, as in Block((4, 1)). Received: "
                f"Block({self.size})."
            )

    def refusal(self, weight):
        unknown = super().refusal(weight)
        if unknown is not None:
            return unknown
        outputs, inputs, _ = weight.axes.sizes(weight.shape)
        for size, axis, name in zip(
            self.size, (inputs, outputs), ("inputs", "outputs")
        ):
            if axis % size:
                return f"{axis} {name} are not a multiple of {size}"
        return None

    def units(self, weight):
        return weight.size // (self.size[0] * self.size[1])

    def _grid(self, weight):
        outputs, inputs, window = weight.axes.sizes(weight.shape)
        a, b = self.size
        return outputs // b, b, inputs // a, a, window

    def scores(self, xp, values, weight):
        matrix = weight.axes.to_matrix(xp, values[0])
        blocks = xp.reshape(matrix, self._grid(weight))
        return xp.reshape(xp.sqrt(xp.sum(blocks * blocks, axis=(1, 3))), (-1,))

    def entries(self, xp, kept, weight):
        grid = self._grid(weight)
        kept = xp.reshape(kept, (grid[0], 1, grid[2], 1, grid[4]))
        matrix = xp.broadcast_to(kept, grid)
        return [weight.axes.from_matrix(xp, matrix, weight.shape)]
