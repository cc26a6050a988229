package dialog

import (
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
)

// A Header is a header field to add to a message.
type Header struct{ Name, Value string }

// A refusal is a final response of 300 and more that this layer decides on.
type refusal struct {
	status  int
	reason  string
	headers []Header
}

// refuse answers a request at once; the caller holds no lock.
func (l *Layer) refuse(tx *transaction.Server, req *sip.Request, r refusal) {
	l.send(tx, l.refusal(tx, req, r), false)
}

func (l *Layer) refusal(tx *transaction.Server, req *sip.Request, r refusal) *sip.Response {
	res := l.response(tx, req, r.status, r.reason)
	for _, h := range r.headers {
		res.AddName(h.Name, h.Value)
	}
	return res
}

// response starts a response that carries our tag and name.
func (l *Layer) response(tx *transaction.Server, req *sip.Request, status int, reason string) *sip.Response {
	res, _ := l.responses.Get().(*sip.Response)
	if res == nil {
		res = new(sip.Response)
	}
	res.Reset(req, status, reason)
	if status > 100 && req.ToTag() == "" {
		res.SetToTag(tx.ToTag())
	}
	if l.cfg.UserAgent != "" {
		res.Add(sip.HeaderServer, l.cfg.UserAgent)
	}
	return res
}

// glare is 491: our own offer is under way (RFC 3261 §14.2, RFC 3311 §5.2).
func glare() *refusal { return &refusal{status: 491} }

// overlap is 500 with "a Retry-After header field with a randomly chosen value
// of between 0 and 10 seconds" (RFC 3261 §14.2, RFC 3311 §5.2).
func overlap() *refusal {
	return &refusal{500, "Request Overlaps", []Header{{"Retry-After", strconv.Itoa(rand.IntN(11))}}}
}

// unsupported checks Require (RFC 3261 §8.2.2.3): what we do not support is
// named in a 420.
func (l *Layer) unsupported(req *sip.Request, reliable bool) *refusal {
	var bad []string
	for tag := range req.Values(sip.HeaderRequire) {
		if !l.supports(tag) || !reliable && strings.EqualFold(tag, "100rel") {
			bad = append(bad, tag)
		}
	}
	if bad == nil {
		return nil
	}
	return &refusal{status: 420, headers: []Header{{"Unsupported", strings.Join(bad, ", ")}}}
}

func (l *Layer) supports(tag string) bool {
	for t := range strings.SplitSeq(l.supported, ", ") {
		if strings.EqualFold(t, tag) {
			return true
		}
	}
	return false
}

// notAllowed answers a method that the dialog does not take: 405 with Allow if
// we know it, else 501 (RFC 3261 §8.2.1, §21.5.2).
func (l *Layer) notAllowed(m sip.Method) *refusal {
	if m.Known() {
		return &refusal{status: 405, headers: []Header{{"Allow", l.allow}}}
	}
	return &refusal{status: 501, headers: []Header{{"Allow", l.allow}}}
}

// encoded refuses a body with a Content-Encoding other than identity (RFC 3261
// §8.2.3).
func encoded(m *sip.Message) *refusal {
	if m.Body() == "" {
		return nil
	}
	for v := range m.Values(sip.HeaderContentEncoding) {
		if !strings.EqualFold(v, "identity") {
			return &refusal{status: 415, headers: []Header{{"Accept-Encoding", "identity"}}}
		}
	}
	return nil
}

const sdpType = "application/sdp"

// description returns the session description in a message, also from inside
// of a multipart body (RFC 5621 §3.1). Another body is refused with 415 unless
// its handling is optional (RFC 3261 §8.2.3, §20.11). What has no Content-Type
// is not a body: "The Content-Type header field MUST be present if the body is
// not empty" (§20.15).
func description(m *sip.Message) (string, *refusal) {
	if m.Body() == "" || !m.Has(sip.HeaderContentType) {
		return "", nil
	}
	if r := encoded(m); r != nil {
		return "", r
	}
	if strings.EqualFold(m.Get(sip.HeaderContentType), sdpType) {
		return m.Body(), nil // the usual case
	}
	kind, params, err := mime.ParseMediaType(m.Get(sip.HeaderContentType))
	switch {
	case err == nil && kind == sdpType:
		return m.Body(), nil
	case err == nil && strings.HasPrefix(kind, "multipart/"):
		if sdp, ok := partOf(m.Body(), params["boundary"], 0); ok {
			return sdp, nil
		}
	}
	if optional(m.Get(sip.HeaderContentDisposition)) {
		return "", nil
	}
	return "", &refusal{status: 415, headers: []Header{{"Accept", sdpType}}}
}

func optional(disposition string) bool {
	_, params, err := mime.ParseMediaType(disposition)
	return err == nil && strings.EqualFold(params["handling"], "optional")
}

// maxParts bounds what a multipart body may hold.
const maxParts = 16

// partOf finds the session description in a multipart body.
func partOf(body, boundary string, depth int) (string, bool) {
	if boundary == "" || depth > 2 {
		return "", false
	}
	r := multipart.NewReader(strings.NewReader(body), boundary)
	for range maxParts {
		p, err := r.NextRawPart()
		if err != nil {
			return "", false
		}
		text, err := io.ReadAll(p)
		if err != nil {
			return "", false
		}
		kind, params, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if err == nil && kind == sdpType {
			return string(text), true
		}
		if err == nil && strings.HasPrefix(kind, "multipart/") {
			if sdp, ok := partOf(string(text), params["boundary"], depth+1); ok {
				return sdp, true
			}
		}
	}
	return "", false
}
