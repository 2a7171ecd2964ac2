"""The version of keras_slr, in one place."""

__version__ = "0.1.0"
