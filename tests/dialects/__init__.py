"""The values, catalogs and errors of each database engine."""
