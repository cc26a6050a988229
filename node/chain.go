package node

import (
	"context"

	"github.com/hometone/hometone/sip"
	"github.com/hometone/hometone/sip/transaction"
)

// link is one line of the chain: the requests it takes and who serves them.
type link struct {
	name    string
	methods []sip.Method // nil: all that come so far
	to      transaction.Handler
}

// chain is the order in which a request that opens a transaction passes the
// rooms. Before it, the transaction layer has answered what could not be parsed
// and absorbed what was a repetition; a request inside a dialog went to its
// session (the dialog layer leads here with its Next).
func chain(registrar, exchange transaction.Handler) []link {
	return []link{
		{name: "registrar", methods: []sip.Method{sip.REGISTER}, to: registrar},
		{name: "exchange", to: exchange},
	}
}

// handler walks a chain.
func handler(links []link) transaction.Handler {
	return transaction.HandlerFunc(func(ctx context.Context, tx *transaction.Server, req *sip.Request) {
		for _, l := range links {
			if l.takes(req.Method()) {
				l.to.ServeSIP(ctx, tx, req)
				return
			}
		}
	})
}

func (l *link) takes(m sip.Method) bool {
	if l.methods == nil {
		return true
	}
	for _, own := range l.methods {
		if own == m {
			return true
		}
	}
	return false
}
