package config

import (
	"fmt"
	"net/netip"
)

// Address is a place to listen on, such as udp://0.0.0.0:5060 or
// wss://[::]:8443/ws.
type Address struct {
	Proto string         // udp, tcp, tls, ws or wss
	Addr  netip.AddrPort // port filled in with the protocol's default
	Path  string         // ws and wss only; default "/"
}

// String prints the address in the form it is written in.
func (a Address) String() string { return fmt.Sprintf("%s://%s%s", a.Proto, a.Addr, a.Path) }

// PortRange is an inclusive range of UDP ports.
type PortRange struct{ Min, Max uint16 }

// External is an address seen from outside: "auto", "none", or a literal
// address.
type External struct {
	Auto bool
	Addr netip.Addr
}
