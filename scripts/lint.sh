#!/usr/bin/env bash
# gofmt, vet and the house rules always; golangci-lint and shellcheck when
# they are on the machine.
set -euo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
unformatted=$(gofmt -l $(git ls-files '*.go'))
if [ -n "$unformatted" ]; then
	printf 'gofmt: %s\n' $unformatted
	exit 1
fi
"$go" vet ./...
"$go" mod tidy -diff
"$go" test -count=1 ./test/house/...
lint=$(PATH="$PATH:$("$go" env GOPATH)/bin" command -v golangci-lint || true)
if [ -n "$lint" ]; then
	"$lint" run ./...
else
	echo "lint: golangci-lint is not installed; vet and the house rules passed"
	echo "lint: to have it: $go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@latest"
fi
if command -v shellcheck >/dev/null; then
	shellcheck scripts/*.sh .ci/run
fi
