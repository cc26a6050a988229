package pbx

import (
	"context"
	"net"
	"time"
)

// statisticTime bounds looking up the server of statsd.conf.
const statisticTime = 2 * time.Second

// SendStatistic implements Switchboard.
func (ch *channel) SendStatistic(text string) (sent bool, err error) {
	c := ch.set.StatsD
	if c.Server == "" {
		return false, nil
	}
	if c.Prefix != "" {
		text = c.Prefix + "." + text
	}
	if c.Newline {
		text += "\n"
	}
	ctx, cancel := context.WithTimeout(context.Background(), statisticTime)
	defer cancel()
	send := func() error {
		conn, err := new(net.Dialer).DialContext(ctx, "udp", c.Server)
		if err != nil {
			return err
		}
		_, err = conn.Write([]byte(text))
		_ = conn.Close() // nothing is buffered
		return err
	}
	if host, _, _ := net.SplitHostPort(c.Server); net.ParseIP(host) != nil {
		return true, send() // there is nothing to wait for
	}
	return true, ch.meanwhile(send)
}
