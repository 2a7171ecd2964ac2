"""Chooses whole units to keep, and what their readers are to make up for."""

import dataclasses

import numpy as np

from keras_slr.backend import to_host
from keras_slr.layerwise import units
from keras_slr.layerwise.coreset_of_neurons import sampled
from keras_slr.layerwise.job import Job
from keras_slr.layerwise.memory import check_memory
from keras_slr.layerwise.moments import DAMPING
from keras_slr.layerwise.solvers.magnitude import Magnitude
from keras_slr.selection.kernels import kernels_of

# How the units to keep are chosen, by the name of the method.
CHOICES = ("greedy", "magnitude", "uniform", "coreset")


@dataclasses.dataclass(frozen=True)
class Reader:
    """A kernel that reads the units of a constraint.

    Attributes:
        weight: `selection.Weight`.
        axes: Tuple of integers, the axes of the kernel along which they lie.
        labels: Integer array of the shape of these axes: the unit of each
            slice, or `-1`.
    """

    weight: object
    axes: tuple
    labels: np.ndarray

    @property
    def key(self):
        """Integer, the id of the kernel."""
        return id(self.weight.variable)

    def broadcast(self, values):
        """Returns values for each label as an array like the kernel.

        Args:
            values: Array with an entry for each unit, and a last one for
                slices of no unit.
        """
        shape = self.weight.shape
        along = [n if i in self.axes else 1 for i, n in enumerate(shape)]
        labels = np.asarray(self.labels).reshape(along)
        return np.broadcast_to(np.asarray(values)[labels], shape)


def readers_of(model, constraint):
    """Returns the kernels that read the units of a constraint.

    Kernels that are frozen, or that do not sum over the units, are left out.

    Args:
        model: Built Keras model.
        constraint: `Constraint` whose structure is a `CoupledUnits`.
    """
    structure = constraint.structure
    weights = {id(w.variable): w for w in kernels_of(model)}
    bound = [
        *structure.readers,
        *(
            (w.variable, m)
            for w, m in zip(constraint.weights, structure.members)
        ),
    ]
    readers = []
    for variable, member in bound:
        weight = weights.get(id(variable))
        if weight is None or weight.axes is None:
            continue
        if set(member.axes) <= set(weight.axes.inputs):
            labels = np.asarray(member.labels)
            readers.append(Reader(weight, tuple(member.axes), labels))
    return readers


class UnitChoice:
    """The units to keep under some constraints.

    Args:
        model: Built Keras model.
        constraints: List of `Constraint` on coupled units.
        method: String, one of `CHOICES`.
        seed: Integer, for choices at random.
    """

    def __init__(self, model, constraints, method, seed=0):
        self._constraints = constraints
        self._readers = [readers_of(model, c) for c in constraints]
        self._method = method
        self._seed = seed

    @property
    def variables(self):
        """List of the kernels that read units, once each."""
        found = {
            id(reader.weight.variable): reader.weight.variable
            for readers in self._readers
            for reader in readers
        }
        return list(found.values())

    def factors(self, run):
        """Chooses the units.

        Args:
            run: `Run`, before anything is pruned.

        Returns:
            Dict from the ids of variables to pairs of a `selection.Weight`
            and an array by which to multiply it: weights that write or read
            units. It is zero where they write or read units that go.
        """
        inputs = {}
        if self._method == "greedy":
            readers = [reader for each in self._readers for reader in each]
            weights = {reader.key: reader.weight for reader in readers}
            check_memory(list(weights.values()), "method='magnitude'")
            inputs = run.collect(self.variables)
        found = {}
        for i, (constraint, readers) in enumerate(
            zip(self._constraints, self._readers)
        ):
            seed = self._seed + i
            factor = np.zeros(constraint.units + 1)
            factor[-1] = 1.0
            if self._method == "coreset":
                kept, factor[kept] = sampled(constraint, readers, seed)
            else:
                kept = self._kept(constraint, readers, inputs, seed)
                factor[kept] = 1.0
            masks = constraint.structure.entries(
                np, factor[:-1] != 0.0, *constraint.weights
            )
            for weight, mask in zip(constraint.weights, masks):
                _multiply(found, weight, mask)
            for reader in readers:
                _multiply(found, reader.weight, reader.broadcast(factor))
        return found

    def jobs(self, factors):
        """Returns a `Job` for each reader: to make up for its lost inputs.

        The factors of coresets make up for them already.

        Args:
            factors: Dict that `factors` returned.
        """
        if self._method == "coreset":
            return []
        refit = Magnitude(refit=True)
        return [
            Job(weight, refit, mask=factor != 0.0)
            for weight, factor in (factors[id(v)] for v in self.variables)
        ]

    def _kept(self, constraint, readers, inputs, seed):
        size, count = constraint.units, constraint.count(constraint.rate)
        if count in (0, size):
            return np.arange(count)
        if self._method == "uniform":
            return units.uniform(size, count, seed)
        consumers = [
            consumer
            for reader in readers
            for consumer in _consumers(reader, inputs.get(reader.key))
        ]
        if self._method == "greedy" and consumers:
            return units.greedy(consumers, size, count)[0]
        values = [to_host(w.variable) for w in constraint.weights]
        scores = constraint.structure.scores(np, values, *constraint.weights)
        return np.sort(np.argsort(-scores, kind="stable")[:count])


def _consumers(reader, inputs):
    """Returns a kernel as `units.Consumer`, one for each of its groups.

    Its outputs have mean square one in all, so that what different kernels
    lose can be added up.
    """
    if inputs is None:
        return []
    layout = inputs.layout
    gram, target = inputs.moments.whole().damped(DAMPING, inputs.dense)
    power = np.sum(target * (gram @ target)) or 1.0
    ids = np.append(np.arange(reader.labels.max() + 1), -1)
    labels = layout.to_matrices(reader.broadcast(ids))[:, :, 0]
    return [units.Consumer(*each) for each in zip(gram / power, target, labels)]


def _multiply(found, weight, factor):
    _, known = found.get(id(weight.variable), (None, 1.0))
    found[id(weight.variable)] = weight, known * np.asarray(factor, float)
