package registrar

// An Event is a change of one binding. It is one of Registered, Refreshed,
// Unregistered and Expired, and is told after the change is durable (RFC 3680
// §3.3 calls them created, refreshed, unregistered or deactivated, expired).
type Event interface{ event() }

// Registered tells that a binding was created.
type Registered struct{ Binding Binding }

// Refreshed tells that a binding was updated; its Contact may be another one.
type Refreshed struct{ Binding Binding }

// Unregistered tells that a binding was removed before its time.
type Unregistered struct {
	Binding Binding
	// Displaced: not the UA but max_contacts removed it.
	Displaced bool
}

// Expired tells that a binding lapsed.
type Expired struct{ Binding Binding }

func (Registered) event()   {}
func (Refreshed) event()    {}
func (Unregistered) event() {}
func (Expired) event()      {}
