"""JSON Schemas of the settings and of the report, for editors and for other programs."""
