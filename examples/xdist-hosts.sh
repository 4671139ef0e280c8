#!/usr/bin/env bash
# One audit on several hosts. All of them read the one snapshot that the first host holds, so this
# is the way for stacks that are written to meanwhile; shards are for those that are not.
#
#   HOSTS="audit-1 audit-2" WORKERS=8 ./xdist-hosts.sh --tenants=all --fail-on-drift
#
# Each host needs: a login by ssh key; this folder under the same path, with the same files, since
# tests and settings are read there; an environment with the same packages at $PYTHON; a way to
# both databases, under the names of their URLs. The URLs themselves are sent from here, with
# their passwords, through ssh: the hosts need no secrets of their own.
# [legacy] and [modern] max_connections have to allow a connection for each worker.
set -euo pipefail

AUDIT_DIR=${AUDIT_DIR:-$PWD}
PYTHON=${PYTHON:-$AUDIT_DIR/.venv/bin/python}
WORKERS=${WORKERS:-4}

workers=()
for host in ${HOSTS:?names of hosts, such as HOSTS="audit-1 audit-2"}; do
    workers+=(--tx "$WORKERS*ssh=$host//python=$PYTHON//chdir=$AUDIT_DIR")
done

cd "$AUDIT_DIR"
# xdist would copy its own pytest into the folder of each host; they have one, so copy nothing.
exec "$PYTHON" -m pytest --dist=load "${workers[@]}" --rsyncignore='*' "$@"
