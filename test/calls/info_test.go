package calls_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hometone/hometone/sip"
)

// info sends an INFO in the dialog and waits for its answer.
func (c *talk) info(status int, kind, body string, change func(*sip.Request)) *sip.Response {
	c.p.t.Helper()
	req := c.request(sip.INFO, "")
	req.SetBody(kind, body)
	if change != nil {
		change(req)
	}
	c.p.send(req.String())
	return c.p.response(status, "INFO with "+kind)
}

// Keys in an INFO, in both forms that telephones have (RFC 2976), reach the other leg
// as its dtmf_mode says: as RTP events (RFC 4733) or as INFO.
func TestKeysInInfo(t *testing.T) {
	for _, mode := range []string{"rfc4733", "info"} {
		t.Run(mode, func(t *testing.T) {
			h := open(t, "dtmf_mode="+mode+"\n", plain)
			caller, callee := h.registered("8005"), h.registered("8006")
			out, in := connect(t, caller, callee, "8006")
			hear(t, caller, callee)
			for _, c := range []struct{ kind, body, signal string }{
				{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5"},
				{"application/dtmf", "11", "#"},
			} {
				out.info(200, c.kind, c.body, nil)
				if mode != "info" {
					continue
				}
				req := callee.request(sip.INFO, "the key "+c.signal)
				if req.Get(sip.HeaderContentType) != "application/dtmf-relay" || !strings.Contains(req.Body(), "Signal="+c.signal+"\r\n") {
					t.Errorf("%s becomes\n%s", c.body, req)
				}
				in.reply(req, 200, "")
			}
			if want := []byte{5, 11}; mode == "rfc4733" {
				eventually(func() bool { return len(callee.ear.pressed()) >= len(want) })
				if got := callee.ear.pressed(); !bytes.Equal(got, want) {
					t.Errorf("the callee hears the events %v, want %v", got, want)
				}
			}
			out.bye()
			in.hungUp("the end")
		})
	}
}

// An INFO that is not understood is refused as the RFCs say, and the call goes on.
func TestInfoRefused(t *testing.T) {
	h := open(t, "", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	out.info(200, "", "", nil) // RFC 6086 §4.2.2: nothing to refuse
	if res := out.info(415, "application/frob", "x", nil); !strings.Contains(res.Get(sip.HeaderAccept), "application/dtmf-relay") {
		t.Errorf("415 without what is understood (RFC 3261 §21.4.13):\n%s", res)
	}
	out.info(200, "application/frob", "x", func(r *sip.Request) { r.SetName("Content-Disposition", "render;handling=optional") }) // §8.2.3
	if res := out.info(469, "application/frob", "x", func(r *sip.Request) { r.SetName("Info-Package", "frob") }); !strings.Contains(res.String(), "\r\nRecv-Info:") {
		t.Errorf("469 without Recv-Info (RFC 6086 §4.2.2):\n%s", res)
	}
	out.info(481, "application/dtmf", "5", func(r *sip.Request) { r.SetName("Call-ID", "nobody@nowhere") }) // RFC 3261 §12.2.2
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")
}
