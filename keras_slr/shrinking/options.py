"""Finds options of an operation that its rule does not know.

A rule names the arguments of `__init__` and `call` that it takes into
account. Any other argument may only have its default: another value could
mean anything, such as a new option of a new Keras, so that the operation is
left whole.
"""

import functools
import inspect

from keras_slr.keras_internals.layers import argument_of
from keras_slr.shrinking.labels import Labels
from keras_slr.shrinking.labels import Unfollowed

# Arguments that make, penalise or bound weights change no outputs.
_OF_WEIGHTS = ("_initializer", "_regularizer", "_constraint")
_HARMLESS = {
    "autocast",
    "dtype",
    "name",
    "seed",
    "trainable",
    # The trace leaves calls for training whole.
    "training",
    # A class sets these for its base class.
    "pool_dimensions",
    "pool_mode",
    "rank",
    # Layers whose weights are converted are left whole by the trace.
    "gptq_unpacked_column_size",
    "lora_alpha",
    "lora_rank",
    "quantization_config",
}
_UNKNOWN = object()


def unknown_option(call, known):
    """Finds an argument of a call that a rule does not know.

    Args:
        call: `trace.Call`.
        known: Tuple of strings, the names of the arguments that the rule
            knows.

    Returns:
        String, the name and if possible the value of an argument, or `None`
        if all unknown arguments have their defaults.
    """
    operation = call.operation
    of_init, of_call = parameters(type(operation))
    given = call.arguments
    for name, default in (of_init | of_call).items():
        if name in known:
            continue
        if name in of_call:
            value = given.get(name, default)
        else:
            value = value_of(operation, name)
        # Comparing arrays does not give one boolean.
        if value is not default and repr(value) != repr(default):
            return described(name, value)
    return None


def described(name, value):
    """Returns the text for an option in a reason."""
    is_tensor = isinstance(value, Labels | Unfollowed) or hasattr(
        value, "shape"
    )
    if is_tensor or value is _UNKNOWN:
        return f"`{name}`"
    return f"`{name}={value!r}`"


@functools.cache
def parameters(kind):
    """Returns the arguments of a class of operations that can change outputs.

    Args:
        kind: Subclass of `keras.Operation`.

    Returns:
        Pair of dicts from names to defaults: the arguments of `__init__`, of
        the class and its base classes, and those of `call` but the first.
    """
    of_init = {}
    for base in kind.__mro__:
        if "__init__" in vars(base) and base is not object:
            of_init = _of_function(base.__init__) | of_init
    _, *of_call = _of_function(kind.call).items()
    return _changing(of_init), _changing(dict(of_call))


def value_of(operation, name):
    """Returns the value of an argument that an operation was made with."""
    # Not from the config: a user's regularizer may have none.
    return argument_of(operation, name, _UNKNOWN)


def _of_function(function):
    _, *arguments = inspect.signature(function).parameters.values()
    return {
        argument.name: argument.default
        for argument in arguments
        if argument.kind not in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD)
    }


def _changing(arguments):
    return {
        name: default
        for name, default in arguments.items()
        if name not in _HARMLESS and not name.endswith(_OF_WEIGHTS)
    }
