package sip

import "bytes"

// Frame is what a Framer found at the start of a stream's buffer.
type Frame uint8

// What a Framer finds.
const (
	FrameNone    Frame = iota // not complete: read more
	FrameMessage              // one whole message
	FramePing                 // CRLF CRLF, to be answered with CRLF (RFC 5626 §3.5.1)
	FramePong                 // CRLF, the answer to a ping
	FrameSkip                 // filler before a message (RFC 3261 §7.5)
)

// Framer cuts a byte stream into messages by Content-Length (RFC 3261 §18.3).
// It remembers how far it has looked, so a slow sender costs linear time. It
// belongs to one connection.
type Framer struct {
	MaxHeader int  // bytes of start line and header; 0 = MaxHeaderBytes
	MaxBody   int  // bytes of body; 0 = 1 MiB
	Accepted  bool // we accepted the connection: a lone CRLF may be half a ping

	scanned int // bytes of the current header known to hold no end
	need    int // bytes of the current message, once known
}

// Next looks at the unread bytes of the stream, which must start where the
// last frame ended. n bytes make up the frame and are to be consumed. After
// FrameNone call again with the same bytes and more behind them. An error (a
// *Error) means that the stream cannot be cut any further: answer its Status
// if it is not 0, and close.
func (f *Framer) Next(buf []byte) (kind Frame, n int, err error) {
	if f.need == 0 {
		if len(buf) == 0 {
			return FrameNone, 0, nil
		}
		if f.scanned == 0 && isFiller(buf[0]) {
			kind, n = f.blank(buf)
			return kind, n, nil
		}
		if err := f.header(buf); err != nil || f.need == 0 {
			return FrameNone, 0, err
		}
	}
	if len(buf) < f.need {
		return FrameNone, 0, nil
	}
	n = f.need
	f.need, f.scanned = 0, 0
	return FrameMessage, n, nil
}

// Need returns the size of the message that is coming in, or 0 while its
// header is not complete. The reader can make room with it.
func (f *Framer) Need() int { return f.need }

// blank handles the empty lines between messages.
func (f *Framer) blank(buf []byte) (Frame, int) {
	switch {
	case bytes.HasPrefix(buf, []byte("\r\n\r\n")):
		return FramePing, 4
	case bytes.HasPrefix([]byte("\r\n\r\n"), buf) && (f.Accepted || len(buf) == 1):
		return FrameNone, 0
	case bytes.HasPrefix(buf, []byte("\r\n")):
		if f.Accepted {
			return FrameSkip, 2
		}
		return FramePong, 2
	}
	return FrameSkip, 1
}

// header looks for the empty line and reads Content-Length.
func (f *Framer) header(buf []byte) error {
	limit := f.MaxHeader
	if limit <= 0 {
		limit = MaxHeaderBytes
	}
	end := headerEnd(buf, max(f.scanned-3, 0))
	if end < 0 && len(buf) > limit || end > limit {
		return &Error{Status: 513, Reason: "Header Too Large"}
	}
	if end < 0 {
		f.scanned = len(buf)
		return nil
	}
	length, err := contentLength(buf[:end])
	if err != nil {
		return err
	}
	limit = f.MaxBody
	if limit <= 0 {
		limit = 1 << 20
	}
	if length > limit {
		return &Error{Status: 513, Reason: ReasonPhrase(513), Header: HeaderContentLength}
	}
	f.need = end + length
	return nil
}

// headerEnd returns the index behind the empty line, or -1.
func headerEnd(buf []byte, from int) int {
	for {
		n := bytes.IndexByte(buf[from:], '\n')
		if n < 0 {
			return -1
		}
		from += n + 1
		if from < len(buf) && buf[from] == '\n' {
			return from + 1
		}
		if from+1 < len(buf) && buf[from] == '\r' && buf[from+1] == '\n' {
			return from + 2
		}
	}
}

// contentLength reads the field from a header block. On a stream it must be
// there (RFC 3261 §18.3); several must agree.
func contentLength(head []byte) (int, error) {
	length := -1
	for len(head) > 0 {
		line := nextLine(&head)
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || isSpace(line[0]) || LookupHeader(string(bytes.TrimRight(line[:colon], " \t"))) != HeaderContentLength {
			continue
		}
		value := bytes.TrimSpace(line[colon+1:])
		for len(head) > 0 && (head[0] == ' ' || head[0] == '\t') { // folded
			value = append(value[:len(value):len(value)], nextLine(&head)...)
			value = bytes.TrimSpace(value)
		}
		n, good := number(string(value), 1<<31-1)
		if !good || length >= 0 && int(n) != length {
			return 0, bad(HeaderContentLength, "Malformed Content-Length")
		}
		length = int(n)
	}
	if length < 0 {
		return 0, bad(HeaderContentLength, "Missing Content-Length")
	}
	return length, nil
}

// nextLine cuts the first line off, with its end.
func nextLine(s *[]byte) []byte {
	line := *s
	if n := bytes.IndexByte(line, '\n'); n >= 0 {
		line = line[:n+1]
	}
	*s = (*s)[len(line):]
	return line
}
