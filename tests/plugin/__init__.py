"""The audit as a run of pytest."""
