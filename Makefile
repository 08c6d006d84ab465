# `make demo` and `make test` do everything on a machine with Python and make.
# Keep to make 3.81 and POSIX tools: macOS has no others.

PYTHON ?= 3.13
UV_VERSION := 0.13.9
SHELL := /bin/bash
export SAM_CLI_TELEMETRY := 0
export PYTHONPATH := $(CURDIR):$(CURDIR)/layers/pingone_reports
# A Python of this machine if it has the version that is asked for; else uv downloads one.
export UV_PYTHON_PREFERENCE ?= system

# Compiling once is most of a fast start.
unexport PYTHONDONTWRITEBYTECODE

UV := .venv/uv/bin/uv
DEV_ENVIRONMENT := .venv/dev$(if $(filter-out 3.13,$(PYTHON)),-$(PYTHON))
DEV := $(DEV_ENVIRONMENT)/bin
SCAN := .venv/scan/bin
LOCKS := $(wildcard layers/*/*.txt local/requirements/*.txt)
BUILD := .aws-sam/build/template.yaml
APPLICATION := template.yaml $(shell find functions layers statemachine -type f ! -name '*.pyc')
# The layer's library in C, for this machine, and where its compiler is kept.
SUFFIX := $(if $(filter Darwin,$(shell uname -s)),dylib,so)
LIBRARY := layers/pingone_reports/pingone_reports/native-$(shell uname -m).$(SUFFIX)
export TOOLS := $(CURDIR)/.venv/tools

# What looks like a secret and is none: hashes, intrinsic functions, the documentation's sample links,
# and (whole values) what tests and the local cloud take for passwords.
NO_SECRET_LINES := "(contentS|s)ha256":|!(Ref|If|Not|And|Equals)\b|GetSecretValue|- secretsmanager:\w+$$|:secret:\w+-\*$$|ATotallyFakeAWS
NO_SECRETS := ^(canary.*|local|none|word|correct-horse|pezeekamil|qwertzuiop|access_token|Bearer|TokenUrl|its client secret$\
	|https://auth\.pingone\.eu/.*|(arn:[^:]*:)?secretsmanager:.*|report=devices/.*)$$

.PHONY: help demo export fleet jwks load test check lint secrets scan template hooks audit unit integration oldest end-to-end faults \
	benchmark queries picture browser build package format lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# What the local stack runs on. The parts wait for the network, a compiler or a disk: never all at once.
LOCAL_STACK = $(MAKE) --silent --jobs=4 $(DEV_ENVIRONMENT) .venv/runtime .venv/cloud $(BUILD)

demo: ## Export a simulated report of two nights on this machine, and see who lost a factor
	@$(LOCAL_STACK)
	@$(DEV)/python -m local.demo

export: ## Export a report of a real PingOne environment into ./out, with a fact sheet
	@$(LOCAL_STACK)
	@$(DEV)/python -m local.export

KEY ?=

jwks: $(DEV_ENVIRONMENT) ## Print the public key of KEY=<SigningKeyArn>, for the worker application
	@$(DEV)/python -m local.jwks $(KEY)

load: .venv/benchmark .venv/runtime .venv/cloud build ## Request many exports at once, and compare with PingOne's limits
	@.venv/benchmark/bin/python -m local.load

fleet: ## Export 40 environments of a simulated organisation, and watch it happen
	@$(LOCAL_STACK)
	@$(DEV)/python -m local.fleet

test: check unit integration oldest end-to-end ## Everything that must pass

check: lint secrets scan template ## All four of these: what needs no running application

lint: $(DEV_ENVIRONMENT) ## Lint, format, types and the project's own files
	$(DEV)/ruff check .
	$(DEV)/ruff format --check .
	$(DEV)/mypy
	$(DEV)/lint-imports
	$(DEV)/pytest tests/project

template: $(DEV_ENVIRONMENT) .venv/sam .venv/node ## Template and state machine
	$(SAM) validate --lint
	$(DEV)/cfn-lint kms-key.yaml deployer.yaml
	$(DEV)/pytest -n auto tests/template

scan: .venv/scan ## Look for insecure templates
	$(SCAN)/checkov --config-file .checkov.yaml

secrets: .venv/scan ## Look for secrets in any file of git
	@echo "Looking for secrets"
	@git ls-files -z -- ':!*requirements*.txt' ':!layers/native/*.txt' | xargs -0 $(SCAN)/detect-secrets-hook --no-verify \
		--exclude-lines '$(NO_SECRET_LINES)' --exclude-secrets '$(NO_SECRETS)'

hooks: .venv/hooks ## Let git do what `check` does, before a commit and before a push
	.venv/hooks/bin/pre-commit install

audit: .venv/scan ## Look up the locked dependencies' known vulnerabilities, on PyPI
	@mkdir -p .local; for file in $(LOCKS); do \
		$(SCAN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
			--requirement $$file > .local/audit 2>&1 && echo "$$file: nothing is known" && continue; \
		failed=1; grep -q '^Name ' .local/audit && echo "$$file: VULNERABLE" && cat .local/audit && continue; \
		echo "$$file: NOT AUDITED, PyPI did not tell: $$(tail -n 1 .local/audit)"; \
	done; test -z "$$failed"

unit: $(DEV_ENVIRONMENT) $(LIBRARY) ## Tests of logic
	$(DEV)/pytest -n auto tests/unit

integration: $(DEV_ENVIRONMENT) $(LIBRARY) .venv/cloud .venv/node .venv/readers browser ## Tests of modules against the real services
	$(DEV)/pytest -n 4 --dist loadscope tests/integration

# The oldest environment's packages come before the same of the development's. They warn of themselves.
oldest: $(DEV_ENVIRONMENT) $(LIBRARY) .venv/cloud .venv/oldest ## Bucket and table, with the oldest botocore that will do
	PYTHONPATH="$(CURDIR)/.venv/oldest/lib/python3.13/site-packages:$$PYTHONPATH" \
		$(DEV)/pytest -W "ignore:datetime.datetime.utcnow:DeprecationWarning" \
		tests/integration/test_bucket.py tests/integration/test_table.py

end-to-end: $(DEV_ENVIRONMENT) .venv/runtime .venv/cloud .venv/package build ## Tests of the deployed template on the local cloud
	$(DEV)/pytest -n 4 --dist loadfile --no-loadscope-reorder tests/end_to_end

faults: $(DEV_ENVIRONMENT) .venv/runtime .venv/cloud build ## Let everything go wrong, and write the rows that docs/faults.md lacks
	$(DEV)/pytest tests/end_to_end/test_faults.py --deselect \
		tests/end_to_end/test_faults.py::test_the_documentation_says_what_came_of_each_fault
	@cp .local/faults.md docs/faults.md

CHAPTERS ?=
ROUNDS ?= 5

benchmark: .venv/benchmark .venv/cloud .venv/runtime build ## Measure on this machine what an export costs
	@ROUNDS=$(ROUNDS) .venv/benchmark/bin/python -m benchmarks $(CHAPTERS)

queries: $(DEV_ENVIRONMENT) ## Write the saved queries of the template into docs
	@$(DEV)/python -m local.queries

picture: $(DEV_ENVIRONMENT) browser ## Draw the page about an export, with simulated numbers, into docs
	@$(DEV)/python -m local.picture

browser: ## Install Chromium and its driver, if they are not there
	@command -v chromium > /dev/null && command -v chromedriver > /dev/null || { $(INSTALL_BROWSER); }

build: $(BUILD) ## Build the application for this machine

package: .venv/package build ## Package the application into dist/: one zip, which the AWS CLI deploys
	@.venv/package/bin/python -m local.package

format: $(DEV_ENVIRONMENT) ## Format the code and mend what lint can
	$(DEV)/ruff format .
	$(DEV)/ruff check --fix .

lock: $(UV) ## Lock the newest versions of all dependencies, with hashes
	$(call compile,dev,3.11,local/requirements/dev.txt)
	$(call compile,runtime,3.13,local/requirements/runtime.txt,-c local/requirements/dev.txt)
	$(call compile,oldest,3.13,local/requirements/oldest.txt)
	$(call compile,cloud,3.13,local/requirements/cloud.txt)
	$(call compile,sam,3.13,local/requirements/sam.txt)
	$(call compile,package,3.13,local/requirements/package.txt)
	$(call compile,node,3.13,local/requirements/node.txt)
	$(call compile,readers,3.13,local/requirements/readers.txt,-c local/requirements/dev.txt)
	$(call compile,benchmark,3.13,local/requirements/benchmark.txt,-c local/requirements/dev.txt)
	$(call compile,scan,3.13,local/requirements/scan.txt)
	$(call compile,hooks,3.13,local/requirements/hooks.txt)
	$(call compile,layer,3.13,layers/pingone_reports/requirements.txt,-c local/requirements/dev.txt)
	$(call compile,compiler,3.13,layers/pingone_reports/requirements-compiler.txt)
	$(call compile,unzip,3.13,layers/native/unzip.txt,-c local/requirements/dev.txt)
	$(call compile,tables,3.13,layers/native/tables.txt,-c local/requirements/dev.txt)

clean: ## Remove everything that was made here
	rm -rf .venv .aws-sam .local dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Hashes, but no index: whoever installs has their own.
compile = $(UV) pip compile --quiet --upgrade --universal --generate-hashes --no-annotate \
	--python-version $(2) --group $(1) --output-file $(3) $(4)

# As root, or with sudo that asks nothing. Debian's packages, or Ubuntu's of other names, which are snaps.
APT = $$([ "$$(id -u)" = 0 ] || echo sudo -n) env DEBIAN_FRONTEND=noninteractive apt-get -qq
INSTALL_BROWSER = mkdir -p .local; echo "Installing Chromium"; \
	{ $(APT) update && { $(APT) install --no-install-recommends chromium chromium-driver fonts-liberation \
		|| $(APT) install chromium-browser chromium-chromedriver; }; } > .local/browser.log 2>&1 \
	|| { tail -n 3 .local/browser.log; \
		echo "Install Chromium and ChromeDriver, as \`chromium\` and \`chromedriver\` on the PATH, and try again."; exit 1; }

# sam looks for the Lambda runtime's Python on the PATH.
SAM := PATH="$(CURDIR)/.venv/runtime/bin:$$PATH" .venv/sam/bin/sam

$(LIBRARY): $(wildcard layers/pingone_reports/native/*.[ch]) | .venv/runtime
	@echo "Compiling the layer's library"
	@PATH="$(CURDIR)/.venv/runtime/bin:$$PATH" $(MAKE) --silent -C layers/pingone_reports \
		$(@:layers/pingone_reports/%=%)

$(BUILD): $(APPLICATION) | $(LIBRARY) .venv/sam .venv/runtime
	@mkdir -p .local
	@echo "Building the application with \`sam build\`"
	@$(SAM) build > .local/build.log 2>&1 \
		|| { cat .local/build.log; exit 1; }
	@touch $@

$(UV):
	@python3 -m venv .venv/uv
	@.venv/uv/bin/pip install --quiet --quiet --disable-pip-version-check uv==$(UV_VERSION)

# One environment a purpose; the handlers, and so their runtime, are always on Lambda's own Python.
install = echo "Installing the environment $@" \
	&& $(UV) venv --quiet --clear --python $(1) $@ \
	&& $(UV) pip sync --quiet --require-hashes --python $@/bin/python $< \
	&& touch $@

.venv/%: local/requirements/%.txt | $(UV)
	@$(call install,3.13)

# Node.js, and what it runs: package.json names the one version that Step Functions implements.
.venv/node: local/requirements/node.txt $(wildcard local/requirements/node/*.json) | $(UV)
	@$(call install,3.13)
	@cp local/requirements/node/*.json $@ && cd $@ \
		&& PATH="$$PWD/bin:$$PATH" npm ci --loglevel=error --ignore-scripts --no-audit --no-fund > /dev/null \
		|| { rm -rf $@; exit 1; }

.venv/dev-%: local/requirements/dev.txt | $(UV)
	@$(call install,$*)
