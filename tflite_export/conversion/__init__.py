"""Conversion of Keras models to TFLite files."""
