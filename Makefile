# make demo, make test and make check do everything, their own set-up included; run again, they do not set up again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
QUESTIONS := roofline training cells lengths long_sequences inference streaming sessions
KEPT := text_training accuracy memory_analysis serving recommend forecast_scale sketch handwriting dialogue
RESULTS := benchmarks/results
# a choice proves nothing, and the recordings, novels and drawings of people that others are proved on are not here
PROOFS := $(filter-out proofs/traffic_choices.py proofs/speech.py proofs/language.py proofs/sketch_people.py proofs/sketch_completion.py, $(shell grep -l __main__ proofs/*.py))

.PHONY: demo test test-lower test-levels check format prove laws bench native sanitize arm zoo wheel audit site clean

demo: $(VENV)/.core  ## train on Shakespeare for two minutes and watch
	@$(BIN)/statewise demo

test: $(VENV)/.dev  ## every test, doctest and documented command
	$(BIN)/python -m pytest --numprocesses auto --dist loadgroup

test-lower: $(VENV)/.dev  ## what hangs on arithmetic, with AVX2 at most and without native kernels
	@.ci/levels

test-levels: test  ## every test three times: as this processor is, with AVX2 at most and without native kernels
	@.ci/levels whole

check: $(VENV)/.dev  ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

prove: $(VENV)/.dev  ## the long proofs (about two hours); each writes its result to proofs/results
	$(INSTALL) schemathesis
	@status=0; for proof in $(PROOFS); do $(BIN)/python $$proof || status=1; done; exit $$status

laws: $(VENV)/.core  ## every recurrence held to every law: a page of ticks
	@$(BIN)/statewise laws > docs/cells/laws.md; status=$$?; cat docs/cells/laws.md; exit $$status

bench: $(VENV)/.dev  ## every benchmark (about 40 minutes), peers beside us in the same run
	@status=0; \
	for question in $(QUESTIONS) $(KEPT); do $(BIN)/python benchmarks/$$question.py --save $(RESULTS) || status=1; done; \
	for question in text_memory waiting processes; do $(BIN)/python benchmarks/$$question.py || status=1; done; \
	$(BIN)/python benchmarks/write_tables.py || status=1; \
	exit $$status

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "statewise needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt $(shell find native -type f) | $(VENV)/bin/python
	@echo "setting up $(VENV), once: packages are fetched and native kernels compiled, which takes minutes on a slow machine"
	$(INSTALL) --editable .
	@touch $@

# the whole of it at once, since every installation builds the kernels
$(VENV)/.dev: pyproject.toml constraints.txt $(shell find native -type f) | $(VENV)/bin/python
	@echo "setting up $(VENV), once: packages are fetched and native kernels compiled, which takes minutes on a slow machine"
	$(INSTALL) --editable '.[dev]'
	@touch $(VENV)/.core $@

$(VENV)/.docs: pyproject.toml constraints.txt | $(VENV)/.core
	$(INSTALL) mkdocs-material mkdocstrings-python griffe-typingdoc
	@touch $@

native:  ## the native core by itself: build it and run its own tests
	cmake -S native -B build/native -DSTATEWISE_TESTS=ON
	cmake --build build/native --parallel
	ctest --test-dir build/native --output-on-failure

sanitize:  ## the same under the address and undefined-behaviour sanitizers
	cmake -S native -B build/sanitize -DSTATEWISE_TESTS=ON -DSTATEWISE_SANITIZE=address,undefined
	cmake --build build/sanitize --parallel
	ctest --test-dir build/sanitize --output-on-failure

arm:  ## the same compiled for 64-bit ARM, and run in an emulator (Debian: g++-aarch64-linux-gnu, qemu-user)
	cmake -S native -B build/arm -DSTATEWISE_TESTS=ON -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
		-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DCMAKE_EXE_LINKER_FLAGS=-static \
		-DCMAKE_CROSSCOMPILING_EMULATOR=qemu-aarch64
	cmake --build build/arm --parallel
	ctest --test-dir build/arm --output-on-failure

zoo: $(VENV)/.dev  ## train the runs of the zoo that are missing, a few minutes each; pack, score and describe them
	OMP_NUM_THREADS=1 $(BIN)/python zoo/build.py
	cd zoo/statewise_zoo && sha256sum --check --quiet SHA256SUMS
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist ./zoo

wheel:  ## the source distribution and the wheel in dist/: twice the same bits, repaired, with what is inside; then tried
	.ci/wheel
	build/tools/bin/python -m pip wheel --quiet --no-deps --wheel-dir dist ./zoo
	build/tools/bin/python .ci/try_wheel.py dist/statewise-*linux*.whl dist/statewise_zoo-*.whl --seconds 20 \
		--tests tests/kernels tests/cells tests/state

audit:  ## what is known to be unsafe among the versions of constraints.txt (asks a service on the internet)
	.ci/audit

site: $(VENV)/.docs  ## the documentation as a site in build/site, with its reference; a warning or a broken link fails it
	$(BIN)/python docs/site/stage.py build
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --config-file build/mkdocs.yml

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
