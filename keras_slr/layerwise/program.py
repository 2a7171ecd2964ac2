"""A model as a list of steps, in stages that can be run one by one."""

import dataclasses
import inspect
import math
import re

import keras

from keras_slr.backend import without_gradients
from keras_slr.keras_internals.graphs import inputs_as_tensors
from keras_slr.keras_internals.layers import is_of_keras
from keras_slr.keras_internals.layers import layers_of
from keras_slr.keras_internals.layers import variables_of
from keras_slr.layerwise.added_losses import added_losses_kept
from keras_slr.layerwise.states import states_kept
from keras_slr.layerwise.unrolled import recurrent_around
from keras_slr.layerwise.unrolled import unrolled
from keras_slr.models.graph import graph_of
from keras_slr.models.graph import run
from keras_slr.models.graph import takes_in_order


class Value:
    """Stands for a tensor: a key for its value in a batch.

    Args:
        shape: Tuple of integers, with `None` where the size is not known.
        dtype: String. Defaults to `"float32"`.
    """

    def __init__(self, shape, dtype="float32"):
        self.shape = tuple(shape)
        self.dtype = dtype

    @property
    def bytes(self):
        """Integer, the size of a sample, `0` if the shape does not tell."""
        if self.shape[:1] != (None,) or None in self.shape[1:]:
            return 0
        bits = re.search(r"\d+", self.dtype)
        return math.prod(self.shape[1:]) * (int(bits[0]) // 8 if bits else 1)


@dataclasses.dataclass(frozen=True)
class Step:
    """One call of an operation.

    Attributes:
        operation: Keras operation, or the model itself if its graph is not
            known.
        args: Tuple of the arguments, with a `Value` in place of each tensor.
        kwargs: Dict of arguments.
        outputs: List of `Value`.
    """

    operation: keras.Operation
    args: tuple
    kwargs: dict
    outputs: list

    def run(self, values):
        """Computes the outputs and puts them into `values`.

        Args:
            values: Dict from `Value` to tensors.
        """
        args, kwargs = keras.tree.map_structure(
            lambda x: values[x] if isinstance(x, Value) else x,
            (self.args, self.kwargs),
        )
        if _takes_training(self.operation):
            # As `predict` does, even if the graph says otherwise.
            kwargs["training"] = False
        results = keras.tree.flatten(self.operation(*args, **kwargs))
        values.update(zip(self.outputs, results))

    @property
    def reads(self):
        """List of `Value`, those of the arguments."""
        given = keras.tree.flatten((self.args, self.kwargs))
        return [x for x in given if isinstance(x, Value)]


@dataclasses.dataclass(frozen=True)
class Stage:
    """Steps that are run together, with the weights in question.

    Attributes:
        steps: List of `Step`.
        keeps: Set of `Value`, those that later stages read.
        recurrent: List of the recurrent layers around weights in question.
    """

    steps: list
    keeps: set
    recurrent: list

    @property
    def variables(self):
        """List of the Keras variables that the steps read."""
        found = {
            id(variable): variable
            for step in self.steps
            for variable in getattr(step.operation, "variables", ())
        }
        return list(found.values())

    def run(self, values):
        """Runs the steps; returns the values to keep.

        Args:
            values: Dict from `Value` to tensors; it stays as it is.
        """
        values = dict(values)
        operations = [step.operation for step in self.steps]
        with (
            without_gradients(),
            unrolled(self.recurrent),
            states_kept(operations),
            added_losses_kept(operations),
        ):
            for step in self.steps:
                step.run(values)
        return {key: x for key, x in values.items() if key in self.keeps}


@dataclasses.dataclass(frozen=True)
class Program:
    """A model as stages.

    Attributes:
        inputs: List of `Value`, or `None` if the batch is passed as it is.
        graph: The functional model behind the inputs, or `None`.
        steps: List of `Step`, all of the model.
        outputs: List of `Value`, those that the model returns.
        stages: List of `Stage`.
    """

    inputs: list
    graph: keras.Model | None
    steps: list
    outputs: list
    stages: list

    def begin(self, batch):
        """Returns the dict of values for a batch of inputs."""
        if self.graph is None:
            return {self.inputs[0]: batch}
        tensors = inputs_as_tensors(self.graph, batch)
        return dict(zip(self.inputs, tensors))

    def sole_readers(self):
        """Finds out which step alone reads a value.

        Returns:
            Dict from `Value` to `Step`, without the values that several steps
            read, or that the model returns.
        """
        readers = {}
        for step in self.steps:
            for value in step.reads:
                readers.setdefault(value, []).append(step)
        outside = set(self.outputs)
        return {
            value: steps[0]
            for value, steps in readers.items()
            if len(steps) == 1 and value not in outside
        }

    def kept_bytes(self, layers):
        """Returns the largest size of the values of a sample that are kept.

        Those before a stage are kept until all samples have passed it. The
        inputs do not count, nor do values whose sizes are not known.

        Args:
            layers: List of the layers that are pruned. From the first one on,
                the dense and the pruned model have values of their own.

        Returns:
            Integer, in bytes.
        """
        pruned = {id(layer) for layer in layers}
        largest, models, sizes, kept = 0, 1, {}, set()
        for stage in self.stages:
            if any(
                id(layer) in pruned
                for step in stage.steps
                for layer in layers_of(step.operation)
            ):
                models = 2
            for step in stage.steps:
                sizes.update((x, models * x.bytes) for x in step.outputs)
            before, kept = kept, sizes.keys() & stage.keeps
            largest = max(largest, sum(sizes[x] for x in before | kept))
        return largest


def program_of(model, layers):
    """Splits a model into stages.

    The graphs of nested models are followed. A model without a known graph is
    a single stage, and so are the steps between two calls of a shared layer.

    Args:
        model: Built Keras model.
        layers: List of the layers in question; a stage begins where one is
            called.

    Returns:
        `Program`, up to the last call of one of these layers.
    """
    graph = graph_of(model) if _keeps_to_graph(model) else None
    wanted = {id(layer) for layer in layers}
    if graph is None:
        key = Value(())
        step = Step(model, (key,), {}, [Value(())])
        stage = Stage([step], set(), recurrent_around(model, wanted))
        return Program([key], None, [step], step.outputs, [stage])
    keys = [Value(tensor.shape, tensor.dtype) for tensor in graph.inputs]
    steps = []
    outputs = run(graph, keys, lambda *call: _record(steps, *call))
    return Program(keys, graph, steps, outputs, _stages(steps, wanted))


def _takes_training(operation):
    if not isinstance(operation, keras.Layer):
        return False
    return "training" in inspect.signature(operation.call).parameters


def _keeps_to_graph(model):
    """Returns whether calling a model is going through its graph."""
    return is_of_keras(type(model).call)


def _record(steps, node, args, kwargs):
    operation = node.operation
    inner = graph_of(operation) if isinstance(operation, keras.Model) else None
    if inner is not None and _keeps_to_graph(operation):
        given = [
            x
            for x in keras.tree.flatten((args, kwargs))
            if isinstance(x, Value)
        ]
        if takes_in_order(inner, args, [x.shape for x in given]):
            return run(inner, given, lambda *call: _record(steps, *call))
    outputs = [Value(tensor.shape, tensor.dtype) for tensor in node.outputs]
    steps.append(Step(operation, args, dict(kwargs), outputs))
    return outputs


def _stages(steps, wanted):
    called = [
        {id(each) for each in layers_of(step.operation)} & wanted
        for step in steps
    ]
    last = {each: i for i, layers in enumerate(called) for each in layers}
    count = max(last.values(), default=-1) + 1
    # A stage cannot end while a layer of it is still to be called again.
    starts, until, read = [], 0, None
    for i, layers in enumerate(called[:count]):
        # Layers that read the same, one after another, are one stage.
        if not starts or (layers and i >= until and steps[i].reads != read):
            starts.append(i)
            read = steps[i].reads
        elif steps[i].reads != read:
            read = None
        until = max([until, *(last[each] + 1 for each in layers)])
    stages = []
    for start, end in zip(starts, [*starts[1:], count]):
        rest = steps[end:] if end < count else []
        later = {x for step in rest for x in step.reads}
        recurrent = [
            layer
            for step in steps[start:end]
            for layer in recurrent_around(step.operation, wanted)
        ]
        stages.append(Stage(steps[start:end], later, recurrent))
    return stages


def owners_of(model, variables):
    """Returns the layers that own some variables, in no order."""
    wanted = {id(variable) for variable in variables}
    return [
        layer
        for layer in layers_of(model)
        if any(id(v) in wanted for v in variables_of(layer))
    ]


def batch_norms_of(model):
    """Returns the batch normalizations of a model, as a list."""
    return [
        layer
        for layer in layers_of(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
