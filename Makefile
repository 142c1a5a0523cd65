# make demo: the whole benchmark in miniature. make test: the tests. Both set up the locked environment first.
CORES ?= all
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --frozen --no-sync

.PHONY: demo test coverage lint readme env clean
demo: env
	$(RUN) snakemake --cores $(CORES)

test: env
	$(RUN) python -m pytest -n auto --dist loadfile

# Counting lines takes half as long again.
coverage: env
	$(RUN) python -m pytest -n auto --dist loadfile --cov --cov-report=
	$(RUN) python tests/helpers/coverage_by_room.py

lint: env
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) snakefmt --check Snakefile workflow
	$(RUN) snakemake --lint

readme: env
	$(RUN) ncst codecs --into README.md

env: .venv/.locked

.venv/.locked: uv.lock pyproject.toml ncst/__init__.py | $(UV)
	$(UV) sync --frozen --compile-bytecode
	@touch $@

.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/python -m pip install --quiet uv

# A uv found on the PATH needs no bootstrap.
$(filter-out .uv/bin/uv,$(UV)):

# The conda file repeats the lock, so that pip installs the same versions.
environment.yml: uv.lock | $(UV)
	@printf '%s\n' '# For conda: conda env create -f environment.yml; conda activate ncst; then pip install --no-deps -e . in a clone, pip install --no-deps ncst-*.whl in a folder of ncst init. Written from uv.lock.' \
	  'name: ncst' 'channels: [conda-forge]' 'dependencies:' '  - python=3.11' '  - make' '  - pip' '  - pip:' > $@
	@$(UV) export --frozen --no-dev --no-hashes --no-emit-project --no-annotate --no-header --quiet | sed 's/.*/      - "&"/' >> $@

clean:
	rm -rf .venv .uv .snakemake results
