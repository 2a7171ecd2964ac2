"""Objects of Keras 3 rebuilt in tf_keras from their config, and back."""

import functools
import inspect

import keras
import tf_keras

from keras_slr_base.failure import Failure
from keras_slr_base.failure import first_sentence

# Arguments whose name differs between Keras 3 and tf_keras, by class.
_RENAMED = {"LeakyReLU": ("negative_slope", "alpha")}


def to_keras_2(value, owner):
    """Builds in tf_keras what Keras 3 has serialized.

    Initializers are left out: weights come later. An argument that the other
    library does not have is left out where it has its default value.

    Args:
        value: Serialized object, or any structure of serialized objects and
            plain values.
        owner: String that names the layer in errors.

    Returns:
        The same with objects of tf_keras.

    Raises:
        Failure: If there is no such class, or the class has no such argument.
    """
    return _rebuilt(value, owner, keras, tf_keras)


def to_keras_3(value, owner):
    """Builds in Keras 3 what tf_keras has serialized. See `to_keras_2`."""
    return _rebuilt(value, owner, tf_keras, keras)


def _rebuilt(value, owner, origin, target):
    again = functools.partial(
        _rebuilt, owner=owner, origin=origin, target=target
    )
    if isinstance(value, (list, tuple)):
        return type(value)(again(item) for item in value)
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {key: again(item) for key, item in value.items()}
    name, config = value["class_name"], value["config"]
    if name == "function":
        return config
    if name in ("DTypePolicy", "Policy"):
        return config["name"]
    cls = _class(target, value)
    if cls is None:
        raise Failure(
            f"holds {owner}, and {target.__name__} has no {name}", True
        )
    arguments = {
        _renamed(name, key, target): again(item)
        for key, item in config.items()
        if not key.endswith("_initializer")
    }
    if name == "BatchNormalization" and isinstance(arguments["axis"], list):
        # tf_keras keeps its one axis as a list.
        (arguments["axis"],) = arguments["axis"]
    return _make(
        cls,
        arguments,
        _parameters(_class(origin, value)),
        f"holds {owner}",
        target.__name__,
    )


def _make(cls, arguments, defaults, holds, library):
    accepted = _parameters(cls)
    for key in sorted(arguments.keys() - accepted.keys()):
        given = arguments.pop(key)
        if given not in (None, False, "float32", defaults.get(key)):
            raise Failure(
                f"{holds} with `{key}={given!r}`, which {library} does not "
                f"know of {cls.__name__}",
                True,
            )
    try:
        return cls(**arguments)
    except Exception as error:
        raise Failure(
            f"{holds}, which {library} does not build: {first_sentence(error)}",
            True,
        ) from error


def _class(library, serialized):
    """Returns the class of a serialized object, or `None`."""
    _, *path = (serialized.get("module") or "").split(".")
    found = functools.reduce(
        lambda module, name: getattr(module, name, None), path, library
    )
    return getattr(found, serialized["class_name"], None)


def _renamed(name, key, target):
    pair = _RENAMED.get(name, ())
    return pair[target is tf_keras] if key in pair else key


def _parameters(cls):
    """Returns the arguments of a class with their defaults."""
    found = {}
    for base in cls.__mro__[:-1] if cls else ():
        parameters = inspect.signature(base.__init__).parameters.values()
        for parameter in parameters:
            found.setdefault(parameter.name, parameter.default)
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            break
    return found
