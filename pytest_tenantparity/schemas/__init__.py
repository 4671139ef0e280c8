"""JSON Schemas of the settings, the report and the drift file, for editors and other programs."""
