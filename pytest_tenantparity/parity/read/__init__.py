"""Reading one side: digests of rows, the rows of some keys, rows in order."""
