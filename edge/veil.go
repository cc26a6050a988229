package edge

import (
	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// veil hides the addresses of the inside.
type veil struct{}

type cover struct{}

func newVeil(secret []byte, listeners []string) *veil { return nil }

func (v *veil) uncover(req *sip.Request, uri *sip.URI, s *self, from transport.Flow) {}
func (v *veil) unfold(req *sip.Request, hop *sip.URI)                                {}
func (v *veil) cover(req *sip.Request, fw *forwarding, t transport.Target)           {}
func (v *veil) coverResponse(res *sip.Response, fw *forwarding)                      {}
