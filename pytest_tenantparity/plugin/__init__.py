"""The pytest side: options, markers, fixtures, the plan and the ledger."""
