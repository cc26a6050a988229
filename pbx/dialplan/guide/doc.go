// Package guide keeps docs/dialplan.md true. Its test writes the tables of
// applications and functions from those in the code, beside the names that
// Asterisk 22 has (testdata/asterisk22.txt), and loads the samples. It is a
// package of its own because it looks at the exchange's applications, which
// stand above the dialplan.
//
//	HOMETONE_UPDATE=1 go test ./pbx/dialplan/guide
package guide
