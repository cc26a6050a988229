package registrar

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transport"
)

// A record is all bindings of one AOR in the form in which they are stored and
// kept in memory: one string without pointers into it. Its layout: the version
// byte, the number of bindings, then for each binding its numbers (unsigned
// varints, times in milliseconds since 1970) and its strings (length and
// bytes). Addresses are a length, the bytes and the port.

const recordVersion = 1

var errRecord = errors.New("registrar: malformed record")

// flags of a stored binding.
const (
	flagDirect = 1 << iota
)

func appendRecord(dst []byte, list []Binding) []byte {
	dst = append(dst, recordVersion)
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for i := range list {
		dst = appendBinding(dst, &list[i])
	}
	return dst
}

func appendBinding(dst []byte, b *Binding) []byte {
	var flags uint64
	if b.Direct {
		flags |= flagDirect
	}
	for _, n := range [...]uint64{
		flags, uint64(b.Q), uint64(b.Expires.UnixMilli()), uint64(b.Created.UnixMilli()), uint64(b.Refreshed.UnixMilli()),
		uint64(b.RegID), uint64(b.CSeq), uint64(b.Proto), uint64(len(b.Path)),
	} {
		dst = binary.AppendUvarint(dst, n)
	}
	dst = binary.LittleEndian.AppendUint64(dst, b.branch)
	dst = appendAddr(dst, b.Source)
	dst = appendAddr(dst, b.Local)
	for _, s := range [...]string{b.Contact, string(b.Params), b.Instance, b.CallID, b.UserAgent} {
		dst = appendString(dst, s)
	}
	for _, p := range b.Path {
		dst = appendString(dst, p)
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendAddr(dst []byte, a netip.AddrPort) []byte {
	ip := a.Addr().AsSlice()
	dst = append(append(dst, byte(len(ip))), ip...)
	return binary.LittleEndian.AppendUint16(dst, a.Port())
}

// decodeRecord returns the bindings of a record; their strings are views of
// it.
func decodeRecord(aor, record string) ([]Binding, error) {
	d, n := openRecord(record)
	if n == 0 {
		return nil, d.end()
	}
	list := make([]Binding, n)
	for i := range list {
		list[i].AOR = aor
		d.binding(&list[i])
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	return list, nil
}

// openRecord begins to read a record, without memory of its own, and returns
// how many bindings it says to hold.
func openRecord(record string) (d decoder, n int) {
	if record == "" {
		return decoder{}, 0
	}
	d = decoder{rest: record}
	if d.byte() != recordVersion {
		d.fail()
		return d, 0
	}
	count := d.uvarint()
	if count > uint64(len(record)) {
		d.fail()
		return d, 0
	}
	return d, int(count)
}

// firstLapse returns when the first binding of a record lapses, in Unix
// milliseconds; at most a day from now.
func firstLapse(record string, now time.Time) (int64, error) {
	at := now.Add(longestLook)
	d, n := openRecord(record)
	for range n {
		var b Binding
		if d.binding(&b); b.Expires.Before(at) {
			at = b.Expires
		}
	}
	return at.UnixMilli(), d.end()
}

// decoder reads a record; after a failure it yields zeros.
type decoder struct {
	rest   string
	failed bool
}

func (d *decoder) binding(b *Binding) {
	flags := d.uvarint()
	b.Direct = flags&flagDirect != 0
	b.Q = uint16(d.uvarint())
	b.Expires, b.Created, b.Refreshed = d.time(), d.time(), d.time()
	b.RegID, b.CSeq = uint32(d.uvarint()), uint32(d.uvarint())
	b.Proto = transport.Proto(d.uvarint())
	paths := d.uvarint()
	if s := d.take(8); len(s) == 8 {
		b.branch = binary.LittleEndian.Uint64([]byte(s))
	}
	b.Source, b.Local = d.addr(), d.addr()
	b.Contact, b.Params = d.string(), sip.Params(d.string())
	b.Instance, b.CallID, b.UserAgent = d.string(), d.string(), d.string()
	if paths > uint64(len(d.rest)) {
		d.fail()
		return
	}
	for range paths {
		b.Path = append(b.Path, d.string())
	}
}

// end reports whether the record was well formed and has been read to its end.
func (d *decoder) end() error {
	if d.failed || d.rest != "" {
		return errRecord
	}
	return nil
}

func (d *decoder) fail() { d.failed, d.rest = true, "" }

func (d *decoder) take(n int) string {
	if n > len(d.rest) {
		d.fail()
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *decoder) byte() byte {
	if s := d.take(1); s != "" {
		return s[0]
	}
	return 0
}

func (d *decoder) uvarint() (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := d.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	d.fail()
	return 0
}

func (d *decoder) time() time.Time { return time.UnixMilli(int64(d.uvarint())) }

func (d *decoder) string() string {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return ""
	}
	return d.take(int(n))
}

func (d *decoder) addr() netip.AddrPort {
	ip, _ := netip.AddrFromSlice([]byte(d.take(int(d.byte()))))
	port := d.take(2)
	if len(port) < 2 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip, binary.LittleEndian.Uint16([]byte(port)))
}
