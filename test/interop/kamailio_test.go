package interop

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// kamailioConfig is a stateful, record-routing proxy; the routing of requests
// outside dialogs is the test's.
const kamailioConfig = `#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=2
tcp_children=1
auto_aliases=no
listen=udp:127.0.0.1:%[1]s
listen=tcp:127.0.0.1:%[1]s
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "path.so"
loadmodule "maxfwd.so"
loadmodule "sanity.so"
loadmodule "textops.so"
loadmodule "siputils.so"
request_route {
	if (!mf_process_maxfwd_header("20")) { sl_send_reply("483", "Too Many Hops"); exit; }
	if (!sanity_check("1511", "7")) { exit; }
	if (is_method("OPTIONS") && $rU==$null) { sl_send_reply("200", "OK"); exit; }
	if (is_method("CANCEL")) { if (t_check_trans()) { t_relay(); } exit; }
	if (has_totag()) {
		if (loose_route()) { if (is_method("NOTIFY")) { record_route(); } t_relay(); exit; }
		if (is_method("ACK")) { if (t_check_trans()) { t_relay(); } exit; }
		sl_send_reply("404", "Not here");
		exit;
	}
	t_check_trans();
	if (!is_method("REGISTER")) { record_route(); }
	%[2]s
	if (!t_relay()) { sl_reply_error(); }
}
`

// startKamailio runs a Kamailio at a port of the loopback address.
func startKamailio(t *testing.T, port, routing string) *process {
	t.Helper()
	path := testdata.Program(t, "kamailio")
	dir := t.TempDir()
	file := write(t, dir, "kamailio.cfg", fmt.Sprintf(kamailioConfig, port, routing))
	p := start(t, dir, path, "-f", file, "-m", "64", "-M", "8", "-DD", "-E", "-w", dir, "-Y", dir)
	conn, err := net.Dial("udp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	buf := make([]byte, 2048)
	for i := range 100 { // 20 s
		_, _ = fmt.Fprintf(conn, "OPTIONS sip:127.0.0.1:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKready%d\r\nMax-Forwards: 5\r\nFrom: <sip:t@t>;tag=1\r\n"+
			"To: <sip:127.0.0.1>\r\nCall-ID: ready%d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", port, conn.LocalAddr(), i, i)
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if n, err := conn.Read(buf); err == nil && bytes.HasPrefix(buf[:n], []byte("SIP/2.0 200")) {
			return p
		}
		select {
		case <-p.ended:
			t.Fatal("kamailio ended at its start")
		case <-time.After(20 * time.Millisecond): // refused: it does not listen yet
		}
	}
	t.Fatal("kamailio does not answer")
	return nil
}

// Kamailio in front of the edge: phones register and call through it, and the
// calls of the exchanges reach them by the Path that it adds. Linphone only calls:
// it puts the GRUU it got into its Contact, which Kamailio alone cannot resolve.
func TestKamailioInFront(t *testing.T) {
	for _, c := range []struct {
		name           string
		caller, callee maker
	}{
		{"linphone calls baresip", newLinphone, newBaresip},
		{"baresip calls hometone", newBaresip, newOwn},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := startService(t)
			edge := n.listen["udp"].String()
			port := freePort(t, "udp")
			startKamailio(t, port, strings.NewReplacer("EDGEPORT", portAt(edge), "EDGE", edge).Replace(`
				if ($sp == EDGEPORT) {
					loose_route(); # the Path; -1 although it has done it, if no other Route follows
				} else {
					if (is_method("REGISTER")) { add_path_received(); }
					$du = "sip:EDGE";
				}`))
			front := *n // what the phones take for the node
			front.listen = map[string]netip.AddrPort{"udp": netip.MustParseAddrPort("127.0.0.1:" + port)}
			connect(t, &front, c.caller, c.callee, "udp", 0)
		})
	}
}

// Kamailio behind the edge: two of them are its destinations and lead to the
// exchanges, whose calls come back through them.
func TestKamailioBehind(t *testing.T) {
	var between []string
	n := startServiceWith(t, func(edge string, exchanges, back []string) []string {
		for i, exchange := range exchanges {
			startKamailio(t, back[i], strings.NewReplacer("EDGEPORT", portAt(edge), "EDGE", edge, "EXCHANGE", strings.TrimPrefix(exchange, "sip:")).Replace(`
				if ($sp == EDGEPORT) { $du = "sip:EXCHANGE"; } else { $ru = "sip:" + $rU + "@EDGE"; }`))
			between = append(between, "sip:127.0.0.1:"+back[i])
		}
		return between
	})
	connect(t, n, newBaresip, newLinphone, "udp", 0) // with linphone's GRUU, which the edge resolves
	connect(t, n, over("tcp", newLinphone), over("udp", newBaresip), "", 0)
}

// portAt is the port of host:port.
func portAt(hostPort string) string { return hostPort[strings.LastIndexByte(hostPort, ':')+1:] }
