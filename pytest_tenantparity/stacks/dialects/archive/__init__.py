"""Folders of Parquet and CSV files, read by DuckDB."""
