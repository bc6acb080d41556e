# One-word commands.  `make fit` and `make test` do all set-up themselves.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
PIP_BENCH := .venv-bench/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt
TESTS ?= tests
ROWS ?=

.PHONY: fit test test-long lint format docs bench accuracy clean

fit: .venv/installed
	$(BIN)/vetro fit examples/concrete.csv --target compressive_strength

test: .venv/test
	$(BIN)/python -m pytest $(TESTS) -m "not long" -n 2 --dist worksteal

test-long: .venv/test
	VETRO_HYPOTHESIS=searching $(BIN)/python -m pytest $(TESTS) -m "long or not long" -n 2 --dist worksteal --timeout 3600

lint: .venv/lint
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/lint
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# What is generated: the tour, with the numbers of a real run, the messages, the types of the core, and
# the page of the accuracy bench from its results.
docs: .venv/test
	$(BIN)/python -m vetro.apps.tour.page docs
	$(BIN)/python -m vetro.apps.messages_page docs/messages.md
	$(BIN)/python -m nanobind.stubgen -q -m vetro._native -o src/vetro/_native.pyi
	$(BIN)/python -m benchmarks.accuracy.page docs/accuracy.md

# All rows, or those named: make bench ROWS="3 5".  The tables go into docs/benchmarks.md.
bench: .venv-bench/installed
	.venv-bench/bin/python benchmarks/run.py $(ROWS) --save

# Errors on real tables, all contestants, on the tables that were looked at while tuning.
accuracy: .venv-bench/installed
	.venv-bench/bin/python -m benchmarks.accuracy.run

clean:
	rm -rf .venv .venv-bench build dist runs .mypy_cache .ruff_cache .hypothesis .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are remade when what they install from changes.
.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

.venv/installed: .venv/bin/python pyproject.toml constraints.txt CMakeLists.txt $(wildcard native/*)
	$(PIP) torch==2.13.0
	$(PIP) --editable .
	touch $@

.venv/test: .venv/installed
	$(PIP) --editable . --group test
	touch $@

.venv/lint: .venv/installed
	$(PIP) --editable . --group test --group lint
	touch $@

# The peers have an environment of their own, so that nothing they need touches Vetro's.
.venv-bench/installed: pyproject.toml constraints.txt CMakeLists.txt $(wildcard native/*)
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(PIP_BENCH) torch==2.13.0
	$(PIP_BENCH) --config-settings build-dir=build/bench --editable . --group bench --group accuracy
	touch $@
