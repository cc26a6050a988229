package voice_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/miekg/dns"
)

// names is a DNS server of some records; it ends with the test.
func names(t *testing.T, records ...string) (addr string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var zone []dns.RR
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		zone = append(zone, rr)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		for _, rr := range zone {
			if rr.Header().Name == q.Question[0].Name && rr.Header().Rrtype == q.Question[0].Qtype {
				m.Answer = append(m.Answer, rr)
			}
		}
		if m.Answer == nil {
			m.Rcode = dns.RcodeNameError
		}
		_ = w.WriteMsg(m)
	})}
	ended := make(chan struct{})
	go func() { // ends with Shutdown
		defer close(ended)
		_ = server.ActivateAndServe()
	}()
	t.Cleanup(func() {
		_ = server.Shutdown()
		<-ended
	})
	return conn.LocalAddr().String()
}

// The dialplan asks a DNS server for services, URIs and names of numbers.
func TestDNSFunctions(t *testing.T) {
	addr := names(t,
		`_sip._udp.example.org. 60 IN SRV 20 0 5062 b.example.org.`, `_sip._udp.example.org. 60 IN SRV 10 5 5061 a.example.org.`,
		`4.3.2.1.e164.arpa. 60 IN NAPTR 100 20 "u" "E2U+sip" "!^\\+(.*)$!sip:\\1@example.org!" .`, `4.3.2.1.e164.arpa. 60 IN NAPTR 100 10 "u" "E2U+email" "!^.*$!mailto:info@example.org!" .`,
		`4.3.2.1.names.test. 60 IN TXT "Alice Example"`)
	x := featured(t, `exten => 1,1,Set(S=${SRVQUERY(_sip._udp.example.org)})
same => n,Log(NOTICE,@S=${SRVRESULT(${S},getnum)} ${SRVRESULT(${S},1)} ${SRVRESULT(${S},1,port)} ${SRVRESULT(${S},2,priority)} ${SRVRESULT(${S},3)}.@)
same => n,Set(E=${ENUMQUERY(+1234,ALL)})
same => n,Set(F=${ENUMRESULT(${E},2)})
same => n,Log(NOTICE,@E=${ENUMRESULT(${E},getnum)} ${CUT(F,@,1)} ${CUT(F,@,2)} ${ENUMLOOKUP(1234,sip,c)} ${LEN(${ENUMLOOKUP(1234)})} ${ENUMLOOKUP(999)}.@)
same => n,Log(NOTICE,@T=${TXTCIDNAME(1234,names.test)}@)
same => n,Log(NOTICE,@N=${SRVRESULT(9,1)}${SRVQUERY(_sip._udp.example.net)}@)
`, map[string]string{"hometone.yaml": "sip: {dns: [" + strconv.Quote(addr) + "]}\n"})
	if _, err := x.phone("8005").Call(x.ctx, "1"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"S": "2 a.example.org 5061 20 .", "E": "2 sip:1234 example.org 1 16 .", "T": "Alice Example", "N": "3"} {
		x.is(name, want)
	}
}
