"""Second moments of a layer's inputs, and the errors that follow from them.

`X` are the inputs of the layer in the pruned model, row by row; `W_0` is the
dense kernel. `E` is what the outputs `X W_0` lack: the outputs that are wanted
of the layer are `X W_0 + E`.
"""

import dataclasses

import numpy as np

# Damping where none is chosen, as a share of the mean squared input.
DAMPING = 0.01
# Damping of inputs that are always zero, as a share of that of the others.
LAST = 1e-6


class Moments:
    """Sums over rows: `X'X`, `X'E` and the squares of `E`.

    Rows of float32 are multiplied in single precision, batch by batch, and
    summed in double precision. `E` rather than the outputs themselves: what
    does not change is exactly zero.

    Args:
        groups: Integer.
        inputs: Integer.
        outputs: Integer.

    Attributes:
        rows: Integer, how many were added.
        gram: Array `(groups, inputs, inputs)`, `X'X`.
        lack: Array `(groups, inputs, outputs)`, `X'E`.
        square: Array `(groups, outputs)`, the sum of squares of `E`.
    """

    def __init__(self, groups, inputs, outputs):
        self.rows = 0
        self.gram = np.zeros((groups, inputs, inputs))
        self.lack = np.zeros((groups, inputs, outputs))
        self.square = np.zeros((groups, outputs))

    def add(self, x):
        """Adds rows of `X`, an array `(groups, rows, inputs)`."""
        self.rows += x.shape[1]
        self.gram += np.swapaxes(x, 1, 2) @ x

    def add_lack(self, x, e):
        """Adds rows of `E`, an array `(groups, rows, outputs)`, beside `X`."""
        self.lack += np.swapaxes(x, 1, 2) @ e
        self.square += np.sum(np.square(e), axis=1, dtype=np.float64)

    def share(self, other):
        """Takes over the inputs of a kernel that reads the same rows."""
        self.rows, self.gram = other.rows, other.gram

    def of_outputs(self, chosen):
        """Returns the moments for some of the outputs, chosen by a slice."""
        part = Moments(0, 0, 0)
        part.share(self)
        part.lack = self.lack[..., chosen]
        part.square = self.square[..., chosen]
        return part

    def __add__(self, other):
        total = Moments(0, 0, 0)
        total.rows = self.rows + other.rows
        total.gram = self.gram + other.gram
        total.lack = self.lack + other.lack
        total.square = self.square + other.square
        return total

    def relative_error(self, w, w_dense):
        """Returns `||X W - (X W_0 + E)||^2 / ||X W_0 + E||^2`.

        Args:
            w: Array `(groups, inputs, outputs)`.
            w_dense: Array like `w`, the dense kernel `W_0`.
        """
        total = self._distance(-w_dense)
        if total <= 0.0:
            return 0.0
        return float(max(self._distance(w - w_dense), 0.0) / total)

    def share_of(self, v):
        """Returns the `alpha` in `[0, 1]` with the least `||alpha X V - E||`.

        Args:
            v: Array `(groups, inputs, outputs)`.
        """
        square = np.sum(v * (self.gram @ v))
        if square <= 0.0:
            return 1.0
        return float(np.clip(np.sum(v * self.lack) / square, 0.0, 1.0))

    def _distance(self, v):
        """Returns `||X V - E||^2`."""
        change = np.sum(v * (self.gram @ v - 2.0 * self.lack))
        return change + np.sum(self.square)

    @property
    def dead(self):
        """Boolean array `(groups, inputs)`: inputs that are always zero."""
        return np.diagonal(self.gram, axis1=1, axis2=2) <= 0.0

    def damped(self, damping, w_dense):
        """Returns `G` with damping, and the best dense kernel `W_1` for it.

        `W_1` minimizes `||X (W - W_0) - E||^2 + lambda ||W - W_0||^2`, where
        `lambda` is `damping` times the mean of the diagonal of `X'X`. It is
        much smaller for inputs that are always zero: their weights stay as
        they are, but only where all others leave room for them.

        Args:
            damping: Float.
            w_dense: Array `(groups, inputs, outputs)`, `W_0`.
        """
        count = max(self.rows, 1)
        gram = self.gram / count
        mean = np.diagonal(gram, axis1=1, axis2=2).mean(axis=1)
        extra = np.where(mean > 0.0, damping * mean, 1.0)[:, None]
        extra = np.where(self.dead, LAST * extra, extra)
        gram = gram + extra[:, :, None] * np.eye(gram.shape[1])
        target = w_dense
        if self.square.any():
            target = w_dense + np.linalg.solve(gram, self.lack / count)
        return gram, target


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
    def of(cls, shape):
        """Returns empty moments for a layout of groups, inputs, outputs."""
        return cls(Moments(*shape), Moments(*shape))

    def add(self, x, held_out, e=None, own=True):
        """Adds rows.

        Args:
            x: Array `(groups, rows, inputs)`.
            held_out: Boolean array `(rows,)`.
            e: Array `(groups, rows, outputs)`, or `None` for zeros.
            own: Boolean, whether to add `x` itself. Defaults to `True`.
        """
        for moments, chosen in self._parts(held_out):
            part = np.ascontiguousarray(x[:, chosen])
            if own:
                moments.add(part)
            if e is not None:
                moments.add_lack(part, e[:, chosen])

    def damped(self, damping, w_dense):
        """Returns `G` and `W_1` for the fitted rows, see `Moments.damped`.

        The step from `W_0` to `W_1` is shortened to the share of it that is
        best on the rows held out: with few rows, much of it fits noise.

        Args:
            damping: Float.
            w_dense: Array `(groups, inputs, outputs)`, `W_0`.

        Returns:
            Tuple of `G`, `W_1` and the share, a float in `[0, 1]`.
        """
        gram, target = self.fitted.damped(damping, w_dense)
        share = 1.0
        if self.held_out.rows and self.fitted.square.any():
            share = self.held_out.share_of(target - w_dense)
        return gram, w_dense + share * (target - w_dense), share

    def damped_whole(self, damping, w_dense, share):
        """Returns `G` and `W_1` for all rows, with a share that is known."""
        gram, target = self.whole().damped(damping, w_dense)
        return gram, w_dense + share * (target - w_dense)

    def share(self, other):
        """Takes over the inputs of a kernel that reads the same rows."""
        self.fitted.share(other.fitted)
        self.held_out.share(other.held_out)

    def whole(self):
        """Returns the moments of all rows."""
        return self.fitted + self.held_out

    def _parts(self, held_out):
        if not held_out.any():
            return [(self.fitted, slice(None))]
        return [(self.fitted, ~held_out), (self.held_out, held_out)]
