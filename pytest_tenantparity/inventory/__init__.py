"""Tenants, tables, places and shards: what is to be checked. It opens no database."""

from .checks import audit_targets, tenant_table_targets
from .facts import (
    cohort_facts,
    exclusions,
    planned_facts,
    rows_but,
    tenancy_in_words,
    unnamed_views,
)
from .locations import Place, place_of, place_of_shared
from .selection import (
    Selection,
    exact_term,
    read_terms,
    sampled_tenants,
    select_pairs,
    select_tenants,
    split_terms,
)
from .tables import (
    TablePair,
    coverage_gaps,
    discover_pairs,
    is_ignored,
    make_pair,
    planned_pairs,
    tenancies_by_sql,
)

__all__ = [
    "Place",
    "Selection",
    "TablePair",
    "audit_targets",
    "cohort_facts",
    "coverage_gaps",
    "discover_pairs",
    "exact_term",
    "exclusions",
    "is_ignored",
    "make_pair",
    "place_of",
    "place_of_shared",
    "planned_facts",
    "planned_pairs",
    "read_terms",
    "rows_but",
    "sampled_tenants",
    "select_pairs",
    "select_tenants",
    "split_terms",
    "tenancies_by_sql",
    "tenancy_in_words",
    "tenant_table_targets",
    "unnamed_views",
]
