"""Follows the units of a model through its graph.

Every position along an axis that can be cut gets the number of a unit. The
rules of the layers carry the numbers from tensor to tensor, tie the units
that must be cut together and pin those that cannot be cut.
"""

import dataclasses
import inspect

import keras
import numpy as np

from keras_slr.keras_internals.layers import layers_of
from keras_slr.models.graph import graph_of
from keras_slr.models.graph import run
from keras_slr.models.graph import takes_in_order
from keras_slr.shrinking.blocks import BLOCKS
from keras_slr.shrinking.heads import name_of
from keras_slr.shrinking.labels import Labels
from keras_slr.shrinking.labels import Unfollowed
from keras_slr.shrinking.options import described
from keras_slr.shrinking.options import unknown_option
from keras_slr.shrinking.options import value_of
from keras_slr.shrinking.whole_models import whole_models

OUTPUT = "output"
INPUT = "input"
VECTOR = "vector"
PASSIVE = "passive"


@dataclasses.dataclass(frozen=True)
class Site:
    """An axis along which units lie.

    Attributes:
        owner: Keras variable, layer or tensor that has the axis.
        axis: Integer.
        role: String, see `groups.Member`.
        units: Integer array with one entry per position along the axis.
    """

    owner: object
    axis: int
    role: str
    units: np.ndarray


@dataclasses.dataclass
class Read:
    """A kernel that reads units and adds them up.

    Attributes:
        layer: Keras layer of the kernel.
        bias: Keras variable that the products are added to, or `None`.
        weights: NumPy array of shape `(inputs, outputs, ...)`.
        units: Integer array, the units that are read.
        outputs: Integer array, the units that are written.
        constants: Float array with one entry per input, see `Labels`.
        folds: Boolean, whether a constant input can move to the bias.
    """

    layer: keras.layers.Layer
    bias: keras.Variable | None
    weights: np.ndarray
    units: np.ndarray
    outputs: np.ndarray
    constants: np.ndarray
    folds: bool


class Call:
    """One call of an operation, with labels instead of tensors."""

    def __init__(self, node, args, kwargs):
        self.operation = node.operation
        self.args = args
        self.kwargs = kwargs
        self.output_shapes = [tuple(t.shape) for t in node.outputs]
        arguments = node.arguments.args, node.arguments.kwargs
        # Tensors and numbers in the order of the arguments, with shapes.
        self.operands = [
            (x, tuple(t.shape) if isinstance(t, keras.KerasTensor) else None)
            for x, t in zip(
                keras.tree.flatten((args, kwargs)),
                keras.tree.flatten(arguments),
            )
        ]
        self._given = arguments
        self.inputs = [x for x, shape in self.operands if shape is not None]
        self.shapes = [shape for _, shape in self.operands if shape is not None]

    @property
    def x(self):
        """The labels of the first tensor."""
        return self.inputs[0]

    @property
    def shape(self):
        """The shape of the first tensor."""
        return self.shapes[0]

    @property
    def output_shape(self):
        return self.output_shapes[0]

    @property
    def arguments(self):
        """Dict of the arguments of the call, by name."""
        signature = inspect.signature(self.operation.call)
        return signature.bind(*self.args, **self.kwargs).arguments

    def shape_of(self, name):
        """Returns the shape of an argument of the call, `()` if not given."""
        args, kwargs = self._given
        given = inspect.signature(self.operation.call).bind(*args, **kwargs)
        x = given.arguments.get(name)
        return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)

    def option(self, name):
        """Returns an argument of the operation, as a reason names it."""
        return described(name, value_of(self.operation, name))

    def __str__(self):
        return f"`{self.operation.name}` ({type(self.operation).__name__})"


