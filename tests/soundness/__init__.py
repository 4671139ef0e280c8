"""Traps and random trials on every pair of engines."""
