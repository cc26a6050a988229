package calls_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/test/live"
)

// withCodecs is endpoints where everybody has several codecs.
func withCodecs(port uint16, extra, codecs string) string {
	return strings.ReplaceAll(endpoints(port, extra, "8005", "8006"), "allow=ulaw", "allow="+codecs)
}

// soundLine is the m-line of a description.
func soundLine(body string) string {
	_, rest, _ := strings.Cut(body, "m=audio ")
	line, _, _ := strings.Cut(rest, "\r\n")
	_, line, _ = strings.Cut(line, "RTP/")
	return line
}

// The options that decide about codecs: whose order an answer has, and how many;
// which codecs the callee is offered, out of what has been found in common with the
// caller. The endpoint has ulaw, alaw, g722; the caller offers
// g722 and alaw.
func TestCodecPreference(t *testing.T) {
	cases := []struct{ extra, answer, offer string }{
		{"", "AVP 8 9 101", "AVP 8 9 0 101"},
		{"incoming_call_offer_pref=local_first\noutgoing_call_offer_pref=local\n", "AVP 8 101", "AVP 8 101"},
		{"incoming_call_offer_pref=remote\noutgoing_call_offer_pref=remote\n", "AVP 9 8 101", "AVP 9 8 101"},
		{"incoming_call_offer_pref=remote_first\noutgoing_call_offer_pref=remote_first\n", "AVP 9 101", "AVP 9 101"},
		{"preferred_codec_only=yes\noutgoing_call_offer_pref=local_merge\n", "AVP 8 101", "AVP 0 8 9 101"},
		{"codec_prefs_incoming_offer=prefer: pending, operation: intersect, keep: first, transcode: allow\noutgoing_call_offer_pref=local_first\n", "AVP 9 101", "AVP 9 101"},
		{"codec_prefs_incoming_offer=prefer: configured\ncodec_prefs_outgoing_offer=prefer: configured\n", "AVP 8 9 101", "AVP 0 8 9 101"},
	}
	for _, c := range cases {
		port := live.FreePort(t)
		h := openFiles(t, port, map[string]string{"pjsip.conf": withCodecs(port, c.extra, "ulaw,alaw,g722"), "extensions.conf": "[calls]\n" + plain})
		caller, callee := h.registered("8005"), h.registered("8006")
		caller.codecs = "9 8 101"
		out := caller.call("8006", caller.describe(""))
		in := callee.incoming()
		if got := soundLine(in.invite.Body()); got != c.offer {
			t.Errorf("%q: the callee is offered %q, want %q", c.extra, got, c.offer)
		}
		callee.codecs = "8"
		if strings.Contains(c.offer, " 9 101") && !strings.Contains(c.offer, "8") {
			callee.codecs = "9"
		}
		in.answer()
		if got := soundLine(out.answered("answered").Body()); got != c.answer {
			t.Errorf("%q: the caller is answered %q, want %q", c.extra, got, c.answer)
		}
		out.bye()
		in.hungUp("the end")
		h.Stop()
	}
}

