# Everything a user does. `make run` and `make test` set up what they need.
PYTHON ?= python3
BIN := .venv/bin
# Two workers (`bondsig_assets_tests/conftest.py` says which tests share one), the slowest named.
TOGETHER := -rs --durations=10 -n 2 --dist loadfile --no-loadscope-reorder

# A run and its tests start many Pythons: what one compiles the others read.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run quick lint lint-layout lint-code lint-types lint-imports lint-spelling lint-pages test kernels collect test-all test-services setup ui lock docs docs-site pictures import-graph research audit clean bench-trace bench-run bench-bonds bench-learning bench-portfolio bench-scaling bench-cluster performance

run: .venv/ready      ## materialize the whole graph on the simulated market
	$(BIN)/bondsig run

# What `make test` asks first; .pre-commit-config.yaml has a hook for each, and a test compares them.
lint: lint-layout lint-code lint-types lint-imports lint-spelling lint-pages  ## all that needs no run

lint-layout: .venv/ready
	$(BIN)/ruff format --check .

lint-code: .venv/ready
	$(BIN)/ruff check .

lint-types: .venv/ready
	$(BIN)/mypy

lint-imports: .venv/ready
	$(BIN)/lint-imports --no-cache

lint-spelling: .venv/ready
	$(BIN)/codespell

lint-pages: .venv/ready
	$(BIN)/python -m pytest -q bondsig_assets_tests/test_docs.py

# What needs no run takes one core for a minute: the other compiles what the tests would. A first
# collection compiles every test file, once for both workers.
test:                 ## lint, types, house rules and every test
	$(MAKE) --no-print-directory --jobs=2 kernels lint collect
	$(MAKE) --no-print-directory test-all

kernels: .venv/ready
	$(BIN)/python -m bondsig_assets.compile_ahead

collect: .venv/ready
	@mkdir -p build && echo collecting the tests
	@$(BIN)/python -m pytest -qq --collect-only > build/collected.log || (cat build/collected.log; exit 1)

test-all: .venv/ready
	$(BIN)/python -m pytest -q -m "not services and not slow" $(TOGETHER)

# What `make quick` leaves out as well: whole markets, long fits, other libraries as judges, the
# warehouse on disk, Great Expectations, builds.
SLOW := graph studies commands checks warehouse resources test_*.py trace/recipes \
	bonds/test_callable_bonds.py features/test_intraday.py features/test_issuer_days.py \
	features/test_liquidity.py features/test_structural.py learning/test_evaluation.py \
	learning/test_gate.py learning/test_leaks.py learning/test_models.py learning/test_overfitting.py \
	learning/test_scoring.py learning/test_training.py learning/test_tuning.py \
	learning/test_walk_forward.py sources/test_simulated_*.py sources/test_wrds*.py \
	trace/layouts/test_fuzz.py trace/test_as_known.py trace/test_known_fates.py trace/test_prices.py

quick: .venv/ready    ## units alone, while you work
	$(BIN)/python -m pytest -q -m "not services and not slow" $(TOGETHER) $(SLOW:%=--ignore-glob='bondsig_assets_tests/%')

test-services: .venv/ready  ## slow tests, and those that start servers or browsers or kill processes
	$(BIN)/python -m pytest -q -m "services or slow" $(TOGETHER)

setup: .venv/ready    ## install only

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("bondsig needs Python 3.11 to 3.13, this is " + sys.version.split()[0]) if not (3, 11) <= sys.version_info < (3, 14) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

ui: .venv/ready       ## Dagster and MLflow on 127.0.0.1
	$(BIN)/bondsig ui

bench-trace: .venv/ready  ## how fast and how exact TRACE cleaning is, at 2, 10 and 40 million reports
	$(BIN)/python -m benchmarks.trace 2 10 40

bench-run: .venv/ready    ## where the time of a demo run goes, asset by asset
	$(BIN)/python -m benchmarks.run

bench-bonds: .venv/ready  ## rates of the bond kernels beside QuantLib
	$(BIN)/python -m benchmarks.bonds

bench-learning: .venv/ready  ## where the time of a walk-forward and of one day's scores goes
	$(BIN)/python -m benchmarks.learning

bench-portfolio: .venv/ready  ## solves beside cvxpy, forecast against realised risk, null worlds, planted leads (REAL=folder of credit_2006_2012, if you have it)
	$(BIN)/python -m benchmarks.portfolio solves path null leads $(if $(REAL),real $(REAL))

bench-scaling: .venv/ready  ## how the cost of each stage grows with names and days
	$(BIN)/python -m benchmarks.scaling

bench-cluster: .venv/ready  ## the same tables by threads, processes and Dask, over the home of `make run`
	$(BIN)/python -m benchmarks.cluster

performance: .venv/ready  ## write docs/performance.md from what bench-trace, -run, -scaling, -cluster found
	$(BIN)/python -m benchmarks.page docs

research: .venv/ready ## every study of docs/results.md; stopped, it goes on where it was (REAL=folder of credit_2006_2012, if you have it)
	$(BIN)/python -m studies $(if $(REAL),--real $(REAL))

docs: .venv/ready     ## write the generated pages anew
	$(BIN)/python -m studies.dictionary docs
	$(BIN)/python -m studies.stylised_facts docs/simulated_market.md
	$(BIN)/python -m studies.hindsight docs/hindsight.md
	$(BIN)/python -m studies.feature_truth docs/features.md

docs-site: .venv/ready ## the documentation as a site in site/, strictly: a link that leads nowhere fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

pictures: .venv/ready  ## draw the pictures of the pages anew, from the home of `make run`
	$(BIN)/python -m studies.page_pictures docs

import-graph: .venv/ready  ## draw docs/import_graph.svg: what imports what (needs graphviz)
	$(BIN)/import-linter drawgraph bondsig_assets | tred | dot -Tsvg -Gbgcolor=white -Nshape=box -o docs/import_graph.svg

# Tools of their own environment: what they need would bind our own versions.
build/audit/ready: .venv/ready
	$(BIN)/python -m venv build/audit
	build/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1 cyclonedx-bom==7.5.0
	touch $@

audit: build/audit/ready  ## known vulnerabilities of the locks, and a bill of materials in build/sbom.cdx.json
	$(BIN)/python -m studies.audit build/audit/bin build/sbom.cdx.json requirements-production.lock requirements.lock

lock:                 ## resolve requirements.lock anew (needs uv)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header -q -o requirements.lock
	uv pip compile pyproject.toml --extra platform --extra wrds --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header -q -c requirements.lock -o requirements-production.lock
	uv pip compile pyproject.toml --extra platform --extra wrds --extra formats --extra team --extra cluster --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header -q -c requirements.lock -o requirements-team.lock

clean:                ## remove the home and the environment
	rm -rf .bondsig .venv
