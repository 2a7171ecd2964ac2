"""What happens at the sites of a walk: moments and statistics are collected."""

import contextlib
import dataclasses
import itertools

import numpy as np

from keras_slr.layerwise.moments import SplitMoments
from keras_slr.layerwise.problem import Samples
from keras_slr.layerwise.products import UnknownProduct
from keras_slr.layerwise.products import channels_of
from keras_slr.layerwise.products import layout_of
from keras_slr.layerwise.products import outputs_as_rows
from keras_slr.layerwise.products import rows_key
from keras_slr.layerwise.products import rows_of
from keras_slr.layerwise.walk import as_array


class KernelInputs:
    """What is collected for one kernel.

    Args:
        kernel: NumPy array, the dense kernel.
        keep_rows: Boolean, whether `samples` is going to be asked for.
            Defaults to `False`.

    Attributes:
        layout: `Layout` of the kernel, `None` before the first rows.
        dense: Array `(groups, inputs, outputs)`, the dense kernel.
        moments: `SplitMoments`.
    """

    def __init__(self, kernel, keep_rows=False):
        self._kernel = kernel
        self._keep_rows = keep_rows
        self._rows = []
        self.layout = None

    def add(self, layout, batch, lack, leads):
        """Adds the rows of a batch.

        Args:
            layout: `Layout`.
            batch: `_Rows`.
            lack: Array `(groups, rows, outputs)`, what else the outputs are
                to make up for, or `None`.
            leads: Boolean, whether the inputs themselves are added, too.
        """
        if self.layout is None:
            self.layout = layout
            self.dense = layout.to_matrices(self._kernel).astype(np.float64)
            self.moments = SplitMoments.of(layout.shape)
        x, x_dense, held_out = batch.x, batch.x_dense, batch.held_out
        if x is not x_dense:
            lost = (x_dense - x) @ self.dense.astype(np.float32)
            lack = lost if lack is None else lost + lack
        self.moments.add(x, held_out, lack, leads)
        if self._keep_rows:
            self._rows.append((x[:, ~held_out], x_dense[:, ~held_out]))

    def samples(self, bias, rectified):
        """Returns `Samples` of the rows that are calibrated on.

        Args:
            bias: Array `(groups, outputs)`.
            rectified: Boolean, see `Samples`.
        """
        if not self._keep_rows:
            return None
        own, dense_rows = (
            np.concatenate(part, axis=1, dtype=np.float64)
            for part in zip(*self._rows)
        )
        outputs = dense_rows @ self.dense + bias[:, None]
        return Samples(own, outputs, bias, rectified)


@dataclasses.dataclass(frozen=True)
class _Rows:
    """Inputs of a batch in the pruned and in the dense model, as rows.

    Attributes:
        x: Array `(groups, rows, inputs)`.
        x_dense: Array like `x`.
        held_out: Boolean array `(rows,)`.
    """

    x: np.ndarray
    x_dense: np.ndarray
    held_out: np.ndarray


def collect(walk, sites, inputs, own_targets=False, residual=None):
    """Collects the inputs of the kernels at some sites.

    Kernels that read the same rows share their Gram matrices.

    Args:
        walk: `Walk`, at the stage of the sites.
        sites: List of `Site`.
        inputs: Dict from the ids of the kernels to `KernelInputs`, filled
            here.
        own_targets: Boolean, whether the pruned model's own inputs stand for
            those of the dense model, too. Defaults to `False`.
        residual: `Residual` of the only kernel, which is to make up for what
            the other terms of the sum have lost. Defaults to `None`.
    """
    leaders = None
    lost = walk.lost(residual.others) if residual else itertools.repeat(None)
    for (before, count, dense, pruned), change in zip(walk.events(sites), lost):
        if leaders is None:
            leaders = _leaders(pruned)
        if change is not None:
            change = residual.undo(change)
        batches = {}
        for event_dense, event in zip(dense, pruned, strict=True):
            own = event_dense.x is event.x or own_targets
            with _refused(walk.path(event.source), "`exclude`"):
                layout = _layout(event)
                key = _reads(event)
                if key not in batches:
                    x = _rows(event)
                    x_dense = x if own else _rows(event_dense)
                    held_out = _held_out(before, count, x.shape[1])
                    batches[key] = _Rows(x, x_dense, held_out)
            lack = None
            if change is not None:
                lack = outputs_as_rows(
                    event.kind, change, layout, event.options
                )
                # Axes of unknown length may be broadcast in the sum.
                if lack.shape[1] != batches[key].x.shape[1]:
                    lack = None
            leads = leaders[event.source] == event.source
            inputs[event.source].add(layout, batches[key], lack, leads)
    for source, leader in leaders.items():
        moments = inputs[source].moments
        moments.share(inputs[leader].moments)
        _check_finite(moments.whole().gram, walk.path(source))


def _check_finite(sums, path):
    if not np.isfinite(sums).all():
        raise ValueError(
            f"Expected finite inputs of `{path}`. Received NaN or Inf, or "
            "numbers too large to square: check the calibration data."
        )


@contextlib.contextmanager
def _refused(path, remedy):
    """Says which kernel or layer it is whose inputs cannot be taken."""
    try:
        yield
    except UnknownProduct as error:
        raise ValueError(
            f"Expected `{path}` to see its inputs as arrays, in a product of "
            f"matrices. Received {error}: leave it out with {remedy}."
        ) from error


def _leaders(events):
    """Returns which kernel stands for all that read the same rows."""
    reads = {}
    for event in events:
        reads.setdefault(event.source, []).append(_reads(event))
    first = {}
    return {
        source: first.setdefault(tuple(read), source)
        for source, read in reads.items()
    }


def _reads(event):
    return id(event.x), rows_key(event.kind, event.shape, event.options)


def _rows(event):
    x = as_array(event.x)
    return rows_of(event.kind, x, event.shape, event.options)


def _layout(event):
    channels = channels_of(event.kind, event.x, event.options)
    return layout_of(event.kind, event.shape, channels, event.options)


def _held_out(before, count, rows):
    """Returns which rows belong to every fifth sample."""
    samples = before + np.arange(rows) * count // rows
    return samples % 5 == 4


def collect_norm(walk, site):
    """Returns the moments of a batch normalization's inputs.

    Args:
        walk: `Walk`, at the stage of the site.
        site: `Site` of the layer.

    Returns:
        Two pairs of the mean and the variance of each channel, as NumPy
        arrays: in the dense model and in the pruned one.
    """
    sums, axis = None, walk.norm(site).axis
    for _, _, dense, pruned in walk.events([site]):
        for first, second in zip(dense, pruned, strict=True):
            with _refused(walk.norm(site).path, "`match_batch_norm=False`"):
                x, own = as_array(first.x), as_array(second.x)
            added = np.array([_channel_sums(e, axis) for e in (x, own)])
            sums = added if sums is None else sums + added
    _check_finite(sums, walk.norm(site).path)
    found = []
    for count, total, squares in sums:
        mean = total / count
        found.append((mean, np.maximum(squares / count - mean**2, 0.0)))
    return found


def _channel_sums(x, axis):
    x = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    x = x.astype(np.float64)
    count = np.full(x.shape[1], len(x), np.float64)
    return count, x.sum(axis=0), np.square(x).sum(axis=0)
