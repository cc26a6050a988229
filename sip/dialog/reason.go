package dialog

import (
	"strconv"
	"strings"

	"github.com/hometone/hometone/sip"
)

// Reason is one value of the Reason header field (RFC 3326 §2): why a request
// or response was sent. The zero value means none was given.
type Reason struct {
	Protocol string // "SIP" or "Q.850"
	Cause    int
	Text     string
}

// Reasons that the dialog layer and its users send.
var (
	// AnsweredElsewhere goes with the CANCEL of the forks that lost.
	AnsweredElsewhere = Reason{"SIP", 200, "Call completed elsewhere"}
	// NormalClearing is the ordinary end of a call (Q.850 cause 16).
	NormalClearing = Reason{"Q.850", 16, "Normal call clearing"}
)

// IsZero reports whether no reason is given.
func (r Reason) IsZero() bool { return r.Protocol == "" }

// String writes the value of a Reason header field.
func (r Reason) String() string {
	if r.IsZero() {
		return ""
	}
	s := r.Protocol + ";cause=" + strconv.Itoa(r.Cause)
	if r.Text != "" {
		s += ";text=" + sip.Quote(r.Text)
	}
	return s
}

// parseReason reads one value of a Reason header field. What it does not
// understand it leaves out: a bad reason is no reason to refuse a BYE.
func parseReason(v string) Reason {
	protocol, params, _ := strings.Cut(v, ";")
	r := Reason{Protocol: strings.TrimSpace(protocol)}
	p := sip.Params(";" + params)
	if c, ok := p.Get("cause"); ok {
		r.Cause, _ = strconv.Atoi(c)
	}
	r.Text, _ = p.Get("text")
	return r
}
