package rtp_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hometone/hometone/config"
	"github.com/hometone/hometone/config/rtp"
)

// Ports and findings of a file; Asterisk's documentation names the options and
// 5000 and 31000 as what is taken for a port that is left out.
func TestLoad(t *testing.T) {
	for _, c := range []struct{ text, ports, finding string }{
		{"[general]\nrtpstart=10000\nrtpend=10005\n", "10000-10005", ""},
		{"[general]\nrtpstart=9999\nrtpend=10005\nstrictrtp=yes\n", "9999-10005", ""},
		{"[general]\nrtpend=6000\n", "5000-6000", ""},
		{"[general]\nrtpstart=10001\nrtpend=10002\n", "", "hold no pair"},
		{"[general]\nrtpstart=many\n", "", "no port"},
		{"[general]\nstrictrtp=no\n", "", "has no effect"},
		{"[ice_host_candidates]\n192.0.2.1 => 192.0.2.2\n", "", ""},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "rtp.conf"), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		ports, problems := rtp.Load(dir)
		got := ""
		if ports != nil {
			got = ports.String()
		}
		text := ""
		for _, p := range problems {
			text += p.Text
		}
		if got != c.ports || (c.finding == "") != (text == "") || !strings.Contains(text, c.finding) {
			t.Errorf("%q: %s, %q", c.text, got, text)
		}
	}
	if ports, problems := rtp.Load(t.TempDir()); ports != nil || config.HasErrors(problems) {
		t.Errorf("without the file: %v, %v", ports, problems)
	}
}
