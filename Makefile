# make alone lists what it can do. Works with GNU make 3.81 and later.

VENV ?= .venv
PYTHON ?= python3
BUILD := _build
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/pytest -n 2 --dist worksteal
SPHINX := $(BIN)/sphinx-build -c . -d $(BUILD)/doctrees -j 2

.DEFAULT_GOAL := help
.PHONY: help check html live test examples scripts elsewhere linkcheck clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s  %s\n", $$1, $$2}' Makefile

check: $(STAMP)  ## in a minute, without the book: format, lint, types, the package's tests
	$(BIN)/ruff format --check docs/_ext src tests conf.py
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) src tests --ignore tests/book --ignore tests/browser

html: $(STAMP)  ## build the book in _build/html, running what has changed
	$(SPHINX) -W --keep-going docs $(BUILD)/html

live: $(STAMP)  ## build, open on 127.0.0.1:8000, rebuild on saving a page or a module
	$(BIN)/sphinx-autobuild -c . -d $(BUILD)/doctrees -j 2 --watch src --watch conf.py \
	  --ignore '*/__pycache__/*' docs $(BUILD)/html

test: check html  ## all of that, then the tests of the pages and of the built book
	$(PYTEST) docs tests/book tests/browser

examples: html  ## write examples/: the chapters, and their numbers, as scripts
	PYTHONPATH=src:docs/_ext $(BIN)/python -m book.forms

scripts: html  ## run every script of examples/, and compare its numbers with its page's
	EVERY_SCRIPT=1 $(PYTEST) tests/book/test_forms.py -k script_gives

elsewhere: html  ## build as on an old processor, and compare the numbers
	PYTHONPATH=src:docs/_ext $(BIN)/python -m book.outputs.elsewhere

linkcheck: $(STAMP)  ## follow every link of the book (needs a network)
	$(BIN)/sphinx-build -c . -d $(BUILD)/linkcheck/doctrees -j 2 -b linkcheck \
	  docs $(BUILD)/linkcheck

clean:  ## remove all that was built; the environment stays
	rm -rf $(BUILD) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	-find src tests docs examples -name __pycache__ -type d -prune -exec rm -rf {} +

# Installed again when the requirements change; a failed installation is taken up again.
# On Linux, torch comes with gigabytes of CUDA unless PIP_EXTRA_INDEX_URL names
# PyTorch's index of CPU wheels (README.md).
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "transformer-path needs Python 3.11 or later, and $(PYTHON) is older:" \
	    "make PYTHON=python3.12" >&2; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --disable-pip-version-check -c constraints.txt -e '.[book,test]'
	touch $(STAMP)
