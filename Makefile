# Hometone. The two targets a newcomer needs are `make run` and `make test`.

GO      ?= go
BIN     := bin/hometone
ARGS    ?=
FUZZ    ?= 10m

.PHONY: run build test test-long bench lint docs clean

run: build ## first call: a node, two phones, a ladder; then the node stays up
	@$(BIN) demo $(ARGS)

build:
	@CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN) ./cmd/hometone

test: ## everything; installs the peers it needs (sipp, baresip ...)
	@scripts/setup.sh
	@scripts/test.sh

test-long: ## every fuzz target for $(FUZZ), endurance, long interop
	@scripts/setup.sh
	@FUZZ=$(FUZZ) scripts/test-long.sh

bench: ## the side-by-side figures (ARGS="-only calls -rounds 1" for a quick look)
	@scripts/setup.sh
	@$(GO) run ./test/bench $(ARGS)

lint: ## what a reviewer would say first
	@scripts/lint.sh

docs: ## assemble docs/rfc.md from docs/rfc.d
	@$(GO) test ./test/house -count=1 -run TestRFCTable -update

clean:
	@rm -rf bin
