"""The pytest plugin: options, markers, fixtures, the plan of checks and the ledger of evidence."""
