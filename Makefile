SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
UV := .tools/bin/uv
RUN := $(VENV)/bin/

help:  ## show these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.ready  ## make the environment from uv.lock (every other target does it by itself)

$(VENV)/.ready: uv.lock pyproject.toml
	@test -x $(UV) || { $(PYTHON) -m venv .tools && .tools/bin/pip install --quiet uv; }
	$(UV) sync --frozen --quiet
	@touch $@

demo: setup  ## run the whole pipeline on a made-up city and show a list change after three clicks (ARGS=--exit leaves)
	$(RUN)civicrec demo $(ARGS)

test: setup  ## pass the tests (ARGS=… goes to pytest)
	$(RUN)pytest $(ARGS)

check: setup  ## formatting, lint, types, import rules
	$(RUN)ruff format --check .
	$(RUN)ruff check .
	$(RUN)mypy
	$(RUN)lint-imports

format: setup  ## rewrite the code in the project's format
	$(RUN)ruff format .
	$(RUN)ruff check --fix .

test-faults: setup  ## the long fault tests
	$(RUN)pytest -m "slow or not slow" tests/faults $(ARGS)

bench: setup  ## measure the running machine: ratios against a baseline of the same run
	$(RUN)civicrec bench all $(ARGS)

msweb: setup  ## recall@10 of the running stack on MSWEB, over HTTP (needs the data beside the project)
	$(RUN)civicrec evaluate msweb $(ARGS)

docs: setup  ## write docs/settings.md and docs/commands.md from the code
	$(RUN)python docs/generate.py

.PHONY: docs help setup demo test check format test-faults bench msweb
