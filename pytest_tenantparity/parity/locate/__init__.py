"""Finding the rows that differ: sketches, and a merge if too many differ."""
