"""A comparison of a database with its own read replica proves nothing, for any role."""

from __future__ import annotations

from pathlib import Path

from pytest_tenantparity.model import Evidence

from ..support.engine_driver import Engine, opened
from ..support.expectations import assert_match, assert_not_proven
from ..support.postgresql import Cluster, Database, new_database, running_standby


def test_a_replica_is_refused_where_the_server_is_not_identified(
    debian_cluster: Cluster, modern_db: Database, tmp_path: Path
) -> None:
    """A role that may not call pg_control_system() gets no GO from a database and its replica.

    The replica can still be compared with another database. It can be compared with its own primary
    under ``same_database`` if the tables are different ones.
    """
    primary = new_database(debian_cluster)
    primary.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    primary.run("CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1)")
    role = primary.new_role()
    primary.run(f"GRANT SELECT ON t, u TO {role}")
    postgres = debian_cluster.connect(primary.name)
    postgres.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    with running_standby(debian_cluster) as standby, postgres:
        replica = f'url = "{standby.url(primary.name, role)}"\ntenancy = "global"'
        own = f'url = "{primary.url_of(role)}"\ntenancy = "global"'
        engine = Engine(primary, modern_db, tmp_path)
        reasons = ("may be a database and its replica", "pg_control_system()", "same_database")
        assert_not_proven(engine.audit(legacy=replica, modern=own), *reasons)
        assert_not_proven(engine.audit(legacy=own, modern=replica), *reasons)
        identified = f'url = "{primary.url}"\ntenancy = "global"'
        known = f'url = "{standby.url(primary.name)}"\ntenancy = "global"'
        evidence = engine.audit(legacy=identified, modern=known)
        assert_not_proven(evidence, "are a database and its replica")
        other = new_database(modern_db.cluster, name=f"{primary.name}_other")
        other.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
        assert_match(Engine(primary, other, tmp_path).audit(legacy=replica), rows=1)
        assert_match(audited_for_a_reason(engine, replica, own), rows=1)
        evidence = audited_for_a_reason(engine, known, identified)
        assert_not_proven(evidence, "read the same table")
        other.drop()
    primary.drop()


def audited_for_a_reason(engine: Engine, legacy: str, modern: str) -> Evidence:
    """Audit under ``same_database``."""
    settings = engine.settings(legacy=legacy, modern=modern)
    allowed = settings.model_copy(update={"same_database": "servers of two companies"})
    with opened(allowed) as run:
        return run.audit("global", "t")


def test_one_database_by_two_names_is_refused_on_both_paths(
    modern_db: Database, tmp_path: Path
) -> None:
    """Without the identifier, the server's start time shows that both are one database."""
    modern_db.run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    role = modern_db.new_role()
    modern_db.run(f"GRANT SELECT ON t TO {role}")
    modern_db.run("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    try:
        legacy = f'url = "{modern_db.cluster.tcp_url(modern_db.name, role)}"\ntenancy = "global"'
        modern = f'url = "{modern_db.url_of(role)}"\ntenancy = "global"'
        evidence = Engine(modern_db, modern_db, tmp_path).audit(legacy=legacy, modern=modern)
        assert_not_proven(evidence, "legacy and modern are the same database")
    finally:
        modern_db.run("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
