#!/bin/sh
# Runs once, when a server's data directory is made: a role for the audit, which reads and no more.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$AUDIT_PASSWORD" -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<'SQL'
CREATE ROLE parity_auditor LOGIN PASSWORD :'password' IN ROLE pg_read_all_data;
ALTER ROLE parity_auditor SET default_transaction_read_only = on;
SQL
