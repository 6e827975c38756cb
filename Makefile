# Each target sets up what it needs, so any of them can be the first command on a fresh machine.
VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?= python3

.PHONY: setup demo test check bench size docs soak clean

setup: $(VENV)/.ready

# torch first, as a CPU build where one is at hand: nothing else may pull another.
$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable . --group test
	touch $@

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: $(VENV)/.ready
	$(BIN)/python -m pytest

size:
	@find src -name '*.py' -exec wc -l {} + | sort -rn
