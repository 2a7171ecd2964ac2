"""Solver state in checkpoints, beside the optimizer's own state.

Keras restores an optimizer only if the file lists as many variables as the
optimizer has. With the slots among them, `load_model` would drop the whole
optimizer state of a model saved in the middle of a run. So the optimizer's own
list omits them, and a carrier saves them, which Keras's saving finds as an
attribute of the optimizer. Files with a carrier load as plain models. Plain
files load into a model with a carrier and leave its state alone.
"""

import contextlib

import keras
import numpy as np

from keras_slr import backend
from keras_slr.keras_internals.instance_patch import InstancePatch
from keras_slr.keras_internals.optimizers import untrack
from keras_slr.training.optimizer_parts import base_optimizer

ATTRIBUTE = "slr_state"
# A key in the state of a model whose pruned weights are held by masks.
PRUNED = "pruned"
# Prefix of the keys of the zeros before the run, which older files lack.
ZERO_SHARE = "zero_share"
# Prefix of the keys of the position in the run.
_POSITION = "run_"


def check_free(optimizers, model):
    """Raises a `ValueError` if an optimizer is in a run or holds masks.

    Args:
        optimizers: `training.optimizers.Optimizers`.
        model: Keras model, named in the error.
    """
    if any(ATTRIBUTE in vars(each) for each in optimizers.all_of_keras):
        raise _in_force(
            model,
            "end it first, with `finalize()` or `abandon()`, or by leaving "
            "`keep_masks`",
        )


def check_not_pruning(model, advice):
    """Raises a `ValueError` if a model's optimizer is in a run or holds masks.

    Args:
        model: Keras model.
        advice: String, what the error says to do.
    """
    if carrier_of(getattr(model, "optimizer", None)) is not None:
        raise _in_force(model, advice)


def _in_force(model, advice):
    return ValueError(
        "Expected a model without a pruning run or masks in force. Received "
        f"`{model.name}`, which has one: {advice}."
    )


def carrier_of(optimizer):
    """Returns the `Carrier` on a model's optimizer, or `None`."""
    return getattr(base_optimizer(optimizer), ATTRIBUTE, None)


@contextlib.contextmanager
def without_carrier(optimizer):
    """Removes the carrier from a model's optimizer, so that files lack it."""
    base = base_optimizer(optimizer)
    carrier = vars(base).pop(ATTRIBUTE, None)
    try:
        yield
    finally:
        if carrier is not None:
            object.__setattr__(base, ATTRIBUTE, carrier)


class Carrier(keras.layers.Layer):
    """Saves and loads the variables and scalars of a run.

    It is a layer because Keras's saving visits only known kinds of objects.

    Args:
        variables: List of Keras variables.
        get_scalars: Function that returns a dict of floats.
        set_scalars: Function that takes such a dict after loading.
        owner: The object whose state it is.
        position: Pair of functions that return and take a dict of further
            floats and arrays, the position in the run. A file may lack some
            of them, or have more. Defaults to `None`.
    """

    def __init__(
        self, variables, get_scalars, set_scalars, owner, position=None
    ):
        super().__init__(name=ATTRIBUTE)
        # Behind functions: a layer tracks the variables in its attributes,
        # and the saving visits every object that it can reach.
        self._get_variables = lambda: variables
        self.owner = lambda: owner
        self._get_scalars = get_scalars
        self._set_scalars = set_scalars
        self._get_position, self._set_position = position or (
            dict,
            lambda position: None,
        )

    def save_own_variables(self, store):
        for i, variable in enumerate(self._get_variables()):
            store[str(i)] = backend.to_numpy(variable)
        for name, value in self._get_scalars().items():
            store[name] = np.asarray(value, dtype=np.float64)
        for name, value in self._get_position().items():
            store[_POSITION + name] = np.asarray(value)

    def load_own_variables(self, store):
        saved = set(store.keys())
        position = {
            name.removeprefix(_POSITION): np.asarray(store[name])
            for name in saved
            if name.startswith(_POSITION)
        }
        names = {name for name in saved if not name.startswith(_POSITION)}
        if not names:
            return
        variables = self._get_variables()
        scalars = self._get_scalars()
        if PRUNED in names and PRUNED not in scalars:
            # The file is from the later, fine-tuning phase of this run. The
            # numbered entries are its masks.
            self._set_scalars(
                {n: float(store[n][()]) for n in names if not n.isdigit()}
            )
            self._set_position(position)
            return
        if PRUNED in scalars:
            # Whoever holds zeros needs no rates, and a file may lack them.
            scalars = {PRUNED: scalars[PRUNED]}
            names = {n for n in names if n.isdigit() or n == PRUNED}
        expected = set(scalars) | {str(i) for i in range(len(variables))}
        if any(not n.startswith(ZERO_SHARE) for n in names ^ expected):
            raise ValueError(
                "Expected the solver state of a run with the same pruned "
                f"weights ({len(expected)} entries). Received a file with "
                f"{len(names)} entries: build the callback with the arguments "
                "of the run that saved it."
            )
        for i, variable in enumerate(variables):
            variable.assign(np.asarray(store[str(i)]))
        present = names & set(scalars)
        self._set_scalars({name: float(store[name][()]) for name in present})
        self._set_position(position)


class CarriedSlots:
    """Attaches a carrier to an optimizer, and hides the slots from its list.

    Args:
        outer: The model's optimizer, possibly a `LossScaleOptimizer`.
        base: The optimizer that holds the slots.
        variables: List of Keras variables, the slots.
        get_scalars: See `Carrier`.
        set_scalars: See `Carrier`.
        owner: See `Carrier`.
        position: See `Carrier`. Defaults to `None`.
    """

    def __init__(
        self,
        outer,
        base,
        variables,
        get_scalars,
        set_scalars,
        owner,
        position=None,
    ):
        self.optimizer = outer
        self._base = base
        self._variables = variables
        self._carrier = Carrier(
            variables, get_scalars, set_scalars, owner, position
        )
        optimizers = [base] if outer is base else [outer, base]
        self._patches = [
            patch for each in optimizers for patch in _hiding(each, variables)
        ]

    def attach(self):
        # Past the optimizer's attribute tracking, which would list the
        # carrier in the saved state a second time.
        object.__setattr__(self._base, ATTRIBUTE, self._carrier)
        for patch in self._patches:
            patch.attach()

    def detach(self):
        vars(self._base).pop(ATTRIBUTE, None)
        for patch in self._patches:
            patch.detach()
        for variable in self._variables:
            untrack(self._base, variable)


def _hiding(optimizer, slots):
    """Returns the patches that leave slots out of an optimizer's own list."""
    hidden = {id(v) for v in slots}

    def own_variables():
        return [v for v in optimizer.variables if id(v) not in hidden]

    def saving(save):
        del save

        def save_own_variables(store):
            for i, variable in enumerate(own_variables()):
                store[str(i)] = backend.to_numpy(variable)

        return save_own_variables

    def loading(load):
        def load_own_variables(store):
            variables = own_variables()
            if len(store.keys()) != len(variables):
                # Keras warns of an optimizer with other variables.
                return load(store)
            for i, variable in enumerate(variables):
                variable.assign(np.asarray(store[str(i)]))

        return load_own_variables

    return [
        InstancePatch(optimizer, "save_own_variables", saving),
        InstancePatch(optimizer, "load_own_variables", loading),
    ]
