"""Kills, hostile inputs and random models."""