// sdp_owner, sdp_session and force_avp are seen in descriptions; media of another
// profile is taken with media_use_received_transport.
func TestDescriptionOptions(t *testing.T) {
	h := open(t, "sdp_owner=exchange\nsdp_session=a call\nuse_avpf=yes\nforce_avp=yes\nmedia_use_received_transport=yes\n", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out := caller.call("8006", strings.Replace(caller.describe(""), "RTP/AVP", "RTP/AVPF", 1))
	in := callee.incoming()
	for _, want := range []string{"\r\no=exchange ", "\r\ns=a_call\r\n", " RTP/AVP 0 "} {
		if !strings.Contains(in.invite.Body(), want) {
			t.Errorf("the offer has no %q:\n%s", want, in.invite.Body())
		}
	}
	in.answer()
	if got := soundLine(out.answered("answered").Body()); !strings.HasPrefix(got, "AVPF ") {
		t.Errorf("answered with %q, want the profile that came", got)
	}
	out.bye()
	in.hungUp("the end")
}

// rtp_keepalive: comfort noise goes into silence, and only there (RFC 3389).
func TestKeepalive(t *testing.T) {
	h := open(t, "rtp_keepalive=1\n", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	began := time.Now()
	if !eventually(func() bool { return callee.ear.types()[13] >= 2 && caller.ear.types()[13] >= 2 }) {
		t.Fatalf("comfort noise: caller %v, callee %v", caller.ear.types(), callee.ear.types())
	}
	if d := time.Since(began); d < 1500*time.Millisecond {
		t.Errorf("two packets within %v, want one a second", d)
	}
	caller.ear.reset()
	callee.ear.reset()
	for range 3 {
		hear(t, caller, callee)
	}
	if a, b := caller.ear.types()[13], callee.ear.types()[13]; a+b > 0 {
		t.Errorf("%d and %d packets of comfort noise beside sound", a, b)
	}
	out.bye()
	in.hungUp("the end")
}

// bind_rtp_to_media_address and tos_audio: sound comes from media_address, marked.
func TestSocketOptions(t *testing.T) {
	h := open(t, "media_address=127.0.0.44\nbind_rtp_to_media_address=yes\ntos_audio=ef\n", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out, in := connect(t, caller, callee, "8006")
	if a := caller.ear.remote.Addr().String(); a != "127.0.0.44" {
		t.Errorf("the caller is told %s, want media_address", a)
	}
	hear(t, caller, callee)
	raw, err := callee.ear.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1) }); err != nil {
		t.Fatal(err)
	}
	callee.ear.conn.SetReadDeadline(time.Now()) // its reader ends; the test reads itself
	<-callee.ear.out
	callee.ear.conn.SetReadDeadline(time.Now().Add(patience))
	caller.ear.speak(440, 0, 2)
	buf, oob := make([]byte, 2048), make([]byte, 128)
	_, n, _, from, err := callee.ear.conn.ReadMsgUDP(buf, oob)
	if err != nil {
		t.Fatal(err)
	}
	if !from.IP.Equal(net.IPv4(127, 0, 0, 44)) {
		t.Errorf("sound comes from %v, want media_address", from)
	}
	list, _ := unix.ParseSocketControlMessage(oob[:n])
	if len(list) != 1 || list[0].Data[0] != 46<<2 {
		t.Errorf("marks %+v, want expedited forwarding", list)
	}
	out.bye()
	in.hungUp("the end")
}

// inband_progress: a 183 with the ringing tone in the place of 180.
func TestInbandProgress(t *testing.T) {
	h := open(t, "inband_progress=yes\n", plain)
	caller, callee := h.registered("8005"), h.registered("8006")
	out := caller.call("8006", caller.describe(""))
	in := callee.incoming()
	in.ring()
	res := caller.response(183, "ringing is heard, not said")
	caller.ear.follow(t, res.Body())
	if !eventually(func() bool { return caller.ear.heard() >= 25 }) {
		t.Fatal("nothing is heard")
	}
	if share := caller.ear.tone(440) + caller.ear.tone(480); share < 0.8 {
		t.Errorf("the ringing tone has a share of %.2f", share)
	}
	in.answer()
	out.answered("answered")
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")
}

// rpid_immediate: the caller learns who rings before the answer.
func TestWhoRings(t *testing.T) {
	for extra, want := range map[string]bool{"rpid_immediate=yes\n": true, "": false} {
		h := open(t, "send_rpid=yes\n"+extra, plain)
		caller, callee := h.registered("8005"), h.registered("8006")
		out := caller.call("8006", caller.describe(""))
		in := callee.incoming()
		in.ring()
		res := caller.response(180, "it rings")
		if got := strings.Contains(res.GetName("Remote-Party-ID"), "sip:8006@"); got != want {
			t.Errorf("%q: the 180 says %q", extra, res.GetName("Remote-Party-ID"))
		}
		in.answer()
		out.answered("answered")
		out.bye()
		in.hungUp("the end")
		h.Stop()
	}
}

