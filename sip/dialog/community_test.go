package dialog

import (
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// A foreign scenario is one that somebody else wrote for SIPp, and what our
// handset does in it.
type foreign struct {
	file string
	do   string // "": SIPp calls us; "call", "call and hang up", "subscribe"
}

// foreigners are scenarios of pjproject's suite that a telephone on
// auto-answer can be the other end of; sippCases plays others. Left out, with
// the reason:
//
//	media formats or pjsua's choice of them: uac-183-wrong-media,
//	  uac-prack-sdp-decline, uas-reinv-after-failed-nego, uas-answer-183-wrong-codec,
//	  uas-answer-200-multiple-fmts, uas-answer-180-multiple-fmts-support-update,
//	  uas-answer-200-update-without-sdp, uac-inv-two-media-but-one-disabled-no-rtpmap
//	what pjsua is told to do by its options: uas-timer-reinvite, uac-early-recv-update-481
//	the second INVITE has the branch of the first, so it is a retransmission for
//	  RFC 3261 §17.2.3, and not to be answered 400: uac-reinvite-bad-via-branch
//	two To tags in one response with SIPp 3.6: uas-forked-100rel
//	half a minute of waiting: uas-subscribe-late-notify, uas-subscribe-notify-terminate
//	registration: uas-auth-two-algo, uas-register-ip-change-port-only
var foreigners = []foreign{
	{"strict-route", "call and hang up"},
	{"transfer-unattended", ""},
	{"uac-message-no-body", ""},
	{"uac-subscribe", ""},
	{"uac-ticket-1864-scenario1", ""},
	{"uas-answer-183-without-to-tag", "call"},
	{"uas-answer-200-inv-without-sdp", "call"},
	{"uas-norefersub", "call"},
	{"uas-reinv-and-ack-without-sdp", "call"},
	{"uas-inv-answered-with-srtp", "call"},
	{"uas-mwi", "mwi"},
	{"uas-subscribe-terminated-retry", "subscribe"},
}

// TestForeignScenarios: SIPp's exit status is the verdict.
func TestForeignScenarios(t *testing.T) {
	sipp := testdata.Program(t, "sipp")
	dir := testdata.Path(t, "10-sipp-pjproject", "scripts-sipp")
	for _, c := range foreigners {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			h := &handset{}
			if c.do == "call and hang up" {
				h.hangUp = time.Second
			}
			sockets(t, func(x *Config) { x.Next = h }, func(t *testing.T, r *rig, addr netip.AddrPort) {
				if addr == r.addr("udp") {
					h.ready.Store(r.layer)
					h.play(t, sipp, filepath.Join(dir, c.file+".xml"), addr, c)
				}
			})
		})
	}
}

// play runs one scenario.
func (h *handset) play(t *testing.T, sipp, file string, addr netip.AddrPort, c foreign) {
	port := freePort(t)
	cmd := exec.CommandContext(t.Context(), sipp, "-sf", file, "-m", "1", "-i", "127.0.0.1", "-p", strconv.Itoa(port), "-s", "bob", "-nostdin",
		"-timeout", "15s", "-timeout_error", addr.String())
	cmd.Dir = t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if c.do != "" {
		awaitPort(port)
		h.begin(t, "sip:bob@127.0.0.1:"+strconv.Itoa(port), c.do)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v", c.file, err)
	}
	if bye := h.bye.Load(); bye != nil {
		bye.Stop()
	}
}

// begin is our part where we open.
func (h *handset) begin(t *testing.T, uri, do string) {
	var err error
	switch do {
	case "subscribe":
		_, err = h.layer().Subscribe(SubscribeConfig{URI: uri, From: "<sip:us@127.0.0.1>", Event: "presence", Expires: time.Minute}, h)
	case "mwi":
		_, err = h.layer().Subscribe(SubscribeConfig{URI: uri, From: "<sip:us@127.0.0.1>", Event: "message-summary", Expires: time.Minute}, h)
	default:
		_, err = h.layer().Invite(InviteConfig{URI: uri, From: "<sip:us@127.0.0.1>", SDP: ourSDP, Auth: NewDigest("us", "secret")}, h)
	}
	if err != nil {
		t.Fatal(err)
	}
}
