"""One run of pytest: its start, plan, session, journal and directory."""
