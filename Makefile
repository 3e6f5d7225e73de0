# `make demo` and `make test` set up everything themselves, in .venv; Python 3.11 or newer is all they need.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check format bench-emulator clean

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: .venv/ready
	$(BIN)/python manifests/demo.py

test: .venv/ready
	$(BIN)/pytest -q -n 2 -m 'not soak'

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# How fast the emulator answers with 100,000 images in one project; half a minute.
bench-emulator: .venv/ready
	$(BIN)/python -m benchmarks.emulator_size

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv demo exports dist build
