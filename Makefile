# What people type. Each target sets up what it needs, in .venv.

PYTHON ?= python3
TENANTS ?= cohort-1
VENV := .venv
READY := $(VENV)/.ready
OLDEST_VENV := .venv-oldest
OLDEST := $(OLDEST_VENV)/.ready
PYTEST := $(VENV)/bin/python -m pytest
COG := $(VENV)/bin/python -m cogapp -U --verbosity=1
DOCS := docs/*.md

.PHONY: help migration-audit demo-drift test test-slow test-unit test-oldest soundness peers bench docs docs-check lint schemas clean

help:
	@echo "make migration-audit   audit $(TENANTS) on both stacks (TENANTS=... for others)"
	@echo "make demo-drift        plant faults in cohort-2 and see them found (ends red)"
	@echo "make test              run the tests"
	@echo "make test-unit         those that need no database"
	@echo "make test-slow         those that take ten seconds or more each"
	@echo "make test-oldest       the same plugin on the oldest pytest it supports"
	@echo "make soundness         every trap and 20,000 random tables on every pair of engines"
	@echo "make peers             the same traps before reladiff, datacompy and data-diff"
	@echo "make bench             how long it takes (ROWS=, TENANTS=, ROUNDS=, ONLY=; PEERS=no)"
	@echo "make docs              write the tables and charts of docs/ anew (OFFLINE=1: without servers)"
	@echo "make docs-check        fail if a table of docs/ is out of date"
	@echo "make lint              style, types, import directions"
	@echo "make schemas           write the JSON Schemas anew"

migration-audit: $(READY)
	$(PYTEST) --tenants=$(TENANTS) --fail-on-drift

demo-drift: $(READY)
	DEMO_DRIFT=1 LEGACY_DATABASE_URL= MODERN_DATABASE_URL= $(PYTEST) --tenants=cohort-2 --fail-on-drift

test: $(READY)
	$(PYTEST) tests -n 2 -m "not slow"

test-slow: $(READY)
	$(PYTEST) tests -n 2 -m slow

test-unit: $(READY)
	$(PYTEST) tests/unit -n 2

test-oldest: $(OLDEST)
	$(OLDEST_VENV)/bin/python -m pytest tests/plugin/test_items.py tests/plugin/test_modes.py \
		tests/plugin/test_ignored_files.py tests/plugin/test_status_elsewhere.py -n 2

# Engines that are not installed are left out by the tests, and are an error here.
soundness: export TENANTPARITY_ENGINES_REQUIRED = 1
soundness: export TENANTPARITY_EVERY_LAYOUT = 1
soundness: $(READY)
	$(PYTEST) tests/soundness/test_among_tenants.py -n 2
	$(VENV)/bin/python -m benchmarks.soundness $(if $(SEED),--seed $(SEED)) $(if $(TRIALS),--trials $(TRIALS))
	$(COG) -r $(DOCS)

peers: $(READY)
	$(VENV)/bin/python -m benchmarks.peers --out benchmarks/results/peers.json
	$(COG) -r -D OFFLINE=1 $(DOCS)

# TENANTS is a number here, and a cohort everywhere else unless it is given.
bench: $(READY)
	$(VENV)/bin/python -m benchmarks.speed \
		$(if $(ROWS),--rows $(ROWS)) $(if $(filter-out file,$(origin TENANTS)),--tenants $(TENANTS)) \
		$(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ITEM_TENANTS),--item-tenants $(ITEM_TENANTS)) \
		$(if $(TABLES),--tables $(TABLES)) $(if $(ONLY),--only $(ONLY)) \
		$(if $(filter no,$(PEERS)),--without-peers)
	$(VENV)/bin/python -m benchmarks.docs.charts
	$(COG) -r -D OFFLINE=1 $(DOCS)

# Two tables are filled by real engines; OFFLINE=1 keeps them as they are.
docs: $(READY)
	$(VENV)/bin/python -m benchmarks.docs.charts
	$(COG) -r $(if $(OFFLINE),-D OFFLINE=1) $(DOCS)

docs-check: export TENANTPARITY_ENGINES_REQUIRED = 1
docs-check: $(READY)
	$(COG) --check --diff --check-fail-msg "Run make docs." $(if $(OFFLINE),-D OFFLINE=1) $(DOCS)

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

schemas: $(READY)
	$(VENV)/bin/python -m pytest_tenantparity.schemas

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; say PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY)

# The oldest pytest that the plugin supports.
$(OLDEST): pyproject.toml
	$(PYTHON) -m venv $(OLDEST_VENV)
	$(OLDEST_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[dev]' 'pytest==9.0.3'
	@touch $(OLDEST)

clean:
	rm -rf $(VENV) $(OLDEST_VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
