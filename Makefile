# All that a checkout can do. Needs Python 3.11 or newer and nothing else.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

ENV := .venv
PY := $(ENV)/bin/python
PYTHON ?= python3
PYTHONS := $(PYTHON) python3.14 python3.13 python3.12 python3.11
PIP_INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --editable

.PHONY: help
help: ## Say what make can do here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(ENV)/runs ## Start the demo on this machine; TRAFFIC=5 keeps contacts coming, ARGS="…" passes options
	@exec $(PY) -m onewindow demo $(if $(TRAFFIC),--traffic $(TRAFFIC)) $(ARGS)

.PHONY: test
test: venv ## Run the whole suite against real components; ARGS="…" passes pytest options
	@$(PY) -m pytest $(ARGS)

.PHONY: check
check: lint ## Check format, style, types and import contracts, then run the fast tests
	$(PY) -m pytest -q -m "not browser and not slow" $(ARGS)

.PHONY: lint
lint: venv ## Check format, style, types and import contracts only
	$(ENV)/bin/ruff format --check .
	$(ENV)/bin/ruff check .
	$(ENV)/bin/mypy
	$(ENV)/bin/lint-imports --no-logo

.PHONY: bench
bench: venv ## Measure; ARGS="…" passes options
	@$(PY) -m tests.bench $(ARGS)

.PHONY: messages
messages: venv ## Bring the catalogues of both languages up to date with what the pages say
	@$(PY) -m tests.messages

.PHONY: format
format: venv ## Bring the code to the house format
	$(ENV)/bin/ruff check --fix-only --quiet .
	$(ENV)/bin/ruff format .

.PHONY: clean
clean: ## Remove the environment and what tools leave behind; your data in var/ stays
	rm -rf $(ENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./var -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: venv
venv: $(ENV)/ready ## Make the environment in .venv, or bring it up to date

# Two steps, so that the first `make run` waits for what runs and not for what tests.
$(ENV)/ready: $(ENV)/runs
	@echo "Installing what tests and checks need …"
	@$(PIP_INSTALL) '.[dev]'
	@touch $@

# $(PY) is a link to the interpreter: when that is upgraded or gone, the environment is made again.
$(ENV)/runs: pyproject.toml $(PY)
	@echo "Installing onewindow in $(ENV) …"
	@$(PIP_INSTALL) .
	@touch $@

$(PY):
	@for python in $(PYTHONS); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  echo "Making $(ENV) with $$("$$python" --version 2>&1) …"; \
	  "$$python" -m venv --clear $(ENV) && exit 0; \
	  rm -rf $(ENV); \
	  echo "$$python cannot make an environment. On Debian and Ubuntu: apt-get install python3-venv" >&2; \
	  exit 1; \
	done; \
	echo "onewindow needs Python 3.11 or newer, and none of these is one: $(PYTHONS)." >&2; \
	echo "On Debian and Ubuntu: apt-get install python3 python3-venv" >&2; \
	echo "Or name one: make PYTHON=/path/to/python3 venv" >&2; \
	exit 1
