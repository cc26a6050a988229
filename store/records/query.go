package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// columns are those of the table, in the order of values and scan.
const columns = "id, node, account_code, src, dst, context, caller_id, channel, dst_channel, last_app, last_data, " +
	"started_us, answered_us, ended_us, duration_ms, billsec_ms, disposition, ama_flags, user_field, unique_id, linked_id, " +
	"hangup_cause, hangup_source, sip_call_id, dst_sip_call_id, codec, dst_codec, media"

func (c *CDR) values() []any {
	v := []any{
		c.ID, c.Node, c.AccountCode, c.Src, c.Dst, c.Context, c.CallerID, c.Channel, c.DstChannel, c.LastApp, c.LastData,
		micros(c.Start), micros(c.Answer), micros(c.End), c.Duration.Milliseconds(), c.BillSec.Milliseconds(),
		string(c.Disposition), c.AMAFlags, c.UserField, c.UniqueID, c.LinkedID,
		c.HangupCause, c.HangupSource, c.SIPCallID, c.DstSIPCallID, c.Codec, c.DstCodec, string(c.Media),
	}
	for i := range v {
		if s, ok := v[i].(string); ok && !sound(s) {
			v[i] = clean(s)
		}
	}
	return v
}

// sound reports whether clean would leave s as it is.
func sound(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// clean makes text of what came from the network: PostgreSQL takes neither
// broken UTF-8 nor NUL.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func scan(row interface{ Scan(...any) error }) (c CDR, err error) {
	var started, answered, ended, duration, billsec int64
	var media string
	err = row.Scan(&c.ID, &c.Node, &c.AccountCode, &c.Src, &c.Dst, &c.Context, &c.CallerID, &c.Channel, &c.DstChannel, &c.LastApp, &c.LastData,
		&started, &answered, &ended, &duration, &billsec,
		&c.Disposition, &c.AMAFlags, &c.UserField, &c.UniqueID, &c.LinkedID,
		&c.HangupCause, &c.HangupSource, &c.SIPCallID, &c.DstSIPCallID, &c.Codec, &c.DstCodec, &media)
	c.Start, c.Answer, c.End = instant(started), instant(answered), instant(ended)
	c.Duration, c.BillSec = time.Duration(duration)*time.Millisecond, time.Duration(billsec)*time.Millisecond
	if media != "" {
		c.Media = json.RawMessage(media)
	}
	return c, err
}

// Get returns one record.
func (s *Store) Get(ctx context.Context, id string) (CDR, error) {
	row := s.db.QueryRowContext(ctx, s.placeholders("SELECT "+columns+" FROM cdr WHERE id = ?"), clean(id))
	c, err := scan(row)
	if errors.Is(err, sql.ErrNoRows) {
		return CDR{}, ErrNotFound
	}
	if err != nil {
		return CDR{}, fmt.Errorf("records: get %s: %w", id, err)
	}
	return c, nil
}

// Query selects records; its zero value selects all.
type Query struct {
	From, To    time.Time // Start in [From, To); zero = no bound
	Src, Dst    string    // "" = any
	LinkedID    string    // "" = any
	SIPCallID   string    // Call-ID of either leg; "" = any
	Disposition Disposition
	// After continues a list behind this record, the last one received.
	After *CDR
	// Limit is the most records returned, at most 10,000. 0 = 1,000.
	Limit int
}

// Find returns the records that q selects, the oldest start first.
func (s *Store) Find(ctx context.Context, q Query) ([]CDR, error) {
	where, args := q.where()
	limit := q.Limit
	if limit <= 0 {
		limit = 1000
	}
	rows, err := s.db.QueryContext(ctx, s.placeholders("SELECT "+columns+" FROM cdr"+where+" ORDER BY started_us, id LIMIT ?"),
		append(args, min(limit, 10_000))...)
	if err != nil {
		return nil, fmt.Errorf("records: find: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []CDR
	for rows.Next() {
		c, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("records: find: %w", err)
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// Count returns how many records q selects, without regard to Limit.
func (s *Store) Count(ctx context.Context, q Query) (n int64, err error) {
	where, args := q.where()
	err = s.db.QueryRowContext(ctx, s.placeholders("SELECT COUNT(*) FROM cdr"+where), args...).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("records: count: %w", err)
	}
	return n, nil
}

func (q *Query) where() (text string, args []any) {
	var terms []string
	add := func(term string, values ...any) {
		terms = append(terms, term)
		args = append(args, values...)
	}
	if !q.From.IsZero() {
		add("started_us >= ?", micros(q.From))
	}
	if !q.To.IsZero() {
		add("started_us < ?", micros(q.To))
	}
	for _, t := range [...]struct{ column, value string }{
		{"src", q.Src}, {"dst", q.Dst}, {"linked_id", q.LinkedID}, {"disposition", string(q.Disposition)},
	} {
		if t.value != "" {
			add(t.column+" = ?", t.value)
		}
	}
	if q.SIPCallID != "" {
		add("(sip_call_id = ? OR dst_sip_call_id = ?)", q.SIPCallID, q.SIPCallID)
	}
	if q.After != nil {
		us := micros(q.After.Start)
		add("(started_us > ? OR started_us = ? AND id > ?)", us, us, q.After.ID)
	}
	if len(terms) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args
}
