# Needs Go 1.26 and make, nothing else; works with the make of macOS as well.

TEMPORAL := $(CURDIR)/.bin/temporal
LINTER   := go tool -modfile=tools/go.mod
# The race detector needs a C compiler; see scripts/left-out.
RACE     := $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)
REVISION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

# The packages that decide about tokens, and the least coverage of each in per cent.
COVERED  := workflows activities internal/token internal/provider internal/vault internal/seal internal/consent
FLOOR    := 85

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: temporal ## Run the whole system on this machine, with a live view
	@go run ./demo

.PHONY: demo-once
demo-once: temporal ## Refresh twice without a terminal; ends with a line of JSON
	@go run ./demo --once

.PHONY: screenshot
screenshot: temporal ## Take the pictures of runs in README and operations.md again; needs Chromium
	@go run ./demo/screenshot docs/images

.PHONY: test
# These three take longest, so that they begin first.
test: temporal ## Run every test, and check the coverage of what handles tokens
	@scripts/left-out
	@echo 'go test $(RACE) ./... (on an empty cache it compiles for some minutes first; ./chaos begins first and takes longest, and its line comes before the others)'
	@rm -f .bin/test.status; { TOKENKEEPER_TEMPORAL_CLI='$(TEMPORAL)' TOKENKEEPER_REQUIRE_TEMPORAL=1 \
		go test $(RACE) -count=1 -timeout 40m -coverprofile=.bin/coverage.out ./chaos ./starter ./worker $$(go list ./... | grep -v '/chaos/model/protocol$$'); \
		echo $$? >.bin/test.status; } 2>&1 | tee .bin/test.log
	@[ "$$(cat .bin/test.status)" = 0 ] || { \
		printf '\nIn short, and whole in .bin/test.log:\n'; awk -v most=40 -f scripts/failures.awk .bin/test.log; exit 1; }
	@go test -count=1 ./chaos/model/protocol # one goroutine explores each model: the race detector would find nothing, slowly
	@awk -v floor=$(FLOOR) -v module=tokenkeeper -v covered='$(COVERED)' \
		-f scripts/coverage.awk .bin/coverage.out

.PHONY: test-lowkey-vault
test-lowkey-vault: temporal ## Test against Lowkey Vault, a third-party emulator of Key Vault
	@TOKENKEEPER_TEMPORAL_CLI='$(TEMPORAL)' TOKENKEEPER_REQUIRE_TEMPORAL=1 scripts/test-lowkey-vault

.PHONY: test-cluster
test-cluster: temporal ## Test against a Temporal server on PostgreSQL, which it builds from source
	@go run ./internal/testenv/cmd/install cluster .bin
	@TOKENKEEPER_TEMPORAL_CLI='$(TEMPORAL)' TOKENKEEPER_REQUIRE_TEMPORAL=1 \
		TOKENKEEPER_TEST_TEMPORAL=cluster TOKENKEEPER_TEMPORAL_SERVERS='$(CURDIR)/.bin' \
		go test -race -count=1 -timeout 30m ./internal/testenv/temporal ./workflows ./activities ./worker ./starter ./chaos ./chaos/canary

TIME ?= 60s

.PHONY: fuzz
fuzz: ## Run every fuzz target of the module, one after the other, each for TIME
	@scripts/fuzz '$(TIME)'

.PHONY: lint
lint: ## Check format, vet, staticcheck, errcheck and workflow determinism
	@echo gofmt; unformatted=$$(gofmt -l .); \
		[ -z "$$unformatted" ] || { echo "not formatted, run gofmt -w on: $$unformatted" >&2; exit 1; }
	go vet ./...
	go vet -tags record ./chaos
	go vet -tags manual ./starter
	$(LINTER) staticcheck ./...
	$(LINTER) errcheck ./...
	$(LINTER) workflowcheck ./...
	go run -C tools ./licences -check
	@scripts/vulnerabilities

.PHONY: licences
licences: ## List the licences of what the programs are built from, in docs/licences.md
	go run -C tools ./licences

