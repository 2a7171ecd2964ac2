"""A dense teacher for the model that is pruned."""
