#!/usr/bin/env bash
# All tests, in the order in which a failure is cheapest to understand:
# vet, the house rules, every room under the race detector, whole calls.
set -euo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
failed=0

step() {
	local name=$1 begin=$SECONDS
	shift
	echo "== $name"
	if ! "$@"; then
		failed=1
		echo "== $name: FAILED after $((SECONDS - begin)) s"
	fi
}

rooms=$($go list ./... | grep -v '/test/' || true)
whole=$($go list ./test/... | grep -v -e '/test/house$' -e '/test/bench' || true)

step "vet" "$go" vet ./...
step "house rules" "$go" test -count=1 ./test/house/...
# Two packages at once: rooms measure time, and a crowd would measure itself.
# shellcheck disable=SC2086
step "rooms, race detector" "$go" test -race -p 2 -timeout 10m $rooms
# Whole nodes with real peers and real audio: one package at a time, but for three
# that mostly wait for what is played to be over. The longest begins.
if [ -n "$whole" ]; then
	patient='/test/(interop|voice|calls)$'
	# shellcheck disable=SC2046
	step "whole calls" "$go" test -race -p 1 -count=1 -timeout 15m $(grep -vE "$patient" <<<"$whole")
	# shellcheck disable=SC2046
	step "real peers and voices" "$go" test -race -p 2 -count=1 -timeout 15m $(grep -E "$patient" <<<"$whole" | sort -r)
	# What the race detector's own work would hide.
	step "memory and CPU" "$go" test -p 1 -count=1 -timeout 5m -run '^(TestStrangersCostLittle|TestMemoryOfIdleCalls)$' ./test/wire ./test/calls
fi

if [ "$failed" -ne 0 ]; then
	echo "FAIL: see the steps marked FAILED above ($SECONDS s)"
	exit 1
fi
echo "PASS: all steps ($SECONDS s)"
