# Two commands: `make demo` and `make test`. Both need Python 3.11 or later,
# pip and make, set up .venv themselves, and reuse it the second time.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
BACKENDS := tensorflow jax torch
# One thread a worker: small models wait at thread barriers otherwise.
RUN := OMP_NUM_THREADS=1 TF_CPP_MIN_LOG_LEVEL=3
HUB := PYTHONPATH=$(CURDIR)/.keras_hub
WORKERS ?= 2
# Tests that say the same on every backend run on one: the one that compiles
# nothing before it trains a small model.
ONCE := torch
# Tests compile the same small steps over and over, and run each a few times.
QUICK := JAX_COMPILATION_CACHE_DIR=$(CURDIR)/$(VENV)/.jax_cache \
  JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 \
  JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1 \
  JAX_DISABLE_MOST_OPTIMIZATIONS=1 \
  XLA_FLAGS=--xla_backend_optimization_level=0 TESTS_SKIP_GRAPPLER=1

.PHONY: help demo test lint slow benchmark-lenet \
  benchmark-quality benchmark-shrink benchmark-shrunk benchmark-speed \
  benchmark-export \
  benchmark-kills benchmark-fuzz benchmark-contract test-devices \
  test-arm test-oldest test-newest docs notebooks coverage dist test-wheel \
  clean

.DEFAULT_GOAL := demo

help: ## this list
	@grep -hE '^[a-z-]+:.* ## ' $(MAKEFILE_LIST) | \
	  awk -F ':.* ## ' '{ printf "%-20s %s\n", $$1, $$2 }'

demo: $(VENV)/.demo ## prune 90 % of a digits classifier, in two minutes
	KERAS_BACKEND=jax TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0 \
	  $(BIN)/python -m keras_slr demo

test: $(VENV)/.test .keras_hub lint ## all tests on TensorFlow, JAX and PyTorch, and the linters
	for backend in $(BACKENDS); do \
	  echo "== $$backend"; \
	  marks="not slow"; \
	  [ $$backend = $(ONCE) ] || marks="$$marks and not once"; \
	  $(RUN) $(HUB) $(QUICK) KERAS_BACKEND=$$backend $(BIN)/python -m pytest \
	    -n $(WORKERS) --dist loadfile --no-loadscope-reorder \
	    -m "$$marks" || exit 1; \
	done

slow: $(VENV)/.test .keras_hub test-oldest ## the heavy tests
	for backend in $(BACKENDS); do \
	  marks="slow"; \
	  [ $$backend = $(ONCE) ] || marks="$$marks and not once"; \
	  $(RUN) $(HUB) KERAS_BACKEND=$$backend $(BIN)/python -m pytest \
	    -m "$$marks" || exit 1; \
	done

# Runs on many virtual devices, and in several processes on the loopback.
test-devices: $(VENV)/.test ## runs on many virtual devices and in several processes
	for backend in $(BACKENDS); do \
	  $(RUN) $(QUICK) KERAS_BACKEND=$$backend $(BIN)/python -m pytest \
	    tests/devices || exit 1; \
	done

# A part of the tests, for environments that take long to install.
VERSION_TESTS := tests/allocation tests/projections tests/schedules \
  tests/solvers tests/callbacks/test_slr_callback.py \
  tests/callbacks/test_monitors.py tests/shrinking/test_fold_batch_norm.py \
  tests/shrinking/test_groups.py tests/shrinking/test_options.py \
  tests/structures/test_filter.py tests/test_hard_prune.py \
  tests/test_pruner.py tests/training/test_masks.py \
  tests/training/test_penalised_step.py
TEST_VERSIONS = for backend in $(BACKENDS); do \
	  marks="not slow"; \
	  [ $$backend = $(ONCE) ] || marks="$$marks and not once"; \
	  $(RUN) $(QUICK) KERAS_BACKEND=$$backend $(1)/python -m pytest \
	    -n $(WORKERS) --dist loadfile -m "$$marks" $(VERSION_TESTS) || exit 1; \
	done

# The oldest versions that pyproject.toml admits; with Python 3.11 or 3.12.
OLDEST := .oldest
test-oldest: $(OLDEST)/.test ## a part of the tests with the oldest versions
	$(call TEST_VERSIONS,$(OLDEST)/bin)

