package sdp

// Direction is the direction of a stream as its owner sees it (RFC 8866 §6.7).
type Direction uint8

// The four directions. The zero value is the default of SDP.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// String is the SDP attribute.
func (d Direction) String() string {
	switch d {
	case SendOnly:
		return "sendonly"
	case RecvOnly:
		return "recvonly"
	case Inactive:
		return "inactive"
	default:
		return "sendrecv"
	}
}

// Sends says whether the owner sends.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives says whether the owner receives.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// Mirror is the same direction seen by the other side.
func (d Direction) Mirror() Direction { return directionOf(d.Receives(), d.Sends()) }

// And is what both allow.
func (d Direction) And(e Direction) Direction {
	return directionOf(d.Sends() && e.Sends(), d.Receives() && e.Receives())
}

func directionOf(sends, receives bool) Direction {
	switch {
	case sends && receives:
		return SendRecv
	case sends:
		return SendOnly
	case receives:
		return RecvOnly
	default:
		return Inactive
	}
}

// directionNamed reads an attribute key.
func directionNamed(key string) (Direction, bool) {
	switch key {
	case "sendrecv":
		return SendRecv, true
	case "sendonly":
		return SendOnly, true
	case "recvonly":
		return RecvOnly, true
	case "inactive":
		return Inactive, true
	}
	return SendRecv, false
}
