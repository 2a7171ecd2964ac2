"""Merges units that compute nearly the same."""