// refer_blind_progress=no: the transferer is told of success at once, and of nothing
// that follows.
func TestReferWithoutProgress(t *testing.T) {
	h := open(t, "refer_blind_progress=no\n", plain)
	caller, callee, third := h.registered("8005"), h.registered("8006"), h.registered("8007")
	out, in := connect(t, caller, callee, "8006")
	if told := in.refer(t, "<sip:8007@"+h.addr.String()+">", 202); !strings.Contains(told, "SIP/2.0 100 Trying") || !strings.Contains(told, "SIP/2.0 200 OK") {
		t.Errorf("told %q, want 100 and at once 200", told)
	}
	in.bye() // before the third has answered
	again := third.incoming()
	again.answer()
	hear(t, caller, third)
	out.bye()
	again.hungUp("the end")
}

// one_touch_recording: INFO with Record: on begins a recording of the call, Record: off
// ends it; without the option nothing is recorded.
func TestOneTouchRecording(t *testing.T) {
	for extra, want := range map[string]bool{"one_touch_recording=yes\n": true, "": false} {
		h := open(t, extra, "exten => _80XX,1,Dial(PJSIP/${EXTEN},,g)\nsame => n,Log(NOTICE,recorded=${TOUCH_MIXMONITOR_OUTPUT})\n")
		caller, callee := h.registered("8005"), h.registered("8006")
		out, in := connect(t, caller, callee, "8006")
		for _, state := range []string{"on", "off"} {
			req := out.request(sip.INFO, "")
			req.SetName("Record", state)
			caller.send(req.String())
			caller.response(200, "INFO is answered")
			hear(t, caller, callee)
		}
		in.bye()
		out.hungUp("the end")
		if !eventually(func() bool { return strings.Contains(h.Log.String(), "recorded=") }) {
			t.Fatal("the dialplan did not go on")
		}
		if got := strings.Contains(h.Log.String(), "recorded=/"); got != want {
			t.Errorf("%q: recorded is %v", extra, got)
		}
		h.Stop()
	}
}

// CALLERID(tag), CHANNEL(tenantid) are what the endpoint's options say; OPTIONS says
// norefersub unless the file does not want it.
func TestSmallOptions(t *testing.T) {
	port := live.FreePort(t)
	files := map[string]string{
		"pjsip.conf":      "[global]\ntype=global\nnorefersub=no\n" + endpoints(port, "callerid_tag=red\ntenantid=house 7\noverlap_context=digits\n", "8005"),
		"extensions.conf": "[calls]\nexten => s,1,Log(NOTICE,tag=${CALLERID(tag)} tenant=${CHANNEL(tenantid)})\n[digits]\nexten => 12345,1,NoOp()\n",
	}
	h := openFiles(t, port, files)
	caller := h.peer("8005")
	out := caller.call("s", caller.describe(""))
	out.refused(603, "the dialplan ends")
	if want := "tag=red tenant=house 7"; !strings.Contains(h.Log.String(), want) {
		t.Errorf("no %q in the log", want)
	}
	out = caller.call("123", caller.describe(""))
	out.refused(484, "overlap_context has a longer number")
	options := sip.NewRequest(sip.OPTIONS, "sip:s@"+h.addr.String())
	caller.stamp(options, "<sip:8005@127.0.0.1>;tag=1", "<sip:s@127.0.0.1>", caller.next(), 1)
	options.SetBody("", "")
	caller.send(options.String())
	if got := caller.response(200, "OPTIONS").Get(sip.HeaderSupported); strings.Contains(got, "norefersub") || !strings.Contains(got, "replaces") {
		t.Errorf("Supported is %q", got)
	}
}

