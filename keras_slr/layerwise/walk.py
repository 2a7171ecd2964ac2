"""Goes through a model, stage by stage, in its dense and its pruned state.

A site is a place where something is adjusted: kernels that read the same
inputs, or a batch normalization. Sites are visited in the order in which the
model reaches them, so that each sees what has been adjusted before it.
"""

import contextlib
import dataclasses

import keras
import numpy as np
from keras import ops

from keras_slr.backend import to_numpy
from keras_slr.completed import completed
from keras_slr.keras_internals.instance_patch import InstancePatch
from keras_slr.keras_internals.products import products_seen_by
from keras_slr.layerwise.batches import samples_of
from keras_slr.layerwise.products import UnknownProduct
from keras_slr.layerwise.residuals import residuals_of


@dataclasses.dataclass(frozen=True)
class Event:
    """A product with a kernel, or a call of a batch normalization.

    Attributes:
        source: Integer, the id of the kernel or of the layer.
        kind: String, the operation, or `"norm"`.
        x: Its inputs, a tensor.
        shape: Tuple of integers, the shape of the kernel, `()` for a layer.
        options: Dict, the other arguments of the operation.
    """

    source: int
    kind: str
    x: object
    shape: tuple
    options: dict


@dataclasses.dataclass(frozen=True)
class Site:
    """Where a stage is watched.

    Attributes:
        sources: Tuple of ids of kernels that read the same inputs, or of a
            single layer.
        calls: Integer, how often each of them is called in a stage.
    """

    sources: tuple
    calls: int


class _Enough(BaseException):
    """Ends a stage; Keras handles errors below `Exception` itself."""


class Weights:
    """Variables with two values: in the dense and in the pruned model.

    The variables hold the pruned values except within `dense`.
    """

    def __init__(self):
        self._values = {}

    def set(self, variable, value):
        """Gives a variable its value in the pruned model."""
        _, before, _ = self._values.get(
            id(variable), (None, to_numpy(variable).copy(), None)
        )
        self._values[id(variable)] = (variable, before, value)
        variable.assign(value)

    def differ(self, variable, dense):
        """Gives a variable another value in the dense model."""
        pruned = to_numpy(variable).copy()
        self._values[id(variable)] = (variable, dense.copy(), pruned)

    def dense_value(self, variable):
        """Returns the NumPy array that the dense model has."""
        known = self._values.get(id(variable))
        return to_numpy(variable) if known is None else known[1]

    @contextlib.contextmanager
    def dense(self, variables):
        """Puts the dense values into some of the variables."""
        changed = [
            self._values[id(v)] for v in variables if id(v) in self._values
        ]
        try:
            for variable, dense, _ in changed:
                variable.assign(dense)
            yield
        finally:
            completed(lambda: [v.assign(pruned) for v, _, pruned in changed])

    def restore(self):
        """Puts the dense values into all variables, for good."""
        for variable, dense, _ in self._values.values():
            variable.assign(dense)
        self._values = {}

    def __bool__(self):
        return bool(self._values)


