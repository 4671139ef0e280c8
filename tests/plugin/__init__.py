"""Tests that run an audit with pytest."""
