package interop

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// over fixes the transport of a phone.
func over(transport string, m maker) maker {
	return func(t *testing.T, n *node, user, _ string, o options) phone { return m(t, n, user, transport, o) }
}

// startService runs an edge that is the registrar of 8005 and 8006, in front of
// two exchanges that reach both numbers through it.
func startService(t *testing.T) *node { return startServiceWith(t, nil) }

// between starts proxies between an edge and its exchanges, at the ports of the
// loopback address that the exchanges are told; it returns their URIs.
type between func(edge string, exchanges, ports []string) []string

func startServiceWith(t *testing.T, proxies between) *node {
	t.Helper()
	udp := freePort(t, "udp")
	exchanges, back := make([]string, 2), []string{udp, udp}
	for i := range exchanges {
		dir, port := t.TempDir(), freePort(t, "udp")
		exchanges[i] = "sip:127.0.0.1:" + port
		if proxies != nil {
			back[i] = freePort(t, "udp")
		}
		files := "[t]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:" + port + "\n[edge]\ntype=endpoint\ncontext=calls\nallow=!all,ulaw\n" +
			"[edge]\ntype=identify\nendpoint=edge\nmatch=127.0.0.1\n"
		for _, user := range []string{"8005", "8006"} {
			files += fmt.Sprintf("[%[1]s]\ntype=endpoint\ncontext=calls\nallow=!all,ulaw\naors=%[1]s\n[%[1]s]\ntype=aor\ncontact=sip:%[1]s@127.0.0.1:%[2]s\n", user, back[i])
		}
		write(t, dir, "asterisk/pjsip.conf", files)
		write(t, dir, "asterisk/extensions.conf", "[calls]\nexten => _800X,1,Dial(PJSIP/${EXTEN})\n")
		file := write(t, dir, "hometone.yaml", fmt.Sprintf("node: {name: exchange%d, data: ./data}\npbx: {asterisk: ./asterisk}\n"+
			"media: {ports: %d-%d, external: none}\nconsole: {listen: \"off\"}\n", i, 31000+500*i, 31400+500*i))
		serve(t, dir, file)
	}
	if proxies != nil {
		exchanges = proxies("127.0.0.1:"+udp, exchanges, back)
	}
	dir, accounts := t.TempDir(), ""
	for _, user := range []string{"8005", "8006"} {
		accounts += fmt.Sprintf("[%[1]s]\ntype=endpoint\ncontext=none\nallow=!all,ulaw\nauth=%[1]s\naors=%[1]s\n"+
			"[%[1]s]\ntype=auth\nauth_type=userpass\nusername=%[1]s\npassword=%[1]s\n[%[1]s]\ntype=aor\nmax_contacts=1\n", user)
	}
	write(t, dir, "asterisk/pjsip.conf", accounts)
	write(t, dir, "asterisk/extensions.conf", "[none]\n")
	return serve(t, dir, write(t, dir, "hometone.yaml", fmt.Sprintf("node: {name: edge, data: ./data}\npbx: {asterisk: ./asterisk}\n"+
		"sip: {listen: [\"udp://127.0.0.1:%s\", \"tcp://127.0.0.1:%s\", \"tls://127.0.0.1:%s\"], external: none}\n"+
		"media: {ports: 32000-32100, external: none}\nconsole: {listen: \"off\"}\nedge: {destinations: [%q, %q]}\n",
		udp, freePort(t, "tcp"), freePort(t, "tcp"), exchanges[0], exchanges[1])))
}

// Phones of others and our own register at an edge, each over a transport of
// its own, and call each other through two exchanges.
func TestThroughEdge(t *testing.T) {
	for _, c := range []struct {
		name           string
		caller, callee maker
	}{
		{"hometone udp calls baresip tcp", over("udp", newOwn), over("tcp", newBaresip)},
		{"linphone tls calls hometone udp", over("tls", newLinphone), over("udp", newOwn)},
		{"baresip udp calls linphone tcp", over("udp", newBaresip), over("tcp", newLinphone)},
		{"hometone tls calls hometone tcp", over("tls", newOwn), over("tcp", newOwn)},
	} {
		t.Run(c.name, func(t *testing.T) { connect(t, startService(t), c.caller, c.callee, "", 0) })
	}
}

// The edge is killed in the middle of a call and comes back: the re-INVITE and the
// BYE of either side still arrive.
func TestEdgeKilledInCall(t *testing.T) {
	for _, who := range []string{"the caller", "the called phone"} {
		t.Run(who+" hangs up", func(t *testing.T) {
			n := startService(t)
			callee := newOwn(t, n, "8006", "udp", options{plays: toneFile(t, calleeTone), answers: true})
			caller := newOwn(t, n, "8005", "udp", options{plays: toneFile(t, callerTone)})
			caller.call("8006")
			caller.awaitAnswered()
			callee.awaitAnswered()
			time.Sleep(talk) // the ACK has passed: a 2xx that is repeated later belongs to nobody (RFC 6026 §8.9)
			if err := n.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-n.ended
			serve(t, n.dir, filepath.Join(n.dir, "hometone.yaml"))
			ends := caller
			if who != "the caller" {
				ends = callee
			}
			ends.(*own).say("hold") // a re-INVITE
			ends.(*own).expect(0, 10*time.Second, `"event":"held"`)
			ends.hangup()
			caller.awaitEnded()
			callee.awaitEnded()
		})
	}
}
