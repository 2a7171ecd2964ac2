"""Structures and rates that pay on each target.

`docs/targets.md` gives the facts behind the choices.
"""

import dataclasses
import numbers
import types
from collections.abc import Callable

from keras import layers

from keras_slr.selection.kernels import weights_of
from keras_slr.selection.selectors import DEFAULT
from keras_slr.shrinking import dependency_groups
from keras_slr.structures import Block
from keras_slr.structures import Filter
from keras_slr.structures import Structure
from keras_slr.structures import Unstructured

# XNNPACK uses its sparse kernels if more than this share of the entries of
# all 1x1 convolutions is zero.
THRESHOLD = 2 / 3
# The lowest rate for a sparse kernel: above the threshold, and where a Dense
# layer with block sparsity becomes faster than a dense one.
LEAST = 0.7


@dataclasses.dataclass(frozen=True)
class Target:
    """What to do for one kind of runtime.

    Attributes:
        structure: Function of a model that returns a dict of `Structure` by
            selector.
        rate: Float, or a dict of floats by selector: the default rate.
        allocation: See `Plan`.
    """

    structure: Callable
    rate: object
    allocation: object = None


@dataclasses.dataclass(frozen=True)
class LeftAlone(Structure):
    """No zeros, because they would not pay.

    Args:
        reason: String, shown in reports.
    """

    reason: str

    def refusal(self, weight):
        del weight
        return self.reason

    def __str__(self):
        return "zeros that pay on the target"


def is_pointwise(weight):
    """Returns whether a kernel belongs to a 1x1 convolution.

    XNNPACK's sparse kernels need stride 1 and no groups. Pointwise kernels of
    separable convolutions qualify.

    Args:
        weight: `selection.Weight`.
    """
    layer = weight.layer
    if isinstance(layer, layers.SeparableConv2D):
        return weight.variable.name == "pointwise_kernel"
    return (
        isinstance(layer, layers.Conv2D)
        and weight.variable.name == "kernel"
        and layer.kernel_size == layer.strides == (1, 1)
        and layer.groups == 1
    )


def is_convolution(weight):
    """Returns whether a kernel has a window, of 1x1 or more."""
    return weight.axes is not None and bool(weight.axes.window)


def _anything(weight):
    del weight
    return True


def _arm(model):
    del model
    return {
        is_pointwise: Unstructured(),
        layers.Dense: Block((4, 1)),
        _anything: LeftAlone("XNNPACK has sparse kernels for 1x1 and Dense"),
    }


def _x86(model):
    return {
        is_convolution: Filter(round_to="auto"),
        _cut_with(model): LeftAlone("gets smaller with the filters it reads"),
        layers.Dense: Block((4, 1)),
        _anything: LeftAlone("sparse kernels are for Dense alone"),
    }


def _cut_with(model):
    """Returns a selector of weights that `shrink` cuts with filters.

    Once some of their inputs are gone, their blocks would not be whole.
    """
    windowed = {id(w.variable) for w in weights_of(model) if is_convolution(w)}
    cut = {
        id(member.variable)
        for group in dependency_groups(model)
        if group.reason is None
        and any(
            m.role == "output" and id(m.variable) in windowed
            for m in group.members
        )
        for member in group.members
    }
    return lambda weight: id(weight.variable) in cut


def _filters(model):
    del model
    return {_anything: Filter(round_to="auto")}


def _entries(model):
    del model
    return {_anything: Unstructured()}


_CUT = Target(_filters, 0.5)
TARGETS = types.MappingProxyType(
    {
        # Uniform, so that every part of the graph that the runtime looks at is
        # above the threshold.
        "arm": Target(_arm, 0.9, "uniform"),
        "x86": Target(_x86, {layers.Dense: 0.9, _anything: 0.5}),
        "gpu": _CUT,
        "int8": _CUT,
        "micro": _CUT,
        "size": Target(_entries, 0.9),
    }
)
ALIASES = types.MappingProxyType({"xnnpack": "arm"})


def target_name(target):
    """Returns the main name of a target.

    Args:
        target: String, a key of `TARGETS` or of `ALIASES`.

    Raises:
        ValueError: If there is no such target.
    """
    name = None
    if isinstance(target, str):
        name = target if target in TARGETS else ALIASES.get(target)
    if name is None:
        known = ", ".join(f"'{name}'" for name in (*TARGETS, *ALIASES))
        raise ValueError(
            f"Expected a target of {known}, received {target!r}: name the "
            "one that the model will run on."
        )
    return name


def check_target(plan):
    """Raises a `ValueError` if a plan's target and its rest conflict.

    Args:
        plan: `Plan`.
    """
    if plan.target is None:
        return
    name = target_name(plan.target)
    if plan.structure is not None:
        raise ValueError(
            "Expected a structure or a target, which chooses structures, "
            f"received structure={plan.structure!r} and "
            f"target={plan.target!r}: leave one of them out."
        )
    is_one = isinstance(plan.rate, numbers.Real)
    if name == "arm" and is_one and plan.rate < LEAST:
        raise ValueError(_too_low(plan, "its sparse kernels", plan.rate))


def for_target(plan, model):
    """Returns a plan whose structures, rates and allocation suit its target.

    Args:
        plan: `Plan` with a target.
        model: Built Keras model.

    Returns:
        `Plan` without a target.
    """
    target = TARGETS[target_name(plan.target)]
    rate = plan.rate
    if rate is None and plan.budget is None:
        rate = target.rate
    allocation = plan.allocation
    if allocation is None and not isinstance(rate, dict):
        allocation = target.allocation
    return dataclasses.replace(
        plan,
        target=None,
        rate=rate,
        include=plan.selectors or DEFAULT,
        structure=target.structure(model),
        allocation=allocation,
    )


def check_pays(plan, model, constraints):
    """Raises a `ValueError` if there are too few zeros to pay on the target.

    Args:
        plan: `Plan` with a target.
        model: Built Keras model.
        constraints: List of `structures.Constraint` on the model's weights.
    """
    blocks = [c for c in constraints if isinstance(c.structure, Block)]
    if blocks and _share(blocks) < LEAST:
        names = ", ".join(f"`{c.weights[0].path}`" for c in blocks[:3])
        raise ValueError(_too_low(plan, names, _share(blocks)))
    if target_name(plan.target) != "arm":
        return
    entries = [c for c in constraints if isinstance(c.structure, Unstructured)]
    if entries and _share(entries) < LEAST:
        raise ValueError(_too_low(plan, "1x1 convolutions", _share(entries)))
    size = sum(w.size for w in weights_of(model) if is_pointwise(w))
    zeros = sum(c.rate * c.weights[0].size for c in entries)
    if entries and zeros / size <= THRESHOLD:
        raise ValueError(
            "Expected zeros in more than two thirds of the entries of all 1x1 "
            f"convolutions for target={plan.target!r}, received "
            f"{zeros / size:.2f} with those that are left alone: raise the "
            "rate or include them."
        )


def _share(constraints):
    """Returns the share of zeros over the weights of some constraints."""
    size = sum(c.weights[0].size for c in constraints)
    zeros = sum(c.rate * c.weights[0].size for c in constraints)
    # The rates of layers add up to the given one only up to rounding.
    return zeros / size + 1e-6


def _too_low(plan, where, rate):
    return (
        f"Expected a rate of {LEAST:g} at least on target={plan.target!r}, "
        f"where fewer zeros do not pay, received {rate:.3g} for {where}: "
        "raise it, by a dict of rates for some layers alone, or leave them "
        "out by `exclude`."
    )
