package statsd

import (
	"os"
	"path/filepath"
	"testing"
)

// A server is named with or without its port; without enabled=yes nothing is sent.
func TestLoad(t *testing.T) {
	for text, want := range map[string]Config{
		"[general]\nenabled=yes\n": {Server: "127.0.0.1:8125"}, "[general]\nenabled=yes\nserver=192.0.2.1:99\nprefix=pbx.\nadd_newline=yes\n": {"192.0.2.1:99", "pbx", true},
		"[general]\nenabled=yes\nserver=[2001:db8::1]\n": {Server: "[2001:db8::1]:8125"}, "[general]\nenabled=yes\nserver=2001:db8::1\n": {Server: "[2001:db8::1]:8125"},
		"[general]\nserver=192.0.2.1\n": {}, "[general]\nenabled=yes\nodd=1\n": {Server: "127.0.0.1:8125"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "statsd.conf"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, problems := Load(dir)
		if wrong := text[len(text)-6:] == "odd=1\n"; got != want || (len(problems) > 0) != wrong || wrong && problems[0].Line != 3 {
			t.Errorf("%q: %+v %v, want %+v", text, got, problems, want)
		}
	}
	if c, problems := Load(t.TempDir()); c != (Config{}) || problems != nil {
		t.Errorf("without a file: %v %v", c, problems)
	}
}
