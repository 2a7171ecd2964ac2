"""Gives each selected weight its structure, and couples weights."""

from collections.abc import Mapping
from typing import Any
from typing import TypeAlias

from keras_slr.selection.selectors import is_name
from keras_slr.selection.selectors import matches
from keras_slr.structures.constraint import Refusal
from keras_slr.structures.structure import Structure
from keras_slr.structures.unstructured import Unstructured

Structures: TypeAlias = Structure | Mapping[Any, Structure]


def check_structure(structure):
    """Raises a `TypeError` unless `structure` is valid.

    Args:
        structure: `Structure`, `None`, or a dict from selectors to those.
    """
    given = structure.values() if isinstance(structure, dict) else [structure]
    for value in given:
        if isinstance(value, type) and issubclass(value, Structure):
            raise TypeError(
                "Expected an instance of a structure. Received the class: "
                f"write `{value.__name__}()`."
            )
        if value is not None and not isinstance(value, Structure):
            raise TypeError(
                "Expected a structure such as keras_slr.NM(2, 4), or a dict "
                f"from selectors to structures. Received: {value!r}."
            )


def structures_for(weights, structure):
    """Returns the structure of each weight.

    Args:
        weights: List of `selection.Weight`.
        structure: `Structure`, `None` for `Unstructured()`, or a dict from
            selectors to structures; weights that match no selector are
            unstructured.
    """
    if not isinstance(structure, dict):
        return [structure or Unstructured()] * len(weights)
    # Stable: names first, the order of the dict within each group.
    selectors = sorted(structure, key=lambda s: not is_name(s))
    return [
        next(
            (structure[s] for s in selectors if matches(s, weight)),
            Unstructured(),
        )
        for weight in weights
    ]


def couple(model, selection, structure, asked):
    """Groups the selected weights that one structure prunes together.

    Args:
        model: Keras model, built.
        selection: `selection.Selection`.
        structure: See `structures_for`.
        asked: List of selectors. A weight that one of them names must be able
            to carry its structure.

    Returns:
        List of pairs of a `Structure` and a tuple of `selection.Weight`, and
        list of pairs of a weight and the `Refusal` that says why it is not
        pruned.

    Raises:
        ValueError: If a weight requested by name cannot carry its structure.
    """
    of_structure, refused = {}, []
    for weight, wanted in zip(
        selection.chosen, structures_for(selection.chosen, structure)
    ):
        reason = wanted.refusal(weight)
        if reason is None:
            of_structure.setdefault(wanted, []).append(weight)
        else:
            refused.append((weight, wanted, Refusal(reason)))
    coupled = []
    for wanted, weights in of_structure.items():
        found, without = wanted.couple(model, weights, selection.left)
        coupled += [(bound, tuple(together)) for bound, together in found]
        refused += [(weight, wanted, reason) for weight, reason in without]
    for weight, wanted, reason in refused:
        if any(is_name(s) and matches(s, weight) for s in asked):
            raise ValueError(
                f"Expected a weight that can carry {wanted}. Received: "
                f"`{weight.path}` of shape {weight.shape}: {reason.value}. "
                "Exclude it or give it another structure."
            )
    return coupled, [(weight, reason) for weight, _, reason in refused]
