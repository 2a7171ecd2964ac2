"""What pruning needs to know about a Keras model."""
