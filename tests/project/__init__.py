"""The repository itself: docs, examples, harness, benchmarks, wheel."""
