"""Everything that touches a running Keras training."""
