package voicemail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hometone/hometone/config/voicemail"
	"github.com/hometone/hometone/store/records"
)

// This file keeps the index true to the files. A folder is believed as it was
// indexed while its directory has the same time of change. That time has a grain, so
// another program may change a folder twice within one; what is indexed while the
// change is young is marked, and the names are looked at once more when it is settled.

// settled is when no later change can have the same time any more.
const settled = time.Second

// young marks the stamp of a folder that was indexed before it had settled.
const young = "?"

// stampOf is the state of a folder's directory and whether it has settled.
func stampOf(folder string, now time.Time) (stamp string, old bool, err error) {
	at, err := os.Stat(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return "none", true, nil
	}
	if err != nil {
		return "", false, err
	}
	age := now.Sub(at.ModTime())
	return strconv.FormatInt(at.ModTime().UnixNano(), 10), age >= settled || age < 0, nil
}

// marked is the stamp that goes to the index.
func marked(stamp string, old bool) string {
	if old {
		return stamp
	}
	return stamp + young
}

// place is a folder of a box in the index.
func place(b *voicemail.Box, folder string) records.Folder {
	return records.Folder{Context: b.Context, Mailbox: b.Number, Name: folder}
}

// survey brings the index of a folder up to date and returns what it has there: its
// messages if it shall be whole, else their number is enough and no envelope is read of a
// folder that has never been opened. o.mu is held. Without an index, or with one that
// fails, the files are read.
func (o *Office) survey(b *voicemail.Box, folder string, whole bool) (records.Seen, error) {
	dir := o.folder(b, folder)
	stamp, old, err := stampOf(dir, o.now())
	if err != nil || stamp == "none" {
		return records.Seen{Stamp: stamp}, err
	}
	if o.index == nil {
		list, err := names(dir)
		return summary(marked(stamp, old), list), err
	}
	seen, err := o.index.Seen(context.Background(), place(b, folder))
	switch {
	case err != nil:
		o.log.Error("voicemail: the index cannot be read", "mailbox", b.ID(), "error", err)
	case whole && !seen.Whole:
	case seen.Stamp == stamp || !old && seen.Stamp == stamp+young:
		return seen, nil
	}
	list, err := names(dir)
	if err != nil {
		return records.Seen{}, err
	}
	now := summary(marked(stamp, old), list)
	if now.Whole = whole || seen.Whole; !now.Whole {
		o.record(b, folder, now, nil, nil)
		return now, nil
	}
	return o.reconcile(b, folder, list, now), nil
}

// summary is what is recorded of a folder with messages of some numbers.
func summary(stamp string, numbers []int) records.Seen {
	s := records.Seen{Stamp: stamp, Count: len(numbers)}
	if len(numbers) > 0 {
		s.Next = numbers[len(numbers)-1] + 1
	}
	return s
}

// reconcile reads the envelopes that the index does not know, and forgets those that
// are gone. o.mu is held.
func (o *Office) reconcile(b *voicemail.Box, folder string, numbers []int, now records.Seen) records.Seen {
	ctx, dir := context.Background(), o.folder(b, folder)
	known := map[int]string{}
	list, err := o.index.List(ctx, place(b, folder))
	if err != nil {
		o.log.Error("voicemail: the index cannot be read", "mailbox", b.ID(), "error", err)
		return now
	}
	for _, m := range list {
		known[m.Number] = m.Stamp
	}
	var come []records.Message
	for _, n := range numbers {
		path := stem(dir, n)
		if stamp := fileStamp(path); stamp != known[n] {
			come = append(come, row(n, stamp, readEnvelope(path+".txt")))
		}
		delete(known, n)
	}
	gone := make([]int, 0, len(known))
	for n := range known {
		gone = append(gone, n)
	}
	o.record(b, folder, now, gone, come)
	return now
}

// record writes to the index; a failure costs speed, so it is told and no more.
// o.mu is held.
func (o *Office) record(b *voicemail.Box, folder string, now records.Seen, gone []int, come []records.Message) {
	if o.index == nil {
		return
	}
	if err := o.index.Change(context.Background(), place(b, folder), now, gone, come); err != nil {
		o.log.Error("voicemail: the index cannot be written", "mailbox", b.ID(), "error", err)
	}
}

// recordChange records what the office itself has done to a folder that was surveyed
// before. o.mu is held.
func (o *Office) recordChange(b *voicemail.Box, folder string, now records.Seen, gone []int, come []records.Message) {
	if o.index == nil {
		return
	}
	stamp, old, err := stampOf(o.folder(b, folder), o.now())
	if err != nil {
		return // the next survey reads the folder
	}
	now.Stamp = marked(stamp, old)
	o.record(b, folder, now, gone, come)
}

// fileStamp tells one state of a message's files from another.
func fileStamp(path string) string {
	var b strings.Builder
	for _, suffix := range []string{".txt", Suffix} {
		if at, err := os.Stat(path + suffix); err == nil {
			fmt.Fprintf(&b, "%d.%d ", at.ModTime().UnixNano(), at.Size())
		} else {
			b.WriteString("- ")
		}
	}
	return b.String()
}

// row and envelope are a message as the index has it, and back.
func row(n int, stamp string, e Envelope) records.Message {
	return records.Message{
		Number: n, Stamp: stamp, ID: e.ID, Box: e.Box, Context: e.Context, Exten: e.Exten, Channel: e.Channel, CallerID: e.CallerID,
		Caller: e.Number, At: e.At, Length: e.Length, Flag: e.Flag,
	}
}

func envelope(m *records.Message) Envelope {
	return Envelope{
		Box: m.Box, Context: m.Context, Exten: m.Exten, Channel: m.Channel, CallerID: m.CallerID, Number: m.Caller,
		At: m.At, Length: m.Length, ID: m.ID, Flag: m.Flag,
	}
}

// list returns the messages of a folder in their order. o.mu is held.
func (o *Office) list(b *voicemail.Box, folder string) ([]*Message, error) {
	seen, err := o.survey(b, folder, true)
	if err != nil || seen.Count == 0 {
		return nil, err
	}
	dir := o.folder(b, folder)
	out := make([]*Message, 0, seen.Count)
	if o.index != nil {
		rows, err := o.index.List(context.Background(), place(b, folder))
		if err == nil && len(rows) == seen.Count {
			for i := range rows {
				out = append(out, &Message{Envelope: envelope(&rows[i]), Path: stem(dir, rows[i].Number), folder: folder, number: rows[i].Number, stamp: rows[i].Stamp})
			}
			return out, nil
		}
		o.log.Error("voicemail: the index cannot be read", "mailbox", b.ID(), "messages", seen.Count, "indexed", len(rows), "error", err)
	}
	numbers, err := names(dir)
	for _, n := range numbers {
		path := stem(dir, n)
		out = append(out, &Message{Envelope: readEnvelope(path + ".txt"), Path: path, folder: folder, number: n, stamp: fileStamp(path)})
	}
	return out, err
}
