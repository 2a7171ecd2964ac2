"""Every method on the same weights, batches, steps and learning rates."""
