"""Ways to say which weights are meant.

A selector is one of

- `"default"`: the weights that are pruned by default;
- a name: of a layer, or a path of a layer or weight
  (`"conv1"`, `"block/conv1"`, `"block/conv1/kernel"`);
- `"re:..."`: a regular expression that matches such a name or path whole;
- `"class:..."`, or a class: layers of that class, as `"class:Dense"`;
- a function of a `Weight` that returns a boolean.
"""

import difflib
import re

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


def as_list(selectors):
    """Returns one selector or a collection of them as a list."""
    if selectors is None:
        return []
    if isinstance(selectors, list | tuple | set):
        return list(selectors)
    return [selectors]


def matches(selector, weight):
    """Returns whether a selector means a weight.

    Args:
        selector: See the head of this file.
        weight: `Weight`.

    Raises:
        TypeError: If the selector is of no known kind.
        ValueError: If a regular expression is not one.
    """
    if isinstance(selector, type):
        return isinstance(weight.layer, selector)
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
        return any(c.__name__ == wanted for c in type(weight.layer).__mro__)
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
            f"{pattern!r} ({error})."
        ) from None


def names_of(weight):
    """Returns the names under which a weight can be asked for."""
    layer_path = weight.path.rpartition("/")[0]
    return {weight.layer.name, weight.layer.path or "", layer_path, weight.path}


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
        f"Expected the name of a layer or weight. Received: {text!r}, which "
        f"matches none; {hint}"
    )
