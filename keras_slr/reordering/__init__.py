"""Reorders units, so that large weights share blocks."""
