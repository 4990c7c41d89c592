# The whole interface. `make demo` and `make test` do all the set-up they need themselves.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest

help:           ## what can be made
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/: .*## +/\t/' | expand -t 16

setup:          ## everything that running Sealway needs, in .venv and from this system's packages
	@tools/setup.sh

bpf:            ## compile the eBPF programs and regenerate their Python layouts
	@$(MAKE) --no-print-directory -C bpf
	@$(PYTHON) tools/gen_abi.py

images: setup   ## the container images of the demo and the tests
	@tools/engine.sh with images/build.sh

demo: setup     ## run the third architecture and print what it proved
	@tools/engine.sh with $(PYTHON) -m demo

test: setup     ## the suite, on real kernels, containers and clients
	@tools/engine.sh with tools/test.sh

test-clients: setup ## the examples through Terraform, Ansible, the AWS CLI and boto3, and ecs-deploy: some twenty minutes, most of it waiting
	@tools/engine.sh with tools/test.sh clients

test-unit: setup ## the part of the suite that needs neither root nor Docker
	@$(PYTEST) -m "not root and not docker"

test-crashes: setup ## kill -9 at every single write of whole lives, on drivers in memory: some minutes
	@SEALWAY_ALL_CRASHES=1 $(PYTEST) tests/faults

check: setup    ## formatting, types, layers, sizes, generated layouts
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/mypy -p bench -p demo --follow-imports silent
	@.venv/bin/lint-imports
	@$(PYTHON) tools/check_sizes.py
	@$(PYTHON) tools/gen_abi.py --check

fmt:            ## format, and mend what can be mended
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

bench: setup    ## measure, beside peers, and write bench/results/
	@tools/engine.sh with $(PYTHON) -m bench $(ARGS)

lock:           ## resolve the dependencies anew (needs uv on PATH)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --group dev pyproject.toml -o requirements.lock --upgrade
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header tools/clients.in -o tools/clients.lock --upgrade

.PHONY: help setup bpf images demo test test-clients test-crashes test-unit check fmt bench lock
