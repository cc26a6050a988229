package calls_test

import (
	"maps"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/sip/siptest"
	"github.com/hometone/hometone/test/live"
)

// stage is a node with telephones that a ladder script plays. Each is an aor
// with a fixed contact; the endpoints are the test's, and need no password.
type stage struct {
	*siptest.Script
	house *house
	peers []*siptest.Peer
}

// openStage starts a node of files, of which extensions.conf gets a context
// [calls], and telephones of the names.
func openStage(t *testing.T, files map[string]string, names ...string) *stage {
	t.Helper()
	port := live.FreePort(t)
	s := &stage{Script: &siptest.Script{Do: map[string]func(){}, Patience: 5 * time.Second}}
	s.Vars = map[string]string{"sut": "127.0.0.1:" + strconv.Itoa(int(port))}
	files = maps.Clone(files)
	conf := "[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:" + strconv.Itoa(int(port)) + "\n" + files["pjsip.conf"] + "\n"
	for _, name := range names {
		c, err := siptest.DialUDP(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port))
		if err != nil {
			t.Fatal(err)
		}
		p := siptest.NewPeer(name, c)
		t.Cleanup(func() { p.Close() })
		s.peers = append(s.peers, p)
		s.Vars[name] = p.Address()
		conf += "[" + name + "]\ntype=aor\nmax_contacts=2\ncontact=sip:" + name + "@" + p.Address() + "\n"
	}
	for name, address := range s.Vars {
		conf = strings.ReplaceAll(conf, "{"+name+"}", address)
	}
	files["pjsip.conf"] = conf
	files["extensions.conf"] = "[calls]\n" + files["extensions.conf"]
	s.house = openFiles(t, port, files)
	return s
}

// play runs a ladder with all telephones.
func (s *stage) play(t *testing.T, ladder string) {
	t.Helper()
	s.Run(t, ladder, s.peers...)
}

// phones are sections of endpoints of the names, with more options.
func phones(more string, names ...string) string {
	text := ""
	for _, name := range names {
		text += "[" + name + "]\ntype=endpoint\ncontext=calls\naors=" + name + "\nallow=!all,ulaw,alaw\n" + more + "\n"
	}
	return text
}

// RFC 3329 §2.3 with security_negotiation=mediasec: our mechanisms in the first
// REGISTER, the server's own back to it in the next.
func TestSecurityAgreement(t *testing.T) {
	s := openStage(t, map[string]string{"pjsip.conf": `[out]
type=registration
server_uri=sip:us@{server}
client_uri=sip:us@127.0.0.1
security_negotiation=mediasec
security_mechanisms=sdes-srtp\;mediasec
outbound_auth=us
[us]
type=auth
username=us
password=pw
`}, "server")
	s.play(t, `
		<- REGISTER | Security-Client: sdes-srtp;mediasec | Require: mediasec | Proxy-Require: mediasec | -Security-Verify
		-> 494 | Security-Server: msrp-tls;mediasec | WWW-Authenticate: Digest realm="r", nonce="n"
		<- REGISTER | Security-Verify: msrp-tls;mediasec | Authorization
		-> 200 | Expires: 60
	`)
}

// Calls along a registration with line=yes are its endpoint's, whoever calls.
func TestLine(t *testing.T) {
	s := openStage(t, map[string]string{"pjsip.conf": `[out]
type=registration
server_uri=sip:us@{server}
client_uri=sip:us@127.0.0.1
line=yes
endpoint=trunk
contact_user=700
` + phones("", "trunk"), "extensions.conf": "exten => 700,1,Answer()\nsame => n,Wait(5)\n"}, "server")
	s.play(t, `
		<- REGISTER | Contact: <{contact}>
		-> 200 | Expires: 60
		-> INVITE {contact} | new | From: <sip:anybody@example.com> | sdp
		<- 200
		-> ACK
		-> BYE
		<- 200
		-> INVITE sip:700@{sut} | new | From: <sip:anybody@example.com> | sdp
		<- 401     # without the parameter nobody knows the caller
		-> ACK
	`)
}

// A re-INVITE that names another person reaches the other side, if the endpoint
// is trusted with that (trust_connected_line).
func TestConnectedLineOfPeer(t *testing.T) {
	for _, trust := range []string{"yes", "no"} {
		s := openStage(t, map[string]string{
			"pjsip.conf":      phones("send_rpid=yes\ntrust_id_inbound=yes\ntrust_id_outbound=yes\ntrust_connected_line="+trust+"\n", "alice", "bob"),
			"extensions.conf": "exten => 700,1,Dial(PJSIP/bob)\n",
		}, "alice", "bob")
		s.play(t, `
			alice -> INVITE sip:700@{sut} | sdp
			bob <- INVITE
			bob -> 200 | sdp
			bob <- ACK
			alice <- 200 INVITE
			alice -> ACK
			alice -> INVITE | Remote-Party-ID: "Carol" <sip:carol@127.0.0.1>;party=calling | sdp
			alice <- 200 INVITE
			alice -> ACK
		`)
		if trust == "yes" {
			s.play(t, `
				bob <- INVITE | Remote-Party-ID: "Carol" <sip:carol@*
				bob -> 200 | sdp
				bob <- ACK
			`)
		} else {
			s.play(t, "bob silence 500ms")
		}
		s.play(t, "alice -> BYE\nalice <- 200 BYE\nbob <- BYE\nbob -> 200")
	}
}

// Who takes UPDATE is told of another person by one without a description
// (RFC 3311 §5.1), not by a re-INVITE.
func TestConnectedLineByUpdate(t *testing.T) {
	s := openStage(t, map[string]string{
		"pjsip.conf":      phones("send_pai=yes\ntrust_id_inbound=yes\n", "alice", "bob"),
		"extensions.conf": "exten => 700,1,Dial(PJSIP/bob)\n",
	}, "alice", "bob")
	s.play(t, `
		alice -> INVITE sip:700@{sut} | sdp
		bob <- INVITE
		bob -> 200 | Allow: INVITE, ACK, BYE, UPDATE | sdp
		bob <- ACK
		alice <- 200 INVITE
		alice -> ACK
		alice -> INVITE | P-Asserted-Identity: "Carol" <sip:carol@127.0.0.1> | sdp
		alice <- 200 INVITE
		alice -> ACK
		bob <- UPDATE | P-Asserted-Identity: "Carol" <sip:carol@* | nobody
		bob -> 200
		alice -> BYE
		alice <- 200 BYE
		bob <- BYE
		bob -> 200
	`)
}

// user_eq_phone: a telephone number in the Request-URI and in From says that it
// is one.
func TestUserEqPhone(t *testing.T) {
	s := openStage(t, map[string]string{
		"pjsip.conf":      phones("user_eq_phone=yes\nfrom_user=8005\n", "alice", "bob"),
		"extensions.conf": "exten => 700,1,Dial(PJSIP/555@bob)\nexten => 701,1,Dial(PJSIP/bob)\n",
	}, "alice", "bob")
	s.play(t, `
		alice -> INVITE sip:700@{sut} | sdp
		bob <- INVITE | uri: sip:555@{bob};user=phone | From: *<sip:8005@127.0.0.1;user=phone>*
		bob -> 486
		bob <- ACK
		alice <- 486
		alice -> ACK
		alice -> INVITE sip:701@{sut} | new | sdp
		bob <- INVITE | uri: sip:bob@{bob}
		bob -> 486
		bob <- ACK
		alice <- 486
		alice -> ACK
	`)
}
