package dialog

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// sippCase is one scenario of the pjproject suite and what our application
// does in it.
type sippCase struct {
	file string
	call bool       // we call SIPp
	act  func(*rig) // once the call is up (callee: once the INVITE has come)
}

// sippCases are scenarios about dialogs. Left out: media, registration, options
// of pjsua, uac-upd-sdp-offer (its BYE has a lower CSeq than its UPDATE, which
// RFC 3261 §12.2.2 makes us refuse) and uas-forked-100rel (SIPp 3.6 writes two
// To tags; TestForks and TestReliableAsCaller play the same).
var sippCases = []sippCase{
	{file: "uac-inv-multiple-require"},
	{file: "uac-ticket-1864-scenario1", act: func(r *rig) {
		r.session().Answer(ourSDP)
		event[Confirmed](r, "ACK")
		event[Offer](r, "re-INVITE")
		r.session().AnswerOffer(otherSDP)
		event[Offer](r, "re-INVITE")
		r.session().AnswerOffer(otherSDP)
	}},
	{file: "uas-keep-call-on-tsx-fail", call: true, act: func(r *rig) { r.session().ReInvite(otherSDP) }},
	{file: "uas-cancel-no-final", call: true},
	{file: "uas-norefersub", call: true, act: func(r *rig) { r.ended(CauseBye, "BYE") }},
}

// TestSIPpPjproject runs scenarios of the pjproject suite with the real SIPp.
func TestSIPpPjproject(t *testing.T) {
	sipp := testdata.Program(t, "sipp")
	dir := testdata.Path(t, "10-sipp-pjproject", "scripts-sipp")
	for _, c := range sippCases {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			sockets(t, nil, func(t *testing.T, r *rig, addr netip.AddrPort) {
				if addr == r.addr("udp") {
					r.runSIPp(t, sipp, filepath.Join(dir, c.file+".xml"), c)
				}
			})
		})
	}
}

// runSIPp plays one scenario; SIPp's exit status is the verdict.
func (r *rig) runSIPp(t *testing.T, sipp, file string, c sippCase) {
	port := freePort(t)
	arrived := make(chan bool, 1)
	r.mu.Lock()
	r.ring = func(*Session) { arrived <- true }
	r.mu.Unlock()
	args := []string{"-sf", file, "-m", "1", "-i", "127.0.0.1", "-p", strconv.Itoa(port), "-s", "bob", "-nostdin",
		"-timeout", "15s", "-timeout_error"}
	args = append(args, r.addr("udp").String()) // also where SIPp waits: scripts name the other side
	cmd := exec.CommandContext(t.Context(), sipp, args...)
	cmd.Dir = t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if c.call {
		r.callSIPp(t, port, c)
	} else if c.act != nil {
		<-arrived
		c.act(r)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v", filepath.Base(file), err)
	}
}

// callSIPp calls a SIPp that waits for us.
func (r *rig) callSIPp(t *testing.T, port int, c sippCase) {
	awaitPort(port)
	_, err := r.layer.Invite(InviteConfig{URI: "sip:bob@127.0.0.1:" + strconv.Itoa(port), From: "<sip:us@127.0.0.1>", SDP: ourSDP,
		Auth: NewDigest("us", "secret")}, r)
	if err != nil {
		t.Fatal(err)
	}
	if c.file == "uas-cancel-no-final" {
		p := event[Progress](r, "180")
		p.Invitation.Cancel(AnsweredElsewhere)
		return
	}
	event[Answered](r, "200")
	c.act(r)
}

// awaitPort waits until SIPp has bound its port.
func awaitPort(port int) {
	for range 200 {
		probe, err := net.ListenPacket("udp4", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			return
		}
		probe.Close()
		time.Sleep(10 * time.Millisecond)
	}
}

// freePort is a port for SIPp, which binds it only later: one below the ports
// that the system gives to other sockets meanwhile.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 10_000 + rand.IntN(20_000)
		if c, err := net.ListenPacket("udp4", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			c.Close()
			return port
		}
	}
	t.Fatal("no free port between 10000 and 29999")
	return 0
}
