package pbx

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
)

// newEpoch is the part of identifiers that differs from one start of a node to
// the next, so that a CDR's id is unique for ever.
func newEpoch() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails
	return hex.EncodeToString(b[:])
}

// lower is strings.ToLower without an allocation for what is lower case.
func lower(s string) string { return strings.ToLower(s) }
