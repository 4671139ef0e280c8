"""``drift.jsonl.gz``: every row that differs."""
