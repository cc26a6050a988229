package app

import (
	"context"
	"strings"

	"github.com/hometone/hometone/pbx"
)

// page is Page(tech/resource[&…][,options[,timeout]]): calls telephones which, once
// they have answered, hear the caller until it hangs up.
//
// Options: d they are heard, too, by all; q no beep for the caller; s leave out
// devices that are not free; i do not follow forwarding; A(sound) for each of them; n with A,
// the caller does not hear it; r(file) record; b and B as Dial's.
func page(ctx context.Context, ch pbx.Channel, args string) error {
	a := split(args, 3)
	o, _ := letters(a[1])
	req := pbx.PageRequest{
		Destinations: fileNames(a[0]), Duplex: o.has('d'), Quiet: o.has('q'), FreeOnly: o.has('s'), NoForward: o.has('i'), Announce: o['A'],
		CalleeFirst: carets(o['b']), CallerFirst: carets(o['B']),
	}
	if d, err := seconds(a[2]); err == nil {
		req.Timeout = d
	}
	if o.has('r') {
		name := o['r']
		if name == "" {
			name = "page-" + strings.ReplaceAll(ch.Get("UNIQUEID"), "/", "-") + ".wav"
		}
		path, err := ch.Studio().SpoolPath("monitor", name)
		if err != nil {
			return err
		}
		req.Record = path
	}
	return ch.Switchboard().Page(ctx, req)
}
