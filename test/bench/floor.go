package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// relaySource is the least that a program in front of a callee can do: each
// datagram of a call is taken from the kernel and given back to it, none is read.
const relaySource = `#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
	static char buf[65536];
	struct sockaddr_in me = {.sin_family = AF_INET}, callee, caller = {0}, from, *to;
	int s = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;
	inet_aton("127.0.0.1", &me.sin_addr);
	callee = me;
	me.sin_port = htons(atoi(argv[1]));
	callee.sin_port = htons(atoi(argv[2]));
	setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (bind(s, (void *)&me, sizeof me)) return 1;
	for (;;) {
		socklen_t len = sizeof from;
		ssize_t n = recvfrom(s, buf, sizeof buf, 0, (void *)&from, &len);
		if (n <= 4) continue;
		to = &callee;
		if (!memcmp(buf, "OPTIONS", 7)) to = &from;
		else if (from.sin_port == callee.sin_port) to = &caller;
		else caller = from;
		sendto(s, buf, n, 0, (void *)to, sizeof *to);
	}
}
`

// envRelay makes this program such a relay; its value is the two ports.
const envRelay = "HOMETONE_BENCH_RELAY"

var errNoCompiler = errors.New("no C compiler: apt-get install gcc libc6-dev")

// startRelayC runs the relay in C.
func startRelayC(ctx context.Context, dir string, addr, callee netip.AddrPort) (*process, error) {
	source, program := filepath.Join(dir, "relay.c"), filepath.Join(dir, "relay")
	if err := os.WriteFile(source, []byte(relaySource), 0o600); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	compiler, err := exec.LookPath("cc")
	if err != nil {
		return nil, errNoCompiler
	}
	if out, err := exec.CommandContext(ctx, compiler, "-O2", "-o", program, source).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %w\n%s", errNoCompiler, err, out)
	}
	return start(ctx, dir, "relay-c", addr, nil, program, port(addr), port(callee))
}

func port(a netip.AddrPort) string { return strconv.Itoa(int(a.Port())) }

// startRelayGo runs the same with package net.
func startRelayGo(ctx context.Context, dir string, addr, callee netip.AddrPort) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	return start(ctx, dir, "relay-go", addr, []string{envRelay + "=" + addr.String() + " " + callee.String()}, self)
}

// relay is the relay in Go. It ends with an error, or with the process.
func relay(addresses string) error {
	var own, to string
	if _, err := fmt.Sscan(addresses, &own, &to); err != nil {
		return fmt.Errorf("bench: %s: %w", envRelay, err)
	}
	addr, err := netip.ParseAddrPort(own)
	if err != nil {
		return fmt.Errorf("bench: %s: %w", envRelay, err)
	}
	callee, err := netip.ParseAddrPort(to)
	if err != nil {
		return fmt.Errorf("bench: %s: %w", envRelay, err)
	}
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return fmt.Errorf("bench: relay: %w", err)
	}
	defer conn.Close()
	_ = conn.SetReadBuffer(4 << 20) // as far as the system allows
	var caller netip.AddrPort
	buf := make([]byte, 65536)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return fmt.Errorf("bench: relay: %w", err)
		}
		target := callee
		switch {
		case n <= 4:
			continue
		case bytes.HasPrefix(buf[:n], []byte("OPTIONS")):
			target = from
		case from == callee:
			target = caller
		default:
			caller = from
		}
		_, _ = conn.WriteToUDPAddrPort(buf[:n], target) // what is lost comes again
	}
}

// floors measures what the kernel takes for the datagrams of a proxied call: the
// same calls through programs that do nothing with them.
func floors(ctx context.Context, s settings) error {
	var rows []row
	for _, rate := range s.rates(500, 1000, 2000) {
		all := [...]struct {
			row
			begin starter
		}{
			{row{work: fmt.Sprintf("relayed call at %.0f/s", rate), server: "recvfrom, sendto in C"}, startRelayC},
			{row{work: fmt.Sprintf("relayed call at %.0f/s", rate), server: "the same in Go, package net"}, startRelayGo},
			{row{work: fmt.Sprintf("proxied call at %.0f/s", rate), server: "hometone"}, s.startEdge},
		}
		for round := range s.rounds {
			s.progress("floor at %.0f/s, round %d of %d", rate, round+1, s.rounds)
			for i := range all {
				err := s.fresh("floor", func(dir string) error { return proxyOnce(ctx, s, dir, all[i].begin, &all[i].row, rate) })
				if errors.Is(err, errNoCompiler) {
					s.progress("left out: %v", err)
				} else if err != nil {
					return err
				}
			}
		}
		for i := range all {
			rows = append(rows, all[i].row)
		}
	}
	report(s.out, "What the kernel takes for the twelve datagrams of a call: relays that do nothing with them", proxyUnits, rows)
	return nil
}
