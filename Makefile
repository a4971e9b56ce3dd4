# The commands of the course. Each does all of its own set-up; a second call starts at once.
# Needs make, pip and Python 3.11 or later. `make` alone lists the commands.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup lab test test-avx2 test-default demo notebooks lint lint-js bench train evaluate grade grade-proof instructors site browser \
	constraints environments newest clean

# the first Python that is new enough; `make PYTHON=/path/to/python lab` chooses another
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$p; break; fi; done)
# options of `python -m venv`; .devcontainer takes the packages of the Python that it builds on
VENV_OPTIONS ?=
BIN := .venv/bin
# Learners get what lessons need, whoever works on the course the rest: two stamps in one environment.
FOR_LESSONS := .venv/.lab
READY := .venv/.dev
INSTALL = $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt
JOBS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1); if [ "$$n" -ge 2 ]; then echo 2; else echo 0; fi)

help: ## list the commands
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

# An environment that fails half-way leaves no stamp, so the next call tries again.
# Some systems split ensurepip off their Python: then the pip that is there fills the environment.
$(FOR_LESSONS): pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ]; then echo "No Python 3.11 or later found. Install one, or: make PYTHON=/path/to/python ..."; exit 1; fi
	@echo "Setting up .venv, once: some minutes, and 1.7 GB of disk with PyTorch for the CPU. On Linux, pip's PyTorch brings"
	@echo "CUDA's libraries, gigabytes more, unless you do as CONTRIBUTING.md says under Versions. Ctrl-C stops it safely."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 \
		|| $(PYTHON) -m venv --clear $(VENV_OPTIONS) .venv >/dev/null 2>&1 \
		|| { $(PYTHON) -m venv --clear $(VENV_OPTIONS) --without-pip .venv && $(PYTHON) -m pip -q --python $(BIN)/python install pip; }
	@$(INSTALL) -e '.[lab]'
	@touch $@

$(READY): $(FOR_LESSONS)
	@echo "Adding to .venv what tests, training, grading and the site need, once"
	@$(INSTALL) -e '.[lab,dev,train,grade,site]'
	@touch $@

setup: $(READY) ## the environment only, with all that is needed to work on the course

lab: $(FOR_LESSONS) ## open your copies of the lessons, in work/, in JupyterLab
	@$(BIN)/llm-course lab work $(if $(LAB),-- $(LAB))

demo: $(FOR_LESSONS) ## the four use cases and one attention figure, in the terminal
	@$(BIN)/llm-course demo

# two workers share two cores: with more than one thread each, their kernels would wait for one another
PYTEST = $(if $(filter 2,$(JOBS)),OMP_NUM_THREADS=1) $(BIN)/python -m pytest -n $(JOBS) --dist loadfile
NBVAL := --nbval --nbval-current-env --nbval-sanitize-with=tests/notebooks/sanitize.cfg \
	--nbval-cell-timeout=600 --nbval-kernel-startup-timeout=300

test: $(READY) lint-js ## every check: style, types, lessons, tests, notebooks, browser
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tools/notebooks.py lint
	$(BIN)/python tools/notebooks.py check
	$(BIN)/python tools/readme.py --check
	$(PYTEST) $(NBVAL) tests notebooks $(TEST)

# PyTorch, oneDNN and MKL take other instructions on other processors, and round elsewhere. What computes with models:
NUMERIC := tests/attention tests/lessons tests/minis tests/shelf tests/teaching tests/use_cases tests/test_cli.py

test-avx2: $(READY) ## the numeric tests and notebooks as on a processor whose widest instructions are AVX2
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 \
		$(PYTEST) $(NBVAL) $(NUMERIC) notebooks $(TEST)

test-default: $(READY) ## the numeric tests as on a processor without AVX
	ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 $(PYTEST) $(NUMERIC) $(TEST)

notebooks: $(READY) ## rebuild changed lessons; LESSON=text_generation for one, ALL=1 for all
	@$(BIN)/python tools/notebooks.py build $(LESSON) $(if $(ALL),--all)

