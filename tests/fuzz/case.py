"""A random case: a model, a method, a structure, a schedule, a precision."""

import contextlib
import dataclasses

import keras

import keras_slr
from keras_slr import SLR
from keras_slr import GradualMagnitude
from keras_slr import OneShotMagnitude
from keras_slr.keras_internals.layers import layers_of
from keras_slr.keras_internals.layers import trainable_variables_of
from tests.contract.methods import METHODS
from tests.fuzz.images import BOOLEANS
from tests.fuzz.models import random_model
from tests.helpers import to_numpy

O = keras.optimizers  # noqa: E741
OPTIMIZERS = {
    "SGD": lambda: O.SGD(0.01),
    "momentum": lambda: O.SGD(0.01, momentum=0.9, nesterov=True),
    "clipped": lambda: O.SGD(0.01, global_clipnorm=1.0),
    "Adam": lambda: O.Adam(1e-3),
    "AdamW": lambda: O.AdamW(1e-3, weight_decay=0.01),
    "averaged": lambda: O.Adam(1e-3, use_ema=True, ema_momentum=0.9),
    "accumulating": lambda: O.Adam(1e-3, gradient_accumulation_steps=2),
    "decaying": lambda: O.Adam(O.schedules.CosineDecay(1e-3, 8)),
    "RMSprop": lambda: O.RMSprop(1e-3),
    "Lion": lambda: O.Lion(1e-4),
}
POLICIES = ("float32", "mixed_float16", "mixed_bfloat16", "bfloat16")
STRUCTURES = (
    None,
    keras_slr.NM(2, 4),
    keras_slr.NM(1, 2),
    keras_slr.Block((4, 1)),
    keras_slr.Block((2, 2)),
    keras_slr.Channel(),
    keras_slr.Column(),
    keras_slr.Kernel(),
    keras_slr.Pattern(),
    keras_slr.Heads(),
    keras_slr.Filter(),
    keras_slr.Filter(round_to=4),
    keras_slr.Filter(grouped=False),
)
GRIDS = (
    *[None] * 4,
    keras_slr.Quantize(bits=4),
    keras_slr.Ternary(per="tensor"),
    keras_slr.Binary(),
    keras_slr.PowersOfTwo(bits=3, per="tensor"),
)
TARGETS = ("arm", "x86", "gpu", "int8", "micro", "size")
# How `fit` ends: as announced, or early.
ENDS = (*["as announced"] * 5, "batches run out", "stops in a batch", "stops")
GOALS = (*["rate"] * 6, "budget", *TARGETS)
# Settings that belong to one method.
SOLVERS = {
    "SLR": (
        None,
        SLR(ramp=None),
        SLR(free_support=False),
        SLR(metric=0.0),
    ),
    "GradualMagnitude": (
        None,
        GradualMagnitude(begin_step=1, end_step=3),
        GradualMagnitude(initial_sparsity=0.2),
    ),
    "OneShotMagnitude": (None, OneShotMagnitude(at=0.0)),
}


@dataclasses.dataclass
class Case:
    """One thing to try.

    Attributes:
        model: Keras model, compiled.
        data: Dict with `x` and `y`.
        callbacks: List of `PruningCallback`, the one to prune with and one
            that asks for less, should the first be refused.
        others: List of callbacks that `fit` gets beside it.
        fit: Dict of further arguments of `fit`.
        facts: Dict of strings, what the case is made of.
    """

    model: keras.Model
    data: dict
    callbacks: list
    others: list
    fit: dict
    facts: dict


class Stop(keras.callbacks.Callback):
    """Stops training early, after the first batch or the first epoch."""

    def __init__(self, end):
        super().__init__()
        self._end = end

    def on_train_batch_end(self, batch, logs=None):
        if self._end == "stops in a batch":
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if self._end == "stops":
            self.model.stop_training = True


@contextlib.contextmanager
def dtype_policy(name):
    """Builds layers with a policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def random_case(choose):
    """Returns a random `Case`; `choose` is as in `graphs`."""
    policy = choose([*POLICIES[:1] * 3, *POLICIES[1:]])
    with dtype_policy(policy):
        # Keras on TensorFlow cannot add penalties in bfloat16 to a loss.
        model, data, kind = random_model(choose, policy != "bfloat16")
    own = getattr(model, "own", None)
    # The optimizers of a model's own are built with all its weights.
    states = (
        ["dense", "dense", "sparse"]
        if own
        else ["dense", "dense", "frozen", "sparse"]
    )
    state = choose(states)
    if state == "frozen":
        owners = [x for x in layers_of(model) if trainable_variables_of(x)]
        choose(owners).trainable = False
    elif state == "sparse":
        for variable in model.trainable_variables:
            variable.assign(variable * (abs(to_numpy(variable)) > 0.1))
    # Averages of an optimizer that trains nothing would end as the weights.
    optimizer = choose([o for o in OPTIMIZERS if not own or o != "averaged"])
    losses = ["mse", "sparse_categorical_crossentropy"]
    several = isinstance(data["y"], list)
    if several:
        data["y"][1] = data["y"][1].argmax(-1)
    model.compile(
        OPTIMIZERS[optimizer](),
        losses if several else losses[0],
        auto_scale_loss=policy == "mixed_float16",
        jit_compile="auto",
    )
    method = choose(list(METHODS))
    structure = choose([None, None, None, *STRUCTURES])
    grid = choose(GRIDS) if _projects(method) else None
    epochs = choose([1, 2, 3])
    # Training leaves a grid.
    tail = choose([0, 0, 1]) if epochs > 1 and grid is None else 0
    end = choose(ENDS)
    fit = {"epochs": epochs, "batch_size": choose([8, 6])}
    if end == "batches run out":
        fit["steps_per_epoch"] = 5
    goal = choose(GOALS)
    if goal in TARGETS:
        structure = None
    return Case(
        model,
        data,
        _callbacks(choose, method, structure, goal, grid, tail, own),
        [Stop(end)],
        fit,
        {
            "kind": kind,
            "policy": policy,
            "optimizer": optimizer,
            "method": method,
            "structure": str(structure),
            "grid": str(grid),
            "state": state,
            "goal": goal,
            "end": end,
        },
    )


def _projects(method):
    make, preset = METHODS[method]
    return (preset or make.default_solver)().projects


def _callbacks(choose, method, structure, goal, grid, tail, optimizer):
    make, preset = METHODS[method]
    solver = choose(SOLVERS.get(method, (None,)))
    if preset is not None:
        solver = preset()
    settings = {
        "solver": solver,
        "update_every": choose([None, 1, 2, 0.25, "epoch"]),
        "finetune_epochs": tail,
        "monitor_hard_pruned": choose(BOOLEANS),
        "optimizer": optimizer,
        "constraint": grid,
    }
    plans = _plan(choose, structure, goal), {"rate": 0.5, "include": "re:.*"}
    return [make(**plan, **settings) for plan in plans]


def _plan(choose, structure, goal):
    include = choose([None, "re:.*", "re:.*"])
    plan = {"include": include, "structure": structure}
    if goal in TARGETS:
        return plan | {"target": goal}
    if getattr(structure, "rate", None) is not None:
        return plan
    if goal == "budget":
        plan["budget"] = keras_slr.Budget(params=choose([0.5, 0.8]))
    else:
        plan["rate"] = choose([0.0, 0.3, 0.5, 0.75, 0.9, 0.99])
    by_shape = ["uniform", "erk", "triangular"]
    by_weights = ["global", "lamp", "relative"] if structure is None else []
    plan["allocation"] = choose([None, *by_shape, *by_weights])
    return plan
