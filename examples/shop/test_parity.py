"""Every row of every selected tenant is the same on both stacks."""


def test_table_parity(parity):
    """Compare one tenant's rows of one table."""
    parity.check()
