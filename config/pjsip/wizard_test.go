package pjsip_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hometone/hometone/config/pjsip"
)

// A wizard stands for the objects that Asterisk's documentation of
// pjsip_wizard.conf names.
func TestWizard(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"pjsip.conf": "[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1\n",
		"pjsip_wizard.conf": `[phone](!)
type=wizard
accepts_auth=yes
accepts_registrations=yes
aor/max_contacts=2
endpoint/context=calls
[8005](phone)
inbound_auth/username=8005
inbound_auth/password=a-long-pass-word-7
[trunk]
type=wizard
remote_hosts=192.0.2.1:5070,sip.example.com
sends_auth=yes
sends_registrations=yes
sends_line_with_registrations=yes
outbound_auth/username=us
outbound_auth/password=pw
endpoint/context=in
colour=red
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, problems := pjsip.Load(dir)
	text := ""
	for _, p := range problems {
		text += p.Text + "\n"
	}
	if !strings.Contains(text, "colour is no option of a wizard") {
		t.Errorf("findings:\n%s", text)
	}
	phone, aor := cfg.Endpoints["8005"], cfg.AORs["8005"]
	if phone == nil || aor == nil || cfg.Auths["8005-iauth"] == nil || phone.Context != "calls" || strings.Join(phone.Auth, "") != "8005-iauth" || aor.MaxContacts != 2 {
		t.Errorf("phone %+v, aor %+v", phone, aor)
	}
	trunk := cfg.Endpoints["trunk"]
	if trunk == nil || strings.Join(trunk.OutboundAuth, "") != "trunk-oauth" || strings.Join(cfg.AORs["trunk"].Contacts, " ") != "sip:192.0.2.1:5070 sip:sip.example.com" {
		t.Fatalf("trunk %+v", trunk)
	}
	if len(cfg.Identifies) != 1 || cfg.Identifies[0].Endpoint != "trunk" || len(cfg.Identifies[0].Match) != 1 || len(cfg.Identifies[0].MatchHosts) != 1 {
		t.Errorf("identify %+v", cfg.Identifies)
	}
	if len(cfg.Registrations) != 2 || cfg.Registrations[0].ClientURI != "sip:us@192.0.2.1:5070" || !cfg.Registrations[1].Line {
		t.Errorf("registrations %+v", cfg.Registrations)
	}
}
