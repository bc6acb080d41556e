# One-word commands.  `make fit` and `make test` do all set-up themselves.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
TESTS ?= tests

.PHONY: fit test test-long lint format bench clean

fit: .venv/installed
	$(BIN)/vetro fit examples/concrete.csv --target compressive_strength

test: .venv/test
	$(BIN)/python -m pytest $(TESTS) -m "not long" -n 2

test-long: .venv/test
	VETRO_HYPOTHESIS=searching $(BIN)/python -m pytest $(TESTS) -m "long or not long" -n 2 --timeout 3600

lint: .venv/lint
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/lint
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: .venv/test
	for file in benchmarks/*.py; do echo "## $$file"; $(BIN)/python $$file || exit 1; done

clean:
	rm -rf .venv build dist runs .mypy_cache .ruff_cache .hypothesis .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are remade when what they install from changes.
.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

.venv/installed: .venv/bin/python pyproject.toml constraints.txt CMakeLists.txt
	$(PIP) torch==2.13.0
	$(PIP) --editable .
	touch $@

.venv/test: .venv/installed
	$(PIP) --editable . --group test
	touch $@

.venv/lint: .venv/installed
	$(PIP) --editable . --group test --group lint
	touch $@
