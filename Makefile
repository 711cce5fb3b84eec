# demo: a Prefect server with sample runs, and the app on it     test: the whole test suite
# lint: what must be clean before a commit                       clean: back to a fresh clone
# lock: pin anew what pyproject.toml allows        bench: measure, and write bench.json
# The environment lies in .venv and is made with PYTHON: `make demo PYTHON=python3.12`.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check install

.PHONY: demo test bench lint lock clean

demo: .venv/installed
	@$(BIN)/flowdag demo

# in two processes: much of a test is waiting for a flow, a server or a browser
test: .venv/installed-dev
	@$(BIN)/python -m pytest -n 2

bench: .venv/installed-dev
	@$(BIN)/python -m bench

lint: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# pins for every supported Python, without index addresses; needs uv
LOCK := uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header
lock:
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

# real servers, each in an environment of its own in .compat; some of them on PostgreSQL, where it is installed
compat: .venv/installed-dev
	@$(BIN)/python -m tests.compat $(VERSION)

clean:
	rm -rf .venv .compat .flowdag build dist bench.json .*_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "flowdag needs Python 3.11 or newer. Name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo "Making .venv…"; $(PYTHON) -m venv .venv; }
	@echo "Installing flowdag and what it needs into .venv (a minute or two the first time)…"
	@$(PIP) -r requirements.lock
	@$(PIP) --no-deps -e .
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	@echo "Installing the tools for tests and checks into .venv…"
	@$(PIP) -r requirements-dev.lock
	@touch $@
