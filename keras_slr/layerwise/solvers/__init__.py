"""Solvers of layer problems, one file each."""
