package rtp

import (
	"encoding/binary"
	"math"
	"testing"
	"time"
)

// datagram is a UDP payload with its time in a recording.
type datagram struct {
	at   time.Duration
	port uint16 // destination; 0 if the recording does not tell
	b    []byte
}

// readCapture reads pcap, pcapng (both Ethernet or BSD loopback) and
// rtpproxy's own recordings.
func readCapture(t *testing.T, raw []byte) []datagram {
	t.Helper()
	switch binary.LittleEndian.Uint32(raw) {
	case 0xA1B2C3D4:
		return readPcap(raw)
	case 0x0A0D0D0A:
		return readPcapng(raw)
	default:
		return readRecording(raw)
	}
}

func readPcap(raw []byte) (out []datagram) {
	link := binary.LittleEndian.Uint32(raw[20:])
	for p := raw[24:]; len(p) >= 16; {
		n := binary.LittleEndian.Uint32(p[8:])
		at := time.Duration(binary.LittleEndian.Uint32(p))*time.Second + time.Duration(binary.LittleEndian.Uint32(p[4:]))*time.Microsecond
		if d, ok := udp(link, p[16:16+n]); ok {
			d.at = at
			out = append(out, d)
		}
		p = p[16+n:]
	}
	return out
}

func readPcapng(raw []byte) (out []datagram) {
	var link uint32
	unit := time.Microsecond
	for len(raw) >= 12 {
		kind, n := binary.LittleEndian.Uint32(raw), binary.LittleEndian.Uint32(raw[4:])
		b := raw[8 : n-4]
		switch kind {
		case 1: // interface
			link = uint32(binary.LittleEndian.Uint16(b))
			for o := b[8:]; len(o) >= 4; {
				code, size := binary.LittleEndian.Uint16(o), int(binary.LittleEndian.Uint16(o[2:]))
				if code == 9 && o[4] == 9 {
					unit = time.Nanosecond
				}
				o = o[min(len(o), 4+(size+3)&^3):]
			}
		case 6: // enhanced packet
			at := time.Duration(uint64(binary.LittleEndian.Uint32(b[4:]))<<32|uint64(binary.LittleEndian.Uint32(b[8:]))) * unit
			if d, ok := udp(link, b[20:20+binary.LittleEndian.Uint32(b[12:])]); ok {
				d.at = at
				out = append(out, d)
			}
		}
		raw = raw[n:]
	}
	return out
}

// udp finds the UDP payload of a frame.
func udp(link uint32, frame []byte) (d datagram, ok bool) {
	switch link {
	case 0:
		frame = frame[4:]
	case 1:
		frame = frame[14:]
	case 113:
		frame = frame[16:]
	}
	if len(frame) < 28 || frame[0]>>4 != 4 || frame[9] != 17 {
		return d, false
	}
	u := frame[int(frame[0]&15)*4:]
	size := int(binary.BigEndian.Uint16(u[4:]))
	if len(u) < size || size < 8 {
		return d, false
	}
	return datagram{port: binary.BigEndian.Uint16(u[2:]), b: u[8:size]}, true
}

// readRecording reads rtpproxy's format: a socket address, the time as a
// double, the length, the packet.
func readRecording(raw []byte) (out []datagram) {
	const head = 30
	for len(raw) >= head {
		n := int(binary.LittleEndian.Uint16(raw[28:]))
		if len(raw) < head+n {
			return out // one recording is cut off on purpose
		}
		at := math.Float64frombits(binary.LittleEndian.Uint64(raw[20:]))
		out = append(out, datagram{at: time.Duration(at * float64(time.Second)), b: raw[head : head+n]})
		raw = raw[head+n:]
	}
	return out
}
