"""One registration for a class: with Keras, and by name for recipes."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import keras


def registration(
    classes: dict[str, type],
    base: type,
    name: str,
    package: str,
    suffix: str = "",
) -> Callable[[type], Any]:
    """Returns a class decorator that registers a subclass.

    Args:
        classes: Dict from names to classes, to which the class is added.
        base: Class, of which it has to be a subclass.
        name: String, the name for the command line and recipes.
        package: String, the package under which Keras serializes the class.
        suffix: String, added to the name under which Keras serializes it, so
            that classes of different kinds may have one name. Defaults to
            `""`.

    Raises:
        TypeError: If the class is not a frozen dataclass or not a subclass of
            `base`.
        ValueError: If the name is invalid or another class has it.
    """

    if not isinstance(name, str) or not re.fullmatch(r"[\w-]+", name):
        raise ValueError(
            "Expected a name of letters, digits, `_` and `-`. Received: "
            f"{name!r}."
        )

    def decorate(cls):
        parameters = vars(cls).get("__dataclass_params__")
        if parameters is None or not parameters.frozen:
            raise TypeError(
                "Expected a frozen dataclass. Received: "
                f"{cls.__name__}; put the registration above "
                "`@dataclasses.dataclass(frozen=True)`."
            )
        if not issubclass(cls, base):
            raise TypeError(
                f"Expected a subclass of `keras_slr.{base.__name__}`. "
                f"Received: {cls.__name__}; derive it from that class."
            )
        required = [f.name for f in dataclasses.fields(cls) if not _default(f)]
        if required:
            raise TypeError(
                "Expected a default value for every field, because recipes "
                f"name the class alone. Received: {cls.__name__} without one "
                f"for {', '.join(required)}."
            )
        known = classes.get(name, cls)
        # A cell of a notebook defines the same class again.
        if _identity(known) != _identity(cls):
            raise ValueError(
                f"Expected a name that is not taken. Received: '{name}', the "
                f"name of {known.__module__}.{known.__qualname__}; choose "
                "another one."
            )
        classes[name] = cls
        serializable = keras.saving.register_keras_serializable
        return serializable(package, cls.__name__ + suffix)(cls)

    return decorate


def _default(field):
    missing = dataclasses.MISSING
    return field.default is not missing or field.default_factory is not missing


def _identity(cls):
    return cls.__module__, cls.__qualname__
