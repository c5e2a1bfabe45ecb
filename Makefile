# `make demo` and `make test` are all a new user needs; both set up .venv first if it is missing.
# PYTHON chooses the interpreter the environment is made from: make test PYTHON=python3.12
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test slow lab release lint lock clean
.DELETE_ON_ERROR:

demo: .venv/ready
	$(BIN)/autograde demo

test: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest tests/jail
	$(BIN)/python -m pytest

slow: .venv/ready
	$(BIN)/python -m pytest -m slow

lab: .venv/ready
	PATH="$(CURDIR)/$(BIN):$$PATH" jupyter lab

release: .venv/ready
	$(BIN)/autograde release

lint: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The lock decides everything that is installed; pip checks every file against its hash. Bytecode is compiled here,
# because where PYTHONDONTWRITEBYTECODE is set, every new process would compile again all that it imports.
.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; $(PYTHON) is " + sys.version.split()[0] + ". Try: make $(MAKECMDGOALS) PYTHON=python3.12")'
	@echo "Setting up .venv (once; downloads about 3 GB, most of it torch)"
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --clear --python "$$(command -v $(PYTHON))" .venv && \
		uv pip install --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock && \
		uv pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .; \
	else \
		$(PYTHON) -m venv --clear .venv && \
		$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.lock && \
		$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --editable .; \
	fi
	@$(BIN)/python -m compileall -q autograde lectures/cnnlab
	@touch $@

lock: .venv/ready
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --no-header --output-file requirements.lock pyproject.toml

clean:
	rm -rf .venv .pytest_cache .ruff_cache
