# What one does with the portal. `make` or `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: help run test races machine bench load reset format lint lock messages
SHELL := /bin/sh

VENV := .venv
PYTHON := $(VENV)/bin/python
PORT ?= 8000
ROUNDS ?= 1000
PROCESSES ?= 8
EXAMPLES ?= 5000
MACHINES := tests/sharing/test_share_machine.py tests/organisations/test_machine.py
RACES := $(shell find tests -name "test_*races.py")
IS_311 = -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null

help: ## List what make can do here
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

run: $(VENV)/.installed ## Start the portal with demo data at http://localhost:8000 (PORT=8001 for another port)
	@DEVELOPMENT=1 PORT=$(PORT) SITE_URL=http://localhost:$(PORT) exec $(PYTHON) manage.py serve --prepare

test: $(VENV)/.installed-tests ## Run the tests, on PostgreSQL, Redis and Chromium too where they are found
	@exec $(PYTHON) -m tests.run $(ARGS)

# Both need PostgreSQL: DATABASE_URL, or the usual local address. Each process makes a database of its own.
races: $(VENV)/.installed-tests ## Race whatever can meet, 1,000 rounds in 8 processes (ROUNDS=, PROCESSES=)
	@url=$$($(PYTHON) -c 'from tests import parts; print(parts.postgres().where)'); \
	seq $(PROCESSES) | DATABASE_URL=$$url REDIS_URL= ROUNDS=$(ROUNDS) xargs -P $(PROCESSES) -I % \
		$(PYTHON) -m pytest -q -m postgres $(RACES)

machine: $(VENV)/.installed-tests ## Live random lives of shares and organisations, 5,000 on each database (EXAMPLES=)
	@DATABASE_URL= REDIS_URL= EXAMPLES=$(EXAMPLES) $(PYTHON) -m pytest -q $(MACHINES)
	@DATABASE_URL=$$($(PYTHON) -c 'from tests import parts; print(parts.postgres().where)') REDIS_URL= \
		EXAMPLES=$(EXAMPLES) $(PYTHON) -m pytest -q $(MACHINES)

bench: $(VENV)/.installed-tests ## Measure reading at 10k and 100k locations into docs/benchmarks.md (SIZE=1m for a million, too)
	@exec $(PYTHON) -m tests.bench 10k 100k $(filter-out 10k 100k,$(SIZE))

load: $(VENV)/.installed-tests ## Measure pages over HTTP and mail, on PostgreSQL and Redis; writes docs/load.md
	@exec $(PYTHON) -m tests.load

reset: $(VENV)/.installed ## Delete all data under var/ (refused while the portal runs)
	@DEVELOPMENT=1 $(PYTHON) manage.py reset

format: $(VENV)/.installed-tests ## Put the Python code into its standard form
	@$(VENV)/bin/ruff check --fix --quiet . ; $(VENV)/bin/ruff format .

lint: $(VENV)/.installed-tests ## Check style, types and templates
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/djlint --lint --quiet templates

lock: $(VENV)/.installed-tests ## Resolve the dependencies of pyproject.toml into the two requirements files
	@$(PYTHON) -m pip install --quiet uv
	@$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header \
		--no-emit-index-url --no-emit-find-links --output-file requirements.txt pyproject.toml
	@$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header \
		--no-emit-index-url --no-emit-find-links --extra tests --constraint requirements.txt \
		--output-file tests/requirements.txt pyproject.toml

messages: $(VENV)/.installed ## Collect new texts for the translators into locale/ (needs gettext)
	@$(PYTHON) manage.py makemessages --locale da --no-location --no-obsolete --no-wrap --ignore var --ignore tests
	@sed -i /^.POT-Creation-Date/d locale/*/LC_MESSAGES/django.po

# The first Python that is a 3.11; a file of that name may also be a stand-in for one that is not installed.
$(PYTHON):
	@for python in python3.11 python3; do \
		if $$python $(IS_311); then $$python -m venv $(VENV); exit; fi; \
	done; \
	echo "The portal needs Python 3.11, and neither python3.11 nor python3 is one. Install it and try again." >&2; \
	exit 1

$(VENV)/.installed: requirements.txt | $(PYTHON)
	@echo "Installing what the portal needs into $(VENV)"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	@touch $@

$(VENV)/.installed-tests: tests/requirements.txt $(VENV)/.installed
	@echo "Installing what the tests need into $(VENV)"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement tests/requirements.txt
	@touch $@
