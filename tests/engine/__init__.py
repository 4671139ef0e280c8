"""The audit of two stacks, without pytest."""
