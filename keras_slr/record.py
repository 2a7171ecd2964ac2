"""Immutable configuration records that Keras can serialize."""

import dataclasses

import keras

PACKAGE = "keras_slr"


def register(cls):
    """Registers `cls` with Keras under the package name `keras_slr`."""
    return keras.saving.register_keras_serializable(package=PACKAGE)(cls)


class Record:
    """Gives a frozen dataclass `get_config` and `from_config`.

    The config maps every field to its value; fields that hold records
    themselves are serialized by Keras.
    """

    def get_config(self):
        return {
            field.name: keras.saving.serialize_keras_object(
                getattr(self, field.name)
            )
            for field in dataclasses.fields(self)
        }

    @classmethod
    def from_config(cls, config):
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(value)
                for name, value in config.items()
            }
        )
