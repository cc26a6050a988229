package dialog

// Sink returns who gets the session's events, so that whoever finds a session
// (Layer.Find) can tell whose it is.
func (s *Session) Sink() Sink { return s.sink }
