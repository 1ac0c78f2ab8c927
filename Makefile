# Every target sets up what it needs, then does it. Needs Python >= 3.11, make and git.
#   make run [STUDY=workstation] [CORES=8]    make test    make test-slurm    make bench    make lint    make format
PYTHON ?= python3
CORES ?= 2
STUDY ?=
TORCH_OPTIONS ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
export PYTHONPATH := $(CURDIR)/src$(if $(PYTHONPATH),:$(PYTHONPATH))
export MPLCONFIGDIR := $(CURDIR)/.venv/matplotlib

.DEFAULT_GOAL := run
.PHONY: run test test-slurm bench lint format unlock clean

run: $(READY)
	@$(BIN)/snakemake --cores $(CORES) $(if $(STUDY),--config study=$(STUDY))

# Files of tests go to as many processes as there are cores, one thread each; the longest file is among the first in the alphabet.
test: $(READY) lint
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(CORES) --dist loadfile --no-loadscope-reorder

# On a real Slurm of three nodes, started for the tests and ended with them; needs slurm-wlm and munge (Debian's), and root.
test-slurm: $(READY)
	@AURIC_SLURM=1 $(BIN)/python -m pytest tests/slurm

bench: $(READY)
	@$(BIN)/python -m benchmarks

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check Snakefile workflow
	@$(BIN)/mypy
	@$(BIN)/snakemake --lint > $(VENV)/lint.txt 2>&1 || { cat $(VENV)/lint.txt; exit 1; }
	@echo "lint: ruff, snakefmt, mypy and snakemake --lint found nothing"

format: $(READY)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/snakefmt Snakefile workflow

# After a kill that left Snakemake's lock behind (and only if no other run is at work in this folder).
unlock: $(READY)
	@$(BIN)/snakemake --unlock $(if $(STUDY),--config study=$(STUDY))

clean:
	rm -rf $(VENV) build .snakemake

# The environment, made again when the lock file changes. torch comes first and with what its build for this platform needs
# (CUDA builds bring libraries that the lock does not name); TORCH_OPTIONS can point pip to a CPU build.
$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("auric needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; set PYTHON=python3.12, say" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -c 'import sys; from auric.running import at_work; sys.exit("auric: requirements.lock has changed, and a run is at work in this folder; let it finish before its environment is made anew" if at_work() else 0)'
	@echo "auric: setting up $(VENV) once (about 3 GB, a few minutes)"
	@rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH_OPTIONS) --constraint requirements.lock torch
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
