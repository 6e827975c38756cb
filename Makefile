# Each target sets up what it needs, so any of them can be the first command on a fresh machine.
VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?= python3
DATA   ?= ../shared
VIDEO  ?=

# Tests start hundreds of programs. Each would compile the whole package anew where Python may not keep what it compiled.
export PYTHONDONTWRITEBYTECODE =

.PHONY: setup demo test check bench soak docs size clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable . --group test
	touch $@

# What system tests need: PyTorch, an RTSP server, a screen, Prometheus, Triton, TorchServe. Where it cannot be installed they skip.
$(VENV)/.system: | $(VENV)/.ready
	-tools/install_torch $(VENV)
	-tools/install_system_packages
	-tools/install_triton
	-tools/install_torchserve $(BIN)/python
	touch $@

demo: $(VENV)/.ready
	$(BIN)/sightline demo $(VIDEO)

# Three processes share the tests out: many tests wait, so that two leave two cores idle for a third of the time.
# What fails beside another test is run once more, alone, and must pass then.
test: $(VENV)/.ready $(VENV)/.system
	$(BIN)/python -m pytest -n 3 --dist loadfile || \
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# `trackers` asks for an OpenCV with windows that would overwrite ours: it runs without.
bench: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --no-deps trackers pydeprecate
	$(BIN)/python benchmarks/end_to_end.py --data $(DATA)
	$(BIN)/python benchmarks/tracker.py
	$(BIN)/python benchmarks/cold_start.py --data $(DATA)

# Hours on end: memory over 100,000 frames.
soak: $(VENV)/.ready
	$(BIN)/python -m pytest -m slow -rP

docs: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --group docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The project's own weight, largest module first.
size:
	@find src -name '*.py' -exec wc -l {} + | sort -rn

clean:
	rm -rf $(VENV) build dist site .mypy_cache .ruff_cache .pytest_cache
