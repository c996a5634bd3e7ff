# Everything goes through `setup`: it makes .venv in this checkout and does nothing when that is up to date.
# Its words go to stderr, so that the last line of `make report` is the path of the page.

PYTHON := .venv/bin/python
STAMP := .venv/.up-to-date
OLDEST ?= $(shell for each in python3.11 python3.12 python3.13 python3; do \
	$$each -c '' 2>/dev/null && echo $$each && break; done)
LOWEST := $(foreach each,attributions checkpoint edges families foreign foreign_layouts mechanisms seam tracing vit,tests/test_$(each).py)
BASE ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)

.PHONY: setup report test test-long test-lowest notebooks check docs lock
.DELETE_ON_ERROR:

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@if [ -z "$(BASE)" ]; then \
		echo "setup: no Python 3.11 or newer found on PATH; install one or name it: make BASE=/path/to/python3.11" >&2; exit 1; fi
	@echo "setup: bringing .venv up to date with $(BASE); the first time downloads PyTorch with CUDA, several GB" >&2
	@$(BASE) -m venv .venv >&2
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check "uv>=0.5" >&2
	@$(PYTHON) -m uv pip install --quiet --python $(PYTHON) -r requirements.lock >&2
	@$(PYTHON) -m uv pip install --quiet --python $(PYTHON) --no-deps -e . >&2
	@touch $@

report: setup
	@$(PYTHON) -m interpret.report checkpoints/shapes-*.pt --data shapes --limit 6 --sample 300 --out figures/demo --overwrite

test: setup
	@$(PYTHON) -m pytest -m "not long" -n 2 --dist loadfile

test-long: setup
	@$(PYTHON) -m pytest

# What pyproject.toml calls lowest, and the newest of what that needs; old libraries warn of themselves, so no error is made of it.
test-lowest: setup
	@$(OLDEST) -m venv .venv-lowest >&2
	@$(PYTHON) -m uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct --all-extras --group test \
		-r pyproject.toml >&2
	@$(PYTHON) -m uv pip install --quiet --python .venv-lowest/bin/python --no-deps -e . >&2
	@.venv-lowest/bin/python -m pytest -m "not long and not browser" -W default $(LOWEST)

notebooks: setup
	@$(PYTHON) notebooks/build.py

check: setup
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m pyright

docs: setup
	@NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict --quiet

lock: setup
	@$(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --all-extras --group test --group docs pyproject.toml -o requirements.lock --no-header
