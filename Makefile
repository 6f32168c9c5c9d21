# Every target does its own set-up. Needed beforehand: Python 3.11 or newer, and make.
# PYTHON=python3.12 picks another Python; REQUIRE=all makes anything that cannot be set up a failure.

PYTHON ?= python3
BUS ?= embedded
ONLY ?=
SHARE ?=
SEED ?=
LONG ?=
OLD ?=
MINUTES ?= 10
export REQUIRE

setup = $(PYTHON) deploy/setup
run = .venv/bin/python -m

ifeq ($(filter embedded kafka,$(BUS)),)
$(error BUS is embedded or kafka, not $(BUS))
endif

.DEFAULT_GOAL := help
.PHONY: help demo story test test-long screenshots simulate faults check format lock bench kafka-jars clean

help: ## show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

demo: ## everything on this machine, with logins to try; data is kept in .demo
	@$(setup) demo
	@$(run) services demo

story: ## play one family's story and check every invariant; BUS=embedded or kafka
	@$(setup) demo $(filter kafka,$(BUS))
	@$(run) services demo --once --fresh $(if $(filter kafka,$(BUS)),--bus kafka)

test: ## static checks and all tests, with real PostgreSQL and real Kafka
	@$(setup) test
	@deploy/test -m "not long"

test-long: ## the tests of `make test` and those that take minutes
	@$(setup) test keycloak
	@deploy/test

screenshots: ## the portal's main pages as pictures in docs/, taken in Chromium
	@$(setup) browser
	@$(run) tests.browser.screenshots

simulate: ## fresh seeds of the simulation, under every fault but a real one; SEED=N plays one again and tells it
	@$(setup) test
	@$(run) tests.simulation $(if $(SEED),--seed $(SEED))

faults: ## break a running installation and check what is left; LONG=1 MINUTES=30 OLD=COMMIT for more of it, SEED=N plans as before
	@$(setup) test
	@$(run) tests.faults $(if $(SEED),--seed $(SEED)) $(if $(LONG),--long --minutes $(MINUTES)) $(if $(OLD),--old $(OLD))

check: ## format, lint, types and the architecture
	@$(setup) python
	@deploy/check

format: ## bring the code into shape
	@$(setup) python
	@.venv/bin/ruff format
	@.venv/bin/ruff check --fix

lock: ## write the locks anew from pyproject.toml and package.json; UPGRADE=--upgrade takes newer versions
	@$(setup) python
	@deploy/lock $(UPGRADE)

bench: ## the figures, beside the raw limit; ONLY=name,… runs some, SHARE=0.02 tries the long ones with a part of their size
	@$(setup) bench
	@$(run) benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(SHARE),--share $(SHARE))

kafka-jars: ## a real Kafka broker for this machine
	@$(setup) kafka

clean: ## remove what was set up or written in this clone; the cache outside it stays
	rm -rf .venv .tools .demo deploy/*/node_modules services/portal/static/installed build dist *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
