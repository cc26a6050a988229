package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
)

// ErrNoNode is in the errors of a Client whose node does not answer.
var ErrNoNode = errors.New("no node answers")

// ErrClosed says that the node has closed the connection.
var ErrClosed = errors.New("the node has closed the connection")

// Client asks the node of a data directory. It keeps nothing open between calls.
type Client struct {
	Dir string // the node's data directory
}

// Do carries out a command. The error says that the node could not be asked; what
// the node itself says of the command is in the reply.
func (c Client) Do(ctx context.Context, words []string) (last Reply, err error) {
	err = c.ask(ctx, Request{Command: words}, func(r Reply) error { last = r; return nil })
	return last, err
}

// Complete returns the words that the last word can become.
func (c Client) Complete(ctx context.Context, words []string) (list []string, err error) {
	err = c.ask(ctx, Request{Complete: words}, func(r Reply) error { list = r.Words; return nil })
	return list, err
}

// Follow gives events to take until ctx ends, take returns an error, or the node
// goes.
func (c Client) Follow(ctx context.Context, f Filter, take func(Reply) error) error {
	return c.ask(ctx, Request{Follow: &f}, take)
}

// ask sends a request and takes the replies up to the last.
func (c Client) ask(ctx context.Context, req Request, take func(Reply) error) error {
	path := filepath.Join(c.Dir, SocketName)
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return fmt.Errorf("%w at %s: %w", ErrNoNode, path, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := json.NewEncoder(conn).Encode(req); err != nil {
		return fmt.Errorf("console: %w", err)
	}
	replies := json.NewDecoder(bufio.NewReader(conn))
	replies.UseNumber() // 64-bit counters stay whole
	for {
		var r Reply
		if err := replies.Decode(&r); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return ErrClosed
		}
		if err := take(r); err != nil || r.Done {
			return err
		}
	}
}
