# Every job of the project under one name.  `make` alone tells what there is.
#
# Needs make, git, Docker and a Python of at least 3.11; everything else is fetched, in the
# versions that the lock files name, into .venv and the user's cache.  Written for GNU make 3.81,
# which is what a Mac has.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

UV_VERSION := 0.13.9
CACHE := $(or $(KUBEDAG_CACHE),$(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME)/kubedag,$(HOME)/.cache/kubedag))
UV := $(CACHE)/uv-$(UV_VERSION)/bin/uv
COMPILE = $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header \
  --quiet $(if $(UPGRADE),--upgrade)
IMAGE ?= kubedag:dev

# The first of these that is new enough makes .venv; PYTHON=... overrides.
PYTHONS := $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14)
BIN := .venv/bin
READY := .venv/.made-from-lock

export PIP_DISABLE_PIP_VERSION_CHECK := 1

##@ See it run

.PHONY: help
help: ## Show this
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(READY) ## Show a pipeline fail, retry and recover, on a throw-away cluster
	@$(BIN)/python -m dev.demo

.PHONY: cluster
cluster: $(READY) ## Start the throw-away cluster (kind), or use it if it runs
	@$(BIN)/python -m dev.cluster up

.PHONY: cluster-down
cluster-down: $(READY) ## Remove the throw-away cluster
	@$(BIN)/python -m dev.cluster down

##@ Is it right?

.PHONY: test
test: $(READY) ## Run every stage below, stop at the first that fails
	@$(BIN)/python -m dev.test

.PHONY: lint
lint: $(READY) ## Stage 1: style, types, layers, spelling
	@$(BIN)/python -m dev.test lint

.PHONY: test-unit
test-unit: $(READY) ## Stage 2: unit, property and contract tests
	@$(BIN)/python -m dev.test unit

.PHONY: test-sim
test-sim: $(READY) ## Stage 3: the whole operator against an API server in memory
	@$(BIN)/python -m dev.test simulation

.PHONY: test-integration
test-integration: $(READY) ## Stage 4: against a real API server, without nodes
	@$(BIN)/python -m dev.test integration

.PHONY: test-e2e
test-e2e: $(READY) ## Stage 5: image, chart and Pods on kind
	@$(BIN)/python -m dev.test e2e

.PHONY: test-demo
test-demo: $(READY) ## Stage 6: the demo, read by a test
	@$(BIN)/python -m dev.test demo

.PHONY: test-cluster
test-cluster: $(READY) ## Stage 7: the throw-away cluster, and that nothing is left of it
	@$(BIN)/python -m dev.test cluster

.PHONY: verify
verify: $(READY) ## Regenerate CRDs, chart copies and reference; fail if that changes a file
	@$(BIN)/python -m dev.generate --verify

.PHONY: bench
bench: $(READY) ## Measure throughput, latency and memory
	@$(BIN)/python -m dev.bench

##@ Change it

.PHONY: generate
generate: $(READY) ## Write what is generated: CRDs, chart copies, reference
	@$(BIN)/python -m dev.generate

.PHONY: fmt
fmt: $(READY) ## Format, and mend what can be mended
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

.PHONY: image
image: ## Build the container image as IMAGE (kubedag:dev)
	docker build --tag $(IMAGE) .

.PHONY: lock
lock: $(UV) ## Recompile the lock files; UPGRADE=1 also takes newer versions
	@$(COMPILE) pyproject.toml --output-file requirements.lock
	@$(COMPILE) --group pyproject.toml:build --output-file requirements-build.lock
	@$(COMPILE) pyproject.toml --group dev --output-file requirements-dev.lock

.PHONY: clean
clean: ## Remove .venv and everything that tools leave behind (not the cluster)
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache .kubedag-dev/test
	find operator dev tests -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------------------------------------

$(READY): requirements-dev.lock pyproject.toml
	@for python in $(PYTHONS); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then found=$$python; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	  echo "kubedag needs Python 3.11 or newer; none of these is one: $(PYTHONS)" >&2; exit 1; fi; \
	echo "Making .venv with $$($$found --version); the first time takes about a minute"; \
	if ! "$$found" -m venv .venv; then \
	  echo "On Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; fi
	@echo "  the packages of requirements-dev.lock"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@echo "  kubedag itself, editable"
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(UV):
	@$(or $(PYTHON),python3) -m venv $(CACHE)/uv-$(UV_VERSION)
	@$(CACHE)/uv-$(UV_VERSION)/bin/python -m pip install --quiet uv==$(UV_VERSION)
