package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hometone/hometone/internal/testdata"
)

// linphone is a running linphonec, driven over standard input, with files
// instead of a sound card.
type linphone struct {
	*process
	dir   string
	plays string
	mark  int // how much of the output was read
}

// newLinphone registers a linphonec at a node.
func newLinphone(t *testing.T, n *node, user, transport string, o options) phone {
	t.Helper()
	path := testdata.Program(t, "linphonec")
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "linphone"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, ".local", "share", "linphone"), 0o755); err != nil {
		t.Fatal(err)
	}
	host, proto, six := "127.0.0.1", strings.TrimSuffix(transport, "6"), 0
	if proto != transport {
		host, six = "::1", 1
	}
	ports := map[string]string{"udp": "-1", "tcp": "-1", "tls": "-1"}
	ports[proto] = freePort(t, "udp")
	server := n.server(transport)
	config := fmt.Sprintf(`[sip]
sip_port=%s
sip_tcp_port=%s
sip_tls_port=%s
guess_hostname=0
use_ipv6=%d
bind_address=%s
root_ca=%s
verify_server_certs=1
verify_server_cn=0
default_proxy=0
keepalive_period=10000
[rtp]
bind_address=%s
audio_rtp_port=22000-23000
upload_ptime=%d
download_ptime=%d
[net]
firewall_policy=no_firewall
[sound]
echocancellation=0
[video]
enabled=0
capture=0
display=0
[proxy_0]
reg_proxy=<sip:%s;transport=%s>
reg_identity=sip:%s@%s
reg_expires=600
reg_sendregister=1
publish=0
[auth_info_0]
username=%s
passwd=%s
[audio_codec_0]
mime=PCMU
rate=8000
channels=1
enabled=1
[audio_codec_1]
mime=PCMA
rate=8000
channels=1
enabled=1
`, ports["udp"], ports["tcp"], ports["tls"], six, host, caFile(n, transport), host,
		o.ptimeMillis(), o.ptimeMillis(), server, proto, user, server, user, user)
	args := []string{"-c", write(t, dir, "linphonerc", config)}
	if o.answers {
		args = append(args, "-a")
	}
	l := &linphone{dir: dir, plays: o.plays}
	l.process = start(t, dir, path, args...)
	l.awaitRegistered()
	l.say("soundcard use files")
	l.say("record %s", filepath.Join(dir, "heard.wav"))
	l.say("play %s", o.plays)
	return l
}

// awaitRegistered asks until linphone says yes: it tells nobody by itself.
func (l *linphone) awaitRegistered() {
	l.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(l.output(), "registered, identity"); {
		if time.Now().After(deadline) {
			l.t.Fatal("linphone did not register within 20 s")
		}
		l.say("status register")
		select {
		case <-l.ended:
			l.t.Fatal("linphone ended at its start")
		case <-time.After(200 * time.Millisecond):
		}
	}
	l.mark = len(l.output())
}

func (l *linphone) call(user string) { l.say("call %s", user) }

func (l *linphone) awaitAnswered() {
	l.t.Helper()
	l.mark = l.expect(l.mark, 15*time.Second, "Media streams established", "connected.")
	l.say("play %s", l.plays)
}

func (l *linphone) hangup() { l.say("terminate") }

func (l *linphone) awaitEnded() {
	l.t.Helper()
	l.mark = l.expect(l.mark, 10*time.Second, "ended")
}

// heard is the recording of what linphone decoded.
func (l *linphone) heard() string {
	l.say("quit")
	l.wait(10 * time.Second)
	return filepath.Join(l.dir, "heard.wav")
}
