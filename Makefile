# make setup | demo | test | lint | benchmark | clean
PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
DEMO_OUTPUT ?= demo-output

.PHONY: setup demo test lint benchmark clean

setup: $(STAMP)
	@sh Utilities/InstallDebianPackages.sh run test

$(STAMP): pyproject.toml Makefile
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 10) <= sys.version_info[:2] <= (3, 13) else "SlicerM3D needs Python 3.10 to 3.13, this is %d.%d; say which one to use: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[mesh-formats,report,test]'
	@touch $@

demo: $(STAMP)
	@sh Utilities/InstallDebianPackages.sh run
	$(BIN)/m3d demo --output $(DEMO_OUTPUT)

test: setup lint
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Other people's programs are measured beside ours where they can be installed; the table says which were.
benchmark: $(STAMP)
	@sh Utilities/InstallDebianPackages.sh run
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check meshlib pymeshlab || echo "Other people's programs could not be installed: the table is made without them."
	@$(BIN)/python Testing/Benchmarks/performance.py $(BENCHMARK_OPTIONS)

clean:
	rm -rf $(VENV) $(DEMO_OUTPUT) build *.egg-info .pytest_cache .ruff_cache .hypothesis