// rewrite_contact: our requests in a dialog go where the peer's messages come from: the
// Contact's address is replaced, or with a route set that of its first hop. Both as caller
// and as callee.
func TestRewriteContact(t *testing.T) {
	h := open(t, "rewrite_contact=yes\n", plain+"exten => end,1,Answer()\nsame => n,Wait(0.3)\nsame => n,Hangup()\n")
	caller, callee := h.registered("8005"), h.registered("8006")
	behind := "<sip:8005@192.0.2.9:5999>"

	out := caller.call("end", caller.describe(""))
	res := caller.response(200, "answered")
	out.learn(res)
	out.ack("")
	out.hungUp("no rewriting is needed here")

	for _, route := range []string{"", "<sip:192.0.2.8:5998;lr>"} {
		caller.extra = []string{"Contact", behind}
		if route != "" {
			caller.extra = append(caller.extra, "Record-Route", route)
		}
		out = caller.call("end", caller.describe(""))
		out.learn(caller.response(200, "answered"))
		out.route = nil
		out.ack("")
		bye := out.hungUp("a BYE comes to where the INVITE came from")
		uri, hop := "sip:8005@"+caller.addr().String(), ""
		if route != "" {
			uri, hop = "sip:8005@192.0.2.9:5999", "<sip:"+caller.addr().String()+";lr>"
		}
		if bye.URI() != uri || bye.Get(sip.HeaderRoute) != hop {
			t.Errorf("route %q: BYE %s by way of %q, want %s by %q", route, bye.URI(), bye.Get(sip.HeaderRoute), uri, hop)
		}
	}
	caller.extra = nil

	out = caller.call("8006", caller.describe(""))
	in := callee.incoming()
	in.reply(in.invite, 200, callee.describe(""), "Contact", "<sip:8006@192.0.2.9:5999>")
	ack := callee.request(sip.ACK, "comes to where the 200 came from")
	if want := "sip:8006@" + callee.addr().String(); ack.URI() != want {
		t.Errorf("ACK %s, want %s", ack.URI(), want)
	}
	out.answered("answered")
	out.bye()
	in.hungUp("the end")
}

// incoming_mwi_mailbox: a trunk's NOTIFY about messages that wait there lights the lamps
// of the mailbox; from anybody else it is 481.
func TestIncomingMWI(t *testing.T) {
	port := live.FreePort(t)
	h := openFiles(t, port, map[string]string{
		"pjsip.conf": endpoints(port, "", "8005") + "[trunk]\ntype=endpoint\ncontext=calls\nallow=ulaw\nincoming_mwi_mailbox=100@default\n" +
			"[lamp]\ntype=endpoint\ncontext=calls\nallow=ulaw\naors=lamp\nmailboxes=100@default\n[lamp]\ntype=aor\nmax_contacts=1\n",
		"extensions.conf": "[calls]\n" + plain,
	})
	lamp := newPeer(t, h.addr, "lamp", "")
	req := sip.NewRequest(sip.REGISTER, "sip:"+h.addr.String())
	lamp.stamp(req, "<sip:lamp@127.0.0.1>;tag=1", "<sip:lamp@127.0.0.1>", lamp.next(), 1)
	req.Set(sip.HeaderContact, lamp.contact())
	req.SetBody("", "")
	lamp.send(req.String())
	lamp.response(200, "REGISTER")
	lamps := &talk{p: lamp}
	first := lamp.request(sip.NOTIFY, "the lamp is told at once")
	lamps.reply(first, 200, "")
	notify := func(name, waiting, counts string) int {
		p := newPeer(t, h.addr, name, "")
		req := sip.NewRequest(sip.NOTIFY, "sip:us@"+h.addr.String())
		p.stamp(req, "<sip:"+name+"@127.0.0.1>;tag=1", "<sip:us@127.0.0.1>", p.next(), 1)
		req.Set(sip.HeaderContact, p.contact())
		req.Set(sip.HeaderEvent, "message-summary")
		req.Set(sip.HeaderSubscriptionState, "active")
		req.SetBody("application/simple-message-summary", "Messages-Waiting: "+waiting+"\r\nVoice-Message: "+counts+"\r\n")
		p.send(req.String())
		_, res, err := sip.Parse(p.read(patience))
		if err != nil || res == nil {
			t.Fatal(err)
		}
		return res.Status()
	}
	for _, x := range [][2]string{{"yes", "2/1"}, {"yes", "3/1"}, {"no", "0/1"}} {
		if got := notify("trunk", x[0], x[1]); got != 200 {
			t.Fatalf("the trunk's NOTIFY gets %d", got)
		}
		told := lamp.request(sip.NOTIFY, "the lamp changes")
		lamps.reply(told, 200, "")
		if !strings.Contains(told.Body(), "Messages-Waiting: "+x[0]) || !strings.Contains(told.Body(), "Voice-Message: "+x[1]) {
			t.Errorf("after %v the lamp is told\n%s", x, told.Body())
		}
	}
	for _, name := range []string{"lamp", "nobody", "8005"} {
		if got := notify(name, "yes", "9/9"); got != 481 {
			t.Errorf("a NOTIFY of %s gets %d, want 481", name, got)
		}
	}
}

