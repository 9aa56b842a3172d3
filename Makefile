# Every target sets up what it needs: a virtual environment with the exact versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

DOCS_STAMP := $(VENV)/.installed-docs
# What a ledger does that is not that of the sources: `show` publishes pages that say so.
STALE ?= error

.PHONY: verify test check docs lint mutants bench clean

verify: $(STAMP)
	$(BIN)/hfverify verify

test: $(DOCS_STAMP)
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal --durations 15

check: lint
	$(BIN)/python -m pytest -q tests/syntax tests/model tests/logic tests/report

docs: $(DOCS_STAMP)
	$(BIN)/python -m sphinx -W --keep-going -n -q -j auto -D hfverify_stale=$(STALE) -d docs/_build/doctrees -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

lint: $(DOCS_STAMP)
	$(BIN)/ruff check hfverify impl tests benchmarks examples docs
	$(BIN)/mypy

mutants: $(STAMP)
	$(BIN)/python tests/mutation.py

bench: $(DOCS_STAMP)
	$(BIN)/python benchmarks/verify.py
	$(BIN)/python benchmarks/explore.py
	PYTHONPATH=tests $(BIN)/python benchmarks/fallback.py
	$(BIN)/python benchmarks/docs.py
	$(BIN)/python benchmarks/pairs.py
	$(BIN)/python benchmarks/collisions.py
	$(BIN)/python benchmarks/spin.py

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "hfverify needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

$(DOCS_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,docs]'
	@# What validates the pages, where there is what runs it; its tests say so if they are skipped.
	-! { command -v npm && command -v java; } >/dev/null || npm ci --silent --ignore-scripts --prefix tests/publish/validator
	touch $(DOCS_STAMP)

clean:
	rm -rf $(VENV) docs/_build docs/reference .hfverify .mypy_cache .ruff_cache .pytest_cache .hypothesis
