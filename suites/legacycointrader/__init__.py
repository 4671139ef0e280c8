"""A deterministic LegacyCoinTrader 1.0, its modern platform, and the migration between the two."""
