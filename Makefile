# The commands that a person types. Everything they need is installed into .venv by pip, in the versions of constraints.txt.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
QUICKSTART_ARGS ?=

.PHONY: quickstart paper-miniature test check kill builds training schedule field fuzz pages wheel-test docs new-source lock audit sbom format clean

quickstart: .venv/.base  ## the whole job on the built-in sample world: no network, no GPU
	$(BIN)/h2a quickstart --out build/quickstart $(QUICKSTART_ARGS)

paper-miniature: .venv/.base  ## the paper's chain on the sample world, docs/tutorial.md: to a tested model and its card
	$(BIN)/h2a quickstart --preset little --out build/miniature/quickstart
	$(BIN)/h2a sql --lake build/miniature/quickstart/lake "SELECT stage, reason, count(*) AS posts FROM fate GROUP BY ALL ORDER BY posts DESC, reason LIMIT 5"
	$(BIN)/h2a finetune --task v1 --data build/miniature/quickstart/lake --from build/miniature/quickstart/pretrain --set epochs=10 --set mixup=0 --set cutmix=0 --out build/miniature/finetuned
	$(BIN)/h2a finetune --task v1 --data build/miniature/quickstart/lake --scratch little --set epochs=10 --set mixup=0 --set cutmix=0 --out build/miniature/scratch
	$(BIN)/h2a experiment curation --lake build/miniature/quickstart/lake --arms curated,raw,scratch --seeds 3 --labels 4 --set steps=150 --finetune-set epochs=6 --finetune-set mixup=0 --finetune-set cutmix=0 --out build/miniature/experiment
	$(BIN)/h2a export-model build/miniature/finetuned --licence mit --out build/miniature/model

# A file's tests stay in one process, with what they share; two processes, since many tests wait for one that they started.
test: .venv/.dev  ## the test suite, in at most 15 minutes on 2 cores
	$(BIN)/pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder

check: .venv/.dev  ## style, types, who may import whom, and calls that are known to do harm
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit -q -c pyproject.toml -r h2a_curation flows schemas bench scripts yt_dlp_plugins

kill: .venv/.dev  ## SIGKILL at a dozen moments of a build, then the same command again
	$(BIN)/pytest -m slow tests/end_to_end/test_kill.py tests/end_to_end/test_mining.py --timeout 1500 -n 2

builds: .venv/.dev  ## builds that take minutes: night after night, on real clips, measured anew, after Ctrl-C
	$(BIN)/pytest -m slow tests/field/test_lists_grow.py tests/end_to_end/test_measured_anew.py \
	    tests/end_to_end/test_bad_input.py tests/jobs/test_quickstart.py --timeout 900 -n 2 --dist loadfile

training: .venv/.dev  ## runs of training that take minutes: in two processes, killed, on every way of a recipe
	$(BIN)/pytest -m slow tests/videomae tests/bench tests/cli/test_features.py tests/cli/test_finetune.py tests/jobs/experiment --timeout 900 -n 2 --dist loadfile

schedule: .venv/.dev  ## a server and a worker of Prefect on loopback: a cron fires, and its run publishes a version
	$(BIN)/pytest -m slow tests/flows --timeout 900

field: .venv/.dev  ## 2,000 damaged files in one folder: a reason for each; every frame of 150 odd ones; 300 small inputs that would grow
	$(BIN)/pytest -m slow tests/field/test_items.py tests/video tests/bombs --timeout 3600

FUZZ_SECONDS ?= 300
fuzz: .venv/.dev  ## noise and damage into every parser of foreign input, FUZZ_SECONDS in all; a fault says how to replay it
	FUZZ_SECONDS=$(FUZZ_SECONDS) SEED="$(SEED)" $(if $(PARSER),PARSER="$(PARSER)") $(BIN)/pytest -m slow tests/fuzz

pages: .venv/.dev  ## the answers that pages show are those of a default quickstart, that of H2A_QUICKSTART or a new build
	$(BIN)/pytest -m slow tests/docs tests/sources/test_new_source.py --timeout 1500 -n 2 --dist loadfile

wheel-test: .venv/.dev  ## a built wheel, installed outside the clone, does the job too
	$(BIN)/python tests/wheel_test.py

new-source: .venv/.dev  ## begin a source: its module, registry line and contract case (make new-source NAME=internet_archive)
	$(BIN)/python scripts/new_source.py $(NAME)

docs: .venv/.dev  ## the pages that are made from the code and the class files: commands, recipe, signals, field tests, classes
	$(BIN)/python -m tests.docs.cli_reference
	$(BIN)/python -m tests.docs.recipe_page
	$(BIN)/python -m tests.docs.field_page
	$(BIN)/h2a classes export --format md --out docs/classes.md

lock: .venv/.dev  ## requirements.lock anew, after a change of versions: asks the package index for hashes
	$(BIN)/pip install -q -c constraints.txt uv
	$(BIN)/python scripts/lock.py

audit: .venv/.dev  ## known vulnerabilities of what is locked: asks a service on the network
	$(BIN)/pip install -q -c constraints.txt pip-audit
	$(BIN)/pip-audit -r requirements.lock --require-hashes --disable-pip

sbom: .venv/.base  ## a bill of materials (CycloneDX) of what is installed: build/sbom.json
	$(PYTHON) -m venv build/sbom && build/sbom/bin/pip install -q -c constraints.txt cyclonedx-bom
	build/sbom/bin/cyclonedx-py environment .venv --pyproject pyproject.toml --output-reproducible -o build/sbom.json

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build dist

.venv/.base: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "h2a needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...")'
	@start=$$(date +%s); $(PYTHON) -m venv .venv \
	&& $(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e . \
	&& echo "installed in $$(( $$(date +%s) - start )) s; .venv takes $$(du -sh .venv | cut -f1)"
	@touch $@

.venv/.dev: .venv/.base
	@start=$$(date +%s); $(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev,vision]' \
	&& $(BIN)/h2a models fetch \
	&& echo "development tools and detectors installed in $$(( $$(date +%s) - start )) s"
	@touch $@
