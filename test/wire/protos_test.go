package wire_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/hometone/hometone/internal/testdata"
)

// maxDatagram is the largest payload of a UDP datagram over IPv4.
const maxDatagram = 65507

// The malformed INVITEs of PROTOS c07-sip, each with its teardown
// request; the node answers OPTIONS after every one (the suite's own verdict)
// and holds no more goroutines and memory in the end than before.
func TestPROTOS(t *testing.T) {
	cases := protosCases(t)
	if len(cases) < 2000 {
		t.Fatalf("the corpus has %d cases, want the thousands of the published one", len(cases))
	}
	s := startNode(t)
	p := dial(t, "127.0.0.1:0", s.udp)
	port := p.conn.LocalAddr().String()
	port = port[strings.LastIndexByte(port, ':')+1:]
	before := measure()
	for i, c := range cases {
		for _, pdu := range c {
			p.send(t, fillTags(pdu, i, port))
		}
		s.alive(t, p, "PROTOS case "+strconv.Itoa(i))
	}
	// Transactions of the last 32 s are remembered on purpose; 16 kB for each
	// of the cases is far below what keeping the messages would cost.
	settled(t, before, 64<<20)
}

// protosCases reads "<len> <PDU><len> <PDU>" of every case, in order.
func protosCases(t *testing.T) [][][]byte {
	t.Helper()
	file, err := os.Open(testdata.Path(t, "03-malformed-protos-c07-sip", "testcases.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string][][]byte)
	for archive := tar.NewReader(unzipped); ; {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := strconv.Atoi(filepath.Base(entry.Name)); err != nil || entry.Typeflag != tar.TypeReg {
			continue
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		byName[filepath.Base(entry.Name)] = splitPDUs(t, entry.Name, text)
	}
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	sort.Strings(names)
	cases := make([][][]byte, len(names))
	for i, name := range names {
		cases[i] = byName[name]
	}
	return cases
}

func splitPDUs(t *testing.T, name string, text []byte) [][]byte {
	t.Helper()
	var pdus [][]byte
	for len(text) > 0 {
		length, rest, found := bytes.Cut(text, []byte(" "))
		n, err := strconv.Atoi(string(bytes.TrimSpace(length)))
		if !found || err != nil || n > len(rest) {
			t.Fatalf("%s: no length where a PDU should start: %.20q", name, text)
		}
		pdus = append(pdus, rest[:n])
		text = bytes.TrimLeft(rest[n:], "\r\n")
	}
	return pdus
}

func fillTags(pdu []byte, i int, port string) []byte {
	body := 0
	if at := bytes.Index(pdu, []byte("\r\n\r\n")); at >= 0 {
		body = len(pdu) - at - 4
	}
	replace := strings.NewReplacer("<To>", "8005@127.0.0.1", "<From>", "mallory@127.0.0.1", "<From-Address>", "127.0.0.1",
		"<From-IP>", "127.0.0.1", "<Local-Port>", port, "<Call-ID>", strconv.Itoa(1000+i), "<CSeq>", "1",
		"<Branch-ID>", strconv.Itoa(100000000+i), "<Content-Length>", strconv.Itoa(body), "<Teardown-Method>", "CANCEL")
	filled := []byte(replace.Replace(string(pdu)))
	return filled[:min(len(filled), maxDatagram)]
}
