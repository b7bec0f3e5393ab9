.DEFAULT_GOAL := help

.PHONY: venv
venv: .venv/ready ## Make the environment in .venv, or bring it up to date

.venv/ready: pyproject.toml
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --upgrade --upgrade-strategy only-if-needed --editable '.[dev]'
	@touch $@
