package transaction

import (
	"hash/maphash"
	"strconv"
	"strings"

	"github.com/hometone/hometone/sip"
)

// A key identifies a transaction or a response that waits for its ACK. It is a
// 128-bit keyed hash of what RFC 3261 says must be equal, so that a table entry
// does not keep the message alive. Equal hashes of different inputs are not to
// be expected, and cannot be sought: the seeds are random.
type key struct{ a, b uint64 }

// keys makes keys.
type keys struct{ one, two maphash.Seed }

func newKeys() keys { return keys{maphash.MakeSeed(), maphash.MakeSeed()} }

// of hashes parts; no two lists of parts give the same input.
func (k *keys) of(parts ...string) key {
	var room [keyRoom]byte
	b := room[:0]
	for _, p := range parts {
		b = append(append(b, p...), 0xff) // in no SIP token, address or URI
	}
	return key{maphash.Bytes(k.one, b), maphash.Bytes(k.two, b)}
}

// keyRoom is room for the parts of most keys in bytes.
const keyRoom = 256

// client is the key of a client transaction (§17.1.3): the branch, and the
// method because a CANCEL has the branch of what it cancels.
func (k *keys) client(branch string, m sip.Method) key { return k.of(branch, string(m)) }

// server is the key of the server transaction that req belongs to (§17.2.3):
// branch, sent-by and method, where an ACK belongs to its INVITE. method stands
// for the request's own: INVITE finds what a CANCEL cancels (§9.2).
func (k *keys) server(req *sip.Request, via *sip.Via, method sip.Method) key {
	if method == sip.ACK {
		method = sip.INVITE
	}
	if via.RFC3261() {
		var port [5]byte
		return k.of(via.Branch(), lower(via.Host), string(strconv.AppendUint(port[:0], uint64(via.Port), 10)), string(method))
	}
	return k.old(req, method)
}

// old is the key of a request whose branch says nothing, by the rules for RFC
// 2543 clients. The To tag counts for other methods than INVITE; that of an
// ACK is compared with the response's afterwards.
func (k *keys) old(req *sip.Request, method sip.Method) key {
	seq, _, _ := req.CSeq()
	toTag := ""
	if method != sip.INVITE {
		toTag = req.ToTag()
	}
	top, _ := req.First(sip.HeaderVia)
	return k.of("2543", string(method), req.URI(), toTag, req.FromTag(), req.CallID(), strconv.FormatUint(uint64(seq), 10), top)
}

// ack is the key of a 2xx that waits for its ACK (§13.3.1.4): the dialog and
// the sequence number.
func (k *keys) ack(callID, fromTag, toTag string, seq uint32) key {
	return k.of("2xx", callID, fromTag, toTag, strconv.FormatUint(uint64(seq), 10))
}

// merged is the key of a request that may come by two ways (§8.2.2.2): From
// tag, Call-ID and the number in CSeq. The ACK of an INVITE has the same.
func (k *keys) merged(req *sip.Request) key {
	number, _, _ := strings.Cut(req.Get(sip.HeaderCSeq), " ")
	return k.of("merged", req.FromTag(), req.CallID(), number)
}

// tag is a To tag that is the same for every copy of a request, for responses
// without a transaction (§8.2.7).
func (k *keys) tag(req *sip.Request) string {
	top, _ := req.First(sip.HeaderVia)
	h := k.of("tag", req.CallID(), req.FromTag(), req.Get(sip.HeaderCSeq), top)
	return strconv.FormatUint(h.a, 36)
}

// branchRoom is room for a branch with its suffix, in bytes.
const branchRoom = 64

// appendBranch appends a Via branch that is the same every time an ACK to a 2xx
// is sent.
func (k *keys) appendBranch(dst []byte, req *sip.Request) []byte {
	top, _ := req.First(sip.HeaderVia)
	h := k.of("branch", req.CallID(), req.FromTag(), req.ToTag(), req.Get(sip.HeaderCSeq), string(req.Method()), top)
	dst = strconv.AppendUint(append(dst, sip.MagicCookie...), h.a, 36)
	return strconv.AppendUint(dst, h.b, 36)
}

func lower(s string) string { return strings.ToLower(s) } // allocates only if it must

// shard chooses the shard of a call.
func (l *Layer) shard(callID string) *shard {
	return l.shards[maphash.String(l.keys.one, callID)&uint64(len(l.shards)-1)]
}
