#!/usr/bin/env bash
# Installs the Debian packages the tests need, only when one is missing.
#
# Nothing is asked of a machine that has everything: no root, no network.
set -euo pipefail

# command:package. gcc and libc6-dev serve the race detector.
needs=(
	gcc:gcc
	sipp:sip-tester
	sipsak:sipsak
	svwar:sipvicious
	baresip:baresip-core
	linphonec:linphone-cli
	kamailio:kamailio
	tshark:tshark
	dnsmasq:dnsmasq-base
	sox:sox
	espeak-ng:espeak-ng
	ip:iproute2
	openssl:openssl
	git:git
	python3:python3
)

missing=()
for need in "${needs[@]}"; do
	PATH="$PATH:/usr/sbin:/sbin" command -v "${need%%:*}" >/dev/null 2>&1 || missing+=("${need##*:}")
done
if ! python3 -c 'import yaml' 2>/dev/null; then # what runs Asterisk's test suite needs it
	missing+=(python3-yaml)
fi
if [ ! -e /usr/include/stdlib.h ]; then
	missing+=(libc6-dev)
fi
if [ "${#missing[@]}" -eq 0 ]; then
	exit 0
fi

give_up() {
	echo "setup: $1" >&2
	echo "setup: install by hand: apt-get install ${missing[*]}" >&2
	if [ "${CI:-}" = true ]; then
		exit 1
	fi
	echo "setup: going on without; tests that need them are skipped and say so" >&2
	exit 0
}

command -v apt-get >/dev/null || give_up "this is not a Debian system"
root=()
if [ "$(id -u)" -ne 0 ]; then
	sudo -n true 2>/dev/null || give_up "neither root nor password-less sudo"
	root=(sudo -n env)
fi

echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
	"${root[@]}" apt-get -qq -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@" >>"$log" 2>&1
}
# Daemons of the packages (kamailio, coturn) must not start on this machine.
if [ "$(id -u)" -eq 0 ] && [ ! -e /usr/sbin/policy-rc.d ]; then
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod +x /usr/sbin/policy-rc.d
	trap 'rm -f "$log" /usr/sbin/policy-rc.d' EXIT
fi
if ! apt update || ! apt install -y --no-install-recommends "${missing[@]}"; then
	tail -n 20 "$log" >&2
	give_up "apt-get failed"
fi
