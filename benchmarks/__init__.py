"""Measurements, and what docs/ shows of them. No code here asserts how fast anything is.

- ``soundness.py`` (``make soundness``): every trap and thousands of random tables.
- ``peers/`` (``make peers``): the same traps before other comparison tools.
- ``speed/`` (``make bench``): audits beside bare scans and other tools.
- ``results/``: what those three write.
- ``docs/`` (``make docs``): the tables and charts of docs/, from the results and from the code.
"""