$(OLDEST)/.test: PIP := $(OLDEST)/bin/python -m pip install --quiet \
  --disable-pip-version-check
$(OLDEST)/.test: oldest-versions.txt pyproject.toml
	$(PYTHON) -m venv $(OLDEST)
	-$(PIP) $$(grep ^torch $<)+cpu 2>/dev/null
	$(PIP) -c $< -e ".[jax,torch]" tensorflow-cpu hypothesis pytest \
	  pytest-xdist
	touch $@

# The newest pre-release of Keras, beside what is installed.
NEWEST := .newest
test-newest: $(VENV)/.test ## the same with the nightly build of Keras
	rm -rf $(NEWEST)
	$(PIP) --no-deps --pre --target $(NEWEST) keras-nightly
	$(call TEST_VERSIONS,PYTHONPATH=$(CURDIR)/$(NEWEST) $(BIN))

# What no x86 shows: LiteRT for ARM64 under qemu, on Debian or Ubuntu with the
# package qemu-user.
test-arm: $(VENV)/.test .arm ## TFLite files on emulated ARM64; needs qemu-user
	$(RUN) KERAS_BACKEND=tensorflow $(BIN)/python -m pytest -m slow \
	  tests/tflite_export/arm_check/test_arm.py

.arm: | $(VENV)/.test
	$(BIN)/python -m tflite_export.arm_check.root $@

# KerasHub, beside what is installed: by itself it brings another build of
# TensorFlow.
.keras_hub: | $(VENV)/.test
	$(PIP) --no-deps --target $@ keras-hub==0.32.0 tokenizers==0.23.3

# The site, in an environment of its own; warnings are errors.
DOCS := .venv-docs
docs: $(DOCS)/.docs ## the site in site/, with warnings as errors
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict

$(DOCS)/.docs: pyproject.toml
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check \
	  -e ".[docs]"
	touch $@

# The notebooks, from their scripts, with the outputs of a full run.
notebooks: $(VENV)/.test ## the notebooks from their scripts, run in full
	$(RUN) KERAS_BACKEND=torch $(BIN)/python -m notebooks.build

lint: $(VENV)/.test ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The lines that the tests of one backend reach, child processes left out.
coverage: $(VENV)/.test .keras_hub ## the share of lines that tests reach
	$(RUN) $(HUB) KERAS_BACKEND=$(ONCE) $(BIN)/python -m pytest \
	  -n $(WORKERS) --dist loadfile -m "not slow" \
	  --cov --cov-report=term:skip-covered

# REPOSITORY is the address that the links on a package index lead to.
BUILD := .venv-build
dist: ## wheel and source distribution, in dist/; REPOSITORY=URL
	$(PYTHON) -m venv $(BUILD)
	$(BUILD)/bin/python -m pip install --quiet build
	rm -rf dist
	$(BUILD)/bin/python -m build --outdir dist

# The wheel alone in an empty environment. The examples run in folders of
# their own, outside of the repository.
WHEEL := .venv-wheel
test-wheel: dist ## the examples of README and guides, from the wheel
	$(PYTHON) -m venv --clear $(WHEEL)
	$(WHEEL)/bin/python -m pip install --quiet \
	  "$$(ls dist/*.whl)[jax,plot,export,tfmot]" scikit-learn
	$(RUN) MPLBACKEND=agg $(WHEEL)/bin/python tests/pages.py

# LeNet-300-100 on MNIST, three seeds; DATA is the folder with mnist/ in it.
DATA ?= ../shared/data
benchmark-lenet: $(VENV)/.test ## LeNet-300-100 on MNIST, three seeds; DATA=FOLDER
	for backend in $(BACKENDS); do \
	  $(RUN) KERAS_BACKEND=$$backend $(BIN)/python -m benchmarks.lenet \
	    --data-dir $(DATA) || exit 1; \
	  $(RUN) KERAS_BACKEND=$$backend $(BIN)/python -m benchmarks.lenet \
	    --data-dir $(DATA) --fixed-order --seeds 1 || exit 1; \
	done

