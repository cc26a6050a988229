package pbx

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"github.com/hometone/hometone/config/pjsip"
	"github.com/hometone/hometone/sip"
)

// Lines make the line parameters by which calls along an outbound registration are
// known (line=yes). One value serves all configurations of a node, so that a
// reload changes none of them.
type Lines struct{ key []byte }

// NewLines returns Lines that nobody can guess.
func NewLines() *Lines {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return &Lines{key}
}

// of is the parameter of a registration, "" if it has none.
func (l *Lines) of(r *pjsip.Registration) string {
	if l == nil || !r.Line {
		return ""
	}
	mac := hmac.New(sha256.New, l.key)
	mac.Write([]byte(r.Name))
	return hex.EncodeToString(mac.Sum(nil)[:12])
}

// identifyLine finds the endpoint of the registration whose Contact a request is
// sent to.
func (s *Settings) identifyLine(req *sip.Request) *pjsip.Endpoint {
	if s.Lines == nil || len(s.Endpoints.Registrations) == 0 || !strings.Contains(req.URI(), "line=") {
		return nil
	}
	uri, err := sip.ParseURI(bareURI(req.URI()))
	if err != nil {
		return nil
	}
	given, ok := uri.Params.Get("line")
	if !ok {
		return nil
	}
	for _, r := range s.Endpoints.Registrations {
		if line := s.Lines.of(r); line != "" && subtle.ConstantTimeCompare([]byte(line), []byte(given)) == 1 {
			return s.Endpoints.Endpoints[r.Endpoint]
		}
	}
	return nil
}

// bareURI takes angle brackets off a Request-URI: "elements attempting to be
// liberal" may ignore them (RFC 4475 §3.1.2.7).
func bareURI(uri string) string {
	return strings.TrimSuffix(strings.TrimPrefix(uri, "<"), ">")
}
