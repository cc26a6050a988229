// Package hometone is the floor plan of Hometone, an internet-telephony
// platform in one Go binary. It holds no code; start at one of the rooms.
//
// Languages, public, no I/O: [github.com/hometone/hometone/sip] messages,
// sdp offer/answer, rtp sessions and statistics, media frames, tones and
// files. On them stand sip/transport (sockets), sip/transaction (shards and
// timers), sip/dialog (calls, subscriptions) and sip/auth (digest).
//
// Services: relay forwards RTP, store/state keeps bindings on disk
// (JetStream), store/records keeps call records (SQL), config reads YAML and
// the formats of Asterisk and Kamailio.
//
// Roles, which never import each other: edge (stateful proxy and load
// balancer), registrar (who is where), pbx (dialplan, calls, applications,
// presence, messages), phone (the public client library).
//
// Package node wires roles into one running node from its configuration, and
// cmd/hometone is the command line.
//
// Imports go downstairs only: cmd, node, roles, dialog and relay,
// transaction, transport and stores, languages. A test holds that. See
// ARCHITECTURE.md for who owns which state and for the way of an INVITE.
package hometone
