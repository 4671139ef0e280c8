"""How long audits take, beside the bare limits of the servers and beside peers."""
