"""How long audits take, beside the bare scans of the servers and beside other tools.

Each file of ``chapters/`` lists the works that it compares. A work is one of these:

- an audit in a folder of its own: ``projects.py``, ``audits.py``
- a scan: ``bare_scans.py``
- a run of a peer: ``peers.py``

All use two servers (``stacks.py``) with the same rows (``data_sets.py``). ``rounds.py`` repeats the
works, ``goals.py`` calculates ratios of the medians, and ``results.py`` writes bench.json.
"""
