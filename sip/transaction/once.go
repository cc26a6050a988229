package transaction

import "github.com/hometone/hometone/sip"

// RespondOnce sends a final response and forgets the request: it is not sent
// again, no ACK is waited for, and copies of the request are new requests that
// get the same To tag. It is for challenges: requests of strangers leave no
// transaction behind (RFC 3261 §8.2.7), and peers whose ACK to a 401 has
// another branch hear no repetition. Only in ServeSIP, and not after TakeOver.
func (tx *Server) RespondOnce(req *sip.Request, res *sip.Response) error {
	if res.Status() < 300 {
		return tx.Respond(res)
	}
	if err := tx.admit(res.Status(), false); err != nil {
		return err
	}
	if res.ToTag() == "" {
		res.SetToTag(tx.layer.keys.tag(req))
	}
	if tx.flow.Reliable() {
		tx.last = tx.layer.scratch.encode(res) // may wait for a new connection
		tx.shard.send(tx)
	} else {
		tx.layer.scratch.send(tx.layer.transport, tx.reply(), res)
	}
	tx.shard.end(tx, nil)
	return nil
}
