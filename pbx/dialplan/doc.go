// Package dialplan reads and runs Asterisk's extensions.conf.
//
// Load compiles the file once into a Plan, an immutable value that any number
// of channels read: names and patterns in a trie whose walk meets matching
// patterns in Asterisk's order of preference, priorities with their arguments
// already taken apart into templates. A reload makes another Plan; a channel
// takes the plan of the moment at every step.
//
// An Interpreter walks one channel through the plan. It belongs to the
// channel's goroutine, starts none, reads no clock but the one it is given,
// and does no signalling: applications are run through Apps, channel-bound
// variables and functions are asked of Channel. Run executes priorities until
// something else is needed and says so by its Outcome; the channel then
// collects digits, hangs up, or calls RunHangup for the extension h. State
// and Restore carry everything an interpreter knows across processes.
//
// Match follows Asterisk: a name beats every pattern; of two patterns the one
// that is more specific at the leftmost place in which they differ wins (fewer
// characters in the set, then the lower character; then . before ! before the
// end); lines with a caller id beat the same line without; a context's own
// extensions beat what it includes, in the order of the include lines. An
// extension that matches but lacks the priority is passed over.
//
// Substitution and expressions follow Asterisk too, down to the digits of its
// floating point; see Env.Expression. Limits bound steps without a wait,
// sizes, nesting and Gosub levels, so that a loop in the plan costs its own
// call and nothing else.
package dialplan
