"""Pruning without training: layer by layer, from a few hundred samples."""
