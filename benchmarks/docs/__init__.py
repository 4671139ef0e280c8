"""What ``make docs`` generates: the tables of docs/*.md (run by cog) and the charts."""
