"""Which weights to prune, how far, and in which structure."""
