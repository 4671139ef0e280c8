"""Tests of the repository itself: docs, examples, harness, benchmarks, wheel."""
