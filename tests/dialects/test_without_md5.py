"""Servers whose OpenSSL has no MD5, as under FIPS 140, are compared by SHA-256.

The servers are real. In their process the call that begins an MD5 fails as it does in OpenSSL under
FIPS, since Debian has no provider for FIPS. PostgreSQL then raises an error, and MariaDB returns
the same digits for every text.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from pytest_tenantparity.config.settings import StackSettings
from pytest_tenantparity.model import Evidence, Outcome
from pytest_tenantparity.stacks import Portable, open_stack
from pytest_tenantparity.stacks import digest_self_test as handshake

from ..support.engine_driver import Engine, seen
from ..support.files import Elsewhere
from ..support.mariadb import MariaDatabase, new_mariadb_database, running_mariadb
from ..support.postgresql import DEBIAN, Database, new_database, running_cluster, unavailable

_WITHOUT_MD5 = r"""
#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#define MD5 4 /* by its number in OpenSSL */
typedef int init(EVP_MD_CTX *, const EVP_MD *, ENGINE *);
int EVP_DigestInit_ex(EVP_MD_CTX *context, const EVP_MD *type, ENGINE *engine)
{
    if (type && EVP_MD_get_type(type) == MD5) {
        ERR_raise(ERR_LIB_EVP, EVP_R_UNSUPPORTED_ALGORITHM);
        return 0;
    }
    return ((init *)dlsym(RTLD_NEXT, "EVP_DigestInit_ex"))(context, type, engine);
}
"""
TENANCY = 'tenancy = { column = "tenant" }'
TENANTS = "[tenants.a]\n[tenants.b]\n"
KEYED = '[tables.t]\nkey = ["id"]\n'
ROWS = [("a", "k1", "é"), ("a", "k2", None), ("b", "k3", ""), ("b", "k4", "x")]


@pytest.fixture(scope="module")
def library() -> Iterator[Path]:
    """Return a library that removes MD5 from each program that loads it."""
    if shutil.which("gcc") is None or not Path("/usr/include/openssl/evp.h").exists():
        unavailable("gcc and the headers of OpenSSL are needed to take MD5 away from a server")
    folder = Path(tempfile.mkdtemp(prefix="tp-", dir="/tmp"))
    source, library = folder / "without_md5.c", folder / "without_md5.so"
    source.write_text(_WITHOUT_MD5)
    options = ["-D_GNU_SOURCE", "-shared", "-fPIC", "-o", str(library), str(source)]
    subprocess.run(["gcc", *options], check=True)
    folder.chmod(0o755)  # servers run under other accounts
    yield library
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def servers(library: Path) -> Iterator[tuple[Database, Database, MariaDatabase]]:
    """Two databases of a PostgreSQL without MD5, and one of a MariaDB without it."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:  # other tests' servers are not affected
            patch.setitem(os.environ, "LD_PRELOAD", str(library))
            cluster = stack.enter_context(running_cluster(DEBIAN))
            maria = stack.enter_context(running_mariadb())
        databases = new_database(cluster), new_database(cluster), new_mariadb_database(maria)
        for database in databases:
            _fill(database)
        yield databases
        for database in databases:
            database.drop()


def _fill(database: Any) -> None:
    database.run("CREATE TABLE t (tenant varchar(9), id varchar(9) PRIMARY KEY, v varchar(9))")
    for row in ROWS:
        database.run("INSERT INTO t VALUES (%s, %s, %s)", *row)


def _sqlite(folder: Path) -> Any:
    path = folder / "t.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (tenant TEXT, id TEXT PRIMARY KEY, v TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", ROWS)
    return Elsewhere(f"sqlite:///{path}")


def _archive(folder: Path) -> Any:
    home = folder / "files"
    home.mkdir()
    (home / "t.csv").write_text('tenant,id,v\na,k1,é\na,k2,\nb,k3,""\nb,k4,x\n')
    return Elsewhere(f"archive:///{home}")


def _audit(legacy: Any, modern: Any, folder: Path) -> dict[str, Evidence]:
    engine = Engine(legacy, modern, folder)
    with engine.opened(f"{KEYED}{TENANTS}", legacy=TENANCY, modern=TENANCY) as run:
        return {subject: run.audit(subject, "t") for subject in ("a", "b", "unassigned")}


