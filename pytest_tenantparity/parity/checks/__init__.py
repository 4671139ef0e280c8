"""One module for each kind of check, and what is added to findings."""