# Every method on the same weights and batches; goes on where it was.
MODELS ?= ../shared/models
SUITE ?= fast
benchmark-quality: $(VENV)/.test ## every method on the same weights and batches; SUITE=NAME
	$(RUN) KERAS_BACKEND=jax $(BIN)/python -m benchmarks.quality \
	  --suite $(SUITE) --data-dir $(DATA) --models-dir $(MODELS)

# Every method, optimizer setting and precision; goes on where it was.
benchmark-contract: $(VENV)/.test ## every method, optimizer setting and precision
	for backend in $(BACKENDS); do \
	  $(RUN) $(QUICK) KERAS_BACKEND=$$backend \
	    $(BIN)/python -W ignore -m benchmarks.reliability.contract_matrix || exit 1; \
	done

benchmark-speed: $(VENV)/.test ## what pruning costs in time and memory
	for backend in $(BACKENDS); do \
	  TF_CPP_MIN_LOG_LEVEL=3 KERAS_BACKEND=$$backend \
	    $(BIN)/python -m benchmarks.speed --data-dir $(DATA) || exit 1; \
	done

# Runs killed at random moments, against the same runs left alone.
benchmark-kills: $(VENV)/.test ## runs killed at random moments, then resumed
	for backend in $(BACKENDS); do \
	  $(RUN) KERAS_BACKEND=$$backend $(BIN)/python -m benchmarks.reliability.kills \
	    --kills 36 || exit 1; \
	done

# Random models through prune, save, load, shrink and export.
CASES ?= 300
benchmark-fuzz: $(VENV)/.test ## random models through every step; CASES=N
	for backend in $(BACKENDS); do \
	  $(RUN) $(QUICK) KERAS_BACKEND=$$backend \
	    $(BIN)/python -m benchmarks.reliability.fuzz --cases $(CASES) --seed 21 || exit 1; \
	done

benchmark-shrink: $(VENV)/.test ## shrink on all of keras.applications
	$(RUN) KERAS_BACKEND=tensorflow $(BIN)/python \
	  -m benchmarks.shrink_applications

# What exported files gain; writes what docs/export.md shows.
benchmark-export: $(VENV)/.test ## what exported files gain
	for name in dense_blocks resnet_20 size; do \
	  $(RUN) KERAS_BACKEND=tensorflow \
	    $(BIN)/python -m benchmarks.export_$$name || exit 1; \
	done
	$(RUN) KERAS_BACKEND=tensorflow $(BIN)/python -m benchmarks.export_resnet_8 \
	  --data-dir $(DATA) --models-dir $(MODELS)

benchmark-shrunk: $(VENV)/.test ## ResNet-20 before and after shrink, in predict
	$(RUN) TF_NUM_INTRAOP_THREADS=1 KERAS_BACKEND=tensorflow \
	  $(BIN)/python -m benchmarks.shrink_speed

$(VENV)/.python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and \
	  'keras_slr needs Python 3.11 or later; set PYTHON=...')"
	$(PYTHON) -m venv $(VENV)
	touch $@

# Without TensorFlow and LiteRT, where there are none for the machine, the
# demo goes without its last part.
$(VENV)/.demo: $(VENV)/.python pyproject.toml requirements-test.txt
	$(PIP) -e ".[jax,plot]" scikit-learn
	-$(PIP) -r requirements-test.txt
	touch $@

# The CPU builds of the backends, where the index has them; PyTorch's general
# build otherwise. TensorFlow's CPU build goes by another name, which
# others do not know: so these come without their dependencies.
$(VENV)/.test: $(VENV)/.demo requirements-test.txt
	$(PIP) "torch==2.13.0+cpu" 2>/dev/null || $(PIP) "torch==2.13.0"
	$(PIP) -r requirements-test.txt -e ".[jax,dev]"
	$(PIP) --no-deps tf-keras tensorflow-model-optimization==0.8.1 \
	  keras-cv==0.9.0 keras-core==0.1.7
	touch $@

clean: ## remove what these targets made
	rm -rf $(VENV) $(DOCS) $(BUILD) $(WHEEL) site .arm .keras_hub $(OLDEST) $(NEWEST) \
	  demo_output build dist *.egg-info
