"""JSON and YAML snapshot files, read into SQLite."""
