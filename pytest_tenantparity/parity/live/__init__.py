"""Reading rows again while both stacks are written to."""
