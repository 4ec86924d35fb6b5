# Everything happens inside the checkout: Python packages in .venv/, what is made while running in .kameng/.
# Needed beforehand: Python 3.11 or newer (with venv), make, git.

PYTHON ?= python3
UV_VERSION := 0.13.9

VENV := .venv
BIN := $(VENV)/bin
LOCK := deploy/locks/dev.lock
BUNDLE := deploy/frontend/dist

# Paths of the virtual environment come first: pyright then finds Node there and downloads none.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

FRONT_SOURCES := $(shell find deploy/frontend platform/kameng/web tenants admin_ui \
	\( -name node_modules -o -name dist -o -name __pycache__ \) -prune -o \
	-type f \( -name '*.js' -o -name '*.mjs' -o -name '*.css' -o -name '*.svg' -o -name '*.json' \
	-o -name .npmrc -o -path 'deploy/frontend/*' \) -print 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help setup dev demo test check bench browser always

help: ## show these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .kameng/frontend.stamp ## install everything into .venv and bundle the front end (quick when nothing changed)

demo: setup ## start two demo shops, buy in each, and keep serving until Ctrl-C
	@$(BIN)/kameng up --demo

dev: setup ## the same, restarting when a source file changes
	@$(BIN)/kameng up --demo --reload

test: setup browser ## run the whole test suite on real servers and a real browser
	@$(BIN)/python -m pytest

check: $(VENV)/synced.stamp ## lint, format, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: setup ## measure whole checkouts per second, for ten seconds
	@$(BIN)/kameng bench orders --seconds 10

browser: $(VENV)/synced.stamp
	@$(BIN)/python -m tests.support.browser_setup
	@$(BIN)/python -m tests.support.oidc_provider

$(VENV)/uv.stamp: Makefile
	@command -v $(PYTHON) >/dev/null || { echo "Kameng needs Python 3.11 or newer, and there is no $(PYTHON) here: name one with make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Kameng needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + ": name another with make PYTHON=...")'
	@$(PYTHON) -m venv $(VENV) || { echo "The virtual environment could not be made: on Debian and Ubuntu install python3-venv."; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

# uv does not read pip's settings, so a mirror set for pip alone is handed on. The project itself comes last:
# sync removes what the lock does not name.
$(VENV)/synced.stamp: $(VENV)/uv.stamp pyproject.toml $(LOCK)
	@[ -n "$$UV_DEFAULT_INDEX$$UV_INDEX_URL" ] || index=$$($(BIN)/python -m pip config get global.index-url 2>/dev/null || true); \
	[ -z "$$index" ] || export UV_DEFAULT_INDEX="$$index"; \
	export VIRTUAL_ENV="$(CURDIR)/$(VENV)"; \
	$(BIN)/uv pip sync --quiet --require-hashes $(LOCK) && \
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.kameng/frontend.stamp: $(VENV)/synced.stamp $(FRONT_SOURCES) $(if $(wildcard $(BUNDLE)/*),,always)
	@$(BIN)/python -m deploy.frontend
	@mkdir -p .kameng
	@touch $@
