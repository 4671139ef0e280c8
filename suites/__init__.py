"""LegacyCoinTrader's own parity harness."""
