"""Which rows differ: a sketch per tenant, peeled; where too many rows differ, a sorted merge."""