class Trace:
    """The units of a model, and the axes along which they lie.

    Attributes:
        sites: Dict of `Site`, by the id of the owner and the axis.
        reads: Dict of `Read`, by the id of the kernel.
        reasons: Dict from the number of a unit to the reason, a string, why
            it cannot be cut.
        opaque: Dict of the `Call` of operations that are left whole, by their
            id.
    """

    def __init__(self, rules):
        self.sites = {}
        self.reads = {}
        self.reasons = {}
        self._rules = rules
        self.opaque = {}
        self._parents = []
        self._whole = {}
        self._axes = {}
        self._whole_models = {}

    @classmethod
    def of(cls, model, rules):
        """Returns the trace of a model.

        Args:
            model: Built Functional or Sequential model.
            rules: Dict of `rules.Rule`, by the name of the operation.
        """
        trace = cls(rules)
        trace._whole_models = whole_models(
            model, lambda operation: name_of(operation) in BLOCKS
        )
        graph = graph_of(model)
        inputs = [Unfollowed("the model's input")] * len(graph.inputs)
        for x in run(graph, inputs, trace._follow):
            trace.pin(x, "is the model's output")
        return trace

    def _follow(self, node, args, kwargs):
        call = Call(node, args, kwargs)
        if kwargs.get("training"):
            return self.leave_whole(call, "`training=True`")
        graph = graph_of(call.operation)
        if id(call.operation) in self._whole_models:
            return self.leave_whole(call)
        if graph is not None and takes_in_order(graph, call.args, call.shapes):
            for tensor, x in zip(graph.inputs, call.inputs):
                if isinstance(x, Labels):
                    self.one_axis(tensor, x.axis, call)
                    if tensor.shape[x.axis] is not None:
                        self.site(tensor, x.axis, PASSIVE, x.units)
                else:
                    self.keep_whole(tensor, f"is read with {x.source}")
            return run(graph, call.inputs, self._follow)
        rule = self._rules.get(name_of(call.operation))
        if rule is None or _is_converted(call.operation):
            return self.leave_whole(call)
        option = unknown_option(call, rule.options)
        if option is not None:
            return self.leave_whole(call, option)
        for name, x in call.arguments.items():
            if name.endswith("mask") and isinstance(x, Labels):
                self.pin(x, f"is a mask of {call}")
        return rule.follow(self, call)

    def leave_whole(self, call, option=None):
        """Pins the inputs of a call, and follows none of its outputs.

        Args:
            call: `Call`.
            option: String, the argument of the operation that is not
                understood. Defaults to `None`, the whole operation.

        Returns:
            List of `Unfollowed`, one per output.
        """
        understood = "which is not understood"
        if option is not None:
            understood += f" with {option}"
        self.opaque[id(call.operation)] = call
        for x in call.inputs:
            self.pin(x, f"goes through {call}, {understood}")
        # Another call of the same weights may be understood.
        for owner in (
            call.operation,
            *getattr(call.operation, "variables", ()),
        ):
            self.keep_whole(owner, f"is also in {call}, not understood")
        return [Unfollowed(f"the output of {call}")] * len(call.output_shapes)

    def new_units(self, count):
        """Returns the numbers of new units."""
        start = len(self._parents)
        self._parents.extend(range(start, start + count))
        return np.arange(start, start + count)

    def roots(self):
        """Returns one number for all units that are tied, for each unit."""
        return np.array([self._root(u) for u in range(len(self._parents))], int)

    def _root(self, unit):
        parents = self._parents
        while parents[unit] != unit:
            parents[unit] = parents[parents[unit]]
            unit = parents[unit]
        return unit

    def tie(self, units, others):
        """Ties units, position by position: they are cut together."""
        for a, b in np.broadcast(units, others):
            a, b = self._root(a), self._root(b)
            # The lowest number stays, that of the earliest producer.
            self._parents[max(a, b)] = min(a, b)

    def pin(self, x, reason):
        """Pins units: they cannot be cut.

        Args:
            x: Array of units, `Labels` or `Unfollowed`.
            reason: String that completes "left whole: ".
        """
        if isinstance(x, Unfollowed):
            return
        for unit in x.units if isinstance(x, Labels) else x:
            self.reasons.setdefault(int(unit), reason)

    def site(self, owner, axis, role, units):
        """Notes that units lie along an axis, and ties them to earlier ones.

        Units of two calls that differ in number stay whole instead.

        Returns:
            Integer array, the units.
        """
        site = self.sites.setdefault(
            (id(owner), axis), Site(owner, axis, role, units)
        )
        if len(site.units) != len(units):
            reason = f"has another size at another call of `{owner.name}`"
            self.keep_whole(owner, reason)
        elif site.units is not units:
            self.tie(site.units, units)
        if id(owner) in self._whole:
            self.pin(units, self._whole[id(owner)])
        return units

    def one_axis(self, owner, axis, call):
        """Keeps an owner whole if its calls have units on different axes.

        Sizes along both axes hold for all calls: a cut along one axis would
        also cut a call whose units lie along the other.

        Args:
            owner: Keras variable, layer or tensor.
            axis: Integer, the axis of the units at this call.
            call: `Call`.
        """
        if self._axes.setdefault(id(owner), axis) != axis:
            reason = f"lies along another axis at another call of {call}"
            self.keep_whole(owner, reason)

    def keep_whole(self, owner, reason):
        """Pins the units along all axes of an owner."""
        self._whole[id(owner)] = reason
        for site in self.sites.values():
            if site.owner is owner:
                self.pin(site.units, reason)

    def produce(self, kernel, axis, bias=None):
        """Returns the units that a kernel writes, the same at every call."""
        known = self.sites.get((id(kernel), axis))
        units = known.units if known else self.new_units(kernel.shape[axis])
        self.site(kernel, axis, OUTPUT, units)
        if bias is not None:
            self.site(bias, 0, VECTOR, units)
        return units

    def read(self, kernel, read):
        """Notes that a kernel reads units, see `Read`."""
        known = self.reads.setdefault(id(kernel), read)
        # Only a constant that is the same at every call can move to the bias.
        known.constants = np.where(
            known.constants == read.constants, known.constants, np.nan
        )

    def along(self, x, axis, size, call):
        """Returns the labels of a tensor along an axis.

        Where the tensor has none along it, the labels are new units that
        cannot be cut, and those along another axis become so.

        Args:
            x: `Labels` or `Unfollowed`.
            axis: Integer.
            size: Integer, positions along the axis.
            call: `Call` that asks.
        """
        if isinstance(x, Labels) and x.axis == axis:
            return x
        self.pin(x, f"lies along an axis that {call} does not keep apart")
        source = x.source if isinstance(x, Unfollowed) else "another axis"
        units = self.new_units(size)
        self.pin(units, f"is joined by {call} with {source}")
        return Labels(axis, units, np.full(size, np.nan))


def _is_converted(operation):
    """Whether weights of a layer are quantized or have adapters."""
    return any(
        getattr(layer, "quantization_mode", None)
        or getattr(layer, "lora_enabled", False)
        for layer in layers_of(operation)
    )
