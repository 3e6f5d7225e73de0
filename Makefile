# `make demo` and `make test` set up everything themselves, in .venv; Python 3.11 or newer is all they need.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test soak cost check format bench-emulator bench-labels bench-reading bench-rate bench-rate-matrix \
	bench-cold bench-pull bench bench-quick bench-full clean

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

demo: .venv/ready
	$(BIN)/python manifests/demo.py

test: .venv/ready
	$(BIN)/pytest -q -n 2 -m 'not soak'

# The long forms: kills, cut logs, random histories, memory; half an hour.
soak: .venv/ready
	$(BIN)/pytest -q -s -m soak

# What a push costs: memory of 1 k and 1 M rows, and where the time of a batch goes; ten minutes.
cost: .venv/ready
	$(BIN)/python -m tests.soak.push_cost 1000
	$(BIN)/python -m tests.soak.push_cost 1000000
	$(BIN)/python -m tests.soak.push_cost 64000 --profile

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# How fast the emulator answers with 100,000 images in one project; half a minute.
bench-emulator: .venv/ready
	$(BIN)/python -m benchmarks.emulator_size

# Reading, validating and diffing 1 M and 10 M labels beside pandas, polars and DuckDB; ten minutes.
bench-labels: .venv/bench
	$(BIN)/python -m benchmarks.labels

# Reading and validating manifests of many shapes beside pyarrow's bare read of the same files; two minutes.
bench-reading: .venv/ready
	$(BIN)/python -m benchmarks.reading

# How much of a rate cap that nobody states a push uses, in real time; twelve minutes.
bench-rate: .venv/ready
	$(BIN)/python -m benchmarks.rate

# The same in virtual time, for every kind of cap; ten minutes.
bench-rate-matrix: .venv/ready
	$(BIN)/python -m benchmarks.rate_matrix

# What a cold start costs beside the least that any client needs; a minute.
bench-cold: .venv/ready
	$(BIN)/python -m benchmarks.rate_cold

# Taking 20,000 images out beside a bare download loop and other clients; five minutes.
bench-pull: .venv/ready
	$(BIN)/python -m benchmarks.pull

# Everything beside what people use today, into benchmarks/RESULTS.md; under half an hour on a quiet machine.
bench: .venv/bench
	$(BIN)/python -m benchmarks

# A look at the same, in less than three minutes; writes nothing.
bench-quick: .venv/bench
	$(BIN)/python -m benchmarks --effort quick

# Every setting with every other; hours.
bench-full: .venv/bench
	$(BIN)/python -m benchmarks --effort full

.venv/bench: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[bench]'
	touch $@

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv demo exports dist build
