#!/usr/bin/env bash
# The tests that take hours: every fuzz target for $FUZZ (default 10m) and
# everything that waits for HOMETONE_LONG=1 or HOMETONE_ENDURANCE (default 1h).
set -euo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
fuzz=${FUZZ:-10m}
failed=()

for pkg in $($go list ./...); do
	for target in $($go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true); do
		echo "== fuzz $pkg $target $fuzz"
		"$go" test -run '^$' -fuzz "^$target\$" -fuzztime "$fuzz" "$pkg" || failed+=("$pkg.$target")
	done
done

echo "== endurance and foreign suites"
HOMETONE_LONG=1 HOMETONE_ENDURANCE=${ENDURANCE:-1h} "$go" test -count=1 -p 1 -timeout 6h ./... || failed+=("HOMETONE_LONG=1 go test ./...")

if [ "${#failed[@]}" -ne 0 ]; then
	printf 'FAIL: %s\n' "${failed[@]}"
	exit 1
fi
echo "PASS: long tests"
