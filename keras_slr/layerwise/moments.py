"""Second moments of a layer's inputs, and the errors that follow from them.

`X` are the inputs of the layer in the pruned model, `X_d` those in the dense
one, row by row for the same samples; `W_0` is the dense kernel.
"""

import dataclasses

import numpy as np


class Moments:
    """Sums over rows: `X'X`, `X'X_d` and `X_d'X_d`.

    Rows of float32 are multiplied in single precision, batch by batch, and
    summed in double precision.

    Args:
        groups: Integer.
        inputs: Integer.
    """

    def __init__(self, groups, inputs):
        shape = (groups, inputs, inputs)
        self.rows = 0
        self.gram, self.cross, self.dense = (np.zeros(shape) for _ in range(3))

    def add(self, x, x_dense):
        """Adds rows, as arrays `(groups, rows, inputs)`."""
        self.rows += x.shape[1]
        columns = np.swapaxes(x, 1, 2)
        gram = columns @ x
        self.gram += gram
        if x is x_dense:
            self.cross += gram
            self.dense += gram
            return
        self.cross += columns @ x_dense
        self.dense += np.swapaxes(x_dense, 1, 2) @ x_dense

    def __add__(self, other):
        total = Moments(*self.gram.shape[:2])
        total.rows = self.rows + other.rows
        total.gram = self.gram + other.gram
        total.cross = self.cross + other.cross
        total.dense = self.dense + other.dense
        return total

    def relative_error(self, w, w_dense):
        """Returns `||X W - X_d W_0||^2 / ||X_d W_0||^2`.

        Args:
            w: Array `(groups, inputs, outputs)`.
            w_dense: Array like `w`, the dense kernel `W_0`.
        """
        total = np.sum(w_dense * (self.dense @ w_dense))
        if total <= 0.0:
            return 0.0
        change = np.sum(w * (self.gram @ w - 2.0 * (self.cross @ w_dense)))
        return float(max(change + total, 0.0) / total)

    @property
    def dead(self):
        """Boolean array `(groups, inputs)`: inputs that are always zero."""
        return np.diagonal(self.gram, axis1=1, axis2=2) <= 0.0

    def damped(self, damping, w_dense):
        """Returns `G` with damping, and the best dense kernel `W_1` for it.

        `W_1` minimizes `||X W - X_d W_0||^2 + lambda ||W - W_0||^2`, where
        `lambda` is `damping` times the mean of the diagonal of `X'X`. Rows of
        inputs that are always zero are zero.

        Args:
            damping: Float.
            w_dense: Array `(groups, inputs, outputs)`, `W_0`.
        """
        count = max(self.rows, 1)
        gram, cross = self.gram / count, self.cross / count
        diagonal = np.diagonal(gram, axis1=1, axis2=2)
        mean = diagonal.mean(axis=1)
        extra = np.where(mean > 0.0, damping * mean, 1.0)
        identity = extra[:, None, None] * np.eye(gram.shape[1])
        gram = gram + identity
        alive = ~self.dead[:, :, None]
        near = np.where(alive, w_dense, 0.0)
        # Inputs that are dead only now still matter to the dense outputs.
        wanted = cross @ w_dense + identity @ near
        target = np.linalg.solve(gram, wanted)
        return gram, np.where(alive, target, 0.0)


@dataclasses.dataclass
class SplitMoments:
    """Moments of the rows that are calibrated on, and of those held out.

    Attributes:
        fitted: `Moments` of four fifths of the samples.
        held_out: `Moments` of every fifth sample.
    """

    fitted: Moments
    held_out: Moments

    @classmethod
    def of(cls, groups, inputs):
        """Returns empty moments for a layer."""
        return cls(Moments(groups, inputs), Moments(groups, inputs))

    def add(self, x, x_dense, held_out):
        """Adds rows.

        Args:
            x: Array `(groups, rows, inputs)`.
            x_dense: Array like `x`.
            held_out: Boolean array `(rows,)`.
        """
        if not held_out.any():
            self.fitted.add(x, x_dense)
            return
        for moments, chosen in (
            (self.fitted, ~held_out),
            (self.held_out, held_out),
        ):
            part = np.ascontiguousarray(x[:, chosen])
            same = x is x_dense
            dense = part if same else np.ascontiguousarray(x_dense[:, chosen])
            moments.add(part, dense)

    def whole(self):
        """Returns the moments of all rows."""
        return self.fitted + self.held_out
