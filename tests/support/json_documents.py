"""Pairs of JSON texts that PostgreSQL stores as json, and that jsonb accepts or refuses."""

from __future__ import annotations

# In REFUSED and TAKEN, each pair is valid JSON with equal content in two forms.
REFUSED = [
    (r'{"a": "\u0000", "b": 1}', r'{"b":1,"a":"\u0000"}'),
    (r'{"a": "\ud83d", "b": 1}', r'{"b": 1, "a": "\uD83D"}'),
    (r'{"a": "\ude00\ud83d", "b": 1}', r'{"b":1, "a":"\ude00\ud83d"}'),
    (r'{"a": "\ud83d\ud83d\ude00\ude00"}', r'{"a":"\ud83d\ud83d\ude00\ude00"}'),
    (r'{"a": "\\\ud83d"}', r'{"a":"\\\ud83d"}'),
    (r'{"a": "\\ud83d\ude00"}', r'{"a":"\\ud83d\ude00"}'),
    (r'{"\ud83d": 1, "b": 1}', r'{"b":1,"\ud83d":1}'),
    ("[1e999999, 2]", "[1e999999,2]"),
    ("[1e-999999, 2]", "[1E-999999,2]"),
    (f"[{'7' * 140_000}, 2]", f"[{'7' * 140_000},2]"),
]
TAKEN = [
    (r'{"a": "\ud83d\ude00", "b": 1}', '{"b":1,"a":"😀"}'),
    (r'{"a": "\\u0000", "b": "\\"}', r'{"b": "\\", "a":"\\u0000"}'),
    ('{"a": 1, "a": 2}', '{"a":1,"a":2}'),
    ("[1e300]", "[1E+300]"),
]
DIFFERENT = [
    (r'{"a": "\u0000"}', r'{"a": "\u0001"}'),
    (r'{"a": "\u0000"}', r'{"a": "\\u0000"}'),
    (r'{"a": "\ud83d"}', r'{"a": "\ud83e"}'),
    (r'{"a": "\ud83d\ude00"}', r'{"a": "\ude00\ud83d"}'),
    (r'{"a": "\ud83d"}', r'{"a": "\\ud83d"}'),
    ("[1e999999]", "[1e999998]"),
    ('{"a": 1}', '{"a": 2}'),
    ('{"a": 1, "a": 2}', '{"a": 2, "a": 1}'),
]
