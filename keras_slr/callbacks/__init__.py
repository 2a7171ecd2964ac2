"""Callbacks for `model.fit`: they only sequence, and write the logs."""

from keras_slr.callbacks.slr_callback import SLRCallback

__all__ = ["SLRCallback"]
