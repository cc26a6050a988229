package testdata

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Packed calls f for each regular file of a tar.gz of the test material, in the
// archive's order.
func Packed(tb testing.TB, f func(name string, content []byte), elem ...string) {
	tb.Helper()
	file, err := os.Open(Path(tb, elem...))
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		tb.Fatal(err)
	}
	for archive := tar.NewReader(unzipped); ; {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			tb.Fatal(err)
		}
		if entry.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			tb.Fatal(err)
		}
		f(path.Clean(entry.Name), content)
	}
}

// Archive returns the files of a tar.gz of the test material by their names.
func Archive(tb testing.TB, elem ...string) map[string][]byte {
	tb.Helper()
	files := make(map[string][]byte)
	Packed(tb, func(name string, content []byte) { files[name] = content }, elem...)
	return files
}

// ArchiveByBase is Archive without the names of folders.
func ArchiveByBase(tb testing.TB, elem ...string) map[string][]byte {
	tb.Helper()
	files := make(map[string][]byte)
	Packed(tb, func(name string, content []byte) { files[path.Base(name)] = content }, elem...)
	return files
}

// Unpack writes those files of a tar.gz of the test material that keep names
// into a folder that ends with the test.
func Unpack(tb testing.TB, keep func(name string) bool, elem ...string) (dir string) {
	tb.Helper()
	dir = tb.TempDir()
	Packed(tb, func(name string, content []byte) {
		if !keep(name) || !filepath.IsLocal(name) {
			return
		}
		at := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(at), 0o700)
		if err == nil {
			err = os.WriteFile(at, content, 0o600)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}, elem...)
	return dir
}

// maxDatagram is the largest payload of a UDP datagram over IPv4.
const maxDatagram = 65507

// PROTOS returns the cases of PROTOS c07-sip in order: a malformed INVITE and
// its teardown request each, with tags that FillPROTOS fills in.
func PROTOS(tb testing.TB) [][][]byte {
	tb.Helper()
	byName := make(map[string][][]byte)
	for name, text := range Archive(tb, "03-malformed-protos-c07-sip", "testcases.tar.gz") {
		if _, err := strconv.Atoi(filepath.Base(name)); err == nil {
			byName[filepath.Base(name)] = splitPDUs(tb, name, text)
		}
	}
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	slices.Sort(names)
	cases := make([][][]byte, len(names))
	for i, name := range names {
		cases[i] = byName[name]
	}
	return cases
}

// splitPDUs reads "<len> <PDU><len> <PDU>".
func splitPDUs(tb testing.TB, name string, text []byte) [][]byte {
	tb.Helper()
	var pdus [][]byte
	for len(text) > 0 {
		length, rest, found := bytes.Cut(text, []byte(" "))
		n, err := strconv.Atoi(string(bytes.TrimSpace(length)))
		if !found || err != nil || n > len(rest) {
			tb.Fatalf("%s: no length where a PDU should start: %.20q", name, text)
		}
		pdus = append(pdus, rest[:n])
		text = bytes.TrimLeft(rest[n:], "\r\n")
	}
	return pdus
}

// FillPROTOS makes the datagram of a PDU of case i for a peer at a local port.
func FillPROTOS(pdu []byte, i int, port string) []byte {
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

// Hostile returns everything of the folders 01 to 07 that fits into a datagram,
// whatever it is: torture, malformed and odd messages, fuzzers' seeds.
func Hostile(tb testing.TB) (all [][]byte) {
	tb.Helper()
	add := func(text []byte) {
		if len(text) > 0 && len(text) <= maxDatagram {
			all = append(all, text)
		}
	}
	for i, c := range PROTOS(tb) {
		for _, pdu := range c {
			add(FillPROTOS(pdu, i, "5060"))
		}
	}
	for _, folder := range []string{"01-torture-rfc4475", "02-torture-rfc5118", "04-sip-messages-unit-tests", "05-torture-nist-jsip", "06-messages-sofia-sip", "07-fuzz-seeds"} {
		root := Path(tb, folder)
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil || entry.IsDir():
				return err
			case strings.HasSuffix(path, ".tar.gz"):
				below, _ := filepath.Rel(root, path)
				for _, text := range Archive(tb, folder, below) {
					add(text)
				}
				return nil
			}
			text, err := os.ReadFile(path)
			add(text)
			return err
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	return all
}
