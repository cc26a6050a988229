package voicemail

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Envelope is what is known of a message besides what was said: the .txt file.
type Envelope struct {
	Box      string // number of the mailbox it was left in
	Context  string // of the dialplan
	Exten    string
	Channel  string // the caller's
	CallerID string // "Name" <number>
	Number   string // of the caller; "" = not known
	At       time.Time
	Length   time.Duration
	ID       string
	Flag     string // FlagUrgent, FlagPriority or ""
}

// The flags of a message, as Asterisk writes them.
const (
	FlagUrgent   = "Urgent"
	FlagPriority = "PRIORITY"
)

// text writes the file as Asterisk has it.
func (e Envelope) text() []byte {
	var b bytes.Buffer
	b.WriteString(";\n; Message Information file\n;\n[message]\n")
	for _, line := range [][2]string{
		{"origmailbox", e.Box}, {"context", e.Context}, {"macrocontext", ""}, {"exten", e.Exten}, {"rdnis", "unknown"}, {"priority", "1"},
		{"callerchan", e.Channel}, {"callerid", e.CallerID}, {"callernum", e.Number}, {"origdate", e.At.UTC().Format("Mon Jan 02 03:04:05 PM UTC 2006")},
		{"origtime", strconv.FormatInt(e.At.Unix(), 10)}, {"category", ""}, {"msg_id", e.ID}, {"flag", e.Flag},
		{"duration", strconv.FormatInt(int64(e.Length/time.Second), 10)},
	} {
		fmt.Fprintf(&b, "%s=%s\n", line[0], oneLine(line[1]))
	}
	return b.Bytes()
}

// oneLine keeps what a caller says of itself from adding lines.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// maxEnvelope bounds the .txt file that is read, in bytes.
const maxEnvelope = 16 << 10

// readEnvelope reads what it can of a .txt file; what is missing is zero.
func readEnvelope(path string) (e Envelope) {
	f, err := os.Open(path)
	if err != nil {
		return e
	}
	defer f.Close()
	text := make([]byte, maxEnvelope)
	n, _ := f.Read(text)
	return parseEnvelope(text[:n])
}

func parseEnvelope(text []byte) (e Envelope) {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		number, _ := strconv.ParseInt(value, 10, 64)
		switch name {
		case "origmailbox":
			e.Box = value
		case "context":
			e.Context = value
		case "exten":
			e.Exten = value
		case "callerchan":
			e.Channel = value
		case "callerid":
			e.CallerID = value
		case "callernum":
			e.Number = value
		case "origtime":
			e.At = time.Unix(number, 0)
		case "duration":
			if number >= 0 && number < 1e6 {
				e.Length = time.Duration(number) * time.Second
			}
		case "msg_id":
			e.ID = value
		case "flag":
			e.Flag = value
		}
	}
	if e.Number == "" {
		e.Number = numberOf(e.CallerID)
	}
	return e
}

// numberOf is the number in "Name" <number>.
func numberOf(callerID string) string {
	_, rest, ok := strings.Cut(callerID, "<")
	number, _, closed := strings.Cut(rest, ">")
	if !ok || !closed {
		return ""
	}
	return number
}
