"""Selectors: names, patterns, classes and functions that match weights.

A selector is one of

- `"default"`: the weights that are pruned by default;
- the name of a layer or of a layer around it, or the path of a layer or weight
  (`"conv1"`, `"block"`, `"block/conv1"`, `"block/conv1/kernel"`);
- `"re:..."`: a regular expression that matches a whole name or path;
- `"class:..."`, or a class: layers of that class, such as `"class:Dense"`;
- a function of a `Weight` that returns a boolean.
"""

import difflib
import re
from collections.abc import Callable
from collections.abc import Collection
from typing import Any
from typing import TypeAlias

import keras

Selector: TypeAlias = str | type | Callable[[Any], bool]
Selectors: TypeAlias = Selector | Collection[Selector]

DEFAULT = "default"
_REGEX = "re:"
_CLASS = "class:"


def is_name(selector):
    """Returns whether a selector names one layer or weight."""
    return (
        isinstance(selector, str)
        and selector != DEFAULT
        and not selector.startswith((_REGEX, _CLASS))
    )


def is_known_class(selector):
    """Returns whether a selector is a class, or the name of one in Keras."""
    if isinstance(selector, str) and selector.startswith(_CLASS):
        return hasattr(keras.layers, selector[len(_CLASS) :])
    return isinstance(selector, type)


def as_list(selectors):
    """Returns one selector or a collection of them as a list."""
    if selectors is None:
        return []
    if isinstance(selectors, list | tuple | set):
        return list(selectors)
    return [selectors]


def portable(selectors):
    """Returns selectors as strings, for files.

    Args:
        selectors: One selector, a collection of them, or `None`.

    Raises:
        ValueError: If one of them is a function.
    """
    if selectors is None or isinstance(selectors, str):
        return selectors
    texts = [
        f"{_CLASS}{s.__name__}" if isinstance(s, type) else s
        for s in (
            selectors
            if isinstance(selectors, list | tuple | set | dict)
            else [selectors]
        )
    ]
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(
                "Expected selectors that can be saved: names, 're:...', "
                f"'class:...' or layer classes. Received: {text!r}."
            )
    return texts


def matches(selector, weight):
    """Returns whether a selector matches a weight.

    Args:
        selector: See the head of this file.
        weight: `Weight`.

    Raises:
        TypeError: If the selector has the wrong type.
        ValueError: If a regular expression is invalid.
    """
    if isinstance(selector, type):
        return any(isinstance(layer, selector) for layer in weight.layers)
    if callable(selector):
        return bool(selector(weight))
    if not isinstance(selector, str):
        raise TypeError(
            "Expected a name, 're:...', 'class:...', a layer class or a "
            f"function of a weight. Received: {selector!r} of type "
            f"{type(selector).__name__}."
        )
    if selector == DEFAULT:
        return weight.default is None
    if selector.startswith(_CLASS):
        wanted = selector[len(_CLASS) :]
        return any(
            c.__name__ == wanted
            for layer in weight.layers
            for c in type(layer).__mro__
        )
    if selector.startswith(_REGEX):
        pattern = _compiled(selector[len(_REGEX) :])
        return any(pattern.fullmatch(name) for name in names_of(weight))
    return selector in names_of(weight)


def _compiled(pattern):
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(
            "Expected a regular expression after 're:'. Received: "
            f"'{_REGEX}{pattern}' ({error})."
        ) from None


def names_of(weight):
    """Returns the names and paths that select a weight."""
    names = {weight.path, weight.path.rpartition("/")[0]}
    for layer in weight.layers:
        names |= {layer.name, layer.path or layer.name}
    return names


def unknown_name(selector, weights):
    """Returns the error for a selector that matches no weight."""
    known = sorted({name for w in weights for name in names_of(w) if name})
    text = selector if isinstance(selector, str) else repr(selector)
    near = difflib.get_close_matches(text, known, n=3, cutoff=0.5)
    hint = (
        "did you mean " + " or ".join(f"'{name}'" for name in near) + "?"
        if near
        else "the layers with weights are "
        + ", ".join(sorted({f"'{w.layer.name}'" for w in weights})[:8])
        + "."
    )
    return ValueError(
        f"Expected a selector of layers or weights. Received: {text!r}, which "
        f"matches none; {hint}"
    )
