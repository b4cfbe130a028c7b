# Sets itself up in .venv, then does what is asked. `make help` lists the targets.
#
# PYTHON names the interpreter to build the environment with (3.11 to 3.13).
# TORCH names the build of PyTorch: cpu, cuda, or auto, which looks for an NVIDIA card.
# Everything else is installed from the lock files in requirements/, each file checked against its hash. Where the files
# come from is pip's business: PIP_INDEX_URL, PIP_EXTRA_INDEX_URL and PIP_FIND_LINKS are honoured.

PYTHON ?= python3
TORCH ?= auto
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
LOCK_TOOLS := build/lock-tools
NODE := ui/node_modules

# Tests start the program again and again: what it is compiled to is kept.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup setup-dev torch demo test lint docs coverage lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo       set up, make a clip, redact it: see demo/"
	@echo "make test       set up with the test tools, lint, run all tests"
	@echo "make setup      set up only"
	@echo "make setup-dev  set up with the test tools"
	@echo "make lint       ruff, mypy, import-linter; eslint and tsc for the JavaScript"
	@echo "make docs       the documentation site, in build/site"
	@echo "make coverage   run the tests and show which lines they reach"
	@echo "make lock       renew the lock files; UPGRADE=--upgrade takes the newest versions"
	@echo "make clean      remove the environment and everything built"

setup: $(RUN) torch

setup-dev: $(DEV) torch

# Two runs of pip must not change the environment at the same time.
.NOTPARALLEL:

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

# Files are compiled when they are first imported: most never are.
INSTALL := $(BIN)/python -m pip install -q --no-compile

# hatchling, which builds the project, comes from the lock file as well.
$(RUN): requirements/run.txt pyproject.toml redact/__init__.py | $(BIN)/python
	$(INSTALL) --no-deps --require-hashes -r requirements/run.txt
	$(INSTALL) --no-deps --no-build-isolation -e .
	touch $@

$(DEV): requirements/dev.txt $(RUN)
	$(INSTALL) --no-deps --require-hashes -r requirements/dev.txt
	touch $@

# Says nothing where there is nothing to do.
torch: $(RUN)
	@$(BIN)/python requirements/install_torch.py $(TORCH)

demo: setup
	$(BIN)/redact demo -o demo --overwrite

lint: setup-dev $(NODE)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if [ -e $(NODE)/.installed ]; then npm run --silent --prefix ui lint; else echo "$(NO_NODE)"; fi

# Warnings, such as dead links, are errors. The variable silences advice about other products.
docs: setup-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# What checks and tests the JavaScript, and axe-core, which checks the accessibility of the pages. All of it comes from the
# npm registry, at the versions and hashes of the lock file. Without Node.js these checks are skipped, unless
# REDACT_REQUIRE_NODE is set. npm ignores the certificates of the system, which an organisation's own registry may need.
NO_NODE := Skipped the checks and tests of the JavaScript: Node.js 18.18 or newer with npm is needed (apt-get install npm)
$(NODE)/.installed: ui/package.json ui/package-lock.json
	@if command -v node npm >/dev/null && node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 18 || (a == 18 && b >= 18) ? 0 : 1)' && \
		NODE_EXTRA_CA_CERTS="$${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}" \
		npm ci --prefix ui --ignore-scripts --no-audit --no-fund --fetch-retries=1; then touch $@; else \
		echo "$(NO_NODE)" >&2; [ -z "$$REDACT_REQUIRE_NODE" ]; fi

# Files with slow tests go to the workers first, see tests/conftest.py.
test: lint
	@if [ -e $(NODE)/.installed ]; then npm test --silent --prefix ui; fi
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not alone"
	$(BIN)/python -m pytest -m alone $$(grep -rl --include='*.py' pytest.mark.alone tests)

# Line coverage of everything but the tests that measure time; half as slow again as the tests alone. See htmlcov/.
coverage: setup-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not alone" \
		--cov --cov-report=term --cov-report=html

# Versions stay as they are while pyproject.toml allows them. Hashes are those of PyPI, for every platform and Python.
COMPILE := $(LOCK_TOOLS)/bin/uv pip compile -q --config-file requirements/uv.toml --group build $(UPGRADE) pyproject.toml

lock: $(LOCK_TOOLS)/bin/uv
	$(COMPILE) -o requirements/run.txt
	$(COMPILE) --all-extras -c requirements/run.txt -o requirements/dev.txt

$(LOCK_TOOLS)/bin/uv: | $(BIN)/python
	$(BIN)/python -m venv $(LOCK_TOOLS)
	$(LOCK_TOOLS)/bin/python -m pip install -q 'uv>=0.13,<0.14'

clean:
	rm -rf $(VENV) $(NODE) build dist demo *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis htmlcov .coverage*
