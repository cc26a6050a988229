package calls_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hometone/hometone/node"
	"github.com/hometone/hometone/store/records"
	"github.com/hometone/hometone/test/live"
)

// endpoints writes pjsip.conf for extensions whose password is their name;
// extra is added to each endpoint.
func endpoints(port uint16, extra string, names ...string) string {
	var b strings.Builder
	b.WriteString("[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:" + strconv.Itoa(int(port)) + "\n")
	for _, n := range names {
		b.WriteString("\n[" + n + "]\ntype=endpoint\ncontext=calls\ndisallow=all\nallow=ulaw\nauth=" + n + "\naors=" + n + "\n" + extra)
		b.WriteString("\n[" + n + "]\ntype=auth\nauth_type=userpass\nusername=" + n + "\npassword=" + n + "\n")
		b.WriteString("\n[" + n + "]\ntype=aor\nmax_contacts=3\n")
	}
	return b.String()
}

// house is one running node and what it leaves behind.
type house struct {
	*live.Node
	t    *testing.T
	dir  string
	addr netip.AddrPort
}

// open starts a node with three extensions, 8005 to 8007, and a dialplan for
// the context calls.
func open(t *testing.T, extra, plan string) *house {
	t.Helper()
	port := live.FreePort(t)
	return openFiles(t, port, map[string]string{
		"pjsip.conf":      endpoints(port, extra, "8005", "8006", "8007"),
		"extensions.conf": "[calls]\n" + plan,
	})
}

func openFiles(t *testing.T, port uint16, files map[string]string) *house {
	t.Helper()
	inside := make(map[string]string, len(files))
	for name, text := range files {
		inside["asterisk/"+name] = text
	}
	dir := live.Files(t, inside)
	return run(t, dir, filepath.Join(dir, "asterisk"), port)
}

// run starts a node of files that listen on a UDP port of 127.0.0.1. Calls in
// progress are hung up when it stops.
func run(t *testing.T, dir, asterisk string, port uint16) *house {
	t.Helper()
	return &house{
		Node: live.Start(t, node.Config{Asterisk: asterisk, Data: filepath.Join(dir, "data"), Drain: -1}),
		t:    t, dir: dir, addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port),
	}
}

// peer makes a telephone whose password is its name.
func (h *house) peer(name string) *peer { return newPeer(h.t, h.addr, name, name) }

// registered makes a telephone that is registered.
func (h *house) registered(name string) *peer {
	p := h.peer(name)
	p.register()
	return p
}

// cdr is what a test looks at in a record.
type cdr struct {
	src, dst, disposition, channel, dstChannel, source, field, data string
	cause                                                           int
	duration, billsec                                               float64
}

// settled waits until the node has no call left and returns the records.
func (h *house) settled() []cdr {
	h.t.Helper()
	if !eventually(func() bool { return h.Calls() == 0 }) {
		h.t.Fatalf("%d calls are left", h.Calls())
	}
	return h.readRecords()
}

// readRecords reads all records, oldest first.
func (h *house) readRecords() []cdr {
	h.t.Helper()
	ctx := context.Background()
	s, err := records.Open(ctx, records.Config{DSN: "sqlite:" + filepath.Join(h.dir, "data", "records.db")})
	if err != nil {
		h.t.Fatal(err)
	}
	defer s.Close()
	found, err := s.Find(ctx, records.Query{})
	if err != nil {
		h.t.Fatal(err)
	}
	out := make([]cdr, 0, len(found))
	for _, r := range found {
		out = append(out, cdr{
			src: r.Src, dst: r.Dst, disposition: string(r.Disposition), channel: r.Channel, dstChannel: r.DstChannel,
			source: r.HangupSource, field: r.UserField, data: r.LastData, cause: r.HangupCause,
			duration: r.Duration.Seconds(), billsec: r.BillSec.Seconds(),
		})
	}
	return out
}
