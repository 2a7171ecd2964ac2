"""A running training: optimizer hooks, pruned weights, progress of the run."""
