"""The distribution of an audit's checks over shards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_tenantparity.errors import SettingsError
from pytest_tenantparity.inventory.shards import Share, read_shard, share_out
from pytest_tenantparity.model import CheckKind, Target

IDS = st.lists(st.text("abc", min_size=1, max_size=4), unique=True, max_size=12)
SIZES = st.dictionaries(st.text("abc", min_size=1, max_size=4), st.integers(0, 1_000))
ROWS, UNASSIGNED = CheckKind.ROWS, CheckKind.UNASSIGNED
BEYOND = [Target(kind, table=f"t{i}") for kind in (ROWS, UNASSIGNED) for i in range(7)]


@given(tenants=IDS, sizes=SIZES, shards=st.integers(1, 9), data=st.data())
def test_every_target_is_in_one_shard(
    tenants: list[str], sizes: dict[str, int], shards: int, data: st.DataObject
) -> None:
    """Each check is in exactly one shard, in whatever order the tenants are listed."""
    parts = share_out(tenants, sizes, shards)
    assert parts == share_out(data.draw(st.permutations(tenants)), sizes, shards)
    targets = [Target(ROWS, tenant, "t") for tenant in tenants] + BEYOND
    owned = [each for i in range(shards) for each in Share(i + 1, parts).own(targets, BEYOND)]
    assert sorted(owned, key=lambda each: each.id) == sorted(targets, key=lambda each: each.id)


@given(tenants=IDS, sizes=SIZES, shards=st.integers(1, 9))
def test_no_shard_is_much_heavier(tenants: list[str], sizes: dict[str, int], shards: int) -> None:
    """The loads of two shards differ by at most the size of one tenant."""
    known = {tenant: sizes.get(tenant, 0) for tenant in tenants}
    loads = [sum(known[t] for t in part) for part in share_out(tenants, known, shards)]
    assert max(loads) - min(loads) <= max(known.values(), default=0)


def test_sizes_decide() -> None:
    """One large tenant has a shard to itself. A tenant of unknown size counts as an average one."""
    sizes = {"huge": 90, "a": 10, "b": 10, "c": 10}
    assert share_out(["a", "b", "huge", "c"], sizes, 2) == (("huge",), ("a", "b", "c"))
    assert share_out(["huge", "a", "new"], {"huge": 90, "a": 10}, 2) == (("huge",), ("new", "a"))


def test_without_sizes_tenants_are_counted() -> None:
    """If no size is known, or all are 0, the shards differ by at most one tenant."""
    tenants = [f"t{i}" for i in range(10)]
    for sizes in ({}, dict.fromkeys(tenants, 0)):
        assert [len(part) for part in share_out(tenants, sizes, 4)] == [3, 3, 2, 2]


def test_more_shards_than_tenants_share_the_rest() -> None:
    """Checks of no single tenant go to shards without a tenant."""
    parts = share_out(["acme", "beta"], {}, 4)
    beyond = [Target(CheckKind.COVERAGE), Target(ROWS, None, "prices")]
    targets = [Target(ROWS, "acme", "trades"), Target(ROWS, "beta", "trades"), *beyond]
    owned = [[each.id for each in Share(i, parts).own(targets, beyond)] for i in (1, 2, 3, 4)]
    assert owned == [["acme-trades"], ["beta-trades"], ["global-prices"], ["coverage"]]


@pytest.mark.parametrize("text", ["", "0/3", "4/3", "1", "1/0", "-1/3", "1/3/5", "a/b", "²/3"])
def test_wrong_shards_are_refused(text: str) -> None:
    """A shard that is not i/n with 1 <= i <= n is refused, and the message shows valid ones."""
    with pytest.raises(SettingsError, match="from 1/3 to 3/3"):
        read_shard(text)
