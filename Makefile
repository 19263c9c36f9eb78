# Everything that people do here, one command each; `make help` lists them. Each makes its own environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVICES := $(shell $(PYTHON) shared/src/lightbox_shared/installation.py)
PACKAGES := shared $(SERVICES) cli
SOURCES := $(addsuffix /src,$(PACKAGES))
MANIFESTS := $(addsuffix /pyproject.toml,$(PACKAGES))
TRAINING := inference-service/training
QUICK := $(addprefix tests/,shared gateway auth core inference imagehub annotation cli)
# What Python has compiled is kept even where it is told not to: the tests start it more than a hundred times.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help run console demo test test-quick test-api test-console test-docs check format bench env up lock train clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/run ## start everything on this machine (Ctrl-C stops it)
	@$(BIN)/lightbox run

console: ## build the console now, which `make run` does by itself
	@$(PYTHON) console/build.py

demo: $(VENV)/run ## walk through the platform that runs; start one where none does
	@$(BIN)/lightbox demo

test: $(VENV)/dev ## run the tests (25 minutes on two cores); a file, or one test: make test ARGS="tests/auth/test_keys.py -x"
	@$(PYTEST) $(ARGS)

test-quick: $(VENV)/dev ## run those of the packages that start no processes of the platform (1 minute)
	@$(PYTEST) $(QUICK) -m "not processes and not real_hashes" $(ARGS)

test-api: $(VENV)/dev ## drive a platform by its OpenAPI document; installs what that takes into your cache
	@$(BIN)/python -m pytest tests/api -m api $(ARGS)

test-console: $(VENV)/dev console/node_modules/.dev ## check the console, and drive it in Chromium
	@$(BIN)/python tools/openapi_document.py > console/openapi.json
	@cd console && npm run --silent types && npm run --silent check && npm test --silent
	@$(PYTEST) tests/console -m console -n 0 $(ARGS)

test-docs: $(VENV)/dev ## type README and docs as they are printed, with make run and, where Docker answers, in containers
	@$(PYTEST) tests/docs -m pages $(ARGS)

check: $(VENV)/dev ## format, lint, types, imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@MYPYPATH=$$(echo $(SOURCES) | tr ' ' :) $(BIN)/mypy $(SOURCES) tests benchmarks tools console/build.py
	@$(BIN)/python tools/import_contracts.py > $(VENV)/import_contracts.ini
	@$(BIN)/lint-imports --no-logo --config $(VENV)/import_contracts.ini

format: $(VENV)/dev ## put the sources into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/dev ## measure, beside a peer and the limit: benchmarks/results/latest.md
	@$(BIN)/python -m benchmarks $(ARGS)

env: ## write .env with fresh secrets for docker compose (completes one that is there); any Python from 3.9
	@PYTHONPATH=cli/src:shared/src $(PYTHON) -m lightbox.environment

up: ## start everything in containers (Docker Compose); makes .env at its first time
	@PYTHONPATH=cli/src:shared/src $(PYTHON) -m lightbox.containers $(ARGS)

lock: $(VENV)/lock ## pin all dependencies again
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes $(LOCK_FLAGS) \
	  $(MANIFESTS) --group pyproject.toml:build --output-file requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes $(LOCK_FLAGS) \
	  --group pyproject.toml:dev --constraint requirements.lock --output-file requirements-dev.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes $(LOCK_FLAGS) \
	  --group pyproject.toml:console --output-file console/requirements.lock

train: ## train the demonstration models again (PyTorch, under half an hour on two cores)
	@test -d $(VENV)/training || $(PYTHON) -m venv $(VENV)/training
	@$(VENV)/training/bin/pip --quiet install -r $(TRAINING)/requirements.txt
	@cd inference-service && for step in train evaluate samples; do ../$(VENV)/training/bin/python -m training.$$step || exit; done

clean: ## remove the environment (the data in var/ stays)
	@rm -rf $(VENV)

# Addresses of package registries do not belong into this repository, so none is written.
LOCK_FLAGS := --no-emit-index-url --no-emit-find-links --no-header --annotation-style line \
  $(foreach name,shared $(SERVICES),--no-emit-package lightbox-$(name)) --no-emit-package lightbox

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Lightbox needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run: requirements.lock $(MANIFESTS) | $(VENV)/python
	@echo 'Making the environment in $(VENV) (once) ...'
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation $(addprefix -e ./,$(PACKAGES))
	@touch $@

$(VENV)/dev: requirements-dev.lock $(VENV)/run
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

console/node_modules/.dev: console/package.json console/package-lock.json
	@cd console && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(VENV)/lock: | $(VENV)/python
	@$(PIP) install uv
	@touch $@
