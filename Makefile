# make demo     install, run the paper's rows on the embedded data set, print the ranked tables   (SEEDS=3 for three seeds)
# make test     install, then style, types and all tests but the slow ones
# make test-all the same with the slow ones: clusters, installations, trainings on real data
# make bench    the performance ratios, in minutes (bench-full: every model timed)
# make perf-check  which of the quick ones moved since, beyond their own noise; three minutes
# make reference        every record of the paper's protocol again, in hours, resumable: BENCH_DATA=FOLDER:FOLDER make reference
# make reference-check  a part of them in minutes, compared with the committed ones byte for byte
# make study            every record of the study again, in many hours, resumable; study-check: a part of them in minutes, compared
# make chaos    50 runs that are killed or disturbed otherwise and go on; half an hour
# make fuzz     half an hour of random damage to everything that is read
# make mutants  seeded changes of the code, each of which some test has to notice; minutes

PYTHON ?= python3
SEEDS ?= 1
VENV := .venv
BIN := $(VENV)/bin
DEMO_RESULTS := results/runs/demo
# torch first and by its pinned version: a looser request brings several gigabytes of GPU libraries
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# a file's tests, which share what its fixtures ran, are one process's; files in tests/conftest.py's order
PYTEST = $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-all check-code bench bench-full perf-check reference reference-check study study-check chaos fuzz mutants clean

demo: $(VENV)/.run
	$(BIN)/python -m bench run --datasets yeast --methods @paper --seeds $$(seq -s ' ' 0 $$(($(SEEDS) - 1))) --jobs auto --results $(DEMO_RESULTS)
	$(BIN)/python -m bench table --results $(DEMO_RESULTS)

test: $(VENV)/.test check-code
	$(PYTEST) -m 'not slow'

test-all: $(VENV)/.test check-code
	$(PYTEST)

check-code: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.test
	$(BIN)/python -m perf

bench-full: $(VENV)/.test
	$(BIN)/python -m perf --full

perf-check: $(VENV)/.test
	$(BIN)/python -m perf --check

reference: $(VENV)/.test
	$(BIN)/python -m study.reference run
	$(BIN)/python -m study.reference pack
	$(BIN)/python -m study.results_page

reference-check: $(VENV)/.test
	$(BIN)/python -m study.reference run --subset --results results/reference/check
	$(BIN)/python -m study.reference check --results results/reference/check

study: $(VENV)/.test
	$(BIN)/python -m study.converged run
	$(BIN)/python -m study.converged pack
	$(BIN)/python -m study.converged.reproducibility
	$(BIN)/python -m study.converged.page

study-check: $(VENV)/.test
	$(BIN)/python -m study.converged run --subset --results results/study/check
	$(BIN)/python -m study.converged check --results results/study/check

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) torch==2.13.0
	$(INSTALL) -e .
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(INSTALL) -e '.[test]'
	touch $@

chaos: $(VENV)/.test
	$(BIN)/python -m tests.end_to_end.chaos --rounds 50

fuzz: $(VENV)/.test
	$(BIN)/python -m tests.end_to_end.fuzz --minutes 30

mutants: $(VENV)/.test
	$(BIN)/python -m tests.mutation.run

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
