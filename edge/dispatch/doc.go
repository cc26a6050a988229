// Package dispatch chooses where a call goes: it keeps sets of destinations,
// their states and loads, and selects by the algorithms of Kamailio's
// dispatcher module, numbers and meaning, and three of our own.
//
// A Set is made from configuration and lives as long as that is valid. Its
// destinations' loads and states survive a reload (Set.Inherit). Select is
// called on the hot path from many goroutines at once: it takes no lock and
// works on an immutable view that is made anew when a state changes.
//
// Health decides from probes and real traffic whether a destination is up; it
// is a pure machine that is told the time. Nothing here sends or receives.
package dispatch
