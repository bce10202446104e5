# Everything starts here; plain `make` lists the targets.
#
# Stamp files remember what has been installed and built, so that a second `make run` only starts. HOST, PORT,
# DATA_DIR and DATABASE_URL, given to make or found in the environment, reach the server; .env it reads itself.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run setup page programs bytecode browser test chaos bench dev lint contract openapi lock clean clean-data

# The Python for server/.venv; when not given, the first of these that runs and is new enough.
PYTHON ?=
PYTHONS := $(or $(PYTHON),python3.13 python3.12 python3.11 python3)
# Options for pytest: make test ARGS="-k callback"
ARGS ?=
# Processes that share the tests, each with a PostgreSQL of its own; 0: one after the other in one process.
WORKERS ?= 2
# make test FAST=1: for the time between two changes.
FAST ?=
FAST_TESTS := tests/unit tests/integration/test_async_delivery.py tests/integration/test_bad_input.py

VENV := server/.venv
VENV_PYTHON := $(VENV)/bin/python
RUN_STAMP := $(VENV)/.installed
OTEL_STAMP := $(VENV)/.installed-otel
DEV_STAMP := $(VENV)/.installed-dev
BENCH_STAMP := $(VENV)/.installed-bench
# As seen from server/, where the server, its tests and its checks run.
PY := .venv/bin/python
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes $(if $(UPGRADE),--upgrade) \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links

# The page is built when it is there and a Node new enough for it; without it the server still serves the API.
HAS_CLIENT := $(wildcard client/package.json)
HAS_NODE := $(if $(HAS_CLIENT),$(shell command -v npm >/dev/null && node -e '\
	const [major, minor] = process.versions.node.split(".").map(Number); \
	if (major > 22 || (major == 22 && minor >= 12) || (major == 20 && minor >= 19)) console.log("yes")' 2>/dev/null))
