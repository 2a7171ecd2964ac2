"""TFLite's sparse encoding of weights."""