lint: $(READY) ## the rules for lessons, and sources against notebooks
	@$(BIN)/python tools/notebooks.py lint
	@$(BIN)/python tools/notebooks.py check
	@$(BIN)/python tools/assignments.py check

lint-js: ## style and types of the JavaScript, where Node.js is
	@if command -v node >/dev/null && command -v npm >/dev/null; then \
		if [ node_modules/.ready -nt package-lock.json ]; then :; \
		else npm ci --no-audit --no-fund && touch node_modules/.ready; fi && npm run --silent check; \
	else echo "NOT CHECKED: the JavaScript and, with axe-core, accessibility, for want of Node.js (node and npm)."; fi

# The first three need nothing more, the others train on the corpora. benchmarks/graders.py belongs to grade-proof.
bench: $(READY) ## every claim of speed, measured here; DATA=folder: also what small models learn, which lessons show
	@set -e; for script in attention_viewers startup use_cases; do \
		echo "== benchmarks/$$script.py"; $(BIN)/python benchmarks/$$script.py; done
	@set -e; [ -n "$(DATA)" ] || exit 0; for script in few_labels scaling lora_or_full abilities; do \
		echo "== benchmarks/$$script.py"; $(BIN)/python benchmarks/$$script.py --data "$(DATA)"; done

train: $(READY) ## train a mini again: make train MODEL=gpt-mini DATA=folder; INSTALL=1 puts it into the package
	@$(BIN)/llm-course train $(or $(MODEL),$(error say which: make train MODEL=gpt-mini DATA=folder)) \
		$(if $(DATA),--data $(DATA)) $(if $(INSTALL),--install)

evaluate: $(READY) ## measure the minis beside their baselines: make evaluate DATA=folder
	@$(BIN)/llm-course evaluate $(MODEL) $(if $(DATA),--data $(DATA))

grade: $(READY) ## judge what was handed in: make grade NAME=1_tokens COURSE=folder
	@$(BIN)/llm-course grade $(or $(NAME),$(error say which: make grade NAME=1_tokens COURSE=folder)) \
		--course $(or $(COURSE),$(error say where: make grade NAME=1_tokens COURSE=folder))

# tests/hostile runs all of its submissions when LLM_COURSE_GRADE_PROOF=1, and a choice of them otherwise
grade-proof: $(READY) ## the grader against hostile submissions, beside its peers; needs bubblewrap
	LLM_COURSE_REQUIRE_SANDBOX=1 LLM_COURSE_GRADE_PROOF=1 $(BIN)/python -m pytest tests/grading tests/hostile $(TEST)
	$(BIN)/python benchmarks/graders.py

instructors: $(READY) ## the instructor's version of every lesson, in build/instructors
	@$(BIN)/python tools/instructors.py $(LESSON)

site: $(READY) ## the lessons as a website that needs no other server, in build/site
	@$(BIN)/python tools/site.py $(LESSON)

browser: ## install Chromium for the browser test, where apt can
	@sh tools/install_chromium.sh

constraints: $(READY) ## write constraints.txt from what is installed
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[lab,train,grade,site,cluster,dev]'
	@$(BIN)/python tools/freeze.py
	@touch $(FOR_LESSONS) $(READY)

# Both make environments of their own away from this folder, one at a time, and delete them.
# TORCH=torch==2.13.0 keeps PyTorch at a version that is here, where a newer one is too large to fetch.
environments: ## each extra in an environment that has only it: the wheel, the pinned versions, every lesson
	@TORCH="$(TORCH)" $(PYTHON) tools/environments.py $(EXTRA)

newest: ## lessons' extra with the newest versions that the ranges allow: use cases, one lesson of each part, the doctor
	@TORCH="$(TORCH)" $(PYTHON) tools/environments.py lab --newest

clean: ## remove the environment and caches
	rm -rf .venv node_modules .pytest_cache .ruff_cache .mypy_cache .hypothesis build dist *.egg-info
