# One environment, two commands: `make run` starts the service, `make test` tests it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.runs
READY := $(VENV)/.ready
DEVICES ?= 5000
MINUTES ?= 5
BACKEND ?= memory
HOST ?= 127.0.0.1
PORT ?= 8080

.DEFAULT_GOAL := help
.PHONY: help run web test test-long fuzz demo demo-failing check audit format proto e2e bench storm soak wheel clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  \033[36mmake %-13s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(RUNS): pyproject.toml
	@echo "Setting up $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(READY): $(RUNS)
	@echo "Setting up what tests need …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

run: $(RUNS) ## Start the service on 127.0.0.1:50051
	$(BIN)/signaling-service serve

web: $(RUNS) ## Try calls in a browser, on 127.0.0.1:8080 (HOST=… PORT=…; needs Node.js)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[websocket]'
	@$(BIN)/python -m examples.web_page --host $(HOST) --port $(PORT)

# three at a time on two cores: most of them wait for something
test: $(READY) ## Run the tests (a few minutes)
	$(BIN)/python -m pytest -n 3 --cov=signaling_service.core --cov-branch --cov-report=term:skip-covered --cov-fail-under=100

test-long: $(READY) ## Run the property tests, the fault runs and the fuzzer for long
	HYPOTHESIS_PROFILE=nightly FAULTS=long $(BIN)/python -m pytest -n 2 tests/core tests/cluster tests/faults tests/hostile --timeout=3600
	$(MAKE) fuzz FUZZ="--inputs 1000000"

fuzz: $(READY) ## Look for inputs that break something (FUZZ="--inputs 1000000 --keep")
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	$(BIN)/python -m tests.fuzz $(FUZZ)

demo: $(READY) ## Watch two WebRTC peers call each other
	$(BIN)/python -m examples.demo

demo-failing: $(READY) ## Watch a call that loses its network, and gets over it
	$(BIN)/python -m examples.demo --failing

check: $(READY) ## Lint, types, import rules, protos; changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/buf breaking --against protos/baseline.binpb
	VENV=$(VENV) scripts/check-proto.sh

audit: $(READY) ## Look for known vulnerabilities in what is installed (asks OSV, else PyPI)
	$(BIN)/python -m scripts.audit

format: $(READY) ## Format code and protos
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/buf format --write

proto: $(READY) ## Generate the stubs from protos/
	VENV=$(VENV) scripts/proto.sh

e2e: $(READY) ## Test with Chromium, libwebrtc, coturn, Node.js, C++, buf curl and promtool (installs Debian packages)
	scripts/install-e2e.sh
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[e2e]'
	$(BIN)/python -m pytest tests/e2e --timeout=600

bench: $(READY) ## Measure, side by side with a bare relay (some minutes)
	$(BIN)/python -m benchmarks

storm: $(READY) ## Let 5,000 devices come back at once (DEVICES=5000)
	$(BIN)/python -m benchmarks --only storm --devices $(DEVICES) --out benchmarks/results/storm.json

soak: $(READY) ## Let devices come and go, then look for leaks (MINUTES=5 BACKEND=memory)
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES) --backend $(BACKEND)

wheel: $(READY) ## Build the wheel
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## Remove what was installed and built
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