// outbound_auth with several accounts: the one of the challenge's realm answers, else
// the one for any; of OPTIONS with authenticate_qualify, and of INVITE.
func TestAccountsOfRealms(t *testing.T) {
	port := live.FreePort(t)
	node := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	trunk := newPeer(t, node, "trunk", "")
	account := func(name, realm string) string {
		return "[" + name + "]\ntype=auth\nusername=" + name + "\npassword=secret-" + name + "\nrealm=" + realm + "\n"
	}
	h := openFiles(t, port, map[string]string{
		"pjsip.conf": endpoints(port, "", "8005") + account("any", "") + account("star", "star") + account("moon", "moon") +
			"[trunk]\ntype=endpoint\ncontext=calls\nallow=ulaw\naors=trunk\noutbound_auth=any,moon,star\n" +
			"[trunk]\ntype=aor\ncontact=sip:trunk@" + trunk.addr().String() + "\nqualify_frequency=60\nauthenticate_qualify=yes\n",
		"extensions.conf": "[calls]\nexten => trunk,1,Dial(PJSIP/trunk)\n",
	})
	in := &talk{p: trunk}
	asked := func(m sip.Method, realm, user string) *sip.Request {
		t.Helper()
		first := trunk.request(m, "without credentials")
		in.local = first.Get(sip.HeaderTo) + ";tag=" + trunk.next()
		in.reply(first, 401, "", "WWW-Authenticate", `Digest realm="`+realm+`", nonce="abc", algorithm=MD5, qop="auth"`)
		if m == sip.INVITE {
			trunk.request(sip.ACK, "a refusal is acknowledged")
		}
		again := trunk.request(m, "with credentials")
		if got := again.Get(sip.HeaderAuthorization); !strings.Contains(got, `username="`+user+`"`) || !strings.Contains(got, `realm="`+realm+`"`) {
			t.Errorf("%s challenged by %s has %q, want %s's credentials", m, realm, got, user)
		}
		return again
	}
	options := asked(sip.OPTIONS, "star", "star")
	in.reply(options, 200, "")
	caller := h.peer("8005")
	for realm, user := range map[string]string{"moon": "moon", "elsewhere": "any"} {
		out := caller.call("trunk", caller.describe(""))
		again := asked(sip.INVITE, realm, user)
		in.reply(again, 486, "")
		trunk.request(sip.ACK, "a refusal is acknowledged")
		out.refused(486, "busy")
	}
}

