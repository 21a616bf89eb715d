# Everything runs from here, on a fresh clone, with Python >= 3.11 and make only; nothing needs root or a display.
#   make demo                            the whole paper at demo scale
#   make run CONFIG=config/laptop.yaml   another configuration
#   make status | verify | estimate      of CONFIG=..., at any time
#   ... SNAKEMAKE_FLAGS="--config run=other seed=5"   words for Snakemake, understood by all of these
#   make test | lint | bench | help

#: Python 3.11 or newer that the environment is made with.
PYTHON ?= python3
#: Processor cores that a run may use, or `all`.
CORES ?= all
# none: config.yaml, and that of the run's own folder over it, as Snakemake takes them
#: Configuration of the run, laid over `config.yaml`. Without it the run is that of `config.yaml`.
CONFIG ?=
#: Tests that run at the same time.
TEST_WORKERS ?= 2
#: Further options of pytest.
PYTEST_FLAGS ?=
#: Further options of Snakemake, such as `--config run=other seed=5` or `--profile workflow/profiles/slurm`.
SNAKEMAKE_FLAGS ?=
#: Part of the run that is made: `structures`, `dynamics`, `descriptors`, `networks`, `predictions`, `tables`,
#: `figures`, or the path of one file. Without it the whole run is made.
TARGET ?=
#: The names that `TARGET` may have; they are those of rules.
PARTS := structures dynamics descriptors networks predictions tables figures studies
#: Commit to compare with.
OLD ?= HEAD
#: `quick`: compare what is computed of one structure only.
COMPARE ?=
#: `quick`: compare the equilibration of the first temperature only.
REPRODUCE ?=
#: `quick`: two faults instead of all.
FAULTS ?=
#: `quick`: three examples per test.
FUZZ ?=
#: `quick`: each measurement in the size of a toy, in a minute together.
BENCH ?=
#: `quick`: small simulations, each killed once and none judged by its means.
CAMPAIGN ?=
#: `quick`: the smoke run only, without the jobs that are killed at their time limit (minutes).
SLURM ?=
#: `quick`: install without dependencies and predict nothing.
DIST ?=
#: Damaged or absurd inputs for each reader and for the configuration.
FUZZ_EXAMPLES ?= $(if $(filter quick,$(FUZZ)),3,1500)
#: Packages whose code is changed, and options of `scripts/mutation.py` ({doc}`/testing`).
MUTATION ?= simulation dynamics local_structure network observables tables claims

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
.PHONY: help install figures demo run report reproduction status verify estimate reproduce compare test commands campaign faults \
	fuzz slurm mutation docs dist lint format schema bench clean

help:  ## show this list
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

#: Every figure of the paper from the structures and propensities that come with the repository: nothing is simulated. It is the target
#: {make}`run` with `config/figures.yaml`, and understands the same words.
figures: CONFIG := config/figures.yaml
figures: run  ## draw every figure from the shipped data set (config/figures.yaml)

#: The target {make}`run` without a configuration.
demo: run  ## make the whole paper at demo scale (config.yaml)

# a part by name is forced, though it makes no file itself: Snakemake then says what is there, even if all was there before
#: After a kill or a crash the same command goes on from the last checkpoints: processes that were left at work are ended, and a stale
#: lock is removed. At the end every small file is read with its checksum and the report is written. `TARGET=dynamics`
#: makes only a part of the run, and what it needs.
run: $(READY)  ## make the run described by CONFIG
	@$(foreach part,$(TARGET),$(if $(or $(findstring /,$(part)),$(filter $(part),$(PARTS))),,\
		$(error TARGET=$(part) is no part of a run; parts are $(PARTS), and files of the run are results/NAME/FILE)))
	@$(BIN)/python scripts/run.py $(CONFIGFILE) --cores $(CORES) --rerun-incomplete --quiet rules reason host \
		$(SNAKEMAKE_FLAGS) \
		$(if $(TARGET),$(if $(findstring /,$(TARGET)),,--forcerun $(TARGET)) -- $(TARGET))
	@$(BIN)/python scripts/verify.py --below 20 --quiet $(CONFIGFILE) $(SNAKEMAKE_FLAGS)
	@$(if $(TARGET),true,$(BIN)/python scripts/report.py $(CONFIGFILE) $(SNAKEMAKE_FLAGS))

#: The report is written again only if a figure or a number is newer.
report: $(READY)  ## write the HTML report of the run described by CONFIG
	@$(BIN)/python scripts/report.py $(CONFIGFILE) $(SNAKEMAKE_FLAGS)

