# What people type. Each target sets up what it needs, in .venv.

PYTHON ?= python3
TENANTS ?= cohort-1
VENV := .venv
READY := $(VENV)/.ready
PYTEST := $(VENV)/bin/python -m pytest

.PHONY: help migration-audit demo-drift test lint schemas clean

help:
	@echo "make migration-audit   audit $(TENANTS) on both stacks (TENANTS=... for others)"
	@echo "make demo-drift        plant faults in cohort-2 and see them found (ends red)"
	@echo "make test              run the tests"
	@echo "make lint              style, types, import directions"
	@echo "make schemas           write the JSON Schemas anew"

migration-audit: $(READY)
	$(PYTEST) --tenants=$(TENANTS) --fail-on-drift

demo-drift: $(READY)
	DEMO_DRIFT=1 LEGACY_DATABASE_URL= MODERN_DATABASE_URL= $(PYTEST) --tenants=cohort-2 --fail-on-drift

test: $(READY)
	$(PYTEST) tests -n 2

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

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