// default_auth_algorithms_uas: the challenges offer these, the first one first, and
// credentials of each are taken (RFC 8760 §2.4).
func TestChallengeAlgorithms(t *testing.T) {
	port := live.FreePort(t)
	h := openFiles(t, port, map[string]string{
		"pjsip.conf":      "[global]\ntype=global\ndefault_auth_algorithms_uas=SHA-256,MD5\n" + endpoints(port, "", "8005", "8006"),
		"extensions.conf": "[calls]\n" + plain,
	})
	caller := h.peer("8005")
	res := caller.registerOnce(caller.next(), 1, "60", nil)
	var offered []string
	for v := range res.Values(sip.HeaderWWWAuthenticate) {
		_, rest, _ := strings.Cut(v, "algorithm=")
		name, _, _ := strings.Cut(rest, ",")
		offered = append(offered, strings.Trim(name, `" `))
	}
	if got := strings.Join(offered, " "); got != "SHA-256 MD5" {
		t.Errorf("offered %q, want SHA-256 and then MD5", got)
	}
	caller.register() // by the strongest
	out, in := connect(t, caller, h.registered("8006"), "8006")
	out.bye()
	in.hungUp("the end")
}

// pjsip_wizard.conf with has_hint: the phone's extension has a hint, which lamps follow,
// and what hint_application says.
func TestWizardHint(t *testing.T) {
	port := live.FreePort(t)
	h := openFiles(t, port, map[string]string{
		"pjsip.conf":        endpoints(port, "", "8005"),
		"pjsip_wizard.conf": "[8006]\ntype=wizard\naccepts_registrations=yes\naor/max_contacts=1\nendpoint/context=calls\nendpoint/allow=ulaw\nhas_hint=yes\nhint_exten=66\nhint_application=Dial(PJSIP/8006)\n",
		"extensions.conf":   "[calls]\nexten => hint,1,Log(NOTICE,hint=${HINT(66)})\nsame => n,Hangup(17)\n",
	})
	callee := newPeer(t, h.addr, "8006", "")
	if res := callee.registerOnce(callee.next(), 1, "60", nil); res.Status() != 200 {
		t.Fatalf("the wizard's phone registers with %d", res.Status())
	}
	caller := h.peer("8005")
	caller.call("hint", caller.describe("")).refused(486, "the dialplan ends")
	if !strings.Contains(h.Log.String(), "hint=PJSIP/8006") {
		t.Error("the extension has no hint")
	}
	out := caller.call("66", caller.describe(""))
	in := callee.incoming()
	in.answer()
	out.answered("the wizard's extension")
	hear(t, caller, callee)
	out.bye()
	in.hungUp("the end")
}

// follow_redirect_methods=message: a message goes where a 3xx says, the preferred place
// first, then the next; none twice.
func TestRedirectedMessage(t *testing.T) {
	port := live.FreePort(t)
	node := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	first, second, third := newPeer(t, node, "first", ""), newPeer(t, node, "second", ""), newPeer(t, node, "third", "")
	h := openFiles(t, port, map[string]string{
		"pjsip.conf": endpoints(port, "", "8005") + "[first]\ntype=endpoint\ncontext=calls\nallow=ulaw\naors=first\nfollow_redirect_methods=message\n" +
			"[first]\ntype=aor\ncontact=sip:first@" + first.addr().String() + "\n",
		"extensions.conf": "[calls]\nexten => send,1,Set(MESSAGE(body)=hello)\nsame => n,MessageSend(pjsip:first)\nsame => n,Hangup(17)\n",
	})
	caller := h.peer("8005")
	caller.call("send", caller.describe("")).refused(486, "the dialplan ends")
	in := &talk{p: first}
	answer := func(p *peer, status int, more ...string) {
		t.Helper()
		req := p.request(sip.MESSAGE, "the message comes")
		if req.Body() != "hello" {
			t.Errorf("%s gets %q", p.name, req.Body())
		}
		in.p, in.local = p, req.Get(sip.HeaderTo)+";tag="+p.next()
		in.reply(req, status, "", more...)
	}
	answer(first, 302, "Contact", third.contact()+";q=0.2, "+second.contact()+";q=0.8, <sip:first@"+first.addr().String()+">;q=0.1")
	answer(second, 404)
	answer(third, 202)
}
