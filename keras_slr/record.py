"""Immutable configuration records that Keras can serialize."""

import dataclasses
import numbers
import typing
from typing import Any
from typing import ClassVar
from typing import Self

import keras
import numpy as np

PACKAGE = "keras_slr"


def register(cls):
    """Registers `cls` with Keras under the package name `keras_slr`."""
    return keras.saving.register_keras_serializable(package=PACKAGE)(cls)


class Record:
    """Adds `get_config` and `from_config` to a frozen dataclass.

    The config maps every field to its value; Keras serializes fields that are
    records themselves. `__init__` raises a `ValueError` if a value does not
    have the annotated type of its field.
    """

    # Every subclass is a dataclass.
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def __post_init__(self):
        check_types(self)

    def get_config(self) -> dict[str, Any]:
        return {
            field.name: keras.saving.serialize_keras_object(
                getattr(self, field.name)
            )
            for field in dataclasses.fields(self)
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(value)
                for name, value in config.items()
            }
        )


def check_types(record):
    """Raises a `ValueError` if a field has a value of the wrong type.

    Args:
        record: Dataclass instance. The check covers fields annotated with
            `bool`, `int`, `float`, `str`, `tuple`, `None` or a union of them.
    """
    for field in dataclasses.fields(record):
        kinds = typing.get_args(field.type) or (field.type,)
        if not set(kinds) <= set(_NAMES):
            continue
        value = getattr(record, field.name)
        if not any(_is(value, kind) for kind in kinds):
            expected = " or ".join(_NAMES[kind] for kind in kinds)
            raise ValueError(
                f"Expected `{field.name}` of {type(record).__name__} to be "
                f"{expected}. Received: {field.name}={value!r}."
            )


_NAMES = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    tuple: "a tuple",
    type(None): "None",
}


def _is(value, kind):
    boolean = isinstance(value, (bool, np.bool_))
    if kind is bool:
        return boolean
    if kind is int:
        return isinstance(value, numbers.Integral) and not boolean
    if kind is float:
        real = isinstance(value, numbers.Real) and not boolean
        return real and value == value  # Refuses NaN.
    # JSON turns tuples into lists.
    return isinstance(value, (tuple, list) if kind is tuple else kind)
