"""Runs killed at random moments, against the same runs left alone."""
