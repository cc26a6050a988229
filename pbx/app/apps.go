// Package app holds the applications of the dialplan, one file each, and the
// table that names them. An application is a function of a pbx.Channel and
// knows nothing else of the exchange; to add one, write its file, its test and
// one line here.
package app

import "github.com/hometone/hometone/pbx"

// All is the table of applications.
func All() []pbx.App {
	return []pbx.App{}
}
