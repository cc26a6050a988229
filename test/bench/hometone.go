package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// build compiles the program under measurement into dir.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "hometone")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/hometone/hometone/cmd/hometone").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("bench: build hometone: %w\n%s", err, out)
	}
	return path, nil
}

// startHometone runs a node with the given pjsip.conf and extensions.conf; its
// data go below dir, so that a second start there finds what the first one kept.
func startHometone(ctx context.Context, binary, dir, pjsip, extensions string, addr netip.AddrPort) (*process, error) {
	asterisk := filepath.Join(dir, "asterisk")
	if err := os.MkdirAll(asterisk, 0o700); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	files := map[string]string{
		filepath.Join(asterisk, "pjsip.conf"):      fmt.Sprintf("[transport-udp]\ntype=transport\nprotocol=udp\nbind=%s\n\n", addr) + pjsip,
		filepath.Join(asterisk, "extensions.conf"): extensions,
		filepath.Join(dir, "hometone.yaml"): "node: {name: bench, data: " + filepath.Join(dir, "data") + "}\n" +
			"pbx: {asterisk: " + asterisk + "}\nmedia: {ports: 20000-60000}\n",
	}
	for path, text := range files {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
	}
	return start(ctx, dir, "hometone", addr, nil, binary, "serve", "-c", filepath.Join(dir, "hometone.yaml"))
}

// registrarEndpoints declares users whose password is their name, made of one
// template as an operator of many phones writes it.
func registrarEndpoints(first, users int) string {
	var b strings.Builder
	b.WriteString("[phone](!)\ntype=endpoint\ncontext=default\ndisallow=all\nallow=ulaw\n\n")
	for i := first; i < first+users; i++ {
		fmt.Fprintf(&b, "[u%[1]d](phone)\nauth=u%[1]d\naors=u%[1]d\n[u%[1]d]\ntype=auth\nauth_type=userpass\nusername=u%[1]d\npassword=u%[1]d\n"+
			"[u%[1]d]\ntype=aor\nmax_contacts=1\nremove_existing=yes\n", i)
	}
	return b.String()
}
