// Package scenarios runs the SIPp scenarios of other projects against a whole
// node: Asterisk's test suite with the configuration that each test brings, the
// peers of pjproject's black-box tests, and those that people have published.
//
// docs/asterisk-suite.md holds what is expected, a row for each scenario with
// its result and, where it does not pass, the reason. A scenario that passed
// there and does not pass any more fails the test; one that passes now is named
// in the log. HOMETONE_UPDATE=1 writes the results into the table.
//
// The ordinary tests run a small selection; all of them run with HOMETONE_LONG=1.
package scenarios
