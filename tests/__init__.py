"""Tests of the plugin and its engine, on real servers."""
