"""Shared parts of the tests: servers, engines, projects, data."""
