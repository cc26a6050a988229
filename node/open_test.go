package node

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A port that somebody else has is an error that names it, and everything that
// was opened before is closed again: a second node can start at once.
func TestPortInUse(t *testing.T) {
	taken, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.LocalAddr().String()
	dir := t.TempDir()
	file := filepath.Join(dir, "hometone.yaml")
	if err := os.WriteFile(file, []byte("sip: {listen: [\"udp://"+addr+"\"]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		n, problems := New(Config{File: file, Data: filepath.Join(dir, "data")})
		if n == nil {
			t.Fatalf("the configuration is refused: %v", problems)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := n.Run(ctx)
		cancel()
		if err == nil || !strings.Contains(err.Error(), addr) {
			t.Fatalf("with %s taken Run returns %v; want an error that names the address", addr, err)
		}
	}
}