class Walk:
    """A model with its calibration data, on the way from input to output.

    Args:
        program: `Program`.
        batches: List of batches of inputs.
        kernels: List of Keras variables to watch.
        norms: List of batch normalizations to watch.
        weights: `Weights`, the values of dense and pruned model.
    """

    def __init__(self, program, batches, kernels, norms, weights):
        self._program = program
        self._residuals = residuals_of(program)
        self._kernels = {id(v): v for v in kernels}
        self._norms = {id(layer): layer for layer in norms}
        self._weights = weights
        self._counts = [samples_of(batch) for batch in batches]
        self._dense = [program.begin(batch) for batch in batches]
        self._pruned = self._dense

    def norm(self, site):
        """Returns the batch normalization at a site, or `None`."""
        return self._norms.get(site.sources[0])

    def path(self, source):
        """Returns the name of a kernel, by its id."""
        return self._kernels[source].path

    def residual(self, site):
        """Returns the `Residual` of the only kernel at a site, or `None`.

        It is `None`, too, where the other terms of the sum come later.
        """
        if len(site.sources) > 1 or site.calls > 1:
            return None
        residual = self._residuals.get(site.sources[0])
        known = self._dense[0]
        if residual is None or not all(x in known for x in residual.others):
            return None
        return residual

    def lost(self, values):
        """Yields what a sum of values has lost in each batch, as an array.

        Args:
            values: List of `Value`, known at the present stage.
        """
        for dense, pruned in zip(self._dense, self._pruned):
            yield sum(as_array(dense[x]) - as_array(pruned[x]) for x in values)

    def stages(self):
        """Yields the list of `Site` of each stage, and goes on by itself.

        Until the next one is asked for, `events` gives their inputs.
        """
        for stage in self._program.stages:
            self._stage = stage
            yield self._sites()
            self._go_on()

    def events(self, sites):
        """Yields the inputs at some sites of the present stage.

        Args:
            sites: List of `Site`.

        Yields:
            For each batch: the integer count of samples before it, the number
            in it, and two lists of `Event`, for the dense and the pruned
            model, in the same order.
        """
        sources = {source for site in sites for source in site.sources}
        expected = sum(site.calls * len(site.sources) for site in sites)
        before = 0
        for count, dense, pruned in zip(
            self._counts, self._dense, self._pruned
        ):
            with self._weights.dense(self._stage.variables):
                seen_dense = self._seen(dense, sources, expected)
            seen = seen_dense
            if self._weights:
                seen = self._seen(pruned, sources, expected)
            yield before, count, seen_dense, seen
            before += count

    def _sites(self):
        watched = self._kernels.keys() | self._norms.keys()
        events = self._seen(self._pruned[0], watched, None)
        inputs, last = {}, {}
        for i, event in enumerate(events):
            inputs.setdefault(event.source, []).append(id(event.x))
            last[event.source] = i
        found = {}
        for source in sorted(last, key=last.get):
            alone = (source,) if source in self._norms else ()
            found.setdefault((*inputs[source], alone), []).append(source)
        return [
            Site(tuple(sources), len(inputs[sources[0]]))
            for sources in found.values()
        ]

    def _seen(self, values, sources, expected):
        """Runs the stage on a batch; returns a list of `Event`.

        Args:
            values: Dict of the values of the batch.
            sources: Set of the ids to watch.
            expected: Integer, after how many events to stop, or `None`.
        """
        events = []
        lookup = {}
        for source in sources:
            variable = self._kernels.get(source)
            if variable is not None:
                lookup[id(variable)] = variable
                lookup[id(variable.value)] = variable

        def note(event):
            events.append(event)
            if len(events) == expected:
                raise _Enough

        pieces = _Pieces()

        def product(kind, x, kernel, options):
            variable = lookup.get(id(kernel))
            if kind == "split":
                if variable is not None:
                    pieces.add(variable, x)
                return
            if variable is None:
                variable, first = pieces.find(kernel, x)
                kind = kind if first else "split"
            # Not a weight by another weight, as LoRA multiplies them.
            if variable is not None and not isinstance(x, keras.Variable):
                shape = tuple(variable.shape)
                note(Event(id(variable), kind, x, shape, options))

        def norm(layer):
            def replace(call):
                def watched(inputs, *args, **kwargs):
                    note(Event(id(layer), "norm", inputs, (), {}))
                    return call(inputs, *args, **kwargs)

                return watched

            return replace

        norms = [
            InstancePatch(layer, "call", norm(layer))
            for key, layer in self._norms.items()
            if key in sources
        ]
        try:
            for patch in norms:
                patch.attach()
            with contextlib.suppress(_Enough), products_seen_by(product):
                self._stage.run(values)
        finally:
            completed(lambda: [patch.detach() for patch in norms])
        return events

    def _go_on(self):
        if not self._stage.keeps:
            return
        dense, pruned = [], []
        for own_dense, own in zip(self._dense, self._pruned):
            with self._weights.dense(self._stage.variables):
                dense.append(self._stage.run(own_dense))
            same = not self._weights
            pruned.append(dense[-1] if same else self._stage.run(own))
        self._dense, self._pruned = dense, pruned


class _Pieces:
    """Kernels that are split into pieces, which should read the same inputs.

    The first piece then stands for the kernel.
    """

    def __init__(self):
        self._variables = {}
        self._inputs = {}
        self._alive = []

    def add(self, variable, pieces):
        """Adds the pieces of a variable."""
        # Ids are unique only among objects that are alive.
        self._alive.append(pieces)
        group = len(self._alive)
        for piece in pieces:
            self._variables[id(piece)] = variable, group

    def find(self, piece, x):
        """Finds what is multiplied.

        Args:
            piece: What `x` is multiplied by.
            x: The inputs.

        Returns:
            The variable, or `None` if the product does not count, and whether
            it is the first of its pieces.
        """
        variable, group = self._variables.get(id(piece), (None, None))
        if variable is None:
            return None, True
        known = self._inputs.setdefault(group, x)
        if known is x:
            first = self._alive[group - 1][0] is piece
            return (variable if first else None), True
        return variable, False


def as_array(x):
    """Returns inputs as a float32 array.

    Raises:
        UnknownProduct: If they are being traced, so that they have no values.
    """
    if isinstance(x, keras.KerasTensor):
        raise UnknownProduct("a call on symbolic tensors")
    try:
        x = ops.convert_to_numpy(x)
    except Exception as error:
        raise UnknownProduct("inside a compiled function") from error
    return np.asarray(x, np.float32)
