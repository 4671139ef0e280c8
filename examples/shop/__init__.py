"""A shop that moves from MariaDB to PostgreSQL: the example of the tutorial."""
