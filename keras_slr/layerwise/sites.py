"""What happens at the sites of a walk: moments and statistics are collected."""

import contextlib

import numpy as np

from keras_slr.layerwise.moments import SplitMoments
from keras_slr.layerwise.problem import Samples
from keras_slr.layerwise.products import UnknownProduct
from keras_slr.layerwise.products import channels_of
from keras_slr.layerwise.products import layout_of
from keras_slr.layerwise.products import rows_key
from keras_slr.layerwise.products import rows_of
from keras_slr.layerwise.walk import as_array


class KernelInputs:
    """What is collected of the inputs of one kernel.

    Attributes:
        layout: `Layout` of the kernel.
        moments: `SplitMoments` of its inputs.
    """

    def __init__(self, keep_rows=False):
        self.layout = None
        self.moments = None
        self._keep_rows = keep_rows
        self._rows = []

    def add(self, layout, rows, rows_dense, held_out):
        """Adds the rows of a batch, as `rows_of` returns them."""
        if self.layout is None:
            self.layout = layout
            groups, inputs, _ = layout.shape
            self.moments = SplitMoments.of(groups, inputs)
        self.moments.add(rows, rows_dense, held_out)
        if self._keep_rows:
            self._rows.append((rows[:, ~held_out], rows_dense[:, ~held_out]))

    def share(self, layout, other):
        """Takes over what was collected of a kernel with the same rows."""
        self.layout = layout
        self.moments, self._rows = other.moments, other._rows

    def samples(self, dense, bias, rectified):
        """Returns `Samples` of the rows that are calibrated on.

        Args:
            dense: Array `(groups, inputs, outputs)`, the dense kernel.
            bias: Array `(groups, outputs)`.
            rectified: Boolean, see `Samples`.
        """
        if not self._keep_rows:
            return None
        own, dense_rows = (
            np.concatenate(part, axis=1, dtype=np.float64)
            for part in zip(*self._rows)
        )
        outputs = dense_rows @ dense + bias[:, None]
        return Samples(own, outputs, bias, rectified)


def collect(walk, sites, inputs, own_targets=False):
    """Collects the inputs of the kernels at some sites.

    Kernels that read the same rows share their moments.

    Args:
        walk: `Walk`, at the stage of the sites.
        sites: List of `Site`.
        inputs: Dict from the ids of the kernels to `KernelInputs`, filled
            here.
        own_targets: Boolean, whether the pruned model's own inputs stand for
            those of the dense model, too. Defaults to `False`.
    """
    leaders = None
    for before, count, dense, pruned in walk.events(sites):
        if leaders is None:
            leaders = _leaders(pruned)
        for event_dense, event in zip(dense, pruned, strict=True):
            if leaders[event.source] != event.source:
                continue
            own = event_dense.x is event.x or own_targets
            with _refused(walk.path(event.source), "`exclude`"):
                layout = _layout(event)
                rows = _rows(event)
                rows_dense = rows if own else _rows(event_dense)
            held_out = _held_out(before, count, rows.shape[1])
            inputs[event.source].add(layout, rows, rows_dense, held_out)
    for event in pruned:
        inputs[event.source].share(
            _layout(event), inputs[leaders[event.source]]
        )
        _check_finite(
            inputs[event.source].moments.whole().gram, walk.path(event.source)
        )


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
        key = rows_key(event.kind, event.shape, event.options)
        reads.setdefault(event.source, []).append((id(event.x), key))
    first = {}
    return {
        source: first.setdefault(tuple(read), source)
        for source, read in reads.items()
    }


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
