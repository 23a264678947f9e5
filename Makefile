# Salus: `make help` lists every target.
SHELL := /bin/bash
.DEFAULT_GOAL := help
SUPPORTED := import sys, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))
# The first interpreter that runs (a pyenv shim may exist and not run), is a version we support and can make a
# virtual environment. The system's own comes first: it is built with optimisation by profile, which is worth
# a seventh of a validator's throughput, and what pyenv builds by default is not.
PYTHON ?= $(shell for p in /usr/bin/python3.12 /usr/bin/python3.11 python3.12 python3.11 python3; do $$p -c '$(SUPPORTED)' 2>/dev/null && command -v $$p && break; done)
VENV := .venv
PY := $(VENV)/bin/python
TOOLS := .tools/bin
VERSITYGW_VERSION := v1.7.0
export PATH := $(CURDIR)/$(TOOLS):$(PATH)

.PHONY: help
help: ## list every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

# --- building -------------------------------------------------------------------------------
$(VENV)/.run: requirements.txt
	@if ! "$(PYTHON)" -c '$(SUPPORTED)' 2>/dev/null; then \
	  echo "Salus needs Python 3.11 or 3.12 with venv and found neither. Install one (Debian: python3-venv), or say which: make up PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@echo "Building $(VENV) with $(PYTHON) ..."
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv -q --allow-existing --python "$(PYTHON)" $(VENV) && uv pip install -q --python $(PY) --require-hashes -r requirements.txt; \
	else \
	  "$(PYTHON)" -m venv $(VENV) && $(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt; \
	fi
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@echo "Adding what the tests need ..."
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install -q --python $(PY) --require-hashes -r requirements-dev.txt; \
	else \
	  $(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt; \
	fi
	@touch $@

# Where there is no cargo, or it cannot build this, everything works all the same, and a validator takes about
# a third less.
NATIVE := ledger/native
$(NATIVE)/target/.built: $(NATIVE)/Cargo.toml $(NATIVE)/Cargo.lock $(NATIVE)/build.rs $(wildcard $(NATIVE)/src/*.rs)
	@mkdir -p $(@D)
	@if ! command -v cargo >/dev/null 2>&1; then echo "No cargo: the validators run without compiled help (install Rust, then \`make native\`)."; \
	elif echo "Building compiled help for the validators ..." && PYO3_NO_PYTHON=1 cargo build --quiet --release --locked --manifest-path $(NATIVE)/Cargo.toml; then touch $@; \
	else echo "It could not be built: the validators run without it (\`make native\` tries again)."; fi

.PHONY: native
native: $(NATIVE)/target/.built ## build compiled help for the validators (needs cargo; optional)

$(TOOLS)/versitygw:
	@if command -v versitygw >/dev/null 2>&1; then mkdir -p $(TOOLS) && ln -sf "$$(command -v versitygw)" $@; \
	elif command -v go >/dev/null 2>&1; then echo "Building versitygw, the S3 server the tests talk to ..."; \
	  GOBIN=$(CURDIR)/$(TOOLS) go install github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW_VERSION); \
	else echo "The tests need versitygw or Go to build it: install Go 1.24 or newer, or put versitygw on PATH." >&2; exit 1; fi

.PHONY: tools
tools: $(TOOLS)/versitygw ## build the real S3 server that the tests use

COSMJS := tests/js/cosmjs
$(COSMJS)/node_modules/.installed: $(COSMJS)/package.json $(COSMJS)/package-lock.json
	@command -v npm >/dev/null 2>&1 || { echo "The tests need Node 18 or newer and npm: run \`make system-deps\`, or install them." >&2; exit 1; }
	@echo "Installing the npm client that judges the validators' RPC ..."
	@cd $(COSMJS) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: cosmjs
cosmjs: $(COSMJS)/node_modules/.installed ## install the npm client that judges the validators' RPC

.PHONY: browser
browser:
	@$(PY) -m tests.browser

.PHONY: system-deps
system-deps: ## install what tests need: Debian packages (root), Go tools, npm modules
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$(sed 's/#.*//' deploy/debian-packages.txt)
	@command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm
	$(MAKE) tools cosmjs

.PHONY: lock
lock: ## pin requirements*.in with hashes (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" requirements.in -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" requirements-dev.in -o requirements-dev.txt

# --- running --------------------------------------------------------------------------------
.PHONY: up
up: $(VENV)/.run native ## start the whole demo consortium; Ctrl-C stops it, a second `make up` resumes
	@exec $(PY) -m salus.demo up

.PHONY: reset
reset: ## forget the demo: ledger, records, keys, people
	@if [ -x $(PY) ]; then $(PY) -m salus.demo reset; else rm -rf var; fi

# --- checking -------------------------------------------------------------------------------
.PHONY: lint
lint: $(VENV)/.dev ## ruff, mypy and the import rules
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check -q .
	$(VENV)/bin/lint-imports --no-cache
	$(VENV)/bin/mypy salus accounts ledger storage wallet mobile_api interop oversight

.PHONY: test
test: $(VENV)/.dev native tools cosmjs browser lint ## the whole suite: lint, units, real processes, real browser
	$(PY) -m pytest -m "not full"

.PHONY: test-full
test-full: $(VENV)/.dev native tools cosmjs browser ## the long matrices, schedules and soaks
	$(PY) -m pytest -m full

.PHONY: simulate
RUNS ?= 20000
simulate: $(VENV)/.dev ## search consensus schedules for a fork: RUNS=20000 SEED=0 PROFILE=mixed
	$(PY) -m tests.ledger.simulator --runs $(RUNS) --seed $(or $(SEED),0) --profile $(or $(PROFILE),mixed)

.PHONY: simulate-nightly
simulate-nightly: $(VENV)/.dev ## half a million schedules that no earlier night has tried
	$(PY) -m tests.ledger.simulator --runs 500000 --seed $(or $(SEED),$(shell date +%y%m%d)000000)

# --- measuring ------------------------------------------------------------------------------
.PHONY: bench-journey
bench-journey: $(VENV)/.dev browser ## approve tap to first paint at the bedside, 100 runs
	$(PY) -m bench.journey

.PHONY: bench-ledger
bench-ledger: $(VENV)/.dev native ## tx/s, latency, overload, idle, a million consents: four validators, about 20 minutes
	$(PY) -m bench.ledger

.PHONY: bench-storage
bench-storage: $(VENV)/.dev ## put and get, MB/s
	$(PY) -m bench.storage

.PHONY: bench-events
bench-events: $(VENV)/.dev ## memory, time and search of the index of events
	$(PY) -m bench.event_index

.PHONY: bench-snapshot
bench-snapshot: $(VENV)/.dev ## how a snapshot of a million consents disturbs a validator, and restoring it
	$(PY) -m bench.snapshot

.PHONY: bench-sync
bench-sync: $(VENV)/.dev ## seconds until a fresh validator has joined a ledger of 100,000 blocks
	$(PY) -m bench.state_sync

.PHONY: bench-thin
bench-thin: $(VENV)/.dev ## a thin node's memory and speed under queries, commits and a flood
	$(PY) -m bench.thin

.PHONY: screenshots
screenshots: $(VENV)/.dev browser ## take every page's picture into docs/img
	$(PY) -m tests.flows.screenshots
