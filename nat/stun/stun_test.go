package stun_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	pion "github.com/pion/stun/v3"

	"github.com/hometone/hometone/internal/testdata"
	"github.com/hometone/hometone/nat/stun"
)

const vectorPassword = "VOkJxbRl1RmTxUk/WvJxBt" // RFC 5769 §2

func vector(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(testdata.Path(t, "14-vectors-stun", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func decode(t *testing.T, raw []byte) *pion.Message {
	t.Helper()
	m := &pion.Message{Raw: bytes.Clone(raw)}
	if err := m.Decode(); err != nil {
		t.Fatalf("decode: %v", err)
	}
	return m
}

// RFC 5769 §2.1 and §2.3: attributes, integrity and fingerprint of the samples
// are as printed, and one flipped bit anywhere breaks one of the two checks.
func TestVectors(t *testing.T) {
	request := decode(t, vector(t, "rfc5769-2.1-request.bin"))
	if name, err := request.Get(pion.AttrUsername); err != nil || string(name) != "evtj:h6vY" {
		t.Errorf("USERNAME is %q (%v), the vector says evtj:h6vY", name, err)
	}
	response := decode(t, vector(t, "rfc5769-2.3-ipv6-response.bin"))
	var mapped pion.XORMappedAddress
	if err := mapped.GetFrom(response); err != nil || mapped.String() != "[2001:db8:1234:5678:11:2233:4455:6677]:32853" {
		t.Errorf("XOR-MAPPED-ADDRESS is %v (%v), not the vector's", mapped, err)
	}
	for name, m := range map[string]*pion.Message{"2.1": request, "2.3": response} {
		if err := pion.NewShortTermIntegrity(vectorPassword).Check(m); err != nil {
			t.Errorf("%s: MESSAGE-INTEGRITY: %v", name, err)
		}
		if err := pion.Fingerprint.Check(m); err != nil {
			t.Errorf("%s: FINGERPRINT: %v", name, err)
		}
		flipEveryBit(t, name, m.Raw)
	}
}

func flipEveryBit(t *testing.T, name string, raw []byte) {
	for bit := range len(raw) * 8 {
		damaged := bytes.Clone(raw)
		damaged[bit/8] ^= 1 << (bit % 8)
		m := &pion.Message{Raw: damaged}
		if !pion.IsMessage(damaged) || m.Decode() != nil {
			continue
		}
		if pion.NewShortTermIntegrity(vectorPassword).Check(m) == nil && pion.Fingerprint.Check(m) == nil {
			t.Fatalf("%s: bit %d is flipped and nobody notices", name, bit)
		}
	}
}

// RFC 8489 appendix B.1 prints a wrong length, which a strict parser refuses;
// its USERHASH is SHA-256 of name and realm (§14.4).
func TestUserhashVector(t *testing.T) {
	raw := vector(t, "rfc8489-B.1-request-sha256-userhash.bin")
	if err := (&pion.Message{Raw: bytes.Clone(raw)}).Decode(); err == nil {
		t.Error("the message whose length field is 20 too large is accepted")
	}
	sum := sha256.Sum256([]byte("マトリックス:example.org"))
	if !bytes.Contains(raw, sum[:]) {
		t.Errorf("the message does not hold SHA-256(username:realm) = %s", hex.EncodeToString(sum[:]))
	}
}

// RFC 5626 §4.4.2: a Binding request on the SIP port is answered with the
// address it came from, IPv4 and IPv6.
func TestRespond(t *testing.T) {
	for _, source := range []string{"192.0.2.7:4242", "[2001:db8::7]:4242", "[::ffff:192.0.2.7]:4242"} {
		from := netip.MustParseAddrPort(source)
		req := pion.MustBuild(pion.TransactionID, pion.BindingRequest)
		res := decode(t, stun.Respond(req.Raw, from))
		if res.Type != pion.BindingSuccess || res.TransactionID != req.TransactionID {
			t.Errorf("%s: answered %v, want a success of the same transaction", source, res)
		}
		var mapped pion.XORMappedAddress
		if err := mapped.GetFrom(res); err != nil || !slices.Equal(mapped.IP, from.Addr().Unmap().AsSlice()) || mapped.Port != 4242 {
			t.Errorf("%s is told it is %v (%v)", source, mapped, err)
		}
		if grown := len(res.Raw) - len(req.Raw); grown > 28 {
			t.Errorf("%s: the answer is %d bytes longer than the request", source, grown)
		}
	}
}

// RFC 8489 §6.3.1: attributes that must be understood and are not lead to 420
// with their numbers; the vector of RFC 5769 §2.1 with its credentials is served.
func TestRespondAttributes(t *testing.T) {
	from := netip.MustParseAddrPort("192.0.2.7:4242")
	odd := pion.MustBuild(pion.TransactionID, pion.BindingRequest, pion.RawAttribute{Type: 0x7777, Length: 4, Value: []byte("odd!")})
	res := decode(t, stun.Respond(odd.Raw, from))
	var code pion.ErrorCodeAttribute
	if err := code.GetFrom(res); err != nil || code.Code != pion.CodeUnknownAttribute {
		t.Errorf("answered %v (%v), want 420", code, err)
	}
	var unknown pion.UnknownAttributes
	if err := unknown.GetFrom(res); err != nil || !strings.Contains(unknown.String(), "7777") {
		t.Errorf("UNKNOWN-ATTRIBUTES is %v (%v), want 0x7777", unknown, err)
	}
	req := vector(t, "rfc5769-2.1-request.bin")
	ice := stun.Respond(req, from)
	if ice == nil {
		// ICE-CONTROLLED is an ICE agent's business, optional to understand (0x8029).
		t.Error("the vector's request is not answered")
	} else if m := decode(t, ice); m.Type != pion.BindingSuccess || pion.Fingerprint.Check(m) != nil {
		t.Errorf("the vector's request is answered %v; want success with a FINGERPRINT, as it had one", m)
	}
}

// Indications, responses, truncated and damaged messages get no answer.
func TestSilence(t *testing.T) {
	from := netip.MustParseAddrPort("192.0.2.7:4242")
	indication := pion.MustBuild(pion.TransactionID, pion.NewType(pion.MethodBinding, pion.ClassIndication))
	success := pion.MustBuild(pion.TransactionID, pion.BindingSuccess)
	damaged := pion.MustBuild(pion.TransactionID, pion.BindingRequest, pion.Fingerprint)
	damaged.Raw[len(damaged.Raw)-1] ^= 1
	for name, raw := range map[string][]byte{
		"indication": indication.Raw, "response": success.Raw, "bad fingerprint": damaged.Raw,
		"nothing": nil, "text": []byte("OPTIONS sip:a SIP/2.0\r\n"), "half": success.Raw[:10],
	} {
		if res := stun.Respond(raw, from); res != nil {
			t.Errorf("%s is answered with %d bytes", name, len(res))
		}
	}
}

// No input panics, and what is answered is a well-formed STUN response.
func FuzzRespond(f *testing.F) {
	f.Add(pion.MustBuild(pion.TransactionID, pion.BindingRequest).Raw)
	f.Add(pion.MustBuild(pion.TransactionID, pion.BindingRequest, pion.Fingerprint).Raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		res := stun.Respond(bytes.Clone(raw), netip.MustParseAddrPort("192.0.2.7:4242"))
		if res == nil {
			return
		}
		m := &pion.Message{Raw: res}
		if err := m.Decode(); err != nil {
			t.Errorf("the answer does not decode: %v", err)
		}
	})
}
