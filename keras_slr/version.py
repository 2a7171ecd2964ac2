"""The version of keras_slr, in one place."""

__version__ = "0.2.0.dev0"
