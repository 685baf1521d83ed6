SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
UV := .tools/bin/uv
# The same in deploy/Dockerfile.
UV_VERSION := 0.13.9
RUN := $(VENV)/bin/

help:  ## show these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# The environment, from uv.lock; every other target makes it by itself.
setup: $(VENV)/.ready

$(VENV)/.ready: uv.lock pyproject.toml
	@test -x $(UV) || { $(PYTHON) -m venv .tools && .tools/bin/pip install --quiet uv==$(UV_VERSION); }
	$(UV) sync --frozen --quiet
	@touch $@

demo: setup  ## run the whole pipeline on a made-up city and show a list change after three clicks (ARGS=--exit leaves)
	$(RUN)civicrec demo $(ARGS)

test: setup  ## pass the tests (ARGS=… goes to pytest)
	$(RUN)pytest -n 2 --dist loadfile $(ARGS)

check: setup  ## formatting, lint, types, import rules
	$(RUN)ruff format --check .
	$(RUN)ruff check .
	$(RUN)mypy
	$(RUN)lint-imports
	@size=$$(gzip -9 < collectors/static/c.js | wc -c); echo "c.js: $$size of at most 6000 bytes, packed"; test $$size -le 6000
	@size=$$(gzip -9 < serving/static/w.js | wc -c); echo "w.js: $$size of at most 4000 bytes, packed"; test $$size -le 4000

format: setup  ## rewrite the code in the project's format
	$(RUN)ruff format .
	$(RUN)ruff check --fix .

test-faults: setup  ## the long forms: fault tests, navigations, soak (hours; the soak alone is one)
	$(RUN)pytest -m slow $(ARGS)

services: setup  ## fetch the jars of the real Kafka and Flink that the service tests and `bench stream --runner flink` run
	$(RUN)pytest -m services tests/services/test_jars.py $(ARGS)

test-services: setup  ## contracts, end to end and faults on a real Kafka and Flink (needs java and mvn)
	$(RUN)pytest -m "(services or kafka) and not slow" $(ARGS)

bench: setup  ## measure the running machine: ratios against a baseline of the same run
	$(RUN)civicrec bench all $(ARGS)

generate: setup  ## write what is made from code: docs/settings.md, docs/commands.md and, with node and npm, c.js
	$(RUN)python docs/generate.py
	@if command -v npm >/dev/null; then cd collectors/tracker && npm ci --ignore-scripts --no-audit --no-fund --silent \
	&& npm run --silent build; else echo "c.js stays as it is: npm is not there"; fi

.PHONY: help setup demo test check format test-faults services test-services bench generate
