"""Runs that are saved in the middle and resumed."""
