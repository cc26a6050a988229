package sip

// Method is the method of a request; methods are case-sensitive tokens
// (RFC 3261 §7.1).
type Method string

// The methods of RFC 3261 and of its extensions that IANA registers.
const (
	INVITE    Method = "INVITE"    // RFC 3261
	ACK       Method = "ACK"       // RFC 3261
	CANCEL    Method = "CANCEL"    // RFC 3261
	BYE       Method = "BYE"       // RFC 3261
	REGISTER  Method = "REGISTER"  // RFC 3261
	OPTIONS   Method = "OPTIONS"   // RFC 3261
	PRACK     Method = "PRACK"     // RFC 3262
	UPDATE    Method = "UPDATE"    // RFC 3311
	REFER     Method = "REFER"     // RFC 3515
	SUBSCRIBE Method = "SUBSCRIBE" // RFC 6665
	NOTIFY    Method = "NOTIFY"    // RFC 6665
	PUBLISH   Method = "PUBLISH"   // RFC 3903
	MESSAGE   Method = "MESSAGE"   // RFC 3428
	INFO      Method = "INFO"      // RFC 6086
)

// Known reports whether m is one of the registered methods above.
func (m Method) Known() bool {
	switch m {
	case INVITE, ACK, CANCEL, BYE, REGISTER, OPTIONS, PRACK, UPDATE, REFER,
		SUBSCRIBE, NOTIFY, PUBLISH, MESSAGE, INFO:
		return true
	}
	return false
}

// internMethod returns the constant for a known method, so that a long-lived
// Method does not keep a whole datagram alive.
func internMethod(s string) Method {
	if s == string(INVITE) {
		return INVITE
	}
	for _, m := range [...]Method{
		ACK, BYE, REGISTER, CANCEL, OPTIONS, PRACK, UPDATE, SUBSCRIBE, NOTIFY, REFER, PUBLISH, MESSAGE, INFO,
	} {
		if s == string(m) {
			return m
		}
	}
	return Method(s)
}