.PHONY: sbom
sbom: ## Write a CycloneDX bill of materials of each program into dist/
	@mkdir -p dist
	@for program in worker starter; do \
		$(LINTER) cyclonedx-gomod app -json -noserial -std -main $$program -output dist/$$program.cdx.json . \
			&& echo dist/$$program.cdx.json || exit 1; \
	done

PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
DESTDIR ?=
# Man pages have the commit's date, so that one commit makes the same ones.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 315532800)

.PHONY: manual
manual: ## Write man pages and shell completions into .bin/manual/
	@rm -rf .bin/manual
	@go run -tags manual ./starter .bin/manual

.PHONY: install
install: manual ## Install tokenkeeper-worker and tokenkeeper-starter with man pages and completions: PREFIX BINDIR DATADIR DESTDIR
	@for program in worker starter; do \
		CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags '-s -w -X tokenkeeper/internal/config.revision=$(REVISION)' \
			-o .bin/install/tokenkeeper-$$program ./$$program || exit 1; \
	done
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(DATADIR)/man/man1' '$(DESTDIR)$(DATADIR)/bash-completion/completions' \
		'$(DESTDIR)$(DATADIR)/zsh/site-functions' '$(DESTDIR)$(DATADIR)/fish/vendor_completions.d'
	install -m 755 .bin/install/tokenkeeper-worker .bin/install/tokenkeeper-starter '$(DESTDIR)$(BINDIR)'
	install -m 644 .bin/manual/man/man1/*.1 '$(DESTDIR)$(DATADIR)/man/man1'
	install -m 644 .bin/manual/completions/tokenkeeper-starter.bash '$(DESTDIR)$(DATADIR)/bash-completion/completions/tokenkeeper-starter'
	install -m 644 .bin/manual/completions/_tokenkeeper-starter '$(DESTDIR)$(DATADIR)/zsh/site-functions'
	install -m 644 .bin/manual/completions/tokenkeeper-starter.fish '$(DESTDIR)$(DATADIR)/fish/vendor_completions.d'

.PHONY: uninstall
uninstall: ## Remove what install has installed: PREFIX BINDIR DATADIR DESTDIR
	rm -f '$(DESTDIR)$(BINDIR)/tokenkeeper-worker' '$(DESTDIR)$(BINDIR)/tokenkeeper-starter' '$(DESTDIR)$(DATADIR)'/man/man1/tokenkeeper-*.1 \
		'$(DESTDIR)$(DATADIR)/bash-completion/completions/tokenkeeper-starter' '$(DESTDIR)$(DATADIR)/zsh/site-functions/_tokenkeeper-starter' \
		'$(DESTDIR)$(DATADIR)/fish/vendor_completions.d/tokenkeeper-starter.fish'

PLATFORMS ?=

.PHONY: release
release: ## Build the programs for all systems into dist/, with sums, man pages, completions, licences and bills of materials: PLATFORMS
	@mkdir -p .bin
	@go run -C tools ./licences -texts '$(CURDIR)/.bin/LICENCES.txt'
	@go run ./scripts/release -revision '$(REVISION)' -out dist -licences .bin/LICENCES.txt $(if $(PLATFORMS),-platforms '$(PLATFORMS)')
	@$(MAKE) --no-print-directory sbom

.PHONY: reproducible
reproducible: ## Build a release of this commit twice, apart from each other, and compare: PLATFORMS
	@scripts/reproducible $(PLATFORMS)

.PHONY: shape
shape: ## Measure the code: files, lines, functions, words, beside another checkout: BEFORE
	@go run ./scripts/codeshape $(BEFORE) .

.PHONY: temporal
temporal: ## Put a Temporal CLI into .bin/: the installed one, or one built from source
	@go run ./internal/testenv/cmd/install temporal '$(TEMPORAL)'

KILLS    ?= 200
REPLAY   ?= 2m
SEED     ?= 1
ACCOUNTS ?= $(if $(filter 1,$(OPERATOR)),30,60)
OUTAGES  ?= 3
TARGET   ?= tokenkeeper
OPERATOR ?=
OPERATIONS ?= 300
IDS      ?= 1

.PHONY: chaos
chaos: temporal ## Kill the worker at random and count what is lost: KILLS REPLAY SEED ACCOUNTS OUTAGES TARGET JSON, OPERATOR=1 OPERATIONS IDS
	@go run ./chaos -kills '$(KILLS)' -replay '$(REPLAY)' -seed '$(SEED)' \
		-accounts '$(ACCOUNTS)' -outages '$(OUTAGES)' -target '$(TARGET)' -json '$(JSON)' \
		-operator='$(if $(filter 1,$(OPERATOR)),true,false)' -operations '$(OPERATIONS)' -ids '$(IDS)'

MINUTES ?= 30

.PHONY: soak
soak: temporal ## Refresh for long while everything around misbehaves; nothing may grow, race or get lost: MINUTES ACCOUNTS SEED
	@go run ./chaos/soak -minutes '$(MINUTES)' -accounts '$(ACCOUNTS)' -seed '$(SEED)'

ROUNDS   ?= 3
SECONDS  ?= 20
SVG      ?=
PROFILES ?=

.PHONY: bench
bench: temporal ## Measure Token Keeper beside the floor and the baseline: CLUSTER=1 ROUNDS SECONDS JSON SVG PROFILES
	@$(if $(filter 1,$(CLUSTER)),go run ./internal/testenv/cmd/install cluster .bin)
	@TOKENKEEPER_TEMPORAL_CLI='$(TEMPORAL)' go run ./bench -cluster='$(if $(filter 1,$(CLUSTER)),true,false)' \
		-rounds '$(ROUNDS)' -seconds '$(SECONDS)' -json '$(JSON)' -svg '$(SVG)' -profiles '$(PROFILES)'

OUTAGE   ?= vault
AWAY     ?= 2m

.PHONY: scale
scale: temporal ## Keep many accounts alive with the vault (or provider) away in the middle: CLUSTER=1 ACCOUNTS MINUTES PROVIDER RATE OUTAGE AWAY BURST=1 JSON
	@$(if $(filter 1,$(CLUSTER)),go run ./internal/testenv/cmd/install cluster .bin)
	@TOKENKEEPER_TEMPORAL_CLI='$(TEMPORAL)' go run ./bench/scale -cluster='$(if $(filter 1,$(CLUSTER)),true,false)' \
		-burst='$(if $(filter 1,$(BURST)),true,false)' $(if $(filter command environment,$(origin ACCOUNTS)),-accounts '$(ACCOUNTS)') \
		$(if $(filter command environment,$(origin MINUTES)),-minutes '$(MINUTES)') $(if $(filter command environment,$(origin PROVIDER)),-provider '$(PROVIDER)') \
		$(if $(filter command environment,$(origin RATE)),-rate '$(RATE)') -outage '$(OUTAGE)' -away '$(AWAY)' -json '$(JSON)'

.PHONY: model
model: ## Visit every state of the protocol's model, with and without each protection
	@go run ./chaos/model

SET ?= $(shell ls workflows/testdata/histories | sort -n | tail -1)

.PHONY: histories
histories: temporal ## Record the runs that "make test" replays again: SET
	@TOKENKEEPER_TEMPORAL_CLI='$(TEMPORAL)' TOKENKEEPER_REQUIRE_TEMPORAL=1 scripts/record-histories '$(SET)'

.PHONY: check-manifests
check-manifests: ## Check the compose files and the Kubernetes manifests against their schemas
	go vet -C deploy/check ./...
	go test -C deploy/check ./...

.PHONY: test-compose
test-compose: temporal ## Run the compose files and the profile cluster on a Docker engine: refreshes, kills in mid call, stops, starts, down and up
	@scripts/test-compose

.PHONY: docker
docker: ## Build the images of worker, starter and simulators
	for target in worker starter sim; do \
		docker build --target $$target --build-arg REVISION='$(REVISION)' \
			--tag tokenkeeper-$$target:'$(REVISION)' . || exit 1; \
	done

.PHONY: clean
clean: ## Remove what make has built, including the Temporal CLI
	rm -rf .bin .demo dist
