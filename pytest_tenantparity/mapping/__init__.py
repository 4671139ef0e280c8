"""Which rows and columns of both stacks correspond: tenancy, tables, columns, types, key maps."""
