# Every target sets up what it needs: a virtual environment with the exact versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: verify test check lint mutants bench clean

verify: $(STAMP)
	$(BIN)/hfverify verify

test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

check: lint
	$(BIN)/python -m pytest -q tests/syntax tests/model tests/logic tests/report

lint: $(STAMP)
	$(BIN)/ruff check hfverify impl tests benchmarks examples
	$(BIN)/mypy

mutants: $(STAMP)
	$(BIN)/python tests/mutation.py

bench: $(STAMP)
	$(BIN)/python benchmarks/verify.py
	$(BIN)/python benchmarks/explore.py

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "hfverify needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) .hfverify .mypy_cache .ruff_cache .pytest_cache .hypothesis