CLIENT := $(if $(HAS_NODE),client)
NODE_STAMP := client/node_modules/.installed
PAGE := client/dist/index.html
PAGE_SOURCES := $(if $(CLIENT),$(shell find client/src client/public client/index.html \
	client/*.json client/*.ts client/*.js -type f 2>/dev/null))
OPENAPI := $(if $(HAS_CLIENT),client/src/api/openapi.json,build/openapi.json)

# A relative DATA_DIR counts from here, although the server runs in server/. Without one it is server/data.
ABSOLUTE_DATA_DIR = case "$$DATA_DIR" in /*) ;; ?*) export DATA_DIR="$$PWD/$$DATA_DIR" ;; esac

# The settings of whoever runs the tests are not theirs.
WITHOUT_SETTINGS = env -u HOST -u PORT -u DATA_DIR -u DATABASE_URL
PYTEST = cd server && exec $(WITHOUT_SETTINGS) $(PY) -m pytest
SHARED = -n $(WORKERS) --dist worksteal

help: ## list the targets
	@echo "Usage: make <target>; to start with: make run"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: setup page ## set up what is missing, then start everything on http://localhost:8000 (PORT, HOST, DATA_DIR, DATABASE_URL)
	@$(ABSOLUTE_DATA_DIR); cd server && exec $(PY) -m src

setup: $(RUN_STAMP) $(OTEL_STAMP) ## create server/.venv with the pinned packages (PYTHON=python3.12 chooses the Python)
	@:

page: $(if $(CLIENT),$(PAGE)) ## build the page, when there is one
	@$(if $(CLIENT),:,$(if $(HAS_CLIENT),echo "Node 20.19 or newer with npm was not found: no page; the API and /docs work.",:))

ifneq ($(filter-out 0,$(FAST)),)
test: programs $(DEV_STAMP) bytecode
	@status=0; ($(PYTEST) $(FAST_TESTS) -m "not chaos" $(SHARED) $(ARGS)) || status=$$?; \
	echo "Not tested: real processes, most of what needs a database, and the page. Before a commit: make test"; \
	exit $$status
else
# First what may be missing on this machine: a run that cannot be complete says so before anything slow.
test: programs $(if $(CLIENT),browser) $(DEV_STAMP) bytecode $(if $(CLIENT),$(PAGE)) ## run every test on a real PostgreSQL of its own (ARGS="-k callback", WORKERS=2; FAST=1: a minute of it)
ifeq ($(CLIENT),)
	@status=0; ($(PYTEST) $(SHARED) $(ARGS)) || status=$$?; \
	$(if $(HAS_CLIENT),echo "Not tested: the page. It needs Node 20.19 or newer with npm.";) exit $$status
else
	@mkdir -p build; (cd client && npm run --silent test && npm run --silent e2e) >build/page-tests.log 2>&1 & page=$$!; \
	status=0; ($(PYTEST) $(SHARED) $(ARGS)) || status=1; \
	echo "The page, in a browser (began beside the tests above) …"; \
	wait $$page || status=1; cat build/page-tests.log; exit $$status
endif
endif

# What the tests start beside the server.
programs:
	@.ci/packages curl=curl nginx=nginx-light openssl=openssl promtool=prometheus wget=wget

# Tests start the server dozens of times; where Python may not write bytecode, each would compile it anew.
bytecode: $(DEV_STAMP)
	@$(VENV_PYTHON) -m compileall -q server/src server/migrations

# What the page is tested in: the browser that is there, or one that is brought.
browser: $(NODE_STAMP)
	@cd client && node scripts/browser.mjs

chaos: $(DEV_STAMP) ## prove what is promised of crashes, restarts and two servers; one line each (CHAOS_SEED=7)
	@$(PYTEST) -m chaos -q $(ARGS)

bench: $(BENCH_STAMP) ## measure beside FastAPI alone, an ORM, Celery, csv and polars (QUICK=1, ONLY="accept start")
	@cd server && exec $(WITHOUT_SETTINGS) $(PY) -m bench $(if $(filter-out 0,$(QUICK)),--quick) $(if $(ONLY),--only $(ONLY))

dev: setup $(if $(CLIENT),$(NODE_STAMP)) ## start with reload; the page, when there is one, from Vite
ifeq ($(CLIENT),)
	@$(ABSOLUTE_DATA_DIR); cd server && exec $(PY) -m src --reload
else
	@$(ABSOLUTE_DATA_DIR); \
	(cd server && exec $(PY) -m src --reload) & server=$$!; \
	(cd client && API_URL="http://localhost:$${PORT:-8000}" exec node_modules/.bin/vite) & page=$$!; \
	trap 'kill $$server $$page 2>/dev/null' INT TERM; \
	wait $$server; kill $$page 2>/dev/null; wait
endif

lint: $(DEV_STAMP) $(if $(CLIENT),$(NODE_STAMP)) ## check style, types, layers and known weaknesses
	cd server && $(PY) -m ruff check . && $(PY) -m ruff format --check .
	cd server && $(PY) -m mypy
	cd server && .venv/bin/lint-imports
	cd server && $(PY) -m bandit --quiet --recursive --configfile pyproject.toml src
	$(if $(CLIENT),cd client && npm run --silent lint)
	$(if $(CLIENT),@$(MAKE) --no-print-directory contract)

# What the page is built from must be what the server says.
contract: $(DEV_STAMP) $(NODE_STAMP)
	@mkdir -p build && cd server && $(PY) -m src.export_openapi > ../build/openapi.json
	@cmp -s build/openapi.json client/src/api/openapi.json || { \
		echo "client/src/api/openapi.json is not what the server says; run: make openapi" >&2; exit 1; }
	@cd client && cp src/api/schema.gen.ts ../build/ && npm run --silent types >/dev/null && \
		cmp -s src/api/schema.gen.ts ../build/schema.gen.ts || { \
		echo "client/src/api/schema.gen.ts was not generated from openapi.json; run: make openapi" >&2; exit 1; }

openapi: $(RUN_STAMP) $(if $(CLIENT),$(NODE_STAMP)) ## write the OpenAPI document, and the page's types from it
	@mkdir -p $(dir $(OPENAPI))
	@cd server && $(PY) -m src.export_openapi > ../$(OPENAPI).new
	@mv $(OPENAPI).new $(OPENAPI)
	@$(if $(CLIENT),cd client && npm run --silent types >/dev/null)
	@echo "Wrote $(OPENAPI)$(if $(CLIENT), and the types that the page uses)."

lock: ## recompile the pinned requirements with uv (UPGRADE=1 takes newer versions)
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 1; }
	cd server && $(LOCK) requirements.in -o requirements.txt
	cd server && $(LOCK) requirements-otel.in -o requirements-otel.txt
	cd server && $(LOCK) requirements-dev.in -o requirements-dev.txt
	cd server && $(LOCK) requirements-bench.in -o requirements-bench.txt

clean: ## remove what was installed and built; data stay
	rm -rf $(VENV) build client/node_modules client/dist
	rm -rf server/.mypy_cache server/.pytest_cache server/.ruff_cache server/.import_linter_cache server/.hypothesis server/.schemathesis
	find server -name __pycache__ -type d -prune -exec rm -rf {} +

clean-data: ## remove server/data with all reports and the embedded database, after asking
	@printf 'Remove %s with all reports and the database? [y/N] ' "$$PWD/server/data"; read -r answer; \
	if [ "$$answer" = y ]; then rm -rf server/data; else echo "Nothing was removed."; fi

$(VENV_PYTHON):
	@for candidate in $(PYTHONS); do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
			echo "Creating server/.venv with $$($$candidate --version) …"; \
			if command -v uv >/dev/null; then exec uv venv --quiet --clear --python "$$(command -v $$candidate)" $(VENV); fi; \
			exec $$candidate -m venv --clear $(VENV); \
		fi; \
	done; \
	echo "Python 3.11 or newer was not found (tried $(PYTHONS)); name one with: make run PYTHON=/path/to/python3" >&2; \
	exit 1

# Bytecode is compiled now: without it every start takes seconds longer where Python may not write any.
# A folder that uv made has no pip; it gets one when uv has gone.
INSTALL = if command -v uv >/dev/null; \
	then uv pip install --quiet --compile-bytecode --require-hashes --python $(VENV_PYTHON) -r $<; \
	else { $(VENV_PYTHON) -c 'import pip' 2>/dev/null || $(VENV_PYTHON) -m ensurepip >/dev/null; } && \
	$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<; fi

$(RUN_STAMP): server/requirements.txt $(VENV_PYTHON)
	@echo "Installing the server's packages (about 5 s with uv, 25 s with pip) …"
	@$(INSTALL)
	@touch $@

# After the others, never beside them: all install into one folder.
$(OTEL_STAMP): server/requirements-otel.txt $(RUN_STAMP)
	@echo "Installing what exports traces, for when OTEL_EXPORTER_OTLP_ENDPOINT is set (about 1 s with uv, 5 s with pip) …"
	@$(INSTALL)
	@touch $@

$(DEV_STAMP): server/requirements-dev.txt $(OTEL_STAMP)
	@echo "Installing the packages for tests and checks (about 5 s with uv, 25 s with pip) …"
	@$(INSTALL)
	@touch $@

$(BENCH_STAMP): server/requirements-bench.txt $(DEV_STAMP)
	@echo "Installing what is compared with (about 5 s with uv, 25 s with pip) …"
	@$(INSTALL)
	@touch $@

$(NODE_STAMP): client/package.json client/package-lock.json
	@echo "Installing the page's packages (about 35 s) …"
	@cd client && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(PAGE): $(NODE_STAMP) $(PAGE_SOURCES)
	@echo "Building the page (about 10 s) …"
	@cd client && npm run --silent build
	@touch $@
