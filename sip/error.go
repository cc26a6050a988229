package sip

import "fmt"

// Error is a fault found in a received message, and what to answer to it.
type Error struct {
	Status int      // the status to answer with, or 0: drop silently
	Reason string   // what is wrong, fit for a reason phrase
	Header HeaderID // the field it was found in, or HeaderOther
	Pos    int      // byte offset in the message, if known, else 0
}

// Error implements error.
func (e *Error) Error() string {
	if e.Header != HeaderOther {
		return fmt.Sprintf("sip: %s: %s (%d)", e.Header, e.Reason, e.Status)
	}
	return fmt.Sprintf("sip: %s (%d)", e.Reason, e.Status)
}

// bad is a 400 for one header field.
func bad(id HeaderID, reason string) *Error {
	return &Error{Status: 400, Reason: reason, Header: id}
}
