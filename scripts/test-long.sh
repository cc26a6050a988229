#!/usr/bin/env bash
# The tests that take hours, and a summary of all their parts:
#
#   fuzz       every fuzz target of every package for $FUZZ (default 10m), one
#              after the other with $FUZZ_WORKERS inputs at a time (default: half
#              of the cores, at least one)
#   endurance  100 calls a second for $ENDURANCE (default 1h)
#   long       everything else that waits for HOMETONE_LONG=1, and the real peers
#              $INTEROP times over (default 3)
#
# PARTS="fuzz long" runs some of them only, FUZZ_ONLY=REGEXP the fuzz targets
# whose "package Name" matches. The exit code is 0 if nothing failed; every part
# runs, whatever the parts before it found.
set -euo pipefail
cd "$(dirname "$0")/.."

go=${GO:-go}
fuzz=${FUZZ:-10m}
workers=${FUZZ_WORKERS:-$(( ($(nproc) + 1) / 2 ))}
summary=()
failed=0

# part runs a command and notes how it ended.
part() {
	local name=$1 begin=$SECONDS verdict=ok
	shift
	echo "== $name"
	if ! "$@"; then
		verdict=FAIL
		failed=1
	fi
	summary+=("$(printf '%-4s %6d s  %s' "$verdict" $((SECONDS - begin)) "$name")")
}

# targets prints "package Name" for every fuzz target there is. A package that
# does not build is an error, not a package without targets.
targets() {
	local pkg list
	for pkg in $("$go" list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...); do
		list=$("$go" test -list '^Fuzz' "$pkg") || return 1
		sed -n "s|^Fuzz|$pkg Fuzz|p" <<<"$list"
	done
}

fuzz_one() { "$go" test -run '^$' -fuzz "^$2\$" -fuzztime "$fuzz" -parallel "$workers" -timeout 0 "$1"; }

fuzz_all() {
	local found pkg target
	if ! found=$(targets); then
		part "fuzz: list the targets" false
		return
	fi
	while read -r pkg target; do
		[[ "$pkg $target" =~ ${FUZZ_ONLY:-.} ]] || continue
		part "fuzz $target ($pkg) $fuzz" fuzz_one "$pkg" "$target" </dev/null
	done <<<"$found"
}

endurance() { HOMETONE_ENDURANCE=${ENDURANCE:-1h} "$go" test -count=1 -v -timeout 0 ./test/endurance; }

long() {
	local others
	others=$("$go" list ./... | grep -v -e '/test/endurance$' -e '/test/interop$') || return 1
	# shellcheck disable=SC2086
	HOMETONE_LONG=1 "$go" test -count=1 -p 1 -timeout 2h $others
}

interop() { HOMETONE_LONG=1 "$go" test -count="${INTEROP:-3}" -timeout 4h ./test/interop; }

for name in ${PARTS:-fuzz endurance long}; do
	case $name in
	fuzz) fuzz_all ;;
	endurance) part "endurance ${ENDURANCE:-1h}" endurance ;;
	long)
		part "long tests of every package" long
		part "real peers, ${INTEROP:-3} times" interop
		;;
	*)
		echo "PARTS: $name is none of fuzz, endurance, long" >&2
		exit 2
		;;
	esac
done

echo "== summary"
printf '%s\n' "${summary[@]:-nothing ran}"
if [ "$failed" -ne 0 ]; then
	echo "FAIL: see the parts marked FAIL ($SECONDS s)"
	exit 1
fi
echo "PASS: long tests ($SECONDS s)"
