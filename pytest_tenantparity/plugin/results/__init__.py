"""From evidence to the report and the terminal."""
