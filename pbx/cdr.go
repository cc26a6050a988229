package pbx

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"time"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/store/records"
)

// recordTime is how long a channel waits for its record to be durable before it
// says so in the log and lets go; the record stays in the queue.
const recordTime = 30 * time.Second

// recordGrace is how long Run waits for the records of calls that it has released.
const recordGrace = 15 * time.Second

// hurried is a context that ends when a channel is closed. One made by
// context.WithCancel would have to be kept in the Server.
type hurried struct {
	context.Context //nolint:containedctx // it is one
	hurry           <-chan struct{}
}

func (h hurried) Done() <-chan struct{} { return h.hurry }

func (h hurried) Err() error {
	select {
	case <-h.hurry:
		return context.Canceled
	default:
		return nil
	}
}

// noteDisposition is what the record says of a call that nobody answered.
func (ch *channel) noteDisposition(s DialStatus) {
	switch s {
	case StatusBusy:
		ch.cdr.Disposition = records.Busy
	case StatusCongestion:
		ch.cdr.Disposition = records.Congestion
	case StatusUnavailable, StatusInvalid:
		ch.cdr.Disposition = records.Failed
	default:
		ch.cdr.Disposition = records.NoAnswer
	}
}

// disposition decides the record's last word: an answer wins, then what a Dial
// has noted, then the cause of the refusal.
func (ch *channel) disposition() records.Disposition {
	switch {
	case !ch.cdr.Answer.IsZero():
		return records.Answered
	case ch.cdr.Disposition != "":
		return ch.cdr.Disposition
	case ch.cause == CauseUserBusy:
		return records.Busy
	case ch.cause == CauseCongestion:
		return records.Congestion
	case ch.cause == CauseNone, ch.cause == CauseNoAnswer, ch.cause == CauseNormalClearing:
		return records.NoAnswer
	}
	return records.Failed
}

// record is the call's record as it would end now.
func (ch *channel) record(now time.Time) records.CDR {
	r := ch.cdr
	r.End = now
	r.Duration = since(r.Start, now)
	r.BillSec = since(r.Answer, now)
	r.Disposition = ch.disposition()
	r.HangupCause = int(ch.cause)
	r.HangupSource = ch.hungUp
	return r
}

// putCDR writes the record of a call that goes on as another one, because its
// caller has transferred its callee; a failure is logged.
func (ch *channel) putCDR(now time.Time) {
	r, log := ch.record(now), ch.log()
	fail := func(err error) {
		if err != nil {
			log.Error("call record not written", "id", r.ID, "error", err)
		}
	}
	if err := ch.srv.cfg.Records.Put(hurried{context.Background(), ch.srv.hurry}, r, fail); err != nil {
		fail(err)
	}
}

// ForkRecord implements Switchboard.
func (ch *channel) ForkRecord(keep bool) {
	if ch.quiet || ch.unrecorded {
		return
	}
	now := time.Now()
	ch.putCDR(now)
	id, _, _ := ch.srv.newID(now)
	ch.cdr.ID, ch.cdr.Start = id, now
	if !keep && !ch.cdr.Answer.IsZero() {
		ch.cdr.Answer = now
	}
	ch.cdr.Disposition, ch.cdr.Media, ch.cdr.UserField = "", nil, ""
}

// ResetRecord implements Switchboard.
func (ch *channel) ResetRecord() {
	now := time.Now()
	ch.cdr.Start = now
	if !ch.cdr.Answer.IsZero() {
		ch.cdr.Answer = now
	}
	ch.cdr.Disposition, ch.cdr.Media = "", nil
}

// ForgetCauses implements Switchboard.
func (ch *channel) ForgetCauses() { ch.causes = nil }

// writeCDR writes the call's one record and waits until it is durable.
func (ch *channel) writeCDR(ctx context.Context, now time.Time) {
	if ch.quiet || ch.unrecorded {
		return
	}
	r := ch.record(now)
	switch late, err := ch.putAndWait(ctx, r); {
	case err != nil:
		ch.log().Error("call record not written", "id", r.ID, "error", err)
	case late:
		ch.log().Warn("call record waits for the database", "id", r.ID, "for", time.Since(now).Round(time.Millisecond))
	}
	ch.event("call ended", slog.String("disposition", string(r.Disposition)), slog.Int("cause", r.HangupCause),
		slog.String("by", r.HangupSource), slog.Duration("duration", r.Duration), slog.Duration("billsec", r.BillSec))
}

// putAndWait queues a record and waits until it is durable; late says that it
// was not after recordTime. While the queue is full the call keeps what it has, for as
// long as the exchange runs: no record is lost because the database is away.
func (ch *channel) putAndWait(ctx context.Context, r records.CDR) (late bool, err error) {
	hurry := ch.srv.hurry
	done := make(chan error, 1)
	if err := ch.srv.cfg.Records.Put(hurried{ctx, hurry}, r, func(err error) { done <- err }); err != nil {
		return false, err
	}
	patience := time.NewTimer(recordTime)
	defer patience.Stop()
	select {
	case err := <-done:
		return false, err
	case <-patience.C:
	case <-hurry:
	}
	return true, nil
}

// callerID writes "Name" <number> as the record has it.
func callerID(display, number string) string {
	if display == "" {
		return number
	}
	return sip.Quote(display) + " <" + number + ">"
}

// mediaReport is what both legs sent and received, for the record.
func mediaReport(a, b *leg) json.RawMessage {
	out := append([]byte(`{"caller":`), streamReport(a)...)
	out = append(out, `,"callee":`...)
	out = append(out, streamReport(b)...)
	return append(out, '}')
}

func streamReport(l *leg) []byte {
	if l.rtp == nil {
		return []byte("null")
	}
	s := l.rtp.Stats()
	out := make([]byte, 0, 128)
	out = append(out, `{"received":`...)
	out = strconv.AppendUint(out, s.Received, 10)
	out = append(out, `,"sent":`...)
	out = strconv.AppendUint(out, s.Sent, 10)
	out = append(out, `,"lost":`...)
	out = strconv.AppendInt(out, s.Lost, 10)
	out = append(out, `,"jitter_us":`...)
	out = strconv.AppendInt(out, s.Jitter.Microseconds(), 10)
	return append(out, '}')
}
