# Two commands on a fresh machine with Python 3.11+, make and git: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
LOCK   := requirements.lock
PIP    := PIP_CONSTRAINT=$(LOCK) $(BIN)/python -m pip install --quiet --disable-pip-version-check
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check format power-cut chaos sigterm faults model fuzz chaos-full bench bench-peers bench-graphs bench-router bench-journal soak router lock clean

help:  ## show what there is
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.run  ## set up without torch, run a release through the bundled agents, explain one decision
	@$(BIN)/pointsman demo $(ARGS)

# Two processes of tests, so one thread each for small matrices: more only wait for each other.
test: $(VENV)/.dev  ## set up everything, run all tests with branch coverage (ARGS="-k bus")
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term $(ARGS)

check: $(VENV)/.dev  ## lint, format, types and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev  ## let the linter and the formatter repair what they can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

power-cut: $(VENV)/.dev  ## cut the power of a disk that a journal is written on, count what is missing (as root: a real file system)
	@$(BIN)/python -m pytest -rs tests/orchestrator/journal/test_power_cut.py $(ARGS)

chaos: $(VENV)/.dev  ## 200 real kill -9 over complete runs: nothing lost, nothing twice; broken builds must fail it
	@$(BIN)/python -m benchmarks.chaos --kills 200 --mutants $(ARGS)

sigterm: $(VENV)/.dev  ## ask a hundred times by SIGTERM in mid-run: nothing lost, no attempt burnt
	@$(BIN)/python -m benchmarks.chaos --kills 100 --sigterm $(ARGS)

faults: $(VENV)/.dev  ## an exception at every function of every component: each is reported, none hangs the run
	@FAULTS=all $(BIN)/python -m pytest tests/orchestrator/test_*faults*.py tests/orchestrator/cli/test_faults_in_commands.py \
	  --timeout 3600 $(ARGS)

model: $(VENV)/.dev  ## 2,000 random runs of 50 steps of each model: a run and its crashes, owners of runs, the bus (ARGS="--seed N")
	@$(BIN)/python -m tests.orchestrator.models $(ARGS)

fuzz: $(VENV)/.dev  ## 10,000 malformed inputs for each parser: only our own errors, soon, in little memory
	@$(BIN)/python -m benchmarks.fuzz $(ARGS)

chaos-full: $(VENV)/.dev  ## the same with 2,000 kills
	@$(BIN)/python -m benchmarks.chaos --kills 2000 --mutants $(ARGS)

bench: $(VENV)/.dev  ## costs beside bare asyncio, as a table (ARGS="--json FILE")
	@$(BIN)/python -m benchmarks.kernel $(ARGS)

bench-peers: $(VENV)/.dev  ## the same work in other frameworks, each in an environment of its own
	@$(BIN)/python -m benchmarks.peers $(ARGS)

bench-graphs: $(VENV)/.dev  ## 10,000 and 100,000 tasks in one graph: what ten times as many cost, in half an hour (ARGS="--check")
	@$(BIN)/python -m benchmarks.big_graphs $(ARGS)

bench-router: $(VENV)/.dev  ## the router's whole table, ours beside what others use (ARGS="--show --check")
	@$(BIN)/python -m benchmarks.router $(ARGS)

bench-journal: $(VENV)/.dev  ## a million durable events beside raw fdatasync (ARGS="--check")
	@$(BIN)/python -m benchmarks.journal_events $(ARGS)

soak: $(VENV)/.dev  ## 10,000 random cancellations of HTTP requests, beside plain httpx, then of whole runs: what they leave (ARGS="--seed 2")
	@$(BIN)/python -m benchmarks.http_cancellations $(ARGS)
	@$(BIN)/python -m benchmarks.cancellations $(ARGS)

router: $(VENV)/.dev  ## train the bundled router again from the agents' cards
	@$(BIN)/pointsman train --cards --out router/bundled/router.npz $(ARGS)

lock: $(VENV)/.dev  ## write the versions now installed to the lock
	@{ echo '# Exact versions of everything that make and CI install; used as constraints, written by `make lock`.'; \
	   $(BIN)/python -m pip freeze --all --exclude-editable | grep -v '^pip=='| sed 's/+cpu$$//'; } > $(LOCK).new
	@mv $(LOCK).new $(LOCK)

clean:  ## remove the environment and everything generated
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .pointsman .bench

# A stamp is newer than what it was made from, so that a second run installs nothing.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Pointsman needs Python 3.11 or later; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml $(LOCK) | $(BIN)/python
	@echo "Setting up $(VENV) ..."
	@$(PIP) -e '.[agents]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(LOCK) | $(BIN)/python
	@echo "Setting up $(VENV) with everything for development ..."
	@$(PIP) -e '.[agents,train,http,dev]'
	@touch $(VENV)/.run $@