def test_md5_alone_is_refused(servers: tuple[Database, Database, MariaDatabase]) -> None:
    """The refusal of MD5 costs neither the server's other digests nor the run's transaction."""
    postgresql, _, maria = servers
    for database, native, why in (
        (postgresql, ("hashtextextended",), "could not compute MD5 hash: unsupported algorithm"),
        (maria, (), handshake.WRONG),
    ):
        state, holder = open_stack("legacy", StackSettings(url=database.url), "tests")
        holder.release()
        assert state.unavailable == {}
        found = state.databases[""]
        assert found.digests == (*native, Portable.SHA256)
        assert found.refused == {Portable.MD5: why}
        assert "t" in found.catalogs[""].tables
    # The result of MD5 is the same for every text.
    assert len({maria.run("SELECT md5(%s)", text)[0] for text in ("a", "b", "c")}) == 1


def test_servers_without_md5_are_compared_by_sha256(
    servers: tuple[Database, Database, MariaDatabase], modern_db: Database, tmp_path: Path
) -> None:
    """Equal rows match, whatever engine the other side is.

    The report names the hash that was used, and the reason.
    """
    postgresql, _, maria = servers
    _fill(modern_db)
    others = [postgresql, modern_db, _sqlite(tmp_path), _archive(tmp_path)]
    pairs = [(maria, other) for other in others] + [(other, postgresql) for other in others[2:]]
    for legacy, modern in pairs:
        for subject, evidence in _audit(legacy, modern, tmp_path).items():
            assert (subject, evidence.reasons, seen(evidence)) == (subject, (), [])
            assert evidence.outcome is Outcome.PROVEN
            if subject == "unassigned":
                continue
            assert evidence.digest == Portable.SHA256
            (rule,) = [each.rule for each in evidence.rules if "SHA-256" in each.rule]
            assert f"{Portable.MD5}: " in rule
            assert ("gave wrong answers" in rule) == (legacy is maria)
            assert ("unsupported algorithm" in rule) == (modern is postgresql)


def test_drift_is_found_by_sha256(
    servers: tuple[Database, Database, MariaDatabase], tmp_path: Path
) -> None:
    """A changed value and a row under another tenant are named, and the canary passes."""
    postgresql, _, maria = servers
    legacy: Any = maria
    maria.run("UPDATE t SET v = 'É' WHERE id = 'k1'")
    maria.run("UPDATE t SET tenant = 'b' WHERE id = 'k2'")
    try:
        found = _audit(maria, postgresql, tmp_path)
        canary = Engine(legacy, postgresql, tmp_path).audit(
            subject="canary", more=f"{KEYED}{TENANTS}", legacy=TENANCY, modern=TENANCY
        )
    finally:
        maria.run("UPDATE t SET v = 'é' WHERE id = 'k1'")
        maria.run("UPDATE t SET tenant = 'a' WHERE id = 'k2'")
    assert sorted(seen(found["a"])) == [("changed", ("k1",), ("v",)), ("extra", ("k2",), ())]
    assert seen(found["b"]) == [("missing", ("k2",), ())]
    assert "the tenant 'a'" in found["b"].findings[0].note
    assert (canary.outcome, canary.reasons) == (Outcome.PROVEN, ())


def test_a_native_digest_needs_no_md5(
    servers: tuple[Database, Database, MariaDatabase], tmp_path: Path
) -> None:
    """Two PostgreSQL servers use their native hash, and rows are looked up by SHA-256."""
    here, there, _ = servers
    there.run("UPDATE t SET tenant = 'b' WHERE id = 'k2'")
    try:
        found = _audit(here, there, tmp_path)
    finally:
        there.run("UPDATE t SET tenant = 'a' WHERE id = 'k2'")
    assert found["a"].digest == "hashtextextended"
    assert not any("SHA-256" in each.rule for each in found["a"].rules)
    assert "the tenant 'b'" in found["a"].findings[0].note


def test_no_digest_in_common(
    servers: tuple[Database, Database, MariaDatabase],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """If both sides have no trusted digest in common, nothing is proven.

    The reason gives each side's cause.
    """
    postgresql, _, maria = servers
    monkeypatch.setattr(handshake, "TRIED", (Portable.MD5,))
    evidence = _audit(maria, postgresql, tmp_path)["a"]
    assert evidence.outcome is Outcome.NOT_PROVEN
    (reason,) = evidence.reasons
    assert f"legacy, {Portable.MD5}: {handshake.WRONG}" in reason
    assert f"modern, {Portable.MD5}: could not compute MD5 hash" in reason


def test_md5_stays_first_where_both_have_it(modern_db: Database, tmp_path: Path) -> None:
    """MD5, the faster digest, is used without a remark if both sides have it."""
    _fill(modern_db)
    evidence = _audit(_sqlite(tmp_path), modern_db, tmp_path)["a"]
    assert (evidence.outcome, evidence.digest) == (Outcome.PROVEN, Portable.MD5)
    assert not any("MD5" in each.rule for each in evidence.rules)
