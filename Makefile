# Everything runs from here, on a fresh clone, with Python >= 3.11 and make only; nothing needs root or a display.
#   make demo                            the whole paper at demo scale
#   make run CONFIG=config/laptop.yaml   another configuration
#   make status | verify | estimate      of CONFIG=..., at any time
#   ... SNAKEMAKE_FLAGS="--config run=other seed=5"   words for Snakemake, understood by all of these
#   make test | lint | bench | help

PYTHON ?= python3
CORES ?= all
# none: config.yaml, and that of the run's own folder over it, as Snakemake takes them
CONFIG ?=
TEST_WORKERS ?= 2
PYTEST_FLAGS ?=
SNAKEMAKE_FLAGS ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
# for the shell: one word, whatever is in the name; an empty one names no file
CONFIGFILE = '$(subst ','\'',$(CONFIG))'

export MPLBACKEND := Agg
export PYTHONUNBUFFERED := 1
# python modules elsewhere on the machine are not part of a run
unexport PYTHONPATH PYTHONHOME
# a run starts Python hundreds of times: where modules are compiled anew each time, as this variable of many containers
# asks for, every start takes twice as long
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo run report reproduction status verify estimate reproduce compare test commands campaign faults \
	fuzz slurm mutation lint format schema bench clean

help:  ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | \
		awk -F'\t' '{ printf "  make %-12s %s\n", $$1, $$2 }'

install: $(READY)  ## create .venv from requirements.lock and install the package

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed, '$(PYTHON)' is not; say: make PYTHON=/path/to/python3.12 ..."; exit 1; }
	@echo "installing into $(VENV) (once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@# modules are compiled when they are first imported, and kept: most of what 1.5 GB hold never is
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: run  ## the whole paper at demo scale (config.yaml)

# After a kill or a crash the same command goes on: what was left at work is ended, a stale lock removed.
run: $(READY)  ## the run described by CONFIG=...
	@$(BIN)/python scripts/run.py $(CONFIGFILE) --cores $(CORES) --rerun-incomplete --quiet rules reason host \
		$(SNAKEMAKE_FLAGS)
	@$(BIN)/python scripts/verify.py --below 20 --quiet $(CONFIGFILE) $(SNAKEMAKE_FLAGS)
	@$(BIN)/python scripts/report.py $(CONFIGFILE) $(SNAKEMAKE_FLAGS)

# The report is made again only if a figure or number is newer.
report: $(READY)  ## HTML report of the run described by CONFIG=...
	@$(BIN)/python scripts/report.py $(CONFIGFILE) $(SNAKEMAKE_FLAGS)

reproduction: $(READY)  ## docs/reproduction.md from the finished run described by CONFIG=...
	@$(BIN)/python scripts/publish_reproduction.py $(CONFIGFILE) $(SNAKEMAKE_FLAGS)

status: $(READY)  ## what is done, running and failed in the run described by CONFIG=...
	@$(BIN)/python scripts/status.py $(CONFIGFILE) $(SNAKEMAKE_FLAGS)

verify: $(READY)  ## read every file of the run described by CONFIG=... with all checks
	@$(BIN)/python scripts/verify.py $(CONFIGFILE) $(SNAKEMAKE_FLAGS)

estimate: $(READY)  ## hours, memory, disk and jobs of the run described by CONFIG=..., before it is started
	@$(BIN)/python scripts/estimate.py $(CONFIGFILE) $(SNAKEMAKE_FLAGS)

reproduce: $(READY)  ## the run described by CONFIG=... twice from scratch; the numbers must be identical
	@$(BIN)/python scripts/reproduce.py $(if $(filter quick,$(REPRODUCE)),--quick) \
		$(if $(filter-out all,$(CORES)),--cores $(CORES)) $(CONFIGFILE) $(SNAKEMAKE_FLAGS)

# OLD=HEAD by default: what is not committed yet beside what is. COMPARE=quick: one structure only.
compare: $(READY)  ## every number of this working tree and of commit OLD, bit for bit
	@$(BIN)/python scripts/compare.py $(or $(OLD),HEAD) $(if $(CONFIG),--config $(CONFIGFILE)) \
		$(if $(filter quick,$(COMPARE)),--quick) $(if $(filter-out all,$(CORES)),--cores $(CORES))

test: $(READY)  ## all tests
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile $(PYTEST_FLAGS)

# A target that is not run here is not documented. Those below that take long have a quick form, the size of a toy:
# BENCH=quick, CAMPAIGN=quick, FAULTS=quick, FUZZ=quick, SLURM=quick, REPRODUCE=quick; their records go to results/quick/.
commands: $(READY)  ## every target and every command of the documents, in its quick form
	@$(BIN)/python -m pytest -m commands tests/commands $(PYTEST_FLAGS)

# Campaigns: a record of what was tried and what came of it (results/*.json) beside the verdict.
campaign: $(READY)  ## simulations killed ten times each, and compared with each other at length (a quarter of an hour)
	@$(BIN)/python -m pytest -m campaign tests/physics -s

faults: $(READY)  ## disturb a small run in every way and repeat the command (an hour); docs/reliability.md
	@$(BIN)/python -m pytest -m faults tests/faults -s
	@$(if $(filter quick,$(FAULTS)),true,$(BIN)/python scripts/write_reliability.py)

fuzz: $(READY)  ## readers and config with FUZZ_EXAMPLES damaged or absurd inputs each
	@FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),$(if $(filter quick,$(FUZZ)),3,1500)) \
		FUZZ_RECORD=results/$(if $(filter quick,$(FUZZ)),quick/)fuzz.json $(BIN)/python -m pytest tests/unit/test_fuzz.py

slurm: $(READY)  ## the smoke run on a Slurm started for it (Debian: slurm-wlm, munge; root)
	@$(BIN)/python -m pytest -m slurm tests/slurm -s

mutation: $(READY)  ## small wrong changes of MUTATION="PACKAGE ...": which of them a test notices; docs/testing.md
	@$(BIN)/python scripts/mutation.py $(or $(MUTATION),simulation dynamics local_structure network observables tables claims)

lint: $(READY)  ## ruff, mypy, snakefmt, snakemake --lint
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/snakefmt --check Snakefile workflow/rules
	@$(BIN)/snakemake --lint

format: $(READY)  ## write all files in the house style
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format
	@$(BIN)/snakefmt Snakefile workflow/rules

schema: $(READY)  ## generate workflow/schemas/config.schema.json from the typed config
	@$(BIN)/python -m tglassmlp.config > workflow/schemas/config.schema.json

bench: $(READY)  ## measure speed; table and results/benchmarks.json
	@$(BIN)/python -m benchmarks

clean:  ## remove the environment and caches; results stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