reproduction: $(READY)  ## write docs/reproduction.md from the finished run described by CONFIG
	@$(BIN)/python scripts/publish_reproduction.py $(CONFIGFILE) $(SNAKEMAKE_FLAGS)

status: $(READY)  ## tell what is done, running and failed in the run described by CONFIG
	@$(BIN)/python scripts/status.py $(CONFIGFILE) $(SNAKEMAKE_FLAGS)

verify: $(READY)  ## read every file of the run described by CONFIG with all checks
	@$(BIN)/python scripts/verify.py $(CONFIGFILE) $(SNAKEMAKE_FLAGS)

estimate: $(READY)  ## estimate hours, memory, disk and jobs of the run described by CONFIG before it is started
	@$(BIN)/python scripts/estimate.py $(CONFIGFILE) $(SNAKEMAKE_FLAGS)

reproduce: $(READY)  ## make the run described by CONFIG twice from scratch; the numbers must be identical
	@$(BIN)/python scripts/reproduce.py $(if $(filter quick,$(REPRODUCE)),--quick) \
		$(if $(filter-out all,$(CORES)),--cores $(CORES)) $(CONFIGFILE) $(SNAKEMAKE_FLAGS)

#: Both trees make the same calculations, and checksums of all arrays are compared ({doc}`/testing`). With the
#: default, what is not committed yet is compared with what is.
compare: $(READY)  ## compare every number of this working tree with commit OLD, bit for bit
	@$(BIN)/python scripts/compare.py $(OLD) $(if $(CONFIG),--config $(CONFIGFILE)) \
		$(if $(filter quick,$(COMPARE)),--quick) $(if $(filter-out all,$(CORES)),--cores $(CORES))

test: $(READY)  ## run all tests
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile $(PYTEST_FLAGS)

# A target that is not run here is not documented. Those below that take long have a quick form, the size of a toy:
# BENCH=quick, CAMPAIGN=quick, FAULTS=quick, FUZZ=quick, SLURM=quick, REPRODUCE=quick, DIST=quick; their records go to results/quick/.
#: The list of commands is `tests/documented_commands.py`; each is run in a fresh clone.
commands: $(READY)  ## run every target and every command of the documents in its quick form
	@$(BIN)/python -m pytest -m commands tests/commands $(PYTEST_FLAGS)

# Campaigns: a record of what was tried and what came of it (results/*.json) beside the verdict.
#: Its quick form is `CAMPAIGN=quick`.
campaign: $(READY)  ## kill simulations ten times each, and compare engines and methods at length (a quarter of an hour)
	@$(BIN)/python -m pytest -m campaign tests/physics -s

faults: $(READY)  ## disturb a small run in every way and repeat the command (an hour)
	@$(BIN)/python -m pytest -m faults tests/faults -s
	@$(if $(filter quick,$(FAULTS)),true,$(BIN)/python scripts/write_reliability.py)

fuzz: $(READY)  ## feed every reader and the configuration with FUZZ_EXAMPLES damaged or absurd inputs
	@FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) \
		FUZZ_RECORD=results/$(if $(filter quick,$(FUZZ)),quick/)fuzz.json $(BIN)/python -m pytest tests/unit/test_fuzz.py

#: Its quick form is `SLURM=quick`.
slurm: $(READY)  ## make the smoke run on a Slurm that is started for it (Debian: slurm-wlm, munge; root)
	@$(BIN)/python -m pytest -m slurm tests/slurm -s

mutation: $(READY)  ## change the code in small wrong ways and see which changes a test notices
	@$(BIN)/python scripts/mutation.py $(MUTATION)

#: The manual is in `build/manual/index.html`. Every warning is an error, and every tutorial is executed.
docs: $(READY)  ## build the manual from docs/
	@$(BIN)/python -m sphinx -W --keep-going -q -d build/manual-state -b html docs build/manual
	@echo "the manual: build/manual/index.html"

#: Each is installed into an empty environment and predicts a configuration there. The quick form is `DIST=quick`.
dist: $(READY)  ## build the source distribution and the wheel, and try both
	@$(BIN)/python scripts/dist.py $(if $(filter quick,$(DIST)),--quick)

lint: $(READY)  ## check the code with ruff, mypy, snakefmt and snakemake --lint
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

#: Its quick form is `BENCH=quick`.
bench: $(READY)  ## measure speed; write a table and results/benchmarks.json
	@$(BIN)/python -m benchmarks

clean:  ## remove the environment and caches; results stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
