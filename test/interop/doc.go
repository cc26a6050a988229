// Package interop makes calls between real phones (baresip, linphone, SIPp,
// sipsak, `hometone phone`) through `hometone serve`, running Asterisk's demo
// files byte for byte, on the loopback interface.
//
// Each phone plays a tone of its own and records what it hears; a call is good
// if each recording holds the other's tone without a gap over 20 ms. Phones
// are started with a home and configuration of their own in a temporary
// folder, and ended by their process id.
//
// A phone that is not installed skips its tests with a message, and fails them
// under CI=true.
package interop
